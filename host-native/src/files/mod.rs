//! `syncline signature`, `delta` and `patch`: the algorithm on plain files, without a connection.
//!
//! | module | what |
//! |---|---|
//! | [`args`] | the command lines |
//! | [`place`] | where bytes come from and go to: files, pipes, and a new file that appears all at once |
//! | [`sums`] | the sums of a signature, on several threads |
//! | [`behind`] | writing beside the work |
//! | [`bar`] | progress |

mod args;
mod bar;
mod behind;
mod place;
mod sums;

use std::ffi::OsString;
use std::io::Write;

use syncline_core::format::{
    Correction, DeltaOptions, DeltaWriter, Format, FormatError, MEMORY_MAX, PatchLimits, PatchStep, Patcher,
    SignatureOptions, SignatureReader, SignatureWriter,
};

use crate::simd;
use args::{DeltaArgs, PatchArgs, SignatureArgs};
use bar::Bar;
use behind::{Behind, write_behind};
use place::{Basis, Failure, Input, Output, PIECE_BYTES};

/// The exit code of a command line that can't be: rsync's.
const SYNTAX: i32 = 1;
/// The exit code when a file can't be read or written: rsync's.
const FILE_IO: i32 = 11;
/// The exit code when a signature or delta is not what it should be: rsync's for a broken stream.
const STREAM: i32 = 12;

/// `syncline signature`.
pub fn signature(words: Vec<OsString>) -> i32 {
    finish(args::parse(&words).and_then(|args| write_signature(&args)), "signature")
}

/// `syncline delta`.
pub fn delta(words: Vec<OsString>) -> i32 {
    finish(args::parse(&words).and_then(|args| write_delta(&args)), "delta")
}

/// `syncline patch`.
pub fn patch(words: Vec<OsString>) -> i32 {
    finish(args::parse(&words).and_then(|args| apply(&args)), "patch")
}

fn finish(result: Result<(), Failure>, command: &str) -> i32 {
    match result {
        Ok(()) => 0,
        Err(Failure::Words(error)) => {
            let _ = error.print();
            if error.use_stderr() { SYNTAX } else { 0 }
        }
        Err(Failure::Io { doing, name, error }) => tell(command, &format!("{doing} {name}: {error}"), FILE_IO),
        Err(Failure::Format { name, error }) => tell(command, &format!("{name}: {error}"), STREAM),
    }
}

fn tell(command: &str, text: &str, exit: i32) -> i32 {
    let _ = writeln!(std::io::stderr(), "syncline {command}: {text}");
    exit
}

fn write_signature(args: &SignatureArgs) -> Result<(), Failure> {
    let mut input = Input::open(&args.basis)?;
    let format = args.format.into();
    let defaults = SignatureOptions::new(format, input.bytes());
    let options = SignatureOptions {
        algorithm: args.hash.map_or(defaults.algorithm, |hash| hash.0),
        weak: if format == Format::Librsync { args.rollsum.into() } else { defaults.weak },
        block_bytes: args.block_size.unwrap_or(defaults.block_bytes),
        strong_bytes: args.sum_size,
        ..defaults
    };
    let writer = SignatureWriter::with_md4(options, simd::best_md4());
    let writer = writer.map_err(|error| Failure::usage::<SignatureArgs>(&error))?;
    let mut output = Output::create(&args.signature)?;
    let mut bar = Bar::new("signing", input.bytes());
    let piece_bytes = sums::piece_bytes(options.block_bytes);
    let threads = input.bytes().map_or(1, |bytes| sums::threads(bytes, piece_bytes));
    match input.file() {
        // Our own format's digest of the whole file is made by one thread.
        Some(file) if format == Format::Librsync && threads > 1 => {
            output.write(writer.output())?;
            let take = |sums: &[u8], len: usize| {
                output.write(sums).map_err(Stopped::Because)?;
                bar.advance(len);
                Ok(())
            };
            sums::sum(file, writer.sums(), piece_bytes, threads, take).map_err(|stopped| match stopped {
                Stopped::Because(failure) => failure,
                Stopped::Reading(error) => input.failure(error),
            })?;
        }
        _ => push_all(writer, &mut input, vec![0; piece_bytes], &mut output, &mut bar)?,
    }
    output.commit()
}

