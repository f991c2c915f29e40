//! What is read before anybody is called: rules and names in files that the command line gives. A mistake there is told
//! before a connection is made, as stock does.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use syncline_core::Error;
use syncline_core::filter::build::Missing;
use syncline_core::options::Options;
use syncline_core::session::{Errno, check_rules, unreadable};

/// Checks the rules of the command line.
pub fn rules(options: &Options) -> Result<(), Error> {
    check_rules(options, |path| {
        std::fs::read(std::ffi::OsStr::from_bytes(path)).map_err(|error| {
            let Errno { code, text } = crate::errno::of_io(&error);
            Missing { text: text.into_bytes(), code }
        })
    })
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
        path => {
            File::open(Path::new(std::ffi::OsStr::from_bytes(path))).and_then(|mut file| file.read_to_end(&mut names))
        }
    };
    match read {
        Ok(_) => Ok(Some(names)),
        Err(error) => Err(unreadable(&list.path, &crate::errno::of_io(&error).text)),
    }
}
