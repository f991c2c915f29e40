//! Making the output of a transfer: a temporary file beside its final place, or the file itself (spec 3.8.3, 3.8.4).

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, fchmod, fstat, openat};
use rustix::io::Errno as Code;
use syncline_core::checksum::Digest;
use syncline_core::session::{At, Create, HostResult, Meta, Output as Place, OutputError, RootId};

use super::basis::Basis;
use super::extended;
use super::look::{REGULAR, TYPE, join, lstat, meta_of};
use super::output::Output;
use super::read;
use super::roots::{Dir, Roots, Spot, not_regular};
use super::sink::Sink;
use super::temp::{Random, TRIES};
use crate::errno::errno;

/// How a temporary file is made. Readable too, for the copy that takes the place of a rename over file systems.
const MAKE: OFlags =
    OFlags::RDWR.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A temporary file that was just made.
pub struct Temp {
    /// The file.
    pub file: OwnedFd,
    /// Where it is.
    pub spot: Spot,
    /// Its path for messages.
    pub shown: Vec<u8>,
}

/// Makes a temporary file for `at`, beside it or in the root `dir`.
pub fn make_temp(
    roots: &mut Roots,
    random: &mut Random,
    at: &At,
    dir: Option<RootId>,
    mode: u32,
) -> Result<Temp, OutputError> {
    let final_spot = roots.spot(at);
    let shown = |name: &[u8], roots: &Roots| match dir {
        None => join(parent(&at.path), name),
        Some(root) => roots.shown(&At { root, path: name.to_vec() }),
    };
    let name = at.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut temp_name = random.temp_name(name, dir.is_none());
    let place = match dir {
        None => final_spot.map(|spot| spot.dir),
        Some(root) => roots.dir(root, b".", roots.following(false)),
    };
    let place = place.map_err(|error| OutputError::Temp(shown(&temp_name, roots), error))?;
    for _ in 0..TRIES {
        match openat(&*place, temp_name.as_slice(), MAKE, Mode::from_bits_truncate(mode)) {
            Ok(file) => {
                if place.shapes_modes() {
                    fchmod(&file, Mode::from_bits_truncate(mode))
                        .map_err(|code| OutputError::Temp(shown(&temp_name, roots), errno(code)))?;
                }
                let shown = shown(&temp_name, roots);
                return Ok(Temp { file, spot: Spot { dir: place, name: temp_name }, shown });
            }
            Err(Code::EXIST | Code::INTR) => temp_name = random.temp_name(name, dir.is_none()),
            Err(code) => {
                // The directory that was kept open may have been removed and made again.
                roots.forget(&At { root: at.root, path: parent(&at.path).to_vec() });
                return Err(OutputError::Temp(shown(&temp_name, roots), errno(code)));
            }
        }
    }
    Err(OutputError::Temp(shown(&temp_name, roots), errno(Code::EXIST)))
}

/// The directory of a path.
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&byte| byte == b'/').map_or(b".", |cut| &path[..cut])
}

/// [`syncline_core::session::Ask::Create`]: the output, and the basis or file in place that was found.
pub fn create(
    roots: &mut Roots,
    random: &mut Random,
    create: &Create,
    buffer: Vec<u8>,
) -> Result<(Output, Option<Meta>), OutputError> {
    let basis = create.basis.as_ref().map(|at| read::open(roots, at, false).ok());
    let (mut output, found) = match create.output {
        Place::Temp { dir } => (temp_output(roots, random, create, dir, buffer)?, None),
        Place::InPlace => in_place_output(roots, create, buffer).map_err(OutputError::Open)?,
    };
    let found = found.map(|mut found| {
        extended::add_open(&mut found, output.sink.file(), roots.wants);
        found
    });
    let meta = match basis {
        None => found,
        // Blocks were expected, and there is nothing to take them from: the session must know.
        Some(None) => None,
        Some(Some((file, of_basis))) => {
            let same = |found: &Meta| (found.dev, found.ino) == (of_basis.dev, of_basis.ino);
            output.basis = Some(Basis::new(file, found.as_ref().is_some_and(same)));
            found.or(Some(of_basis))
        }
    };
    if create.preallocate {
        // Failure costs contiguity, not data.
        let _ = output.sink.reserve(create.size);
    }
    if create.skip > 0 {
        output.skip(create.skip, create.skip_in_digest);
    }
    Ok((output, meta))
}