/// Why signing on threads ended early.
enum Stopped {
    Because(Failure),
    Reading(std::io::Error),
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Stopped {
        Stopped::Reading(error)
    }
}

fn push_all(
    mut writer: SignatureWriter,
    input: &mut Input,
    mut piece: Vec<u8>,
    output: &mut Output,
    bar: &mut Bar,
) -> Result<(), Failure> {
    loop {
        let len = input.read(&mut piece)?;
        if len == 0 {
            break;
        }
        writer.push(&piece[..len]);
        let ready = writer.output();
        output.write(ready)?;
        let ready = ready.len();
        writer.consume(ready);
        bar.advance(len);
    }
    writer.finish();
    output.write(writer.output())
}

fn write_delta(args: &DeltaArgs) -> Result<(), Failure> {
    let mut file = Input::open(&args.signature)?;
    let wrong = |error| Failure::Format { name: args.signature.shown(), error };
    let mut reader = SignatureReader::new(MEMORY_MAX);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let len = file.read(&mut piece)?;
        if len == 0 {
            break;
        }
        reader.push(&piece[..len]).map_err(wrong)?;
    }
    let signature = reader.finish().map_err(wrong)?;
    let format = args.format.map_or(signature.format, Format::from);
    let scan = Some(simd::best_scan_for(signature.weak));
    let mut input = Input::open(&args.new)?;
    let mut output = Output::create(&args.delta)?;
    let options = DeltaOptions { format, scan, md4: simd::best_md4(), corrects: output.is_new() };
    let mut writer = DeltaWriter::new(signature, options).map_err(wrong)?;
    let mut bar = Bar::new("searching", input.bytes());
    loop {
        // Straight from the file into the window of the search.
        let len = input.read(writer.space(PIECE_BYTES))?;
        if len == 0 {
            break;
        }
        writer.filled(len);
        drain(&mut writer, &mut output)?;
        bar.advance(len);
    }
    writer.finish();
    drain(&mut writer, &mut output)?;
    output.commit()
}

/// Writes what there is of a delta.
fn drain(writer: &mut DeltaWriter, output: &mut Output) -> Result<(), Failure> {
    let ready = writer.output();
    output.write(ready)?;
    let ready = ready.len();
    writer.consume(ready);
    while let Some(Correction { at, bytes }) = writer.correction() {
        output.overwrite(at, &bytes)?;
    }
    Ok(())
}

fn apply(args: &PatchArgs) -> Result<(), Failure> {
    let basis = Basis::open(&args.basis)?;
    let mut delta = Input::open(&args.delta)?;
    let wrong = |error| Failure::Format { name: args.delta.shown(), error };
    let mut output = Output::create(&args.new)?;
    let limits = PatchLimits { basis_bytes: basis.bytes(), output_max: args.max_output.unwrap_or(u64::MAX) };
    let mut patcher = Patcher::new(limits);
    let mut bar = Bar::new("patching", None);
    write_behind(&mut output, |behind| {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let len = delta.read(&mut piece)?;
            if len == 0 {
                break;
            }
            take_steps(&mut patcher, &piece[..len], &basis, behind, &mut bar, &wrong)?;
        }
        patcher.finish().map_err(wrong)
    })?;
    output.commit()
}

/// Applies a piece of a delta.
fn take_steps(
    patcher: &mut Patcher,
    mut piece: &[u8],
    basis: &Basis,
    behind: &mut Behind,
    bar: &mut Bar,
    wrong: &impl Fn(FormatError) -> Failure,
) -> Result<(), Failure> {
    loop {
        match patcher.step(&mut piece).map_err(wrong)? {
            PatchStep::More | PatchStep::Done => return Ok(()),
            PatchStep::Write(bytes) => {
                behind.put(bytes)?;
                bar.advance(bytes.len());
            }
            PatchStep::Copy { mut from, mut len } => {
                while len > 0 {
                    let now = behind.put_by(len, |room| {
                        basis.read_at(room, from)?;
                        patcher.copied(room).map_err(wrong)
                    })?;
                    bar.advance(now);
                    from += now as u64;
                    len -= now as u64;
                }
            }
        }
    }
}
