//! JSON as the Java agent reads it: with `//` and `/* */` comments.
//!
//! A YAML parser takes JSON, but would fold such a comment into the next key without a word. So
//! comments become spaces before it sees them, and everything keeps its place. What is not JSON
//! is refused here, because blanking comments in anything else would change what it says, and
//! because YAML's words for a missing comma do not help authors of JSON.

use std::borrow::Cow;
use std::ops::Range;

use super::json_grammar::{Grammar, JsonError, Token};

/// Whether a text is to be read as JSON: its first character that is not blank or part of a
/// comment is `{`.
pub(super) fn looks_like_json(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        let remainder = if let Some(comment) = rest.strip_prefix("//") {
            comment.split_once('\n')
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")
        } else {
            return rest.starts_with('{');
        };
        let Some((_, remainder)) = remainder else {
            return false;
        };
        rest = remainder.trim_start();
    }
}

/// A text without comments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blanked<'t> {
    /// As long as it was before.
    pub(super) text: Cow<'t, str>,
    /// What stood behind the end of the map, if that was more than comments. The Java agent never
    /// reads so far.
    pub(super) remainder: Option<Range<usize>>,
}

/// Replaces every comment, and whatever follows the map, with as many spaces as it has bytes;
/// line ends stay.
///
/// # Errors
/// The text breaks the rules of JSON in a way that YAML would take to mean something else. The
/// range says where.
pub(super) fn blank_comments(text: &str) -> Result<Blanked<'_>, (JsonError, Range<usize>)> {
    let mut blanked: Vec<u8> = Vec::new();
    let mut grammar = Grammar::default();
    let mut remainder = None;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let (length, token) = match byte {
            b'"' => (string_length(rest, at)?, Some(Token::String)),
            b'#' => return Err((JsonError::HashComment, at..at + 1)),
            b'/' => {
                let length =
                    comment_length(rest).map_err(|error| (error, at..at + rest.len().min(2)))?;
                blank(&mut blanked, bytes, at..at + length);
                (length, None)
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => (1, Some(Token::Sign(*byte))),
            byte if byte.is_ascii_whitespace() => (1, None),
            _ => {
                let length = word_length(rest).max(1);
                let word = rest.get(..length).unwrap_or_default();
                if !is_literal(word) {
                    return Err((no_literal(text, at), at..at + length));
                }
                (length, Some(Token::Word))
            }
        };
        if let Some(token) = token {
            grammar.take(token, at..at + length)?;
        }
        at += length;
        if grammar.is_complete() {
            remainder = rest_after(text, at);
            blank(&mut blanked, bytes, at..bytes.len());
            break;
        }
    }
    grammar.finish()?;
    if blanked.is_empty() {
        return Ok(Blanked { text: Cow::Borrowed(text), remainder });
    }
    // Whole comments were replaced, and they begin and end with ASCII: it is UTF-8 still.
    let text = Cow::Owned(String::from_utf8_lossy(&blanked).into_owned());
    Ok(Blanked { text, remainder })
}

/// What is wrong with a word that is none of JSON's.
fn no_literal(text: &str, at: usize) -> JsonError {
    let rest = text.get(at..).unwrap_or_default();
    match rest.chars().next() {
        Some(char) if char.is_whitespace() || is_invisible(char) => JsonError::Invisible(char),
        Some('\'' | '`' | '\u{2018}'..='\u{201f}') => JsonError::WrongQuotes,
        Some('=') => JsonError::NoColon,
        _ => {
            let word = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            match word.to_ascii_lowercase().as_str() {
                "true" | "false" | "none" | "null" | "nil" | "undefined" => JsonError::WrongCase,
                _ => JsonError::NotQuoted,
            }
        }
    }
}

