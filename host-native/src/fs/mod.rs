//! stub
use syncline_core::session::*;
pub struct Fs;
impl Fs { pub fn new() -> Fs { Fs } pub fn execute(&mut self, _a: Ask) -> Reply { Reply::Changed }
 pub fn read(&mut self, _f: FileId, _at: u64, _b: &mut [u8]) -> HostResult<usize> { Ok(0) }
 pub fn write(&mut self, _f: FileId, _b: &[u8]) {}
 pub fn copy(&mut self, _f: FileId, _from: u64, _len: u32) {}
 pub fn take_write_error(&mut self) -> Option<(Vec<u8>, Errno)> { None } }
pub fn os(path: &[u8]) -> &std::ffi::OsStr { std::os::unix::ffi::OsStrExt::from_bytes(path) }
