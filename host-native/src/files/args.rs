//! The command lines. Operands stand in the order of librsync's program `rdiff`, so that scripts for it move over.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, ValueEnum};
use syncline_core::checksum::{Algorithm, WeakSum};
use syncline_core::format::{self, Format};

use super::place::{Failure, Place};

/// Write a signature of a file: the checksums of its blocks.
#[derive(Debug, Parser)]
#[command(name = "syncline signature", bin_name = "syncline signature", disable_version_flag = true)]
pub struct SignatureArgs {
    /// The file to sign, - for standard input
    #[arg(default_value = "-")]
    pub basis: Place,
    /// Where the signature goes, - for standard output
    #[arg(default_value = "-")]
    pub signature: Place,
    /// The kind of signature to write
    #[arg(long, value_enum, default_value_t)]
    pub format: FormatName,
    /// The strong checksum: xxh128 (default), xxh3, xxh64, md5, md4, sha1, blake2; with librsync, blake2 (default) or md4
    #[arg(long, short = 'H', value_name = "NAME", value_parser = hash)]
    pub hash: Option<Hash>,
    /// With librsync, the weak checksum
    #[arg(long, short = 'R', value_enum, default_value_t)]
    pub rollsum: Rollsum,
    /// Bytes of a block; by default about the square root of the file's length
    #[arg(long, short = 'b', value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=1 << 28))]
    pub block_size: Option<u32>,
    /// Bytes of each strong checksum; by default all that it has
    #[arg(long, short = 'S', value_name = "BYTES", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub sum_size: Option<u8>,
}

/// Write a delta: what is new in a file, beside what a signature knows.
#[derive(Debug, Parser)]
#[command(name = "syncline delta", bin_name = "syncline delta", disable_version_flag = true)]
pub struct DeltaArgs {
    /// The signature of the old file, - for standard input
    pub signature: Place,
    /// The new file, - for standard input
    #[arg(default_value = "-")]
    pub new: Place,
    /// Where the delta goes, - for standard output
    #[arg(default_value = "-")]
    pub delta: Place,
    /// The kind of delta to write; by default that of the signature
    #[arg(long, value_enum)]
    pub format: Option<FormatName>,
}

/// Make the new file of the old one and a delta.
#[derive(Debug, Parser)]
#[command(name = "syncline patch", bin_name = "syncline patch", disable_version_flag = true)]
pub struct PatchArgs {
    /// The old file
    pub basis: PathBuf,
    /// The delta, - for standard input
    #[arg(default_value = "-")]
    pub delta: Place,
    /// Where the new file goes, - for standard output
    #[arg(default_value = "-")]
    pub new: Place,
    /// The longest new file that is welcome
    #[arg(long, value_name = "BYTES")]
    pub max_output: Option<u64>,
}

/// A kind of signature and delta.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum FormatName {
    /// Our own, which checks itself
    #[default]
    Syncline,
    /// As rdiff reads and writes it
    Librsync,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Format {
        match name {
            FormatName::Syncline => Format::Syncline,
            FormatName::Librsync => Format::Librsync,
        }
    }
}

/// librsync's weak checksums.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Rollsum {
    /// A polynomial hash
    #[default]
    Rabinkarp,
    /// Much as rsync's
    Rollsum,
}

impl From<Rollsum> for WeakSum {
    fn from(name: Rollsum) -> WeakSum {
        match name {
            Rollsum::Rabinkarp => WeakSum::RabinKarp,
            Rollsum::Rollsum => WeakSum::Rollsum,
        }
    }
}

/// A strong checksum.
#[derive(Clone, Copy, Debug)]
pub struct Hash(pub Algorithm);

fn hash(name: &str) -> Result<Hash, String> {
    let known = || format!("known are {}", format::algorithm_names().collect::<Vec<_>>().join(", "));
    format::algorithm_from_name(name).map(Hash).ok_or_else(known)
}

/// Reads the words behind a subcommand's name.
pub fn parse<A: Parser>(words: &[OsString]) -> Result<A, Failure> {
    let name = OsString::from("syncline");
    A::try_parse_from(std::iter::once(&name).chain(words)).map_err(|error| Failure::Words(Box::new(error)))
}

impl Failure {
    /// Options that are right one by one, but not together.
    pub fn usage<A: Args + CommandFactory>(why: &dyn std::fmt::Display) -> Failure {
        Failure::Words(Box::new(A::command().error(clap::error::ErrorKind::ArgumentConflict, why)))
    }
}
