//! JSON as the Java agent reads it: with `//` and `/* */` comments.
//!
//! A YAML parser takes JSON, but would fold such a comment into the next key without a word. So
//! comments become spaces before it sees them, and everything keeps its place. What is not JSON
//! is refused here, because blanking comments in anything else would change what it says.

use std::borrow::Cow;
use std::ops::Range;

/// Why a text that begins like JSON is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JsonError {
    /// A bare word or a quote of the wrong kind.
    #[error("keys and strings stand in double quotes in JSON")]
    NotQuoted,
    /// A `#`.
    #[error("'#' begins no comment in JSON; write '//'")]
    HashComment,
    /// A comma with nothing behind it.
    #[error("a comma too many: nothing follows it in this list or map")]
    TrailingComma,
    /// `/*` without `*/`.
    #[error("the comment is never closed; '*/' is missing")]
    UnclosedComment,
    /// A string that goes on past its line.
    #[error("the string is not closed on its line")]
    UnclosedString,
}

/// Whether a text is to be read as JSON: its first character that is not blank or part of a
/// comment is `{`.
pub(super) fn looks_like_json(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        let behind = if let Some(comment) = rest.strip_prefix("//") {
            comment.split_once('\n')
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")
        } else {
            return rest.starts_with('{');
        };
        let Some((_, behind)) = behind else {
            return false;
        };
        rest = behind.trim_start();
    }
}

/// A text without comments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blanked<'t> {
    /// As long as it was before.
    pub(super) text: Cow<'t, str>,
    /// What stood behind the end of the map, if that was more than comments. The Java agent never
    /// reads so far.
    pub(super) behind: Option<Range<usize>>,
}

/// Replaces every comment, and whatever stands behind the map, with as many spaces as it has bytes;
/// line ends stay.
///
/// # Errors
/// The text breaks the rules of JSON in a way that YAML would take to mean something else. The
/// range says where.
pub(super) fn blank_comments(text: &str) -> Result<Blanked<'_>, (JsonError, Range<usize>)> {
    let mut blanked: Vec<u8> = Vec::new();
    // Where the last thing that counts is a comma.
    let mut comma = None;
    let mut behind = None;
    let mut depth = 0_u64;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        if let (b'}' | b']', Some(comma)) = (byte, comma) {
            return Err((JsonError::TrailingComma, comma..comma + 1));
        }
        let length = match byte {
            b'"' => string_length(rest).ok_or((JsonError::UnclosedString, at..at + 1))?,
            b'#' => return Err((JsonError::HashComment, at..at + 1)),
            b'/' => {
                let length =
                    comment_length(rest).map_err(|error| (error, at..at + rest.len().min(2)))?;
                blank(&mut blanked, bytes, at..at + length);
                length
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => 1,
            byte if byte.is_ascii_whitespace() => 1,
            _ => {
                let length = word_length(rest);
                let word = rest.get(..length).unwrap_or_default();
                if !is_literal(word) {
                    return Err((JsonError::NotQuoted, at..at + length.max(1)));
                }
                length
            }
        };
        comma = match byte {
            b',' => Some(at),
            b'/' => comma,
            byte if byte.is_ascii_whitespace() => comma,
            _ => None,
        };
        at += length.max(1);
        depth = match byte {
            b'{' | b'[' => depth + 1,
            b'}' | b']' => depth.saturating_sub(1),
            _ => depth,
        };
        if depth == 0 && *byte == b'}' {
            behind = rest_behind(text, at);
            blank(&mut blanked, bytes, at..bytes.len());
            break;
        }
    }
    if blanked.is_empty() {
        return Ok(Blanked { text: Cow::Borrowed(text), behind });
    }
    // Whole comments were replaced, and they begin and end with ASCII: it is UTF-8 still.
    let text = Cow::Owned(String::from_utf8_lossy(&blanked).into_owned());
    Ok(Blanked { text, behind })
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
fn rest_behind(text: &str, end: usize) -> Option<Range<usize>> {
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

/// Both quotes included.
fn string_length(rest: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(1) {
        match byte {
            b'\n' => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
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
            let Blanked { text: blanked, behind } = blank_comments(text).unwrap();
            assert_eq!(blanked, expected, "{text}");
            assert_eq!(blanked.len(), text.len(), "{text}");
            assert_eq!(behind, None, "{text}");
        }
    }

    #[test]
    fn what_stands_behind_the_map_is_blanked_and_pointed_at() {
        for (text, expected, place) in [
            ("{}}", "{} ", 2..3),
            ("{\"a\": [{}]} /* x */ é \n]", "{\"a\": [{}]}            \n ", 20..22),
            ("{} // x\n'y' z", "{}     \n     ", 8..11),
            ("{} /* x", "{}     ", 3..5),
        ] {
            let Blanked { text: blanked, behind } = blank_comments(text).unwrap();
            assert_eq!((&*blanked, behind), (expected, Some(place)), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_stands() {
        for (text, error, place) in [
            ("{# x\n}", JsonError::HashComment, 1..2),
            ("{a: 1}", JsonError::NotQuoted, 1..2),
            ("{'a': 1}", JsonError::NotQuoted, 1..4),
            ("{\"a\": http://x}", JsonError::NotQuoted, 6..10),
            ("{\"a\": yes}", JsonError::NotQuoted, 6..9),
            ("{\"a\": &x 1}", JsonError::NotQuoted, 6..8),
            ("{\"a\": é}", JsonError::NotQuoted, 6..8),
            ("{ / }", JsonError::NotQuoted, 2..4),
            ("{ /* x }", JsonError::UnclosedComment, 2..4),
            ("{ /*/ }", JsonError::UnclosedComment, 2..4),
            ("{\"a: 1\n}", JsonError::UnclosedString, 1..2),
            ("{\"a\\\"", JsonError::UnclosedString, 1..2),
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
