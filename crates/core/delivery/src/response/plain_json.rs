//! Answers in JSON that say of each record what nearly all do: an id, of Kinesis a shard, and
//! nothing else. They are recognized entry by entry, by what every entry has in common. Whatever is
//! not like that is left to others.

use memchr::{memchr2, memmem};

/// What is before and between the texts of an entry.
const ID: &[u8] = b"{\"SequenceNumber\":\"";
const THEN_SHARD: &[u8] = b",\"ShardId\":\"";
const SHARD: &[u8] = b"{\"ShardId\":\"";
const THEN_ID: &[u8] = b",\"SequenceNumber\":\"";
const RECORD_ID: &[u8] = b"{\"RecordId\":\"";

/// An answer whose entries all say that their records were taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// How many entries there are.
    pub(super) entries: usize,
    /// The answer with an empty list in place of the one of entries.
    pub(super) rest: Vec<u8>,
}

/// Reads an answer, if it is such a one.
pub(super) fn read(body: &[u8]) -> Option<Plain> {
    let begin = memmem::find(body, b"[{")? + 1;
    let (before, mut list) = body.split_at_checked(begin)?;
    let mut entries = 0;
    loop {
        let (end, after) = past_entry(list)?.split_first()?;
        entries += 1;
        match end {
            b',' => list = after,
            b']' => return Some(Plain { entries, rest: [before, b"]", after].concat() }),
            _ => return None,
        }
    }
}

/// What follows an entry of a record that was taken.
fn past_entry(bytes: &[u8]) -> Option<&[u8]> {
    let after = if let Some(id) = bytes.strip_prefix(ID) {
        past_text(past_text(id)?.strip_prefix(THEN_SHARD)?)?
    } else if let Some(id) = bytes.strip_prefix(RECORD_ID) {
        past_text(id)?
    } else {
        past_text(past_text(bytes.strip_prefix(SHARD)?)?.strip_prefix(THEN_ID)?)?
    };
    after.strip_prefix(b"}")
}

/// What follows a text in which nothing is escaped, and the quote at its end.
fn past_text(bytes: &[u8]) -> Option<&[u8]> {
    let end = memchr2(b'"', b'\\', bytes)?;
    bytes.get(end..)?.strip_prefix(b"\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn answers_of_both_services_are_recognized() {
        let rest = |text: &str| Some(text.as_bytes().to_vec());
        for (body, entries, wanted) in [
            (
                concat!(
                    r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"},"#,
                    r#"{"SequenceNumber":"2","ShardId":"s"}]}"#
                ),
                2,
                r#"{"FailedRecordCount":0,"Records":[]}"#,
            ),
            (
                r#"{"Records":[{"ShardId":"s","SequenceNumber":"1"}],"FailedRecordCount":0}"#,
                1,
                r#"{"Records":[],"FailedRecordCount":0}"#,
            ),
            (
                r#"{"FailedPutCount":0,"RequestResponses":[{"RecordId":""}]}"#,
                1,
                r#"{"FailedPutCount":0,"RequestResponses":[]}"#,
            ),
        ] {
            let plain = read(body.as_bytes()).expect("it is plain");
            assert_eq!((plain.entries, Some(plain.rest)), (entries, rest(wanted)));
        }
    }

    #[test]
    fn whatever_is_odd_is_left_to_others() {
        for body in [
            "",
            "[{",
            r#"{"Records":[]}"#,
            r#"{"Records":[{"SequenceNumber":"1"}]}"#,
            r#"{"Records":[{"SequenceNumber":"1","ShardId":"s","ErrorCode":null}]}"#,
            r#"{"Records":[{"SequenceNumber":"\"1","ShardId":"s"}]}"#,
            r#"{"Records":[{"SequenceNumber":null,"ShardId":"s"}]}"#,
            r#"{"Records":[{"SequenceNumber":"1","ShardId":"s"} ]}"#,
            r#"{"Records":[{"SequenceNumber":"1","ShardId":"s"}"#,
            r#"{"Records":[{"SequenceNumber":"1","ShardId":"s"},]}"#,
        ] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        /// Whatever is recognized is what the parser finds, if the text is JSON at all.
        #[test]
        fn nothing_is_recognized_that_is_not_there(
            pieces in proptest::collection::vec(
                prop_oneof![
                    4 => Just(r#"{"SequenceNumber":"1","ShardId":"s"}"#),
                    2 => Just(r#"{"ShardId":"s","SequenceNumber":"1"}"#),
                    2 => Just(r#"{"RecordId":"1"}"#),
                    4 => Just(","),
                    1 => Just(r#"{"SequenceNumber":"1","ErrorCode":"x"}"#),
                    1 => Just("]"),
                    1 => Just("["),
                    1 => Just(r#"\""#),
                    1 => Just("\""),
                ],
                0..12,
            ),
        ) {
            let body = format!(r#"{{"FailedRecordCount":0,"Records":[{}]}}"#, pieces.concat());
            let parsed: Option<Value> = serde_json::from_str(&body).ok();
            if let (Some(plain), Some(Value::Object(parsed))) = (read(body.as_bytes()), parsed) {
                let records = parsed["Records"].as_array().expect("a list");
                prop_assert_eq!(plain.entries, records.len());
                for record in records {
                    let id = record.get("SequenceNumber").or_else(|| record.get("RecordId"));
                    prop_assert!(id.is_some_and(Value::is_string));
                    prop_assert!(record.get("ErrorCode").is_none());
                }
            }
        }
    }
}
