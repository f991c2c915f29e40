//! What a call returns: 0 or more if it went well, and what went wrong as a negative number.

use syncline_core::format::FormatError;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// -1 to -11: the codes of [`FormatError::code`], negated.
    Format(FormatError),
    /// -20: no such handle, or one of another kind.
    BadHandle,
    /// -21: bytes that don't lie in a buffer of the caller's.
    BadPointer,
    /// -22: the memory limit.
    Memory,
    /// -23: not now.
    State,
    /// -24: a document that can't be read.
    BadDocument,
    /// -25: an argument that can't be.
    BadArgument,
    /// -26: a command line that can't be; the text says why.
    Usage(String),
}

impl Status {
    /// The number.
    pub fn code(&self) -> i32 {
        match self {
            Status::Format(error) => -error.code(),
            Status::BadHandle => -20,
            Status::BadPointer => -21,
            Status::Memory => -22,
            Status::State => -23,
            Status::BadDocument => -24,
            Status::BadArgument => -25,
            Status::Usage(_) => -26,
        }
    }

    /// The text.
    pub fn text(&self) -> String {
        match self {
            Status::Format(error) => error.to_string(),
            Status::BadHandle => "no such handle".into(),
            Status::BadPointer => "these bytes lie in no buffer that syncline_alloc gave".into(),
            Status::Memory => "the memory limit forbids it".into(),
            Status::State => "this call is not for this moment".into(),
            Status::BadDocument => "the document is not of this version, or malformed".into(),
            Status::BadArgument => "an argument is out of range".into(),
            Status::Usage(text) => text.clone(),
        }
    }
}

impl From<FormatError> for Status {
    fn from(error: FormatError) -> Status {
        Status::Format(error)
    }
}

/// A result as its caller sees it.
pub fn code(result: Result<(), Status>) -> i32 {
    count(result.map(|()| 0))
}

/// A count as its caller sees it.
pub fn count(result: Result<usize, Status>) -> i32 {
    match result {
        Ok(count) => i32::try_from(count).unwrap_or(i32::MAX),
        Err(status) => status.code(),
    }
}
