//! What becomes of a record in the chain, and why a converter has no result.

use kinetail_java_regex::OverLimit;

use crate::json_reader::NotAnObject;
use crate::skip::Skip;
use crate::steps::Unparsable;

/// A record may grow to this many bytes in a converter. It is above what the largest record (10
/// MiB) becomes when each byte needs a six-byte escape; only a chain that escapes the same text
/// again and again gets there.
pub(super) const CONVERTED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Converted<'a> {
    /// A step could not read the record, which is to be kept as a dead letter.
    DeadLetter {
        /// The bytes that came in; those that came to the step, if secrets are removed.
        record: &'a [u8],
        /// They are those that came in.
        whole: bool,
        /// The `optionName` of the step.
        converter: &'static str,
        /// Why.
        reason: Unparsable,
    },
    /// The bytes to send.
    Record(&'a [u8]),
    /// A converter could not read the record: the record as it was is to be sent.
    Raw {
        /// The bytes that came in.
        record: &'a [u8],
        /// The `optionName` of the converter, for the counter and the log.
        converter: &'static str,
        /// Why.
        reason: ConvertError,
    },
    /// The record is not to be sent.
    Skipped {
        /// Why.
        reason: Skip,
    },
}

/// Why a converter could not read a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The converter cannot work as it is configured.
    #[error("{0}; see the warnings at startup")]
    Configuration(&'static str),
    /// The converter adds to JSON objects, and the record is none.
    #[error("record is not a JSON object: {0}; put a converter that outputs JSON first")]
    NotAnObject(#[from] NotAnObject),
    /// A pattern would take too long.
    #[error("{0}; make the pattern simpler, with [^x]* in place of .* where it can be")]
    Pattern(#[from] OverLimit),
    /// The result is larger than a record may become.
    #[error(
        "converted record of {bytes} bytes exceeds {max_bytes}; use fewer converters or smaller \
         records",
        max_bytes = CONVERTED_BYTES_MAX
    )]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
}

kinetail_base::labels! {
    /// Why a record is sent as it came. The labels are values of the label `reason` of the metric
    /// `kinetail_records_raw_fallback_total`, and are explained in `docs/operations.md`.
    pub enum RawReason {
        /// [`ConvertError::Configuration`].
        Configuration = "configuration",
        /// [`ConvertError::NotAnObject`].
        NotJson = "not_json",
        /// [`ConvertError::Pattern`].
        PatternSteps = "pattern_steps",
        /// [`ConvertError::TooLarge`].
        TooLarge = "too_large",
        /// A step could not read it, and passed or tagged it.
        Unparsable = "unparsable",
    }
}

impl From<&ConvertError> for RawReason {
    fn from(error: &ConvertError) -> Self {
        match error {
            ConvertError::Configuration(_) => Self::Configuration,
            ConvertError::NotAnObject(_) => Self::NotJson,
            ConvertError::Pattern(_) => Self::PatternSteps,
            ConvertError::TooLarge { .. } => Self::TooLarge,
        }
    }
}

/// Why a converter has no result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The record is a dead letter.
    DeadLetter(Unparsable),
    /// The raw record is to be sent.
    Raw(ConvertError),
    /// The record is to be skipped, for this reason.
    Skip(Skip),
}

impl From<NotAnObject> for Refused {
    fn from(error: NotAnObject) -> Self {
        Self::Raw(error.into())
    }
}

impl From<OverLimit> for Refused {
    fn from(error: OverLimit) -> Self {
        Self::Raw(error.into())
    }
}
