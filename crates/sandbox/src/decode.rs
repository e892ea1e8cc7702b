//! What the two put operations have in common: the body's encoding, the decoded request and the
//! words for members that break a limit. Pure.

use std::borrow::Cow;

use serde::Deserialize;

use super::names::{Service, StreamId};
use super::response::ErrorResponse;

/// How a body is encoded, from its `content-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `application/x-amz-cbor-1.1`, which Kinesis speaks.
    Cbor,
    /// `application/x-amz-json-1.1`.
    Json,
}

impl Encoding {
    /// The encoding that a `content-type` names.
    pub(super) fn of(content_type: &str) -> Result<Self, ErrorResponse> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-amz-json-1.1") {
            Ok(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/x-amz-cbor-1.1") {
            Ok(Self::Cbor)
        } else {
            Err(ErrorResponse::serialization(
                "the content-type is neither application/x-amz-json-1.1 nor \
                 application/x-amz-cbor-1.1",
            ))
        }
    }

    /// The media type.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Cbor => "application/x-amz-cbor-1.1",
            Self::Json => "application/x-amz-json-1.1",
        }
    }
}

/// Reads `body` as a `T`; what came in CBOR is in JSON by then.
pub(super) fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ErrorResponse> {
    serde_json::from_slice(body).map_err(|error| ErrorResponse::serialization(&error.to_string()))
}

/// A put that kept every limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PutRequest {
    pub(super) stream: StreamId,
    pub(super) records: Vec<IncomingRecord>,
    /// Whether it is only asked if it would work.
    pub(super) dry_run: bool,
}

/// One record of a put.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct IncomingRecord {
    pub(super) data: Vec<u8>,
    /// Kinesis only.
    pub(super) partition_key: Option<String>,
    /// What the shard is chosen by.
    pub(super) hash_key: u128,
}

impl IncomingRecord {
    /// Data and partition key.
    pub(super) fn billed_bytes(&self) -> usize {
        self.data.len() + self.partition_key.as_ref().map_or(0, String::len)
    }
}

/// A JSON string that is borrowed from the body where it has no escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The stream that a `StreamName` or the last part of an ARN names.
pub(super) fn stream_id(
    service: Service,
    member: &str,
    name: Option<&Text<'_>>,
    arn: Option<&Text<'_>>,
) -> Result<StreamId, ErrorResponse> {
    let from_arn = || arn.and_then(|Text(arn)| arn.rsplit_once('/')).map(|(_, name)| name);
    let name = name.map(|Text(name)| name.as_ref()).or_else(from_arn);
    let Some(name) = name else { return Err(missing(member)) };
    StreamId::new(service, name).map_err(|error| {
        ErrorResponse::validation(&format!(
            "Value at '{member}' failed to satisfy constraint: {error}"
        ))
    })
}

/// Decodes base64 `data` of the record at `place`.
pub(super) fn decode_data(place: usize, data: Option<&Text<'_>>) -> Result<Vec<u8>, ErrorResponse> {
    let Some(Text(data)) = data else {
        return Err(missing(&record_member(place, "data")));
    };
    base64_simd::STANDARD.decode_to_vec(data.as_bytes()).map_err(|_| {
        ErrorResponse::serialization(&format!("the data of record {place} is not base64"))
    })
}

/// The name by which the services speak of a record's member; they count from 1.
pub(super) fn record_member(place: usize, member: &str) -> String {
    format!("records.{}.member.{member}", place + 1)
}

/// The refusal of a request without a member that it must have.
pub(super) fn missing(member: &str) -> ErrorResponse {
    ErrorResponse::validation(&format!(
        "Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

/// Refuses a member whose length is outside `min..=max`.
pub(super) fn check_length(
    member: impl FnOnce() -> String,
    length: usize,
    min: usize,
    max: usize,
) -> Result<(), ErrorResponse> {
    let (bound, limit) = match length {
        short if short < min => ("greater", min),
        long if long > max => ("less", max),
        _ => return Ok(()),
    };
    Err(ErrorResponse::validation(&format!(
        "Value at '{}' failed to satisfy constraint: Member must have length {bound} than or \
         equal to {limit}",
        member()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_names_the_encoding() {
        assert_eq!(Encoding::of("application/x-amz-json-1.1"), Ok(Encoding::Json));
        assert_eq!(Encoding::of("application/x-amz-json-1.1; charset=UTF-8"), Ok(Encoding::Json));
        assert_eq!(Encoding::of("application/x-amz-cbor-1.1"), Ok(Encoding::Cbor));
        assert_eq!(Encoding::of("text/html").unwrap_err().code, "SerializationException");
    }

    #[test]
    fn lengths_are_refused_just_outside_their_bounds() {
        let check = |length| check_length(|| "m".to_owned(), length, 1, 3);
        assert!(check(0).unwrap_err().message.ends_with("greater than or equal to 1"));
        assert_eq!((check(1), check(3)), (Ok(()), Ok(())));
        assert!(check(4).unwrap_err().message.ends_with("less than or equal to 3"));
    }

    #[test]
    fn an_arn_names_a_stream_too() {
        let arn = Text("arn:aws:kinesis:us-east-1:000000000000:stream/logs".into());
        let id = stream_id(Service::Kinesis, "streamName", None, Some(&arn)).unwrap();
        assert_eq!(id, StreamId::kinesis("logs").unwrap());
        let evil = Text("../../etc/passwd".into());
        let refused = stream_id(Service::Kinesis, "streamName", Some(&evil), None).unwrap_err();
        assert_eq!(refused.code, "ValidationException");
        let none = stream_id(Service::Kinesis, "streamName", None, None).unwrap_err();
        assert!(none.message.contains("must not be null"));
    }
}
