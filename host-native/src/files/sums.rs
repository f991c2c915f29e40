//! The sums of a signature on several threads: each reads and sums every so manyth piece of the file, and the results are put
//! together in order.
//!
//! ```text
//!   file      [ piece 0 | piece 1 | piece 2 | piece 3 | piece 4 ..
//!   thread 0    ───────             ───────             ───────         each a queue of a few results,
//!   thread 1              ───────             ───────                   taken from in turn
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use syncline_core::format::BlockSums;

use super::place::PIECE_BYTES;

/// Blocks that processors can sum at once are this many or divide it.
const BLOCKS: usize = 16;
/// Pieces are no longer than this, unless a block is.
const PIECE_BYTES_MAX: usize = 2 << 20;
/// Pieces that are worth a thread.
const PIECES_MIN: u64 = 8;
/// More threads than this only wait for memory.
const THREADS_MAX: usize = 8;
/// Results that a thread may be ahead.
const AHEAD: usize = 2;

/// How much to read at once of a file that is signed in blocks of `block_bytes`: whole blocks, so that none straddles two pieces,
/// and as many as are summed at once, if they are not too long for that.
pub fn piece_bytes(block_bytes: u32) -> usize {
    let block = block_bytes as usize;
    let group = if block * BLOCKS <= PIECE_BYTES_MAX { block * BLOCKS } else { block };
    group * (if group < PIECE_BYTES_MAX { PIECE_BYTES.max(group) / group } else { 1 })
}

/// How many threads a file of `bytes` is worth, if it is read in pieces of `piece` bytes.
pub fn threads(bytes: u64, piece: usize) -> usize {
    let useful = usize::try_from(bytes / (piece as u64 * PIECES_MIN)).unwrap_or(THREADS_MAX);
    // Memory is a piece and a few results for each.
    let welcome = if piece > PIECE_BYTES_MAX { 1 } else { THREADS_MAX };
    thread::available_parallelism().map_or(1, usize::from).min(useful).min(welcome)
}

/// Sums all blocks of `file`; hands `take` the sums of one piece after the other, with the length of the piece.
pub fn sum<E: From<io::Error>>(
    file: &File,
    sums: BlockSums,
    piece: usize,
    threads: usize,
    mut take: impl FnMut(&[u8], usize) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let results: Vec<Receiver<_>> = (0..threads)
            .map(|first| {
                let (sender, receiver) = sync_channel(AHEAD);
                scope.spawn(move || every(file, sums, piece, first, threads, &sender));
                receiver
            })
            .collect();
        for receiver in results.iter().cycle() {
            let Ok(result) = receiver.recv() else { break };
            let (sums, len) = result?;
            take(&sums, len)?;
            if len < piece {
                break;
            }
        }
        // Threads whose results nobody takes any more end.
        Ok(())
    })
}

type Summed = io::Result<(Vec<u8>, usize)>;

/// What a thread does.
fn every(file: &File, sums: BlockSums, piece: usize, first: usize, step: usize, results: &SyncSender<Summed>) {
    let mut buffer = vec![0; piece];
    for number in (first as u64..).step_by(step) {
        let result = fill(file, &mut buffer, number * piece as u64).map(|len| {
            let mut entries = Vec::new();
            sums.of(&buffer[..len], &mut entries);
            (entries, len)
        });
        let is_last = !matches!(result, Ok((_, len)) if len == piece);
        if results.send(result).is_err() || is_last {
            return;
        }
    }
}

/// Fills the buffer from an offset of the file, or as far as the file goes.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], at + len as u64) {
            Ok(0) => break,
            Ok(now) => len += now,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use syncline_core::format::{Format, SignatureOptions, SignatureWriter};

    #[test]
    fn pieces_are_whole_blocks() {
        assert_eq!(piece_bytes(16 << 10), 256 << 10);
        assert_eq!(piece_bytes(23_168), 16 * 23_168);
        assert_eq!(piece_bytes(1 << 17), 2 << 20);
        for block in [1, 255, 256, 700, 5000, 100_000, (1 << 17) + 1, 3 << 20, 1 << 28] {
            let piece = piece_bytes(block);
            assert!(piece.is_multiple_of(block as usize) && piece <= (2 << 20).max(block as usize), "{block}: {piece}");
            assert!(piece >= (100 << 10), "{block}: {piece}");
        }
        assert_eq!(threads(1000, 256 << 10), 0);
        assert!(threads(u64::MAX, 256 << 10) >= 1);
        assert_eq!(threads(u64::MAX, 1 << 28), 1);
    }

    #[test]
    fn several_threads_sign_as_one() {
        let data: Vec<u8> = (0..300_001u32).map(|n| (n.wrapping_mul(n) >> 9) as u8).collect();
        for (len, block, piece) in [(300_001, 1000, 16_000), (0, 10, 10), (64_000, 1000, 16_000), (63_999, 1000, 4000)]
        {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&data[..len]).unwrap();
            let options = SignatureOptions { block_bytes: block, ..SignatureOptions::new(Format::Librsync, None) };
            let mut writer = SignatureWriter::new(options).unwrap();
            let mut made = writer.output().to_vec();
            let mut read = 0;
            let result: io::Result<()> = sum(&file, writer.sums(), piece, 3, |sums, len| {
                made.extend_from_slice(sums);
                read += len;
                Ok(())
            });
            result.unwrap();
            writer.push(&data[..len]);
            writer.finish();
            assert_eq!(read, len);
            assert!(made == writer.output(), "{len} bytes");
        }
    }

    #[test]
    fn what_fails_ends_it() {
        let file = File::open("/").unwrap();
        let writer = SignatureWriter::new(SignatureOptions::new(Format::Librsync, None)).unwrap();
        let result: io::Result<()> = sum(&file, writer.sums(), 4096, 2, |_, _| Ok(()));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::IsADirectory);
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        let mut taken = 0;
        let result: io::Result<()> = sum(&file, writer.sums(), 4096, 2, |_, _| {
            taken += 1;
            if taken < 3 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        });
        assert_eq!((result.unwrap_err().kind(), taken), (io::ErrorKind::StorageFull, 3));
    }
}
