//! A local copy: client and server are two sessions in one process, on two threads, with a socket pair between them.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use syncline_core::{Error, Exit};

use crate::drive::Connection;
use crate::exit::reason;

/// What the sockets should hold. File data rarely passes them, but lists and signatures do.
const SOCKET_BYTES: usize = 512 * 1024;

/// Runs both ends, the server on a thread of its own. The result is the larger of their exit codes (spec 4.24).
///
/// A session belongs to the thread that makes it, so both are made by the closures.
pub fn run(
    client: impl FnOnce(Connection) -> Exit,
    server: impl FnOnce(Connection) -> Exit + Send,
) -> Result<Exit, Error> {
    let failed = |error: io::Error| Error::host(Exit::IPC, format!("rsync: socketpair failed: {}", reason(error)));
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let ours = Connection::socket(enlarged(ours)).map_err(failed)?;
    let theirs = Connection::socket(enlarged(theirs)).map_err(failed)?;
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("server".to_owned());
        let failed = |error: io::Error| Error::host(Exit::IPC, format!("rsync: thread failed: {}", reason(error)));
        let server = builder.spawn_scoped(scope, move || guarded(server, theirs)).map_err(failed)?;
        let client = client(ours);
        Ok(client.max(server.join().unwrap_or(Exit::CRASHED)))
    })
}

/// A server that crashes closes its end of the connection, so the client comes to an end too.
fn guarded(server: impl FnOnce(Connection) -> Exit, connection: Connection) -> Exit {
    catch_unwind(AssertUnwindSafe(|| server(connection))).unwrap_or(Exit::CRASHED)
}

fn enlarged(socket: UnixStream) -> OwnedFd {
    // A system that doesn't grant the size still has a socket.
    let _ = set_socket_send_buffer_size(&socket, SOCKET_BYTES);
    let _ = set_socket_recv_buffer_size(&socket, SOCKET_BYTES);
    socket.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    #[test]
    fn ends_talk_and_the_larger_code_counts() {
        let exit = run(
            |connection| {
                File::from(connection.output).write_all(b"hello").unwrap();
                let mut text = [0; 5];
                File::from(connection.input).read_exact(&mut text).unwrap();
                assert_eq!(&text, b"HELLO");
                Exit::OK
            },
            |connection| {
                let mut text = [0; 5];
                File::from(connection.input).read_exact(&mut text).unwrap();
                text.make_ascii_uppercase();
                File::from(connection.output).write_all(&text).unwrap();
                Exit::PARTIAL
            },
        );
        assert_eq!(exit, Ok(Exit::PARTIAL));
    }

    #[test]
    fn a_crashed_server_ends_the_client() {
        let exit = run(
            |connection| {
                drop(connection.output);
                let mut text = Vec::new();
                File::from(connection.input).read_to_end(&mut text).unwrap();
                Exit::STREAM
            },
            |_| -> Exit { std::panic::panic_any("crash") },
        );
        assert_eq!(exit, Ok(Exit::CRASHED));
    }
}
