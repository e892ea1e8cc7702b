//! One entry of `journalctl -o export`: a line a field, and an empty line at its end.

use super::super::Unparsable;
use super::super::parse::Fields;
use super::tokens::Found;

pub(super) fn parse(entry: &str, into: &mut Fields) -> Found<()> {
    let mut at = 0;
    for line in entry.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once('=').ok_or(Unparsable::Pair { at })?;
        let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(Unparsable::Pair { at });
        }
        into.push_named(name, Some(value))?;
        at += line.len() + 1;
    }
    if into.len() == 0 { Err(Unparsable::NoMatch) } else { Ok(()) }
}
