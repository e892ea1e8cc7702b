//! JSON as a tree in which every key and value knows where it stands.
//!
//! YAML takes most of JSON and not all: keys have a maximum length there, `<<` merges maps, some
//! characters may not stand in a string, and a comment would be folded into the next key without a
//! word. The Java agent reads JSON, so JSON is read as such, and what is wrong is told in the words
//! that help authors of JSON.

use std::ops::Range;

use super::json::{comment_length, is_literal, no_literal, rest_after, string_length, word_length};
use super::json_error::{JsonError, closing};
use super::parse::{Document, Entry, Node, Value, keep_last};

/// Lists and maps inside of each other; Jackson takes 1,000.
pub(super) const DEPTH_MAX: usize = 500;

/// What is wrong, and where.
type Refused = (JsonError, Range<usize>);

/// Parses a map. Words that are no JSON, such as `0x1F`, are scalars like numbers. Also gives the
/// place of what follows the map, if that is more than comments: the Java agent never reads so far.
///
/// # Errors
/// The text breaks the rules of JSON.
pub(super) fn parse(text: &str) -> Result<(Document, Option<Range<usize>>), Refused> {
    let mut reader = Reader { text, at: 0, last_end: 0, open: Vec::new() };
    let first = reader.token()?;
    let mut root = reader.value(first)?;
    let mut duplicates = Vec::new();
    keep_last(&mut root, &mut duplicates);
    Ok((Document { root, duplicates }, rest_after(text, reader.at)))
}

/// A part of the text that is no blank and no comment.
struct Token {
    /// One of `{}[]:,`, `"` for a string, `w` for a number, a truth value or null.
    sign: char,
    at: Range<usize>,
    /// The place behind the token before.
    gap: Range<usize>,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    last_end: usize,
    /// What is open, and where it begins.
    open: Vec<(char, usize)>,
}

impl Reader<'_> {
    fn token(&mut self) -> Result<Token, Refused> {
        loop {
            let start = self.at;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let Some(&byte) = rest.first() else {
                let (bracket, at) = self.open.last().copied().unwrap_or(('{', 0));
                return Err((JsonError::Unclosed(bracket), at..at + 1));
            };
            let (length, sign) = match byte {
                b'"' => (string_length(rest, start)?, Some('"')),
                b'#' => return Err((JsonError::HashComment, start..start + 1)),
                b'/' => {
                    let at = start..start + rest.len().min(2);
                    (comment_length(rest).map_err(|error| (error, at))?, None)
                }
                b'{' | b'}' | b'[' | b']' | b':' | b',' => (1, Some(char::from(byte))),
                byte if byte.is_ascii_whitespace() => (1, None),
                _ => {
                    let length = word_length(rest).max(1);
                    if !is_literal(rest.get(..length).unwrap_or_default()) {
                        return Err((no_literal(self.text, start), start..start + length));
                    }
                    (length, Some('w'))
                }
            };
            self.at += length;
            if let Some(sign) = sign {
                let gap = std::mem::replace(&mut self.last_end, self.at);
                return Ok(Token { sign, at: start..self.at, gap: gap..gap + 1 });
            }
        }
    }

    /// The value that begins with a token that begins one.
    fn value(&mut self, Token { sign, at, .. }: Token) -> Result<Node, Refused> {
        let (start, word) = (at.start, self.text.get(at.clone()).unwrap_or_default());
        let value = match sign {
            '{' => self.inside(sign, start, Self::map)?,
            '[' => self.inside(sign, start, Self::list)?,
            '"' => Value::Scalar(string(word, start)?),
            _ if word == "null" => Value::Null,
            _ => Value::Scalar(word.to_owned()),
        };
        // As in YAML, a map or a list is where it begins.
        let span = if matches!(sign, '{' | '[') { start..start + 1 } else { at };
        Ok(Node { span, value })
    }

    /// A list or a map, from behind its first bracket to its last.
    fn inside(
        &mut self,
        bracket: char,
        start: usize,
        read: impl Fn(&mut Self) -> Result<Value, Refused>,
    ) -> Result<Value, Refused> {
        if self.open.len() == DEPTH_MAX {
            return Err((JsonError::TooDeep, start..start + 1));
        }
        self.open.push((bracket, start));
        let value = read(self)?;
        self.open.pop();
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, Refused> {
        let mut items = Vec::new();
        let mut next = self.first(']')?;
        while let Some(token) = next {
            match token.sign {
                '"' | 'w' | '{' | '[' => items.push(self.value(token)?),
                '}' => return Err((wrong(']', '}'), token.at)),
                _ => return Err((JsonError::NoValue, token.gap)),
            }
            next = self.another(']')?;
        }
        Ok(Value::List(items))
    }

    fn map(&mut self) -> Result<Value, Refused> {
        let mut entries = Vec::new();
        let mut next = self.first('}')?;
        while let Some(token) = next {
            match token.sign {
                '"' => entries.push(self.entry(token)?),
                ']' => return Err((wrong('}', ']'), token.at)),
                _ => return Err((JsonError::NoKey, token.at)),
            }
            next = self.another('}')?;
        }
        Ok(Value::Map(entries))
    }

    /// An entry of a map, from its key on.
    fn entry(&mut self, key: Token) -> Result<Entry, Refused> {
        let name = string(self.text.get(key.at.clone()).unwrap_or_default(), key.at.start)?;
        let colon = self.token()?;
        if colon.sign != ':' {
            return Err((JsonError::NoColon, colon.gap));
        }
        let first = self.token()?;
        match first.sign {
            '"' | 'w' | '{' | '[' => Ok(Entry::new(name, key.at, self.value(first)?)),
            ']' => Err((wrong('}', ']'), first.at)),
            _ => Err((JsonError::NoValue, first.gap)),
        }
    }

    /// The first token of what is inside; nothing if that is empty.
    fn first(&mut self, close: char) -> Result<Option<Token>, Refused> {
        let token = self.token()?;
        Ok((token.sign != close).then_some(token))
    }

    /// The token behind a comma; nothing at the end of what is open.
    fn another(&mut self, close: char) -> Result<Option<Token>, Refused> {
        let comma = self.token()?;
        match comma.sign {
            ',' => {}
            sign if sign == close => return Ok(None),
            sign @ ('}' | ']') => return Err((wrong(close, sign), comma.at)),
            ':' if close == ']' => return Err((JsonError::NoComma, comma.at)),
            _ => return Err((JsonError::NoComma, comma.gap)),
        }
        let token = self.token()?;
        match token.sign {
            ',' => Err((JsonError::TrailingComma, token.at)),
            '}' | ']' => Err((JsonError::TrailingComma, comma.at)),
            _ => Ok(Some(token)),
        }
    }
}

