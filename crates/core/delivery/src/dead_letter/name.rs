//! The names of dead-letter files: `dead-FLOW-TIME-NUMBER.ndjson`. Files of any other name are
//! another program's, and no part of kinetail touches them.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::body::hex;

const PREFIX: &str = "dead-";
const SUFFIX: &str = ".ndjson";

/// Bytes of the hash of a flow's id in the name of its files.
const TAG_BYTES: usize = 8;

/// Digits of the time in milliseconds: enough until the year 2286, so that names sort by time.
const TIME_DIGITS: usize = 13;

/// Digits of the number.
const NUMBER_DIGITS: usize = 6;

/// The name of a file of dead letters. Those of one flow sort by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterFileName {
    /// Which flow: hexadecimal digits of a hash of its id, which may hold any character.
    pub tag: String,
    /// When it was created, in milliseconds since 1970.
    pub unix_millis: u64,
    /// Tells files of one millisecond apart.
    pub number: u32,
}

impl LetterFileName {
    /// What stands in the names of a flow's files.
    #[must_use]
    pub fn tag_of(flow: &str) -> String {
        let digest = Sha256::digest(flow.as_bytes());
        hex(digest.get(..TAG_BYTES).unwrap_or_default())
    }

    /// Reads a name; `None` if it is another program's.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?;
        let inner = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let mut parts = inner.split('-');
        let (tag, time, number) = (parts.next()?, parts.next()?, parts.next()?);
        let digits =
            |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_tag = tag.len() == 2 * TAG_BYTES
            && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let whole = parts.next().is_none();
        if !whole || !is_tag || !digits(time, TIME_DIGITS) || !digits(number, NUMBER_DIGITS) {
            return None;
        }
        Some(Self {
            tag: tag.to_owned(),
            unix_millis: time.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

impl fmt::Display for LetterFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag, unix_millis, number } = self;
        write!(f, "{PREFIX}{tag}-{unix_millis:0TIME_DIGITS$}-{number:0NUMBER_DIGITS$}{SUFFIX}")
    }
}
