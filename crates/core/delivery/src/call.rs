//! What goes out in one call, and the ways in which it ends. Errors keep what is needed in order to
//! decide, and nothing that is secret.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::body::{Encoding, hex};
use super::response::PutResponseError;

/// A finished body on its way out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Payload {
    /// What is sent.
    pub bytes: Bytes,
    /// How it is written.
    pub encoding: Encoding,
    /// Its SHA-256 in hexadecimal digits, if already computed.
    pub sha256: Option<Arc<str>>,
}

impl Payload {
    /// The SHA-256 of the bytes in hexadecimal digits, computed now if not done before.
    #[must_use]
    pub fn hash(&self) -> Arc<str> {
        let work_out = || hex(&Sha256::digest(&self.bytes)).into();
        self.sha256.clone().unwrap_or_else(work_out)
    }
}

/// In JSON.
impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, encoding: Encoding::Json, sha256: None }
    }
}

/// The code of an endpoint that does not take CBOR.
pub const CBOR_REFUSED: &str = "CborRefused";

/// Why a request as a whole failed.
#[derive(Debug, Error)]
pub enum CallError {
    /// The endpoint does not take CBOR, and it may be spoken to in JSON; nothing was taken.
    #[error("the endpoint does not support CBOR ({reason})")]
    CborRefused {
        /// What it said.
        reason: String,
    },
    /// There are no usable credentials; nothing was sent.
    #[error("no credentials: {reason}")]
    Credentials {
        /// Whether waiting may help, or operator action is needed.
        fault: CredentialFault,
        /// What the credential chain said.
        reason: String,
    },
    /// No answer came in time.
    #[error("no response within {} s", .0.as_secs())]
    Deadline(Duration),
    /// The connection broke, or the answer is cut or far too long. The service may hold the
    /// records.
    #[error("connection lost before the response was complete: {reason}")]
    Lost {
        /// What broke.
        reason: String,
    },
    /// Nothing was sent: no address, no connection, no TLS.
    #[error("cannot connect: {reason}")]
    NotSent {
        /// What failed.
        reason: String,
    },
    /// The service answered with an error.
    #[error("{code}: {message} (HTTP {status})")]
    Service {
        /// The HTTP status.
        status: u16,
        /// The error code; `Http<status>` where the answer has none.
        code: String,
        /// The service's words.
        message: String,
        /// How long the service wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The answer says success but cannot be believed.
    #[error(transparent)]
    Unreadable(#[from] PutResponseError),
}

/// What kind of trouble with credentials it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialFault {
    /// The configuration of the credential chain is wrong.
    Invalid,
    /// Nothing in the chain has credentials.
    Missing,
    /// A provider failed or was too slow.
    Unavailable,
}

impl CallError {
    /// A short name for logs: the service's code, or our own.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::CborRefused { .. } => CBOR_REFUSED,
            Self::Credentials { .. } => "Credentials",
            Self::Deadline(_) => "Deadline",
            Self::Lost { .. } => "ResponseLost",
            Self::NotSent { .. } => "CannotConnect",
            Self::Service { code, .. } => code,
            Self::Unreadable(_) => "UnreadableResponse",
        }
    }

    /// The words that go with the code.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Service { message, .. } => message.clone(),
            Self::CborRefused { .. }
            | Self::Credentials { .. }
            | Self::Deadline(_)
            | Self::Lost { .. }
            | Self::NotSent { .. }
            | Self::Unreadable(_) => self.to_string(),
        }
    }

    /// How long the service wants to be left alone, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Service { retry_after, .. } => *retry_after,
            Self::CborRefused { .. }
            | Self::Credentials { .. }
            | Self::Deadline(_)
            | Self::Lost { .. }
            | Self::NotSent { .. }
            | Self::Unreadable(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_failed() {
        let service = CallError::Service {
            status: 400,
            code: "AccessDeniedException".to_owned(),
            message: "not authorized".to_owned(),
            retry_after: Some(Duration::from_secs(1)),
        };
        let reason = || "why".to_owned();
        let fault = CredentialFault::Missing;
        let unreadable = PutResponseError::Count { answered: 1, sent: 2 };
        let cases = [
            (
                CallError::CborRefused { reason: reason() },
                "the endpoint does not support CBOR (why)",
            ),
            (CallError::Credentials { fault, reason: reason() }, "no credentials: why"),
            (CallError::Deadline(Duration::from_secs(35)), "no response within 35 s"),
            (
                CallError::Lost { reason: reason() },
                "connection lost before the response was complete: why",
            ),
            (CallError::NotSent { reason: reason() }, "cannot connect: why"),
            (CallError::Unreadable(unreadable), "response has 1 results for 2 records"),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.message(), text);
            assert_eq!(error.retry_after(), None);
            assert!(!error.code().contains(' '));
        }
        assert_eq!(service.to_string(), "AccessDeniedException: not authorized (HTTP 400)");
        assert_eq!(
            (service.code(), service.message()),
            ("AccessDeniedException", "not authorized".to_owned())
        );
        assert_eq!(service.retry_after(), Some(Duration::from_secs(1)));
    }
}
