//! JSON as the Java agent reads it, with `//` and `/* */` comments: its words. `json_tree` makes
//! values of them.

use std::ops::Range;

use super::json_error::JsonError;

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

/// What is wrong with a word that is none of JSON's.
pub(super) fn no_literal(text: &str, at: usize) -> JsonError {
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

/// The first word behind the end of the map that is no comment.
pub(super) fn rest_after(text: &str, end: usize) -> Option<Range<usize>> {
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
pub(super) fn string_length(rest: &[u8], at: usize) -> Result<usize, (JsonError, Range<usize>)> {
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

/// The length of the comment at the start of `rest`.
pub(super) fn comment_length(rest: &[u8]) -> Result<usize, JsonError> {
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

/// The length of the word at the start of `rest`.
pub(super) fn word_length(rest: &[u8]) -> usize {
    rest.iter()
        .position(|byte| {
            matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b'#' | b'/')
                || byte.is_ascii_whitespace()
        })
        .unwrap_or(rest.len())
}

/// A number or one of the three words. What a number may look like is decided where it is used.
pub(super) fn is_literal(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false" | b"null")
        || word.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-')
            && word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

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
