//! Which token of JSON may follow which, and what to say of one that may not.

use std::ops::Range;

/// Why a text that begins like JSON is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JsonError {
    /// A backslash with something behind it that is no escape.
    #[error("invalid escape in a JSON string")]
    BadEscape(Option<char>),
    /// A `#`.
    #[error("'#' does not start a comment in JSON; use '//'")]
    HashComment,
    /// A character that cannot be seen.
    #[error("unexpected invisible character U+{:04X}", u32::from(*.0))]
    Invisible(char),
    /// A bare word.
    #[error("JSON keys and strings require double quotes")]
    NotQuoted,
    /// Something in the place of `:`.
    #[error("missing ':' between key and value")]
    NoColon,
    /// Two entries with nothing between them.
    #[error("missing comma")]
    NoComma,
    /// Something in the place of a key.
    #[error("expected a key in double quotes")]
    NoKey,
    /// A `,` or a bracket in the place of a value.
    #[error("missing value")]
    NoValue,
    /// A comma with nothing behind it.
    #[error("trailing comma")]
    TrailingComma,
    /// A bracket without its other half.
    #[error("this '{0}' is never closed")]
    Unclosed(char),
    /// `/*` without `*/`.
    #[error("the comment is never closed; '*/' is missing")]
    UnclosedComment,
    /// A string that continues past its line.
    #[error("the string is not closed on its line")]
    UnclosedString,
    /// A bracket of the wrong kind.
    #[error("'{expected}' has to close this, not '{found}'")]
    WrongBracket {
        /// The one that would be right.
        expected: char,
        /// The one that stands there.
        found: char,
    },
    /// `True`, `None` and the like.
    #[error("JSON has true, false and null, in small letters, and no other words")]
    WrongCase,
    /// Quotes of another kind.
    #[error("JSON keys and strings require double quotes (\")")]
    WrongQuotes,
}

impl JsonError {
    /// What to do about it.
    pub(super) fn help(self) -> String {
        match self {
            Self::BadEscape(Some(char)) => {
                format!("write the backslash twice: \\\\{char} in the file means \\{char}")
            }
            Self::BadEscape(None) => "write the backslash twice".to_owned(),
            Self::HashComment => "use // or /* */, or remove the comment".to_owned(),
            Self::Invisible(_) => "remove it, or replace it with a space".to_owned(),
            Self::NoColon => "write \"key\": value".to_owned(),
            Self::NoComma => "add a comma between this entry and the next one".to_owned(),
            Self::NoKey => "write \"key\": value; a list has [ ] around it".to_owned(),
            Self::NoValue => "add one, or remove the key and its colon".to_owned(),
            Self::NotQuoted => "write \"…\" around it".to_owned(),
            Self::TrailingComma => "remove the comma".to_owned(),
            Self::Unclosed(open) => {
                format!("write '{}' where it ends; count the brackets", closing(open))
            }
            Self::UnclosedComment => "write */ where it ends".to_owned(),
            Self::UnclosedString => {
                "write \" where it ends; in a string, a newline is \\n and a quote is \\\""
                    .to_owned()
            }
            Self::WrongBracket { expected, .. } => {
                format!("write '{expected}', or count the brackets before it")
            }
            Self::WrongCase => "use true, false or null, or quote it".to_owned(),
            Self::WrongQuotes => "replace them by \"".to_owned(),
        }
    }
}

/// A part of the text that is no blank and no comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// One of `{}[]:,`.
    Sign(u8),
    String,
    /// A number, a truth value or null.
    Word,
}

/// What may come next in the innermost list or map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Colon,
    CommaOrEnd,
    /// Behind a comma.
    Key,
    KeyOrEnd,
    /// Behind a colon, or in a list behind a comma.
    Value,
    ValueOrEnd,
}

/// A list or map that is open.
#[derive(Debug)]
struct Open {
    bracket: char,
    at: usize,
    next: Next,
}

