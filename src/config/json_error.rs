//! Why a text that begins like JSON is not JSON, and what to do about it.

use super::json_tree::DEPTH_MAX;

/// Why a text that begins like JSON is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JsonError {
    /// `\u` without its digits.
    #[error("\\u requires four hexadecimal digits")]
    BadDigits,
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
    /// More than anybody writes.
    #[error("too many lists and maps inside of each other")]
    TooDeep,
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
            Self::BadDigits => "write \\u00e9 for é, or the character itself".to_owned(),
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
            Self::TooDeep => format!("{DEPTH_MAX} are the maximum"),
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

/// The bracket that closes this one.
pub(super) fn closing(open: char) -> char {
    if open == '{' { '}' } else { ']' }
}
