//! How bodies are written, and what all of one flow have in common.

use std::ops::Range;
use std::sync::Arc;

use super::key::RANDOM_KEY_DIGITS;
use super::{cbor, json};

/// How bodies and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// `application/x-amz-cbor-1.1`, which Kinesis speaks.
    Cbor,
    /// `application/x-amz-json-1.1`, which both services speak.
    Json,
}

impl Encoding {
    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Cbor => "application/x-amz-cbor-1.1",
            Self::Json => "application/x-amz-json-1.1",
        }
    }

    /// The one that a `content-type` names.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let known = [Self::Cbor, Self::Json];
        known.into_iter().find(|known| essence.eq_ignore_ascii_case(known.content_type()))
    }

    /// What follows the last record.
    pub(super) fn suffix(self) -> &'static [u8] {
        match self {
            Self::Cbor => cbor::SUFFIX,
            Self::Json => json::SUFFIX,
        }
    }

    /// What stands between two records.
    pub(super) fn between(self) -> &'static [u8] {
        match self {
            Self::Cbor => b"",
            Self::Json => &[json::BETWEEN],
        }
    }

    /// What follows a record's key.
    pub(super) fn record_suffix(self) -> &'static [u8] {
        match self {
            Self::Cbor => cbor::RECORD_SUFFIX,
            Self::Json => json::RECORD_SUFFIX,
        }
    }

    /// Where the random key is in a record that ends at `end`.
    pub(super) fn key_range(self, end: usize) -> Range<usize> {
        let end = end.saturating_sub(self.record_suffix().len());
        end.saturating_sub(RANDOM_KEY_DIGITS)..end
    }
}

/// What all bodies of one flow have in common: the destination's name and the shape around its
/// records. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Envelope(pub(super) Arc<Shape>);

#[derive(Debug)]
pub(super) struct Shape {
    encoding: Encoding,
    /// The destination's name.
    name: String,
    /// The body up to the first record.
    pub(super) prefix: Vec<u8>,
    /// Whether the service knows partition keys.
    pub(super) keyed: bool,
}

impl Envelope {
    /// Bodies for `PutRecords` to this stream, in JSON.
    #[must_use]
    pub fn kinesis(stream: &str) -> Self {
        Self::new(Encoding::Json, stream, true)
    }

    /// Bodies for `PutRecordBatch` to this delivery stream.
    #[must_use]
    pub fn firehose(delivery_stream: &str) -> Self {
        Self::new(Encoding::Json, delivery_stream, false)
    }

    /// The same in another encoding. Firehose has only one.
    #[must_use]
    pub fn speaking(&self, encoding: Encoding) -> Self {
        if self.0.keyed { Self::new(encoding, &self.0.name, true) } else { self.clone() }
    }

    fn new(encoding: Encoding, name: &str, keyed: bool) -> Self {
        let prefix = match encoding {
            Encoding::Cbor => cbor::prefix(name),
            Encoding::Json => json::prefix(name, keyed),
        };
        Self(Arc::new(Shape { encoding, name: name.to_owned(), prefix, keyed }))
    }

    /// How its bodies are written.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.0.encoding
    }
}