fn wrong(expected: char, found: char) -> JsonError {
    debug_assert!(closing('{') == expected || closing('[') == expected, "a bracket that closes");
    JsonError::WrongBracket { expected, found }
}

/// What a string says that stands at `start`, with its quotes. `string_length` knows its escapes.
fn string(quoted: &str, start: usize) -> Result<String, Refused> {
    let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let mut rest = inner.unwrap_or_default();
    let mut text = String::with_capacity(rest.len());
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (char, length) = match escape.chars().next() {
            Some('b') => ('\u{8}', 1),
            Some('f') => ('\u{c}', 1),
            Some('n') => ('\n', 1),
            Some('r') => ('\r', 1),
            Some('t') => ('\t', 1),
            Some('u') => unicode(escape).ok_or_else(|| {
                let at = start + quoted.len() - escape.len() - r#"\""#.len();
                (JsonError::BadDigits, at..at + r"\u".len())
            })?,
            letter => (letter.unwrap_or_default(), 1),
        };
        text.push(char);
        rest = escape.get(length..).unwrap_or_default();
    }
    Ok(text + rest)
}

/// `uXXXX`, or two of them for a character beyond the first plane, and its length. Half of such a
/// pair becomes what Java makes of it when it is written.
fn unicode(escape: &str) -> Option<(char, usize)> {
    let unit = |text: &str| {
        let digits = text.strip_prefix('u')?.get(..4)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let first = unit(escape)?;
    let second = escape.get(5..).and_then(|rest| unit(rest.strip_prefix('\\')?));
    let pair = second.map(|second| [first, second]);
    if let Some(Ok(char)) = pair.and_then(|pair| char::decode_utf16(pair).next())
        && char.len_utf16() == 2
    {
        return Some((char, 11));
    }
    Some((char::from_u32(u32::from(first)).unwrap_or('?'), 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<Refused> {
        parse(text).err()
    }

    #[test]
    fn comments_are_passed_over() {
        for (text, want) in [
            ("{} // x\n", 0),
            ("{/* a\r\n b */}", 0),
            ("/**/{/*/ */\"a\": 1} /* é */", 1),
            ("// {\n{\"a//b\": \"/* c */\", \"c\\\"//\" //\n: 1}", 2),
            ("{\"a\": [true, false, null, -1.5e+3, 0x1F]}", 1),
        ] {
            let (document, rest) = parse(text).unwrap();
            let Value::Map(entries) = document.root.value else { panic!("{text}") };
            assert_eq!((entries.len(), rest), (want, None), "{text}");
        }
    }

    #[test]
    fn what_follows_the_map_is_pointed_at() {
        for (text, place) in [
            ("{}}", 2..3),
            ("{\"a\": [{}]} /* x */ é \n]", 20..22),
            ("{} // x\n'y' z", 8..11),
            ("{} /* x", 3..5),
        ] {
            assert_eq!(parse(text).unwrap().1, Some(place), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_stands() {
        for (text, error, place) in [
            ("{# x\n}", JsonError::HashComment, 1..2),
            ("{a: 1}", JsonError::NotQuoted, 1..2),
            ("{'a': 1}", JsonError::WrongQuotes, 1..4),
            ("{\"a\": http://x}", JsonError::NotQuoted, 6..10),
            ("{\"a\": yes}", JsonError::NotQuoted, 6..9),
            ("{\"a\": &x 1}", JsonError::NotQuoted, 6..8),
            ("{\"a\": é}", JsonError::NotQuoted, 6..8),
            ("{ / }", JsonError::NotQuoted, 2..4),
            ("{ /* x }", JsonError::UnclosedComment, 2..4),
            ("{ /*/ }", JsonError::UnclosedComment, 2..4),
            ("{\"a: 1\n}", JsonError::UnclosedString, 1..2),
            ("{\"a\\\"", JsonError::UnclosedString, 1..2),
            ("{\"a\": \"\\d\"}", JsonError::BadEscape(Some('d')), 7..9),
            ("{\"a\": True}", JsonError::WrongCase, 6..10),
            ("{\"a\":\u{a0}1}", JsonError::Invisible('\u{a0}'), 5..8),
            ("{\"a\" = 1}", JsonError::NoColon, 5..6),
            ("{\"a\": [1, /* x */\n]}", JsonError::TrailingComma, 8..9),
            ("{\"a\": 1,}", JsonError::TrailingComma, 7..8),
        ] {
            assert_eq!(refused(text), Some((error, place)), "{text}");
        }
    }

    #[test]
    fn each_mistake_has_its_place_and_its_words() {
        for (text, error, place) in [
            ("{\"a\": 1 \"b\": 2}", JsonError::NoComma, 7..8),
            ("{\"a\": \"x\"\n  \"b\": 2}", JsonError::NoComma, 9..10),
            ("{\"a\": [{} {}]}", JsonError::NoComma, 9..10),
            ("{\"a\": [1 2]}", JsonError::NoComma, 8..9),
            ("{\"a\" 1}", JsonError::NoColon, 4..5),
            ("{\"a\", \"b\": 1}", JsonError::NoColon, 4..5),
            ("{\"a\": }", JsonError::NoValue, 5..6),
            ("{\"a\": , \"b\": 1}", JsonError::NoValue, 5..6),
            ("{\"a\": 1, 5: 2}", JsonError::NoKey, 9..10),
            ("{{\"a\": 1}}", JsonError::NoKey, 1..2),
            ("{, \"a\": 1}", JsonError::NoKey, 1..2),
            ("{\"a\": 1,, \"b\": 1}", JsonError::TrailingComma, 8..9),
            ("{\"a\": [1,]}", JsonError::TrailingComma, 8..9),
            ("{\"a\": [1}", JsonError::WrongBracket { expected: ']', found: '}' }, 8..9),
            ("{\"a\": [1", JsonError::Unclosed('['), 6..7),
            ("{\"a\": 1", JsonError::Unclosed('{'), 0..1),
            ("{", JsonError::Unclosed('{'), 0..1),
        ] {
            assert_eq!(refused(text), Some((error, place)), "{text}");
            assert!(!error.help().is_empty());
        }
        for text in ["{}", "{\"a\": []}", "{\"a\": {\"b\": [1, {}, []]}, \"c\": null}"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }
    #[test]
    fn escapes_and_depth_are_bounded() {
        let deep = "{\"a\": ".to_owned() + &"[".repeat(1_000_000);
        for (text, error, place) in [
            (r#"{"a": "\u12"}"#, JsonError::BadDigits, 7..9),
            (r#"{"é": "x\u12x4y"}"#, JsonError::BadDigits, 9..11),
            (&deep, JsonError::TooDeep, 6 + DEPTH_MAX - 1..6 + DEPTH_MAX),
        ] {
            assert_eq!(refused(text), Some((error, place)));
            assert!(!error.help().is_empty());
        }
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
            let Value::List(items) = parse(text).unwrap().0.root.value else { panic!("{text}") };
            assert_eq!(items[0].value, Value::Scalar(want.to_owned()), "{text}");
        }
    }
}
