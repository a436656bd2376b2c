//! The prelude's error: what was expected, what was found, what to type instead.

use crate::sealed::Sealed;
use std::fmt;

/// The prelude's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with a message and, where there is one, a remedy.
///
/// `Debug` and `Display` both print message and remedy, since a cell's `?` may use either.
///
/// ```
/// use candlewick_prelude::Error;
/// let error = Error::new("no folder `photos`").remedy("check the path: cells run in the notebook's folder");
/// assert_eq!(error.to_string(), "no folder `photos`\n  → check the path: cells run in the notebook's folder");
/// ```
pub struct Error(Sealed<Told>);

struct Told {
    message: String,
    remedy: Option<String>,
    interrupted: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with this message: what was expected and what was found.
    pub fn new(message: impl Into<String>) -> Error {
        Error::made(message.into())
    }

    fn made(message: String) -> Error {
        Error(Sealed::new(Told { message, remedy: None, interrupted: false, source: None }))
    }

    /// Adds what to do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Error {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Adds the error that led to this one.
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// The error of work that the user interrupted and that has nothing to give back.
    pub fn interrupted() -> Error {
        let mut error = Error::new("interrupted");
        error.0.interrupted = true;
        error
    }

    /// Whether the user's interrupt is the reason.
    pub fn is_interrupted(&self) -> bool {
        self.0.interrupted
    }

    /// The message without the remedy.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.message)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        if let Some(remedy) = &self.0.remedy {
            write!(f, "\n  → {remedy}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Error {
        Error::new("a tensor operation failed").caused_by(error)
    }
}

/// For functions that otherwise only call candle, and whose `?` is to take the prelude's errors too.
impl From<Error> for candle_core::Error {
    fn from(error: Error) -> candle_core::Error {
        candle_core::Error::wrap(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::new("a file could not be read or written").caused_by(error)
    }
}

/// Errors of the standard library that say enough by themselves.
macro_rules! from_plain_errors {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::new(error.to_string())
            }
        })*
    };
}

from_plain_errors!(
    std::num::ParseIntError,
    std::num::ParseFloatError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::char::ParseCharError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::fmt::Error,
    std::env::VarError,
    std::time::SystemTimeError,
    std::net::AddrParseError,
    std::sync::mpsc::RecvError,
    std::array::TryFromSliceError,
    String,
    &str,
);

impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
        // What it says itself stands before what is behind it.
        Error::new(error.to_string())
    }
}

impl From<image::ImageError> for Error {
    fn from(error: image::ImageError) -> Error {
        Error::new("a picture could not be read or written").caused_by(error)
    }
}
