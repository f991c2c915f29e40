//! Data that is the same every time, wherever it is made.

/// `len` bytes that no compressor and no search finds anything in; the same for the same `seed`.
pub fn random(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut words = std::iter::repeat_with(|| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&words.next().unwrap_or(0).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// `len` bytes that look like program text: few different bytes, many repeated words.
pub fn text(len: usize, seed: u64) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "fn ", "let ", "block", "basis", " = ", "(", ");\n", "    ", "match ", "Some(", "return ", "self.", "// ",
        "token", "&", "u32 ",
    ];
    let mut bytes = Vec::with_capacity(len + 8);
    for choice in random(len, seed) {
        bytes.extend_from_slice(WORDS[usize::from(choice & 15)].as_bytes());
        if choice >= 240 {
            bytes.push(choice);
        }
        if bytes.len() >= len {
            break;
        }
    }
    bytes.truncate(len);
    bytes
}

/// `basis` with one byte changed every `distance` bytes.
pub fn scattered_edits(basis: &[u8], distance: usize) -> Vec<u8> {
    let mut edited = basis.to_vec();
    edited.iter_mut().step_by(distance).for_each(|byte| *byte ^= 0x55);
    edited
}

/// `basis` with one byte put in at `at`.
pub fn one_inserted(basis: &[u8], at: usize) -> Vec<u8> {
    [&basis[..at], b"!", &basis[at..]].concat()
}