/// Where in a text of JSON the reader is.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    open: Vec<Open>,
    begun: bool,
    /// The end of the last token, and whether that was a comma, which then stands just before.
    last_end: usize,
    last_comma: Option<usize>,
}

impl Grammar {
    /// Whether the outermost map is closed.
    pub(super) fn is_complete(&self) -> bool {
        self.begun && self.open.is_empty()
    }

    /// Takes the next token.
    ///
    /// # Errors
    /// It may not stand here.
    pub(super) fn take(
        &mut self,
        token: Token,
        at: Range<usize>,
    ) -> Result<(), (JsonError, Range<usize>)> {
        let after_the_last = self.last_end..self.last_end + 1;
        let last_comma = self.last_comma.take();
        self.last_end = at.end;
        self.begun = true;
        let is_map = self.open.last().is_some_and(|open| open.bracket == '{');
        let Some(open) = self.open.last_mut() else {
            self.open_bracket(token, at.start);
            return Ok(());
        };
        let token = match token {
            Token::Sign(byte) => char::from(byte),
            Token::String => '"',
            Token::Word => 'w',
        };
        let refused = match (open.next, token) {
            (Next::Colon, ':') => {
                open.next = Next::Value;
                return Ok(());
            }
            (Next::Colon, _) => JsonError::NoColon,
            (Next::CommaOrEnd, ',') => {
                open.next = if is_map { Next::Key } else { Next::Value };
                self.last_comma = Some(at.start);
                return Ok(());
            }
            (Next::Key | Next::KeyOrEnd, '"') => {
                open.next = Next::Colon;
                return Ok(());
            }
            (Next::Value | Next::ValueOrEnd, '"' | 'w' | '{' | '[') => {
                open.next = Next::CommaOrEnd;
                if matches!(token, '{' | '[') {
                    self.open_bracket(
                        Token::Sign(if token == '{' { b'{' } else { b'[' }),
                        at.start,
                    );
                }
                return Ok(());
            }
            (next, '}' | ']') => {
                if let Some(comma) = last_comma {
                    return Err((JsonError::TrailingComma, comma..comma + 1));
                }
                let expected = closing(open.bracket);
                if token != expected {
                    return Err((JsonError::WrongBracket { expected, found: token }, at));
                }
                if matches!(next, Next::Value | Next::Key) {
                    return Err((JsonError::NoValue, after_the_last));
                }
                self.open.pop();
                return Ok(());
            }
            (_, ',') if last_comma.is_some() => return Err((JsonError::TrailingComma, at)),
            (Next::Value | Next::ValueOrEnd, _) => JsonError::NoValue,
            (Next::Key | Next::KeyOrEnd, _) => return Err((JsonError::NoKey, at)),
            (Next::CommaOrEnd, ':') if !is_map => return Err((JsonError::NoComma, at)),
            (Next::CommaOrEnd, _) => JsonError::NoComma,
        };
        Err((refused, after_the_last))
    }

    /// The text ends here.
    ///
    /// # Errors
    /// Something is open still.
    pub(super) fn finish(&self) -> Result<(), (JsonError, Range<usize>)> {
        self.open
            .last()
            .map_or(Ok(()), |open| Err((JsonError::Unclosed(open.bracket), open.at..open.at + 1)))
    }

    fn open_bracket(&mut self, token: Token, at: usize) {
        let (bracket, next) = match token {
            Token::Sign(b'[') => ('[', Next::ValueOrEnd),
            _ => ('{', Next::KeyOrEnd),
        };
        self.open.push(Open { bracket, at, next });
    }
}

fn closing(open: char) -> char {
    if open == '{' { '}' } else { ']' }
}

#[cfg(test)]
mod tests {
    use super::super::json::blank_comments;
    use super::*;

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
            assert_eq!(blank_comments(text), Err((error, place)), "{text}");
            assert!(!error.help().is_empty());
        }
        for text in ["{}", "{\"a\": []}", "{\"a\": {\"b\": [1, {}, []]}, \"c\": null}"] {
            assert!(blank_comments(text).is_ok(), "{text}");
        }
    }
}
