//! What a service says in an answer that is no success: a code and words, as awsJson1.1 has them
//! (`__type` or a header, and `message`), in JSON or CBOR. Pure: bytes in, words out; nothing in
//! it is believed to be short.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::body::Encoding;
use crate::cbor::{CborError, Reader};

/// The header that may have the code; it counts more than the body.
pub const ERROR_TYPE_HEADER: &str = "x-amzn-errortype";

/// Members of the body that may have the code, and the words.
const CODE_MEMBERS: [&str; 2] = ["code", "__type"];
const MESSAGE_MEMBERS: [&str; 3] = ["message", "Message", "errorMessage"];

/// What was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The error code, without a name space.
    pub code: Option<String>,
    /// The service's words.
    pub message: Option<String>,
}

/// Reads the header and the body of an answer that is no success.
#[must_use]
pub fn read(encoding: Encoding, header: Option<&str>, body: &[u8]) -> Said {
    let members = match encoding {
        Encoding::Cbor => in_cbor(body).unwrap_or_default(),
        Encoding::Json => in_json(body),
    };
    let first = |names: &[&str]| names.iter().find_map(|name| members.get(*name).cloned());
    let code = header.map(str::to_owned).or_else(|| first(&CODE_MEMBERS));
    Said { code: code.as_deref().and_then(bare), message: first(&MESSAGE_MEMBERS) }
}

/// The members that are texts.
type Texts = BTreeMap<String, String>;

fn in_json(body: &[u8]) -> Texts {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let members = body.as_object().into_iter().flatten();
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    members.filter_map(text).collect()
}

fn in_cbor(body: &[u8]) -> Result<Texts, CborError> {
    let mut texts = Texts::new();
    let mut reader = Reader::new(body);
    reader.map::<CborError>(|reader, name| {
        let mut ahead = reader.clone();
        let Ok(text) = ahead.text() else { return reader.skip() };
        texts.insert(name.to_owned(), text.into_owned());
        *reader = ahead;
        Ok(())
    })?;
    reader.end()?;
    Ok(texts)
}

/// `Name` of `name.space#Name:http://…`.
fn bare(code: &str) -> Option<String> {
    let code = code.split(':').next()?;
    let code = code.rsplit('#').next()?.trim();
    (!code.is_empty()).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(header: Option<&str>, body: &str) -> (String, String) {
        let Said { code, message } = read(Encoding::Json, header, body.as_bytes());
        (code.unwrap_or_default(), message.unwrap_or_default())
    }

    #[test]
    fn a_code_is_read_wherever_it_is_and_without_its_name_space() {
        let both = |code: &str, words: &str| (code.to_owned(), words.to_owned());
        let body = r#"{"__type":"com.amazonaws.kinesis#FooException","message":"hi"}"#;
        assert_eq!(said(None, body), both("FooException", "hi"));
        assert_eq!(said(Some("a#Bar:http://x/"), body), both("Bar", "hi"));
        let body = r#"{"code":"Foo","Message":"hi","message":7}"#;
        assert_eq!(said(None, body), both("Foo", "hi"));
        assert_eq!(said(Some("Foo"), "<html>"), both("Foo", ""));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for body in ["", "null", "[1]", "{\"oops", "{\"__type\":7}", "{\"__type\":\"a#\"}"] {
            assert_eq!(read(Encoding::Json, None, body.as_bytes()), Said::default(), "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(Encoding::Json, None, deep.as_bytes()), Said::default());
    }
    #[test]
    fn an_error_in_cbor_is_the_same() {
        let read = |body: &[u8]| read(Encoding::Cbor, None, body);
        let body = b"\xbf\x66__type\x65a#Foo\x61n\x07\x67message\x7f\x61h\x61i\xff\xff";
        let (code, message) = (Some("Foo".to_owned()), Some("hi".to_owned()));
        assert_eq!(read(body), Said { code, message });
        for cut in 0..body.len() {
            assert_eq!(read(&body[..cut]), Said::default());
        }
        let deep = [b"\xa1\x61x", &b"\x81".repeat(100_000)[..]].concat();
        for body in [&b"{}"[..], b"\xf6", b"<html>", &deep] {
            assert_eq!(read(body), Said::default());
        }
    }
}