/// What takes no room and is no blank: zero-width characters and byte order marks.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn blank(blanked: &mut Vec<u8>, bytes: &[u8], range: Range<usize>) {
    if range.is_empty() {
        return;
    }
    if blanked.is_empty() {
        *blanked = bytes.to_vec();
    }
    for byte in blanked.iter_mut().skip(range.start).take(range.len()) {
        if !matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

/// The first word behind the end of the map that is no comment.
fn rest_after(text: &str, end: usize) -> Option<Range<usize>> {
    let mut at = end;
    loop {
        let rest = text.get(at..)?;
        let word = rest.trim_start();
        at += rest.len() - word.len();
        let comment = word.starts_with("//") || word.starts_with("/*");
        match comment.then(|| comment_length(word.as_bytes())) {
            Some(Ok(length)) => at += length,
            Some(Err(_)) | None if word.is_empty() => return None,
            Some(Err(_)) | None => {
                let length = word.find(char::is_whitespace).unwrap_or(word.len());
                return Some(at..at + length);
            }
        }
    }
}

/// The length of the string at the start of `rest`, both quotes included; `at` is where it stands.
fn string_length(rest: &[u8], at: usize) -> Result<usize, (JsonError, Range<usize>)> {
    let unclosed = (JsonError::UnclosedString, at..at + 1);
    let mut escaped = false;
    for (length, byte) in rest.iter().enumerate().skip(1) {
        match byte {
            b'\n' => return Err(unclosed),
            _ if escaped => {
                // What is no ASCII is more than a byte, and no escape in any case.
                if !matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') {
                    let char = char::from(*byte).is_ascii_graphic().then(|| char::from(*byte));
                    return Err((JsonError::BadEscape(char), at + length - 1..at + length + 1));
                }
                escaped = false;
            }
            b'\\' => escaped = true,
            b'"' => return Ok(length + 1),
            _ => {}
        }
    }
    Err(unclosed)
}

fn comment_length(rest: &[u8]) -> Result<usize, JsonError> {
    match rest.get(1) {
        Some(b'/') => Ok(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())),
        Some(b'*') => rest
            .windows(2)
            .skip(2)
            .position(|pair| pair == b"*/")
            .map(|at| at + 4)
            .ok_or(JsonError::UnclosedComment),
        _ => Err(JsonError::NotQuoted),
    }
}

fn word_length(rest: &[u8]) -> usize {
    rest.iter()
        .position(|byte| {
            matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b'#' | b'/')
                || byte.is_ascii_whitespace()
        })
        .unwrap_or(rest.len())
}

/// A number or one of the three words. What a number may look like is decided where it is used.
fn is_literal(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false" | b"null")
        || word.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-')
            && word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_spaces_and_nothing_moves() {
        for (text, expected) in [
            ("{} // x\n", "{}     \n"),
            ("{} // x", "{}     "),
            ("{/* a\r\n b */}", "{    \r\n     }"),
            ("{\"a\": 1} /* é */", "{\"a\": 1}         "),
            ("{\"a//b\": \"/* c */\"}", "{\"a//b\": \"/* c */\"}"),
            ("{\"a\\\"//\": 1}", "{\"a\\\"//\": 1}"),
            ("{\"a\\\\\": 1 //\n}", "{\"a\\\\\": 1   \n}"),
            ("/**/{}", "    {}"),
            ("/*/ */{}", "      {}"),
            (
                "{\"a\": [true, false, null, -1.5e+3, 0x1F]}",
                "{\"a\": [true, false, null, -1.5e+3, 0x1F]}",
            ),
        ] {
            let Blanked { text: blanked, remainder } = blank_comments(text).unwrap();
            assert_eq!(blanked, expected, "{text}");
            assert_eq!(blanked.len(), text.len(), "{text}");
            assert_eq!(remainder, None, "{text}");
        }
    }

    #[test]
    fn what_follows_the_map_is_blanked_and_pointed_at() {
        for (text, expected, place) in [
            ("{}}", "{} ", 2..3),
            ("{\"a\": [{}]} /* x */ é \n]", "{\"a\": [{}]}            \n ", 20..22),
            ("{} // x\n'y' z", "{}     \n     ", 8..11),
            ("{} /* x", "{}     ", 3..5),
        ] {
            let Blanked { text: blanked, remainder } = blank_comments(text).unwrap();
            assert_eq!((&*blanked, remainder), (expected, Some(place)), "{text}");
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
            assert_eq!(blank_comments(text), Err((error, place)), "{text}");
        }
    }

    #[test]
    fn the_first_character_that_counts_decides() {
        for text in ["{}", " \n\t{", "// x\n{", "/* x */ // y\n {"] {
            assert!(looks_like_json(text), "{text}");
        }
        for text in ["", "flows:", "# x\n{}", "- {}", "// x", "/* x", "[{}]"] {
            assert!(!looks_like_json(text), "{text}");
        }
    }
}
