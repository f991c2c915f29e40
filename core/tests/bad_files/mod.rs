//! Signatures and deltas that are not what they should be, and what is said of each. The engine, the module's C ABI, the
//! component and the program are all given these, and have to say the same; so they use nothing but bytes.

/// What intact files are made of: the basis, signed in blocks of [`BLOCK_BYTES`] with what each format has by default.
pub const BASIS: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOPghijklmnopqrstuvQRSTUVWXYZ!?.,:;tail42";
/// The new file.
pub const NEW: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOP<new ABCDEFGHIJKL>QRSTUVWXYZ!?.,:;tail42";
/// Bytes of a block.
pub const BLOCK_BYTES: u32 = 16;
/// How long the new file may be.
pub const OUTPUT_MAX: u64 = 1000;

/// Intact files.
pub struct Intact {
    /// Of our own format.
    pub signature: Vec<u8>,
    pub delta: Vec<u8>,
    /// Of librsync's.
    pub librsync_signature: Vec<u8>,
    pub librsync_delta: Vec<u8>,
}

/// A bad one.
pub struct Case {
    pub name: &'static str,
    pub file: Vec<u8>,
    /// What a delta is applied to.
    pub basis: Vec<u8>,
    /// The error's number, as `FormatError::code` has it.
    pub code: i32,
    /// And its text, or the front of it where the rest depends on a limit.
    pub text: String,
}

impl Case {
    /// This was said, and nothing else.
    pub fn check(&self, code: i32, text: &str) {
        let is_right = if self.text.ends_with(' ') { text.starts_with(&self.text) } else { text == self.text };
        assert!(
            code == self.code && is_right,
            "{}: {code}, {text:?} instead of {}, {:?}",
            self.name,
            self.code,
            self.text
        );
    }
}

fn case(name: &'static str, file: Vec<u8>, code: i32, text: &str) -> Case {
    Case { name, file, basis: BASIS.to_vec(), code, text: text.to_owned() }
}

