//! Finding the runs of zeros that become holes (`--sparse`, spec 3.8.2).

/// Interior runs shorter than this are written.
const RUN_BYTES_MIN: usize = 1024;
/// A run of [`RUN_BYTES_MIN`] covers one aligned window of this length at least, so only windows need be looked at.
const WINDOW_BYTES: usize = RUN_BYTES_MIN / 2;

/// A stretch of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it begins in the chunk.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether it is all zeros, and to be a hole.
    pub hole: bool,
}

/// Cuts a chunk into data and holes: zeros at its start and end whatever their number, and long runs between.
pub fn runs(chunk: &[u8]) -> Vec<Run> {
    let Some(first) = first_data(chunk) else {
        return if chunk.is_empty() { Vec::new() } else { vec![Run { start: 0, end: chunk.len(), hole: true }] };
    };
    let last = data_end(chunk);
    let mut runs = Vec::new();
    let mut push = |start, end, hole| {
        if start < end {
            runs.push(Run { start, end, hole });
        }
    };
    push(0, first, true);
    let mut start = first;
    while let Some((from, to)) = next_long(chunk, start, last) {
        push(start, from, false);
        push(from, to, true);
        start = to;
    }
    push(start, last, false);
    push(last, chunk.len(), true);
    runs
}

/// The first long run of zeros within `start..end`, where the bytes at both ends are not zero.
fn next_long(chunk: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let mut at = start.next_multiple_of(WINDOW_BYTES);
    while at + WINDOW_BYTES <= end {
        if !is_zero(&chunk[at..at + WINDOW_BYTES]) {
            at += WINDOW_BYTES;
            continue;
        }
        let from = chunk[start..at].iter().rposition(|&byte| byte != 0).map_or(start, |last| start + last + 1);
        let to = first_data(&chunk[at..end]).map_or(end, |first| at + first);
        if to - from >= RUN_BYTES_MIN {
            return Some((from, to));
        }
        at = to.next_multiple_of(WINDOW_BYTES);
    }
    None
}

/// Where the first byte is that is not zero.
fn first_data(bytes: &[u8]) -> Option<usize> {
    let zeros = bytes.chunks_exact(WINDOW_BYTES).take_while(|window| is_zero(window)).count() * WINDOW_BYTES;
    bytes[zeros..].iter().position(|&byte| byte != 0).map(|at| zeros + at)
}

/// Behind the last byte that is not zero.
fn data_end(bytes: &[u8]) -> usize {
    let zeros = bytes.rchunks_exact(WINDOW_BYTES).take_while(|window| is_zero(window)).count() * WINDOW_BYTES;
    bytes[..bytes.len() - zeros].iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

fn is_zero(window: &[u8]) -> bool {
    // Most windows are data from their first byte on. The fold has no early exit, so it vectorises.
    window.first() == Some(&0) && window.iter().fold(0, |bits, byte| bits | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte.
    fn naive(chunk: &[u8]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut at = 0;
        while at < chunk.len() {
            let zero = chunk[at] == 0;
            let end = chunk[at..].iter().position(|&byte| (byte == 0) != zero).map_or(chunk.len(), |len| at + len);
            let hole = zero && (at == 0 || end == chunk.len() || end - at >= RUN_BYTES_MIN);
            match runs.last_mut() {
                Some(last) if !last.hole && !hole => last.end = end,
                _ => runs.push(Run { start: at, end, hole }),
            }
            at = end;
        }
        runs
    }

    #[test]
    fn as_byte_by_byte() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        for _ in 0..3000 {
            let mut chunk = Vec::new();
            for _ in 0..random(9) {
                let len = [random(40), 500 + random(40), 1000 + random(50), random(4000)][random(4)];
                chunk.resize(chunk.len() + len, [0, 0, 7][random(3)]);
            }
            assert_eq!(runs(&chunk), naive(&chunk), "{:?}", naive(&chunk));
        }
    }

    #[test]
    fn the_shortest_hole() {
        for (zeros, holes) in [(1023, 0), (1024, 1), (1025, 1)] {
            for shift in 0..600 {
                let chunk = [vec![1; shift + 1], vec![0; zeros], vec![1; 3]].concat();
                assert_eq!(runs(&chunk).iter().filter(|run| run.hole).count(), holes, "{zeros} at {shift}");
            }
        }
    }
}
