//! One entry of `journalctl -o export`: a line a field, and an empty line at its end. A value that
//! is not text, or has line ends, follows a line with its name and eight bytes with its length.

use memchr::memchr;

use super::super::Unparsable;
use super::super::parse::Fields;
use super::tokens::Found;

pub(super) fn parse(entry: &[u8], into: &mut Fields) -> Found<()> {
    let mut at = 0;
    while let Some(rest) = entry.get(at..).filter(|rest| !rest.is_empty()) {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            at += end + 1;
            continue;
        }
        let error = Unparsable::Pair { at };
        let equals = memchr(b'=', line);
        let name = name(line.get(..equals.unwrap_or(line.len())).unwrap_or_default());
        let name = name.ok_or(error)?;
        at += end + 1;
        let value = if let Some(equals) = equals {
            line.get(equals + 1..).unwrap_or_default()
        } else {
            let value = rest.get(end + 1..).and_then(binary).ok_or(error)?;
            at += LENGTH_BYTES + value.len() + 1;
            value
        };
        into.push_named(name, Some(&String::from_utf8_lossy(value)))?;
    }
    if into.len() == 0 { Err(Unparsable::NoMatch) } else { Ok(()) }
}

fn name(bytes: &[u8]) -> Option<&str> {
    let part = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let name = std::str::from_utf8(bytes).ok()?;
    (!bytes.is_empty() && bytes.iter().all(part)).then_some(name)
}

const LENGTH_BYTES: usize = 8;

/// The value that the bytes begin with, behind its length, with a line end behind it.
fn binary(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (value, behind) = rest.split_at_checked(length)?;
    behind.first().is_none_or(|byte| *byte == b'\n').then_some(value)
}
