//! What is read before anybody is called: rules and names in files that the command line gives. A mistake there is told
//! before a connection is made, as stock does.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::OFlags;
use syncline_core::Error;
use syncline_core::filter::build::Missing;
use syncline_core::options::{LocalTime, Options};
use syncline_core::session::{Errno, check_rules, unreadable};

use crate::{time, trusted};

/// What the command line says of rules.
pub struct Rules {
    /// All of them, in full.
    pub texts: Vec<Vec<u8>>,
    /// The files that they came from, and what is in them.
    pub files: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads and checks the rules of the command line.
pub fn rules(options: &Options) -> Result<Rules, Error> {
    let mut files: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let texts = check_rules(options, |path| {
        if let Some((_, contents)) = files.iter().find(|(name, _)| name == path) {
            return Ok(contents.clone());
        }
        let read = if path == b"-" {
            let mut contents = Vec::new();
            std::io::stdin().read_to_end(&mut contents).map(|_| contents)
        } else if options.insecure_links {
            std::fs::read(std::ffi::OsStr::from_bytes(path))
        } else {
            trusted::read_aloud(path)
        };
        let contents = read.map_err(|error| {
            let Errno { code, text } = crate::errno::of_io(&error);
            Missing { text: text.into_bytes(), code }
        })?;
        files.push((path.to_vec(), contents.clone()));
        Ok(contents)
    })?;
    Ok(Rules { texts, files })
}

/// How long the transfer may take.
pub fn stop_after_ms(options: &Options) -> Result<Option<u64>, Error> {
    let Some(stop) = &options.stop else { return Ok(None) };
    let now = time::local_time(time::unix_seconds());
    let minute = LocalTime {
        year: now.year,
        month: now.month.into(),
        day: now.day.into(),
        hour: now.hour.into(),
        minute: now.minute.into(),
    };
    Ok(Some(stop.seconds_from(minute, now.second)?.saturating_mul(1000)))
}

/// The list of `--files-from`, if it is this side that has it.
pub fn names(options: &Options) -> Result<Option<Vec<u8>>, Error> {
    let Some(list) = &options.files_from else { return Ok(None) };
    let is_elsewhere = if options.server { list.path == b"-" } else { list.host.is_some() };
    if is_elsewhere {
        return Ok(None);
    }
    let mut names = Vec::new();
    let read = match list.path.as_slice() {
        b"-" => std::io::stdin().read_to_end(&mut names),
        path if options.insecure_links => {
            File::open(Path::new(std::ffi::OsStr::from_bytes(path))).and_then(|mut file| file.read_to_end(&mut names))
        }
        path => trusted::open_aloud(path, OFlags::RDONLY).and_then(|file| File::from(file).read_to_end(&mut names)),
    };
    match read {
        Ok(_) => Ok(Some(names)),
        Err(error) => Err(unreadable(&list.path, &crate::errno::of_io(&error).text)),
    }
}
