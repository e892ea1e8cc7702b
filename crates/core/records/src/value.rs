//! JSON values of any shape, written as Jackson writes them.
//!
//! Only for what comes from outside and has to go out again: the `metadata` of ADDMETADATA and
//! the records that ADDEC2METADATA adds to. `json_reader` reads them.

use super::JsonFormat;
use super::json::push_string;

/// A JSON value. Numbers are kept as they will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonValue {
    /// A list.
    Array(Vec<Self>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A number, as Jackson writes it.
    Number(String),
    /// Members in order; no key twice.
    Object(Vec<(String, Self)>),
    /// Text.
    String(String),
}

impl JsonValue {
    /// A number as it is written in JSON; nothing if it is none. Whole numbers stay as they are,
    /// others become what Java makes of a double.
    #[must_use]
    pub fn number(written: &str) -> Option<Self> {
        let digits = written.strip_prefix('-').unwrap_or(written);
        let whole: String = digits.chars().take_while(char::is_ascii_digit).collect();
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        if whole.len() == digits.len() {
            // Jackson reads an integer, which knows no negative zero.
            let text = if written == "-0" { "0" } else { written };
            return Some(Self::Number(text.to_owned()));
        }
        let legal =
            |char: char| char.is_ascii_digit() || matches!(char, '.' | 'e' | 'E' | '+' | '-');
        let ends_well =
            !written.ends_with('.') && !written.contains(".e") && !written.contains(".E");
        if !digits.chars().all(legal) || !ends_well {
            return None;
        }
        written.parse().ok().map(|number| Self::Number(java_double(number)))
    }

    /// Puts a member, over the one with the same key or at the end.
    pub fn put(members: &mut Vec<(String, Self)>, key: &str, value: Self) {
        match members.iter_mut().find(|(known, _)| known == key) {
            Some((_, held)) => *held = value,
            None => members.push((key.to_owned(), value)),
        }
    }

    /// Appends the value. In the pretty form it stands `level` objects deep.
    pub(super) fn write(&self, out: &mut Vec<u8>, format: JsonFormat, level: usize) {
        match self {
            Self::Array(items) => write_array(items, out, format, level),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Null => out.extend_from_slice(b"null"),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::Object(members) => write_object(members, out, format, level),
            Self::String(text) => push_string(out, text.as_bytes()),
        }
    }
}

/// Jackson's pretty printer keeps lists on the line, with blanks inside of the brackets.
fn write_array(items: &[JsonValue], out: &mut Vec<u8>, format: JsonFormat, level: usize) {
    let (open, comma, close): (&[u8], &[u8], &[u8]) = match format {
        JsonFormat::Compact => (b"[", b",", b"]"),
        JsonFormat::Pretty if items.is_empty() => (b"[", b"", b" ]"),
        JsonFormat::Pretty => (b"[ ", b", ", b" ]"),
    };
    out.extend_from_slice(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(comma);
        }
        item.write(out, format, level);
    }
    out.extend_from_slice(close);
}

fn write_object(
    members: &[(String, JsonValue)],
    out: &mut Vec<u8>,
    format: JsonFormat,
    level: usize,
) {
    out.push(b'{');
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        line_break(out, format, level + 1);
        push_string(out, key.as_bytes());
        out.extend_from_slice(match format {
            JsonFormat::Compact => b":",
            JsonFormat::Pretty => b" : ",
        });
        value.write(out, format, level + 1);
    }
    match format {
        JsonFormat::Pretty if members.is_empty() => out.push(b' '),
        JsonFormat::Compact | JsonFormat::Pretty => line_break(out, format, level),
    }
    out.push(b'}');
}

fn line_break(out: &mut Vec<u8>, format: JsonFormat, level: usize) {
    if format == JsonFormat::Pretty {
        out.push(b'\n');
        out.resize(out.len() + 2 * level, b' ');
    }
}

/// `Double.toString`: decimal from 10^-3 up to 10^7, else with an exponent; always with a point.
fn java_double(number: f64) -> String {
    const LEAST_DECIMAL: f64 = 1e-3;
    const FIRST_SCIENTIFIC: f64 = 1e7;
    if number.is_infinite() {
        // Jackson writes what is no JSON number as a string.
        return if number > 0.0 { "\"Infinity\"".to_owned() } else { "\"-Infinity\"".to_owned() };
    }
    let size = number.abs();
    if size == 0.0 || (LEAST_DECIMAL..FIRST_SCIENTIFIC).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &JsonValue, format: JsonFormat) -> String {
        let mut out = Vec::new();
        value.write(&mut out, format, 0);
        String::from_utf8(out).unwrap()
    }

    fn nested() -> JsonValue {
        let inner = JsonValue::Object(vec![("b".to_owned(), JsonValue::Bool(true))]);
        let list = JsonValue::Array(vec![inner.clone(), JsonValue::Null]);
        JsonValue::Object(vec![
            ("a".to_owned(), inner),
            ("l".to_owned(), list),
            ("e".to_owned(), JsonValue::Array(Vec::new())),
            ("o".to_owned(), JsonValue::Object(Vec::new())),
            ("s".to_owned(), JsonValue::String("x\"".to_owned())),
        ])
    }

    #[test]
    fn values_look_like_jacksons() {
        assert_eq!(
            written(&nested(), JsonFormat::Compact),
            r#"{"a":{"b":true},"l":[{"b":true},null],"e":[],"o":{},"s":"x\""}"#
        );
        assert_eq!(
            written(&nested(), JsonFormat::Pretty),
            "{\n  \"a\" : {\n    \"b\" : true\n  },\n  \"l\" : [ {\n    \"b\" : true\n  }, \
             null ],\n  \
             \"e\" : [ ],\n  \"o\" : { },\n  \"s\" : \"x\\\"\"\n}"
        );
    }

    #[test]
    fn numbers_are_those_of_java() {
        for (given, want) in [
            ("0", "0"),
            ("-0", "0"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1.50", "1.5"),
            ("1.0", "1.0"),
            ("1e2", "100.0"),
            ("1e7", "1.0E7"),
            ("1.25E+10", "1.25E10"),
            ("0.001", "0.001"),
            ("0.0001", "1.0E-4"),
            ("-0.0", "-0.0"),
            ("1e999", "\"Infinity\""),
        ] {
            assert_eq!(
                JsonValue::number(given),
                Some(JsonValue::Number(want.to_owned())),
                "{given}"
            );
        }
        for text in ["", "-", "01", "1.", "1.e3", "e1", "+1", "1x", ".5", "0x1", "inf", "NaN", "1e"]
        {
            assert_eq!(JsonValue::number(text), None, "{text}");
        }
    }

    #[test]
    fn a_member_is_put_over_the_one_with_its_key() {
        let mut members =
            vec![("a".to_owned(), JsonValue::Null), ("b".to_owned(), JsonValue::Null)];
        JsonValue::put(&mut members, "a", JsonValue::Bool(true));
        JsonValue::put(&mut members, "c", JsonValue::Bool(false));
        let text = written(&JsonValue::Object(members), JsonFormat::Compact);
        assert_eq!(text, r#"{"a":true,"b":null,"c":false}"#);
    }
}
