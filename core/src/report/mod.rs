//! Every text that a user reads, as pure functions: values in, bytes out. Nothing here prints, waits or knows the time.
//!
//! Programs parse much of this, so it is rsync's text byte for byte; what was added for people ([`progress::Live`]) only
//! goes to terminals.
//!
//! | text | made by | spec |
//! |---|---|---|
//! | `>f.st...... name`, the flags behind it | [`itemize`] | 3.3.2, 3.3.6, 4.11.1 |
//! | lines of `-v`, `-i`, `--out-format`, transfer logs; which items get one | [`format`](mod@format) | 3.11.1, 3.11.2, 4.11 |
//! | `deleting name` | [`format::expand_deletion`] | 3.11.1 |
//! | `--list-only`, `drwxr-xr-x` | [`listing`] | 2.17, 4.14 |
//! | `--progress`, `--info=progress2` | [`progress::Progress`] | 3.11.3, 4.12 |
//! | the line for a terminal | [`progress::Live`] | |
//! | `--stats`, `sent N bytes  received N bytes`, the same in a log | [`stats`] | 3.11.4, 4.10.4, 4.10.5 |
//! | `sending incremental file list`, `skipping directory` | [`text::list`] | 4.10.1 |
//! | `name is uptodate`, `name is newer`, `backed up` | [`text::item`] | 4.10.2 |
//! | warnings and errors | [`text::fault`] | 4.10.3, 5.4.5 |
//! | `rsync: [role] call "path" failed: reason (N)` | [`text::path_failed`], [`text::system_error`] | 4.9.1 |
//! | `"path" (in module)` | [`text::Shown`] | 4.9.1, 5.4.5 |
//! | `rsync error: ... (code N) at ...` | [`text::exit_line`] | 4.9.3 |
//! | `1,234`, `1.23K` | [`number`] | 3.11.6, 4.10.6 |
//! | `2020/01/02 03:04:05` | [`time`] | |
//! | `\#012` in place of what must not reach a terminal or log raw | [`escape`] | 4.9.4 |

pub mod escape;
pub mod format;
pub mod itemize;
pub mod listing;
pub mod number;
pub mod progress;
pub mod stats;
pub mod text;
pub mod time;

pub use escape::Charset;
pub use format::{
    DaemonInfo, FORMAT_DAEMON, FORMAT_DELETING, FORMAT_ITEMIZED, FORMAT_NAMES, ItemInfo, Operation, ShowRule, expand,
    expand_deletion, has_escape, is_shown, shown_after,
};
pub use itemize::{ItemFlags, ItemView};
pub use listing::{Listed, listing_line, mode_text};
pub use number::{Level, Numbers};
pub use progress::{Live, LiveUpdate, Progress, ProgressUpdate, Scope};
pub use stats::{Ending, KindCounts, Stats, SummaryStyle};
pub use text::{entered, full_path};
pub use time::LocalTime;
