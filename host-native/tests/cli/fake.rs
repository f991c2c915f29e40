//! Peers that misbehave: remote shells and servers that send garbage, stop in the middle, or are not there at all.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use crate::support::daemon::free_port;

/// Remote shells, as scripts in the base directory.
pub const SHELLS: &[(&str, &str)] = &[
    ("rsh-garbage", "#!/bin/sh\necho 'Welcome to this machine! Have a nice day.'\ncat >/dev/null\n"),
    ("rsh-noise", "#!/bin/sh\necho motd\nwhile [ \"$1\" = -l ]; do shift 2; done\nshift\nexec sh -c \"exec $*\"\n"),
    ("rsh-silent", "#!/bin/sh\nexec sleep 30\n"),
    ("rsh-fails", "#!/bin/sh\necho 'no route to host' >&2\nexit 255\n"),
    ("rsh-exit3", "#!/bin/sh\nexit 3\n"),
    ("rsh-exit0", "#!/bin/sh\nexit 0\n"),
    ("rsh-truncated", "#!/bin/sh\nN=60\nMORE=0\n. \"$BASE/cut\"\n"),
    ("rsh-cut", "#!/bin/sh\nN=200\nMORE=70\n. \"$BASE/cut\"\n"),
    ("cut", CUT),
    ("rsh-shows", "#!/bin/sh\nfor word in \"$@\"; do echo \"<$word>\" | sed \"s|<$R>|<PROGRAM>|\" >&2; done\nexit 9\n"),
];

/// Lets `$N` bytes of the server's output through, one by one while the client has a say, then `$MORE` thousand, and then closes
/// it. In single bytes these would not fit into the client's socket, which does not block. A plain pipeline would not do: the
/// shell that waits for it holds the output open.
const CUT: &str = r#"shift
pipe=$(mktemp -u -p "$BASE")
mkfifo "$pipe"
exec 4<&0
sh -c "exec $*" <&4 4<&- >"$pipe" &
exec 4<&- <"$pipe"
dd bs=1 count=$N status=none
exec dd bs=1000 count=$MORE iflag=fullblock status=none
"#;

/// Servers of no use, each on a port of its own.
pub struct Servers {
    /// Nobody listens here.
    pub dead: u16,
    /// Says something that is not rsync.
    pub garbage: u16,
    /// Closes at once.
    pub closing: u16,
}

impl Servers {
    /// Starts them; they end with the process.
    pub fn start() -> Self {
        Self { dead: free_port(), garbage: serve(b"HTTP/1.1 400 Bad Request\r\n\r\n"), closing: serve(b"") }
    }
}

fn serve(words: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(words);
            // Reading what the client says first lets it read the words before the connection is reset.
            let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
            let _ = std::io::copy(&mut std::io::Read::take(&stream, 4096), &mut std::io::sink());
        }
    });
    port
}
