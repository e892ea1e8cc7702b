//! Reading a JSON object from a record, with a limit on its depth.
//!
//! It takes what Jackson takes by default: the first value of the text, whatever follows
//! it; of two members with one key the last value in the first place. It never recurses deeper
//! than [`DEPTH_MAX`], so no record can exhaust the stack.

use super::value::JsonValue;

/// Values within values, at most.
pub const DEPTH_MAX: usize = 64;

/// Why a record is not a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// A value within a value, and so on, too often.
    #[error("JSON is nested deeper than {DEPTH_MAX} levels")]
    Depth,
    /// It has bytes that are no text.
    #[error("it is not UTF-8 at byte {at}")]
    Encoding {
        /// The place, from 0.
        at: usize,
    },
    /// It is JSON, but begins with something else than an object.
    #[error("it is JSON, but not an object")]
    OtherValue,
    /// It is not JSON.
    #[error("invalid JSON at byte {at}")]
    Syntax {
        /// The place, from 0.
        at: usize,
    },
}

/// The members of the object that the text begins with.
///
/// # Errors
/// The text does not begin with an object, or the object is too deep.
pub(super) fn object(text: &str) -> Result<Vec<(String, JsonValue)>, NotAnObject> {
    let mut reader = Reader { text, at: 0 };
    match reader.value(0)? {
        JsonValue::Object(members) => Ok(members),
        _ => Err(NotAnObject::OtherValue),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<JsonValue, NotAnObject> {
        if depth > DEPTH_MAX {
            return Err(NotAnObject::Depth);
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.members(depth),
            Some(b'[') => self.items(depth),
            Some(b'"') => self.string().map(JsonValue::String),
            Some(b't') => self.word("true", JsonValue::Bool(true)),
            Some(b'f') => self.word("false", JsonValue::Bool(false)),
            Some(b'n') => self.word("null", JsonValue::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.error()),
        }
    }

    fn members(&mut self, depth: usize) -> Result<JsonValue, NotAnObject> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.eat(b'}') {
            return Ok(JsonValue::Object(members));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            JsonValue::put(&mut members, &key, value);
            self.skip_space();
            if self.eat(b'}') {
                return Ok(JsonValue::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn items(&mut self, depth: usize) -> Result<JsonValue, NotAnObject> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.eat(b']') {
            return Ok(JsonValue::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(JsonValue::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn word(&mut self, word: &str, value: JsonValue) -> Result<JsonValue, NotAnObject> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error())
    }

    fn number(&mut self) -> Result<JsonValue, NotAnObject> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let part =
            |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
        let length = rest.bytes().position(|byte| !part(byte)).unwrap_or(rest.len());
        let number = rest.get(..length).and_then(JsonValue::number).ok_or_else(|| self.error())?;
        self.at += length;
        Ok(number)
    }

    fn string(&mut self) -> Result<String, NotAnObject> {
        self.expect(b'"')?;
        let mut text = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.bytes().position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'));
            let plain = plain.ok_or_else(|| self.error())?;
            text.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            if self.eat(b'"') {
                return Ok(text);
            }
            self.expect(b'\\')?;
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, NotAnObject> {
        let letter = self.peek().ok_or_else(|| self.error())?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.utf16()?,
            _ => return Err(self.error()),
        })
    }

    /// What follows `\u`. Half of a pair has no place in UTF-8: Java writes a question mark.
    fn utf16(&mut self) -> Result<char, NotAnObject> {
        let first = self.unit()?;
        let behind = self.at;
        if (0xD800..0xDC00).contains(&first) && self.eat(b'\\') && self.eat(b'u') {
            let pair = [first, self.unit()?];
            if let Some(Ok(char)) = char::decode_utf16(pair).next() {
                return Ok(char);
            }
        }
        // What follows is no second half; it is read for itself.
        self.at = behind;
        Ok(char::from_u32(u32::from(first)).unwrap_or('?'))
    }

    fn unit(&mut self) -> Result<u16, NotAnObject> {
        let digits = self.text.get(self.at..self.at + 4);
        let number = digits.and_then(|digits| hexadecimal(digits.as_bytes()));
        let unit = number.and_then(|number| u16::try_from(number).ok());
        let unit = unit.ok_or_else(|| self.error())?;
        self.at += 4;
        Ok(unit)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotAnObject> {
        if self.eat(byte) { Ok(()) } else { Err(self.error()) }
    }

    fn error(&self) -> NotAnObject {
        NotAnObject::Syntax { at: self.at }
    }
}

/// The number of at most eight hexadecimal digits.
pub(crate) fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

/// The character of `\uXXXX`, perhaps with the second half of a pair, and the length of both.
pub(super) fn utf16(escape: &[u8]) -> (char, usize) {
    let unit = |from: usize| u16::try_from(hexadecimal(escape.get(from..from + 4)?)?).ok();
    let first = unit(2).unwrap_or(0xFFFD);
    if (0xD800..0xDC00).contains(&first)
        && escape.get(6..8) == Some(b"\\u")
        && let Some(second) = unit(8)
        && let Some(Ok(char)) = char::decode_utf16([first, second]).next()
    {
        return (char, 12);
    }
    (char::from_u32(u32::from(first)).unwrap_or('\u{FFFD}'), 6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::JsonFormat;
    use super::*;

    fn again(text: &str) -> Result<String, NotAnObject> {
        let mut out = Vec::new();
        JsonValue::Object(object(text)?).write(&mut out, JsonFormat::Compact, 0);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn objects_keep_their_order_and_lose_their_space() {
        for (text, want) in [
            ("{}", "{}"),
            (" { \"b\" : [ 1 , {} ] , \"a\":null }\n", r#"{"b":[1,{}],"a":null}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#"{"a":"\u00e9\ud83d\ude00\/\b"}"#, "{\"a\":\"\u{E9}\u{1F600}/\\b\"}"),
            (
                r#"{"a":"\ud800\udc00\ud800x\udc00\ud83d\ud83d\ude00\ud800\n"}"#,
                "{\"a\":\"\u{10000}?x??\u{1F600}?\\n\"}",
            ),
            (r#"{"a":true} trailing"#, r#"{"a":true}"#),
            (r#"{"a":-1.50e1}"#, r#"{"a":-15.0}"#),
        ] {
            assert_eq!(again(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for text in ["[]", "1", "\"a\"", "null", "true"] {
            assert_eq!(again(text), Err(NotAnObject::OtherValue), "{text}");
        }
        for text in [
            "",
            "abc",
            "{",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":nul}",
            "{'a':1}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":NaN}",
        ] {
            assert!(matches!(again(text), Err(NotAnObject::Syntax { .. })), "{text}");
        }
        assert_eq!(again("{\"a\" 1}").unwrap_err().to_string(), "invalid JSON at byte 5");
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| {
            let (open, close) = ("{\"a\":".repeat(depth), "}".repeat(depth));
            [open.as_str(), "1", close.as_str()].concat()
        };
        assert!(again(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(again(&nested(DEPTH_MAX + 1)), Err(NotAnObject::Depth));
        assert_eq!(again(&nested(1_000_000)), Err(NotAnObject::Depth));
        let lists = ["{\"a\":", &"[".repeat(1_000_000)].concat();
        assert_eq!(again(&lists), Err(NotAnObject::Depth));
    }

    proptest! {
        /// Forall texts: reading ends, and what was read and written is read again as the same.
        #[test]
        fn reading_what_was_written_changes_nothing(
            text in "[{}\\[\\]:,\"\\\\a-c0-9.eE+ \u{E9}-]{0,40}",
        ) {
            if let Ok(once) = again(&text) {
                prop_assert_eq!(again(&once), Ok(once.clone()));
            }
        }
    }
}