fn temp_output(
    roots: &mut Roots,
    random: &mut Random,
    create: &Create,
    dir: Option<RootId>,
    buffer: Vec<u8>,
) -> Result<Output, OutputError> {
    let temp = make_temp(roots, random, &create.at, dir, create.mode)?;
    Ok(Output {
        at: create.at.clone(),
        shown: temp.shown,
        in_place: false,
        mode: REGULAR | create.mode,
        uid: Some(temp.spot.dir.new_uid()),
        gid: temp.spot.dir.new_gid(),
        spot: temp.spot,
        sink: Sink::new(temp.file, 0, 0, create.sparse, buffer),
        basis: None,
        digest: Some(Digest::whole_file(create.digest.0, create.digest.1)),
        error: None,
    })
}

fn in_place_output(roots: &mut Roots, create: &Create, buffer: Vec<u8>) -> HostResult<(Output, Option<Meta>)> {
    let spot = roots.spot(&create.at)?;
    let (file, is_new) = open_in_place(&spot.dir, &spot.name).map_err(errno)?;
    let mut meta = meta_of(&fstat(&file).map_err(errno)?);
    let is_device = meta.mode & TYPE != REGULAR;
    // A regular file, or the device that `--write-devices` is about.
    if !matches!(meta.mode & TYPE, REGULAR | 0o020000 | 0o060000) {
        return Err(not_regular());
    }
    let output = Output {
        at: create.at.clone(),
        shown: create.at.path.clone(),
        in_place: true,
        mode: meta.mode,
        uid: Some(meta.uid),
        gid: Some(meta.gid),
        spot,
        sink: Sink::new(file, 0, meta.size, create.sparse && !is_device, buffer),
        basis: None,
        digest: Some(Digest::whole_file(create.digest.0, create.digest.1)),
        error: None,
    };
    if is_device {
        // What is not overwritten stays, and nothing can be cut off.
        meta.size = read::reach_of(output.sink.file());
    }
    Ok((output, if is_new { None } else { Some(meta) }))
}

/// Opens a file for overwriting, or makes it; and whether it was made.
fn open_in_place(dir: &Arc<Dir>, name: &[u8]) -> Result<(OwnedFd, bool), Code> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |access| openat(&**dir, name, flags | access, Mode::empty());
    for _ in 0..TRIES {
        match open(OFlags::RDWR) {
            Err(Code::NOENT) => {}
            Err(Code::ACCESS) => {
                let file = open(OFlags::WRONLY).or_else(|_| with_write_bit(dir, name, || open(OFlags::RDWR)))?;
                return Ok((file, false));
            }
            opened => return opened.map(|file| (file, false)),
        }
        let make = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        match openat(&**dir, name, flags | make, Mode::RUSR | Mode::WUSR) {
            // Made by somebody else between the two calls.
            Err(Code::EXIST) => {}
            opened => return opened.map(|file| (file, true)),
        }
    }
    Err(Code::EXIST)
}

/// Gives a regular file of ours the owner's write bit for as long as it takes to open it (spec 3.8.4).
fn with_write_bit(dir: &Arc<Dir>, name: &[u8], open: impl FnOnce() -> Result<OwnedFd, Code>) -> Result<OwnedFd, Code> {
    let meta = lstat(dir.as_fd(), name).map_err(|_| Code::ACCESS)?;
    if meta.mode & TYPE != REGULAR || meta.mode & 0o200 != 0 {
        return Err(Code::ACCESS);
    }
    let mode = meta.mode & 0o7777;
    super::attributes::chmod(dir.as_fd(), name, mode | 0o200).map_err(|_| Code::ACCESS)?;
    match open() {
        Ok(file) => {
            fchmod(&file, Mode::from_bits_truncate(mode))?;
            Ok(file)
        }
        Err(code) => {
            // It failed before; the first failure is what is reported, and the bit goes either way.
            let _ = super::attributes::chmod(dir.as_fd(), name, mode);
            Err(code)
        }
    }
}