/// `file` with other bytes from `at` on.
fn with(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn flipped(file: &[u8], at: usize) -> Vec<u8> {
    with(file, at, &[file[at] ^ 4])
}

const VERSION: &str = "version 2 of the format is newer than this program, which knows version 1";
const ALGORITHM: &str = "checksum algorithm 99 is unknown";
const NO_BASIS: &str = "this is not the basis that the signature was made of";

/// What is read as a signature.
pub fn signatures(intact: &Intact) -> Vec<Case> {
    let (good, rsync) = (&intact.signature, &intact.librsync_signature);
    let damaged = "the signature is damaged: its check does not fit what it holds";
    let cut = |len: usize| format!("the signature breaks off after {len} bytes");
    let block = |len: u64| format!("the length of a block is {len}, which is not in 1 to ");
    let strong = |len: u64, max: u64| format!("the length of a strong sum is {len}, which is not in 1 to {max}");
    let tail = good.len() - 8 - 16 - 8;
    vec![
        case("nothing", Vec::new(), 4, &cut(0)),
        case("truncated in the magic", good[..3].to_vec(), 4, &cut(3)),
        case("truncated in the sums", good[..60].to_vec(), 4, &cut(60)),
        case("truncated by a byte", good[..good.len() - 1].to_vec(), 4, &cut(good.len() - 1)),
        case("truncated, librsync's", rsync[..50].to_vec(), 4, &cut(50)),
        case("corrupt in a weak sum", flipped(good, 19), 7, damaged),
        case("corrupt in a strong sum", flipped(good, 30), 7, damaged),
        case("corrupt in the basis's digest", flipped(good, tail + 9), 7, damaged),
        case("corrupt in the check", flipped(good, good.len() - 1), 7, damaged),
        case("swapped with the delta", intact.delta.clone(), 1, "this is a delta, not a signature"),
        case("swapped with librsync's delta", intact.librsync_delta.clone(), 1, "this is a delta, not a signature"),
        case("something else", b"Hello".to_vec(), 1, "this is no signature: it begins with 48 65 6c 6c"),
        case("wrong version", with(good, 4, &[2]), 2, VERSION),
        case("wrong algorithm", with(good, 5, &[99]), 3, ALGORITHM),
        case("blocks of 4 GiB", with(good, 8, &[255; 4]), 5, &block(u64::from(u32::MAX))),
        case("blocks of nothing", with(good, 8, &[0; 4]), 5, &block(0)),
        case("sums of 17 bytes", with(good, 6, &[17]), 5, &strong(17, 16)),
        case("sums of nothing", with(good, 6, &[0]), 5, &strong(0, 16)),
        case("blocks of 4 GiB, librsync's", with(rsync, 4, &[255; 4]), 5, &block(u64::from(u32::MAX))),
        case("blocks of nothing, librsync's", with(rsync, 4, &[0; 4]), 5, &block(0)),
        case("sums of 4 GiB, librsync's", with(rsync, 8, &[255; 4]), 5, &strong(u64::from(u32::MAX), 32)),
        case(
            "a group of 65,535",
            with(good, 16, &[255; 2]),
            5,
            "the length of a group of sums is 65535, which is not in 1 to 1024",
        ),
        case(
            "a basis of another length",
            with(good, tail, &[0, 1]),
            6,
            "malformed: the length of the basis does not fit the number of blocks",
        ),
        case("more behind it", [good, &b"x"[..]].concat(), 6, "malformed: something follows the signature's end"),
    ]
}

/// What is applied as a delta, where the new file may have [`OUTPUT_MAX`] bytes.
pub fn deltas(intact: &Intact) -> Vec<Case> {
    let (good, rsync) = (&intact.delta, &intact.librsync_delta);
    let damaged = "the delta is damaged: its check does not fit what it holds";
    let cut = |len: usize| format!("the delta breaks off after {len} bytes");
    let too_long = "the new file would be longer than the 1000 bytes allowed";
    let outside = "malformed: a copy that lies outside the basis";
    let head = &good[..32];
    let with_commands = |commands: &[u8]| [head, commands].concat();
    let librsync = |commands: &[u8]| [&rsync[..4], commands].concat();
    let wrong = |name, file: &[u8], basis: Vec<u8>, text: &str| Case { basis, ..case(name, file.to_vec(), 8, text) };
    // From the start, and then each time from as far back as it is long.
    let again = [[141, 1, 0].as_slice(), &[141, 1, 139, 1].repeat(20)].concat();
    let text = |bytes: &str| format!("{NO_BASIS}: {bytes}");
    vec![
        case("nothing", Vec::new(), 4, &cut(0)),
        case("truncated in the head", good[..20].to_vec(), 4, &cut(20)),
        case("truncated in a literal", good[..40].to_vec(), 4, &cut(40)),
        case("truncated by a byte", good[..good.len() - 1].to_vec(), 4, &cut(good.len() - 1)),
        case("truncated, librsync's", rsync[..rsync.len() - 1].to_vec(), 4, &cut(rsync.len() - 1)),
        case("corrupt in the basis's digest", flipped(good, 20), 7, damaged),
        case("corrupt in a literal", flipped(good, 40), 7, damaged),
        case("corrupt in the new file's digest", flipped(good, good.len() - 10), 7, damaged),
        case("corrupt in the check", flipped(good, good.len() - 1), 7, damaged),
        case("swapped with the signature", intact.signature.clone(), 1, "this is a signature, not a delta"),
        case("swapped with librsync's", intact.librsync_signature.clone(), 1, "this is a signature, not a delta"),
        case("something else", b"Hello".to_vec(), 1, "this is no delta: it begins with 48 65 6c 6c"),
        case("wrong version", with(good, 4, &[2]), 2, VERSION),
        case("wrong algorithm", with(good, 5, &[99]), 3, ALGORITHM),
        wrong("wrong basis", good, flipped(BASIS, 3), NO_BASIS),
        wrong("wrong basis, shorter", good, BASIS[1..].to_vec(), &text("69 bytes instead of 70")),
        wrong("wrong basis, empty", good, Vec::new(), &text("0 bytes instead of 70")),
        wrong("wrong basis, librsync's", rsync, BASIS[..60].to_vec(), &text("60 bytes instead of 70")),
        case("a literal of a tebibyte", with_commands(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x40]), 10, too_long),
        case(
            "a literal of 8 EiB, librsync's",
            librsync(&[0x44, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
            10,
            too_long,
        ),
        case(
            "a copy of 2^63 bytes",
            with_commands(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]),
            6,
            outside,
        ),
        case("a copy of nothing", with_commands(&[1, 0]), 6, outside),
        case("a copy from before the basis", with_commands(&[33, 1]), 6, outside),
        case("a copy that wraps round, librsync's", librsync(&[[0x54].as_slice(), &[255; 16]].concat()), 6, outside),
        case(
            "a number of 70 bits",
            with_commands(&[255; 11]),
            6,
            "malformed: a number in the delta that has more than 64 bits",
        ),
        case("an unknown command", librsync(&[0x60]), 6, "malformed: an unknown command in the delta"),
        case("more behind it", [good, &b"x"[..]].concat(), 6, "malformed: something follows the delta's end"),
        case("the basis again and again", with_commands(&again), 10, too_long),
        case("the basis again and again, librsync's", librsync(&[0x45, 0, 70].repeat(20)), 10, too_long),
    ]
}
