//! What a session counted, and how the end of it is told (spec 3.11.4, 4.10.4, 4.10.5).

use alloc::vec::Vec;

use super::number::Numbers;

/// A count for each kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Symbolic links.
    pub links: u64,
    /// Devices.
    pub devices: u64,
    /// Fifos and sockets.
    pub specials: u64,
}

impl KindCounts {
    /// Counts one file of this mode.
    pub fn add(&mut self, mode: u32) {
        let count = match mode & 0o170000 {
            0o040000 => &mut self.dirs,
            0o120000 => &mut self.links,
            0o020000 | 0o060000 => &mut self.devices,
            0o010000 | 0o140000 => &mut self.specials,
            _ => &mut self.files,
        };
        *count = count.saturating_add(1);
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.wire_order().iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// In the order of deletion statistics: files, directories, symlinks, devices, specials (spec 1.11.5).
    pub fn wire_order(&self) -> [u64; 5] {
        [self.files, self.dirs, self.links, self.devices, self.specials]
    }

    /// The reverse of [`KindCounts::wire_order`].
    pub fn from_wire_order([files, dirs, links, devices, specials]: [u64; 5]) -> KindCounts {
        KindCounts { files, dirs, links, devices, specials }
    }

    /// `10 (reg: 3, dir: 3, link: 2, dev: 1, special: 1)`, without the kinds that there are none of.
    fn text(&self, numbers: Numbers) -> Vec<u8> {
        let numbers = numbers.without_units();
        let mut text = numbers.count(self.total());
        let mut before: &[u8] = b" (";
        for (name, count) in ["reg", "dir", "link", "dev", "special"].into_iter().zip(self.wire_order()) {
            if count > 0 {
                text.extend_from_slice(before);
                text.extend_from_slice(name.as_bytes());
                text.extend_from_slice(b": ");
                text.extend_from_slice(&numbers.count(count));
                before = b", ";
            }
        }
        if self.total() > 0 {
            text.push(b')');
        }
        text
    }
}

/// What the searches for matching blocks did, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchCounts {
    /// Blocks found.
    pub matches: u64,
    /// Weak sums that were in the table.
    pub hash_hits: u64,
    /// Weak sums that matched where the strong sum did not.
    pub false_alarms: u64,
}

/// Everything that a session counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Files in the list.
    pub files: KindCounts,
    /// Files that were not there before.
    pub created: KindCounts,
    /// Files deleted.
    pub deleted: KindCounts,
    /// Regular files whose data was transferred.
    pub transferred_files: u64,
    /// Bytes of all files in the list.
    pub total_size: u64,
    /// Bytes of the transferred files.
    pub transferred_size: u64,
    /// Bytes that came as literals.
    pub literal: u64,
    /// Bytes that came from basis files.
    pub matched: u64,
    /// Bytes of the file list on the wire, as far as they were counted.
    pub list_bytes: u64,
    /// Milliseconds that building the list took; 0 if that is not known.
    pub list_build_ms: u64,
    /// Milliseconds that sending the list took.
    pub list_send_ms: u64,
    /// Bytes sent over the connection.
    pub sent: u64,
    /// Bytes received over the connection.
    pub received: u64,
    /// Bytes that a machine-local copy would have sent, had they not been copied directly.
    pub virtual_sent: u64,
    /// What a sending server read: takes the place of `sent`.
    pub peer_read: Option<u64>,
    /// What a sending server wrote: takes the place of `received`.
    pub peer_written: Option<u64>,
    /// What the searches did.
    pub search: SearchCounts,
}

/// What is said about the totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SummaryStyle {
    /// The level of `--info=stats`: 1 for two lines, 2 for the table too.
    pub level: u32,
    /// The style of numbers.
    pub numbers: Numbers,
    /// Milliseconds since the session began.
    pub elapsed_ms: u64,
    /// What was not really done.
    pub ending: Ending,
    /// The protocol counts created files (29 and later).
    pub counts_created: bool,
    /// The protocol counts deleted files (31 and later).
    pub counts_deleted: bool,
}

/// What the last line of a summary admits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Nothing to admit.
    #[default]
    Done,
    /// `--dry-run`.
    DryRun,
    /// `--only-write-batch`.
    BatchOnly,
}

