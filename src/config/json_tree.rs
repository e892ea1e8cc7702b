//! JSON as a tree in which every key and value knows where it stands.
//!
//! YAML takes most of JSON and not all: keys have a maximum length there, `<<` merges maps, and
//! some characters may not stand in a string. The Java agent reads JSON, so JSON is read as such.
//! `json` has taken the comments out before.

use super::parse::{Document, Entry, Node, SyntaxError, Value, keep_last};

/// Lists and maps inside of each other; Jackson takes 1,000.
const DEPTH_MAX: usize = 500;

/// Parses JSON. Words that are no JSON, such as `0x1F`, are scalars like numbers.
///
/// # Errors
/// The text breaks the rules of JSON.
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.skip_blanks();
    let mut root = reader.value()?;
    reader.skip_blanks();
    if reader.at < text.len() {
        return Err(reader.error("unexpected content after the end of the document"));
    }
    let mut duplicates = Vec::new();
    keep_last(&mut root, &mut duplicates);
    Ok(Document { root, duplicates })
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.next().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn error(&self, message: &str) -> SyntaxError {
        SyntaxError { message: message.to_owned(), at: self.at }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        let value = match self.next() {
            Some(b'{') => self.inside('}', Self::map)?,
            Some(b'[') => self.inside(']', Self::list)?,
            Some(b'"') => Value::Scalar(self.string()?),
            _ => self.word()?,
        };
        // As in YAML, a map or a list is where it begins.
        let end = match value {
            Value::List(_) | Value::Map(_) => start + 1,
            Value::Null | Value::Scalar(_) => self.at,
        };
        Ok(Node { span: start..end, value })
    }

    /// A list or a map, from its first bracket to its last.
    fn inside(
        &mut self,
        close: char,
        read: impl Fn(&mut Self, u8) -> Result<Option<Value>, SyntaxError>,
    ) -> Result<Value, SyntaxError> {
        let start = self.at;
        if self.depth == DEPTH_MAX {
            return Err(self.error("too many lists and maps inside of each other"));
        }
        self.depth += 1;
        self.at += 1;
        let open = if close == '}' { '{' } else { '[' };
        let unclosed = || SyntaxError { message: format!("unclosed bracket '{open}'"), at: start };
        let value = read(self, close as u8)?.ok_or_else(unclosed)?;
        self.depth -= 1;
        Ok(value)
    }

    /// Nothing if the text ends before it does.
    fn list(&mut self, close: u8) -> Result<Option<Value>, SyntaxError> {
        let mut items = Vec::new();
        while let Some(more) = self.another(items.is_empty(), close)? {
            if !more {
                return Ok(Some(Value::List(items)));
            }
            items.push(self.value()?);
        }
        Ok(None)
    }

    fn map(&mut self, close: u8) -> Result<Option<Value>, SyntaxError> {
        let mut entries = Vec::new();
        while let Some(more) = self.another(entries.is_empty(), close)? {
            if !more {
                return Ok(Some(Value::Map(entries)));
            }
            if self.next() != Some(b'"') {
                return Err(self.error("keys must be strings in double quotes"));
            }
            let start = self.at;
            let key = self.string()?;
            let key_span = start..self.at;
            self.skip_blanks();
            match self.next() {
                Some(b':') => self.at += 1,
                Some(_) => return Err(self.error("missing ':' after the key")),
                None => return Ok(None),
            }
            self.skip_blanks();
            if self.next().is_none() {
                return Ok(None);
            }
            let node = self.value()?;
            entries.push(Entry::new(key, key_span, node));
        }
        Ok(None)
    }

    /// Goes to the next item. `false` behind the last one, nothing at the end of the text.
    fn another(&mut self, first: bool, close: u8) -> Result<Option<bool>, SyntaxError> {
        self.skip_blanks();
        match self.next() {
            None => return Ok(None),
            Some(byte) if byte == close => {
                self.at += 1;
                return Ok(Some(false));
            }
            Some(b',') if !first => self.at += 1,
            Some(_) if !first => {
                return Err(self.error("a comma is missing in front of this"));
            }
            Some(_) => {}
        }
        self.skip_blanks();
        Ok(self.next().map(|_| true))
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}' | ':' | '"');
        let word = self.rest();
        let word = word.get(..word.find(ends).unwrap_or(word.len())).unwrap_or_default();
        if word.is_empty() {
            return Err(self.error("missing value"));
        }
        let value = if word == "null" { Value::Null } else { Value::Scalar(word.to_owned()) };
        self.at += word.len();
        Ok(value)
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let plain =
                rest.find(['"', '\\']).ok_or_else(|| self.error("the string never ends"))?;
            text.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain + 1;
            if rest.as_bytes().get(plain) == Some(&b'"') {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, SyntaxError> {
        let letter = self.next();
        let char = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => {
                self.at -= 1;
                let message = "unknown escape: in JSON, write each backslash twice";
                return Err(self.error(message));
            }
        };
        self.at += 1;
        Ok(char)
    }

    /// `uXXXX`, or two of them for a character beyond the first plane. Half of such a pair becomes
    /// what Java makes of it when it is written.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let unit = |text: &str| {
            let digits = text.strip_prefix('u')?.get(..4)?;
            let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
        };
        let first =
            unit(self.rest()).ok_or_else(|| self.error("\\u requires four hexadecimal digits"))?;
        self.at += 5;
        let second = self.rest().strip_prefix('\\').and_then(unit);
        let pair = second.map(|second| [first, second]);
        if let Some(Ok(char)) = pair.and_then(|pair| char::decode_utf16(pair).next())
            && char.len_utf16() == 2
        {
            self.at += 6;
            return Ok(char);
        }
        Ok(char::from_u32(u32::from(first)).unwrap_or('?'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_an_error_where_it_is() {
        for (text, message, at) in [
            ("{\"a\": 1", "unclosed bracket '{'", 0),
            ("{\"a\": [1, 2", "unclosed bracket '['", 6),
            ("{\"a\"", "unclosed bracket '{'", 0),
            ("{\"a\":", "unclosed bracket '{'", 0),
            ("{\"a\": 1 \"b\": 2}", "a comma is missing in front of this", 8),
            ("[1 2]", "a comma is missing in front of this", 3),
            ("{\"a\" 1}", "missing ':' after the key", 5),
            ("{1: 2}", "keys must be strings in double quotes", 1),
            ("{\"a\": }", "missing value", 6),
            ("{\"a\": \"\\d\"}", "unknown escape: in JSON, write each backslash twice", 7),
            ("{\"a\": \"\\u12\"}", "\\u requires four hexadecimal digits", 8),
            ("{} x", "unexpected content after the end of the document", 3),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.at), (message, at), "{text}");
        }
        assert!(parse(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn half_a_pair_is_what_java_writes_for_it() {
        for (text, want) in [
            (r#"["\ud83d\ude00"]"#, "😀"),
            (r#"["\ud83dx"]"#, "?x"),
            (r#"["\ude00"]"#, "?"),
            (r#"["\ud83d\u0041"]"#, "?A"),
            (r#"["\ud83d\ud83d\ude00"]"#, "?😀"),
        ] {
            let Value::List(items) = parse(text).unwrap().root.value else { panic!("{text}") };
            assert_eq!(items[0].value, Value::Scalar(want.to_owned()), "{text}");
        }
    }
}
