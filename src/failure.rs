//! Errors in plain data.

use std::error::Error;

use aluvia_engine::{ApiError, ConfigError, StartError};
use napi_derive::napi;

/// An error as the shim gets it. The shim makes the class that belongs to the code.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct NativeFailure {
    /// The stable code: `ALUVIA_…`.
    pub code: String,
    /// What went wrong, for people.
    pub message: String,
    /// The status of the API's answer, where there was one.
    pub status_code: Option<u32>,
    /// The message of what caused it, where there is more to say.
    pub cause: Option<String>,
    /// The system's name for the cause, such as `ECONNREFUSED`.
    pub cause_code: Option<String>,
}

impl NativeFailure {
    pub(crate) fn new(code: &str, message: impl ToString) -> Self {
        Self { code: code.to_owned(), message: message.to_string(), status_code: None, cause: None, cause_code: None }
    }

    /// The start was cancelled.
    pub(crate) fn aborted() -> Self {
        Self::new(ABORTED, "The start was cancelled")
    }

    /// A defect of ours.
    pub(crate) fn internal(message: impl ToString) -> Self {
        Self::new("ALUVIA_INTERNAL", message)
    }

    fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut last = error;
        while let Some(source) = last.source() {
            last = source;
        }
        self.cause = Some(last.to_string());
        let io = last.downcast_ref::<std::io::Error>();
        self.cause_code = io.and_then(|error| system_name(error.kind())).map(str::to_owned);
        self
    }
}

impl From<ApiError> for NativeFailure {
    fn from(error: ApiError) -> Self {
        let code = match error {
            ApiError::Unauthorized { .. } => "ALUVIA_INVALID_USER_TOKEN",
            _ => "ALUVIA_API",
        };
        let failure =
            Self { status_code: error.status().map(u32::from), ..Self::new(code, first_upper(&error.to_string())) };
        match error.source() {
            Some(source) => failure.caused_by(source),
            None => failure,
        }
    }
}

impl From<StartError> for NativeFailure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Api(error) => error.into(),
            StartError::Listen { ref source, .. } => {
                Self::new("ALUVIA_PROXY_START", first_upper(&error.to_string())).caused_by(source)
            }
        }
    }
}

/// A configuration error, thrown at once: synchronous errors carry their own code.
pub(crate) fn config_error(error: &ConfigError) -> napi::Error<String> {
    let code = match error {
        ConfigError::MissingToken => "ALUVIA_MISSING_USER_TOKEN",
        ConfigError::InvalidOption { .. } => INVALID_OPTION,
    };
    napi::Error::new(code.to_owned(), error.to_string())
}

/// The name that Node.js gives to a system error.
fn system_name(kind: std::io::ErrorKind) -> Option<&'static str> {
    use std::io::ErrorKind as Kind;
    Some(match kind {
        Kind::AddrInUse => "EADDRINUSE",
        Kind::AddrNotAvailable => "EADDRNOTAVAIL",
        Kind::BrokenPipe => "EPIPE",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::ConnectionRefused => "ECONNREFUSED",
        Kind::ConnectionReset => "ECONNRESET",
        Kind::HostUnreachable => "EHOSTUNREACH",
        Kind::NetworkUnreachable => "ENETUNREACH",
        Kind::PermissionDenied => "EACCES",
        Kind::TimedOut => "ETIMEDOUT",
        _ => return None,
    })
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

pub(crate) const ABORTED: &str = "ABORT_ERR";
pub(crate) const INVALID_OPTION: &str = "ALUVIA_INVALID_OPTION";
