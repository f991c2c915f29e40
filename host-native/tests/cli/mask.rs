//! Takes out of a program's output what may differ: version, process ids, places in the source, times and rates, and byte
//! totals, which depend on how writes fall together in frames.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// Patterns and what stands for a match.
static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"\(code (\d+)\) at [^ ]+\(\d+\) \[(\w+)=[^\]]+\]", "(code $1) at FILE(LINE) [$2=VERSION]"),
        (r"\(file=[^,]+, line=\d+\)", "(file=FILE, line=LINE)"),
        (
            r"sent [\d,.KMG]+ bytes  received [\d,.KMG]+ bytes  [\d,.KMG]+ bytes/sec",
            "sent N bytes  received N bytes  N bytes/sec",
        ),
        (r"sent [\d,.KMG]+ bytes  received [\d,.KMG]+ bytes  total", "sent N bytes  received N bytes  total"),
        (r"speedup is [\d,.]+", "speedup is N"),
        (r"Total bytes (sent|received): [\d,.KMG]+", "Total bytes $1: N"),
        (r"File list (generation|transfer) time: [\d.]+ seconds", "File list $1 time: N seconds"),
        (r"\(\d+ bytes received so far\)", "(N bytes received so far)"),
        (r"failed to write \d+ bytes", "failed to write N bytes"),
        (r" +[\d.]+[kMG]B/s +\d+:\d\d:\d\d", " RATE TIME"),
        (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\d+\]", "DATE [PID]"),
        (r"\d{4}/\d\d/\d\d-\d\d:\d\d:\d\d", "DATE"),
        (r"\.([A-Za-z0-9_~-]+)\.[A-Za-z0-9]{6}\b", ".$1.XXXXXX"),
        // What is no regular file has a number there.
        (r#"\.([A-Za-z0-9_-]+)\.\d+""#, r#".$1.XXXXXX""#),
    ]
    .map(|(pattern, with)| (Regex::new(pattern).expect("a mask"), with))
    .into()
});

/// What becomes of the order of lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It stays.
    Kept,
    /// It stays within each lane, see `lane`.
    Lanes,
    /// It does not count: the lines are sorted.
    Any,
}

/// What is masked for one program.
pub struct Mask {
    /// Its path, which appears where a remote shell is asked to run it.
    pub program: String,
    /// The word in the name of its daemon's directory.
    pub word: &'static str,
    /// The ports that were free this time.
    pub ports: [u16; 4],
    /// Whether to keep only one of the lines in which several processes tell of their end.
    pub loose: bool,
}

impl Mask {
    /// The lines of an output, masked.
    pub fn apply(&self, output: &[u8], order: Order) -> Vec<String> {
        let mut bytes = output.to_vec();
        for (rule, with) in RULES.iter() {
            bytes = rule.replace_all(&bytes, with.as_bytes()).into_owned();
        }
        let mut text =
            escaped(&bytes).replace(&self.program, "PROGRAM").replace(&format!("daemon-{}", self.word), "daemon");
        for port in self.ports {
            text = text.replace(&port.to_string(), "PORT");
        }
        // Of a line that is redrawn, what stays on the screen counts.
        let shown = |line: &str| line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or("").to_owned();
        let mut lines: Vec<String> = text.lines().map(shown).collect();
        // Children tell that they were told to stop, if they still can.
        lines.retain(|line| !line.contains("received SIGUSR1 (code 19)"));
        if self.loose {
            lines = loosen(lines);
        }
        match order {
            Order::Kept => {}
            Order::Lanes => lines.sort_by_key(|line| lane(line)),
            Order::Any => lines.sort(),
        }
        lines
    }
}

/// Stock's generator, sender and receiver are processes that print side by side: the lines of one have an order, what stands
/// between lines of different ones is chance. So each kind of line is compared in a lane of its own (the sort is stable).
fn lane(line: &str) -> usize {
    const SKIPS: [&str; 6] = [
        " is under min-size",
        " is over max-size",
        " is newer",
        " is uptodate",
        " exists",
        " -- skipping file deletion",
    ];
    let begins = |text: &str| line.starts_with(text);
    match line {
        _ if begins("deleting ") || begins("*deleting ") => 1,
        _ if begins("sender removed ") => 2,
        _ if begins("backed up ") => 4,
        _ if begins("not creating new ") || SKIPS.iter().any(|end| line.contains(end)) => 3,
        _ => 0,
    }
}

/// When a connection breaks, which process notices first, and how, is a matter of chance; that the run failed and with what
/// code is not. A text that each process prints for itself counts once.
fn loosen(lines: Vec<String>) -> Vec<String> {
    let chance =
        ["Broken pipe", "connection unexpectedly closed", "Connection reset", "rsync error: ", "rsync warning: "];
    let mut seen = BTreeSet::new();
    let kept = lines.into_iter().filter(|line| !chance.iter().any(|text| line.contains(text)));
    kept.filter(|line| seen.insert(line.clone())).collect()
}

/// Bytes as text that can be compared and shown.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Two outputs, with the lines that only one has marked.
pub fn contrast(name: &str, stock: &[String], ours: &[String]) -> String {
    let mut text = String::new();
    for (who, lines, other) in [("stock", stock, ours), ("ours", ours, stock)] {
        let other: BTreeSet<&String> = other.iter().collect();
        let _ = writeln!(text, "  {name} of {who}:");
        for line in lines {
            let _ = writeln!(text, "  {} {line}", if other.contains(line) { ' ' } else { '>' });
        }
    }
    text
}