impl Stats {
    /// Bytes sent, as the client sees it.
    pub fn sent_total(&self) -> u64 {
        self.peer_read.unwrap_or(self.sent).saturating_add(self.virtual_sent)
    }

    /// Bytes received, as the client sees it.
    pub fn received_total(&self) -> u64 {
        self.peer_written.unwrap_or(self.received)
    }

    /// The end of a session, newlines included: empty, two lines, or the table and two lines. Each part follows an empty
    /// line.
    pub fn summary(&self, style: &SummaryStyle) -> Vec<u8> {
        let mut text = Vec::new();
        if style.level >= 2 {
            text.push(b'\n');
            self.put_table(style, &mut text);
        }
        if style.level >= 1 {
            text.push(b'\n');
            self.put_totals(style, &mut text);
        }
        text
    }

    fn put_table(&self, style: &SummaryStyle, text: &mut Vec<u8>) {
        let numbers = style.numbers;
        let bytes = |count| [&numbers.count(count)[..], b" bytes"].concat();
        let seconds = |ms: u64| [&numbers.decimal(ms as f64 / 1000.0, 3)[..], b" seconds"].concat();
        let mut line = |name: &str, value: &[u8]| {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value);
            text.push(b'\n');
        };
        line("Number of files", &self.files.text(numbers));
        if style.counts_created {
            line("Number of created files", &self.created.text(numbers));
        }
        if style.counts_deleted {
            line("Number of deleted files", &self.deleted.text(numbers));
        }
        line("Number of regular files transferred", &numbers.without_units().count(self.transferred_files));
        line("Total file size", &bytes(self.total_size));
        line("Total transferred file size", &bytes(self.transferred_size));
        line("Literal data", &bytes(self.literal));
        line("Matched data", &bytes(self.matched));
        line("File list size", &numbers.count(self.list_bytes));
        if self.list_build_ms > 0 {
            line("File list generation time", &seconds(self.list_build_ms));
            line("File list transfer time", &seconds(self.list_send_ms));
        }
        line("Total bytes sent", &numbers.count(self.sent_total()));
        line("Total bytes received", &numbers.count(self.received_total()));
    }

    fn put_totals(&self, style: &SummaryStyle, text: &mut Vec<u8>) {
        let numbers = style.numbers;
        let moved = self.sent_total().saturating_add(self.received_total());
        let rate = moved as f64 / (0.5 + (style.elapsed_ms / 1000) as f64);
        let speedup = if moved == 0 { 0.0 } else { self.total_size as f64 / moved as f64 };
        let ending: &[u8] = match style.ending {
            Ending::Done => b"",
            Ending::DryRun => b" (DRY RUN)",
            Ending::BatchOnly => b" (BATCH ONLY)",
        };
        let parts: [&[u8]; 12] = [
            b"sent ",
            &numbers.count(self.sent_total()),
            b" bytes  received ",
            &numbers.count(self.received_total()),
            b" bytes  ",
            &numbers.decimal(rate, 2),
            b" bytes/sec\ntotal size is ",
            &numbers.count(self.total_size),
            b"  speedup is ",
            &numbers.without_units().decimal(speedup, 2),
            ending,
            b"\n",
        ];
        parts.iter().for_each(|part| text.extend_from_slice(part));
    }

    /// The last line of a log file when no summary was asked for.
    pub fn log_summary(&self) -> Vec<u8> {
        let plain = |count| Numbers::PLAIN.count(count);
        let (sent, received, size) = (plain(self.sent_total()), plain(self.received_total()), plain(self.total_size));
        [b"sent ", &sent[..], b" bytes  received ", &received, b" bytes  total size ", &size].concat()
    }

    /// `total: matches=...`, which a sender says at the end with `--debug=deltasum`.
    pub fn search_summary(&self) -> Vec<u8> {
        let SearchCounts { matches, hash_hits, false_alarms } = self.search;
        let data = self.literal;
        alloc::format!("total: matches={matches}  hash_hits={hash_hits}  false_alarms={false_alarms} data={data}")
            .into_bytes()
    }
}

#[cfg(test)]
mod tests;
