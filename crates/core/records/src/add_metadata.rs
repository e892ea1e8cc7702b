//! `ADDMETADATA`: the line as a string in an object, alongside fixed metadata and the time.
//!
//! The line stays a string even where it is JSON already, as in the Java agent.

use jiff::Timestamp;

use super::JsonFormat;
use super::json::push_string;
use super::value::JsonValue;

/// The converter. Everything but the time and the line is laid out once.
#[derive(Debug)]
pub(super) struct AddMetadata {
    /// What stands before the time, if the time is wanted.
    before_time: Option<Vec<u8>>,
    /// What stands before the line.
    before_data: Vec<u8>,
    close: &'static [u8],
    /// The time that was written last and its text: many records come in one millisecond.
    time: (i64, String),
}

impl AddMetadata {
    /// A converter with this metadata.
    pub(super) fn new(metadata: &JsonValue, timestamp: bool, format: JsonFormat) -> Self {
        let (open, next, colon, close): (&[u8], &[u8], &[u8], &'static [u8]) = match format {
            JsonFormat::Compact => (b"{", b",", b":", b"}\n"),
            JsonFormat::Pretty => (b"{\n  ", b",\n  ", b" : ", b"\n}\n"),
        };
        let key = |lead: &[u8], name: &str| [lead, b"\"", name.as_bytes(), b"\"", colon].concat();
        let before_time = timestamp.then(|| key(open, "ts"));
        let mut before_data = key(if timestamp { next } else { open }, "metadata");
        metadata.write(&mut before_data, format, 1);
        before_data.extend_from_slice(&key(next, "data"));
        Self { before_time, before_data, close, time: (i64::MIN, String::new()) }
    }

    /// Appends the converted record.
    pub(super) fn convert(&mut self, text: &str, unix_millis: i64, out: &mut Vec<u8>) {
        if let Some(before_time) = &self.before_time {
            if self.time.0 != unix_millis {
                self.time = (unix_millis, utc(unix_millis));
            }
            out.extend_from_slice(before_time);
            push_string(out, self.time.1.as_bytes());
        }
        out.extend_from_slice(&self.before_data);
        push_string(out, text.strip_suffix('\n').unwrap_or(text).as_bytes());
        out.extend_from_slice(self.close);
    }
}

/// `2026-11-20T10:11:12.013Z`.
fn utc(unix_millis: i64) -> String {
    let time = Timestamp::from_millisecond(unix_millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> JsonValue {
        let text = |text: &str| JsonValue::String(text.to_owned());
        let inner = JsonValue::Object(vec![("bar".to_owned(), text("bas"))]);
        JsonValue::Object(vec![("key".to_owned(), text("value")), ("foo".to_owned(), inner)])
    }

    fn convert(timestamp: bool, format: JsonFormat, input: &str) -> String {
        let mut out = Vec::new();
        let mut converter = AddMetadata::new(&metadata(), timestamp, format);
        converter.convert("something before\n", 0, &mut Vec::new());
        converter.convert(input, 1_795_255_872_013, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn section_2_5_the_line_is_a_string_alongside_the_metadata() {
        let start = r#"{"metadata":{"key":"value","foo":{"bar":"bas"}},"data":"#;
        for (input, data) in [
            ("This is the data", "\"This is the data\""),
            ("This is the data\n", "\"This is the data\""),
            ("a\n\n", "\"a\\n\""),
            ("{\"a\":1}\n", r#""{\"a\":1}""#),
        ] {
            let want = format!("{start}{data}}}\n");
            assert_eq!(convert(false, JsonFormat::Compact, input), want, "{input:?}");
        }
    }

    #[test]
    fn section_2_5_the_time_comes_first() {
        assert_eq!(
            convert(true, JsonFormat::Compact, "x\n"),
            "{\"ts\":\"2026-11-21T10:11:12.013Z\",\"metadata\":{\"key\":\"value\",\
             \"foo\":{\"bar\":\"bas\"}},\"data\":\"x\"}\n"
        );
    }

    #[test]
    fn section_2_5_pretty() {
        assert_eq!(
            convert(true, JsonFormat::Pretty, "x\n"),
            "{\n  \"ts\" : \"2026-11-21T10:11:12.013Z\",\n  \"metadata\" : {\n    \
             \"key\" : \"value\",\n    \"foo\" : {\n      \"bar\" : \"bas\"\n    }\n  },\n  \
             \"data\" : \"x\"\n}\n"
        );
    }
}
