//! A whole rsync client without files and sockets of its own: what a browser, or any other JavaScript host, needs to push
//! to a daemon and to pull from it.
//!
//! ```text
//!  JavaScript                          this crate                                syncline-core
//!  WebSocket ── receive ─────────────> Client ── text phase, then input ───────> Session
//!            <─ output ───────────────        <─ output ─────────────────────────
//!  files     <─ Op (read, write, ..) ─ Files  <─ Ask, Read, Write, Copy ──────────
//!            ── supply, done, fail ──>        ── answers ────────────────────────>
//! ```
//!
//! The engine asks its host many small questions and a few that touch contents. The small ones are answered here, from a
//! [`tree`] in memory: the files that the user picked, or what a directory was found to hold. What is left for JavaScript are
//! operations that take time, each an [`ops::Op`] with a number that it is answered by, in any order. So nothing here
//! blocks, and all that is ever held of a file are the few chunks that [`reads`] keeps.
//!
//! | module | what |
//! |---|---|
//! | [`client`] | one run: command line, text phase, session; moves on as far as it can |
//! | [`tree`] | what is known of the files |
//! | [`files`] | every ask of a session, answered from the tree or turned into operations |
//! | [`outputs`] | files in the making |
//! | [`reads`] | chunks of files that were read, are being read, or will be wanted next |
//! | [`jobs`] | answers that need contents: sums of a basis, digests |
//! | [`watch`] | what a progress display wants to know |
//! | [`bind`] | the same for JavaScript |

pub mod bind;
pub mod client;
pub mod errno;
pub mod files;
pub mod jobs;
pub mod ops;
pub mod outputs;
pub mod reads;
pub mod tree;
pub mod watch;
