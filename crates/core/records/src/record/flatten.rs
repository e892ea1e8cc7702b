//! Nested objects of an object made members of it.

use super::{Name, Record};
use crate::scan_json::{self, Member, Span};
use crate::steps::{TEXT_BYTES_MAX, Unparsable};

impl Record {
    /// Puts the members of nested objects in the places of these objects. Lists and empty objects
    /// stay as they are; of members that get the same name the last one counts.
    ///
    /// # Errors
    /// The object would be too long: the name of an outer object is repeated for each member.
    pub(crate) fn flatten(&mut self, separator: &Name) -> Result<(), Unparsable> {
        let bytes = &self.bytes;
        if !self.members.iter().any(|member| has_members(member.value.of(bytes))) {
            return Ok(());
        }
        let mut flat = Flat {
            separator: scan_json::inner(separator.json()),
            bytes: Vec::with_capacity(bytes.len()),
            members: Vec::new(),
        };
        for member in &self.members {
            flat.push(member.key.of(bytes), member.value.of(bytes))?;
        }
        let Flat { bytes, members, .. } = flat;
        self.members.clear();
        self.merge(&bytes, &members);
        Ok(())
    }
}

/// Members, and the bytes that they are places in.
struct Flat<'s> {
    separator: &'s [u8],
    bytes: Vec<u8>,
    members: Vec<Member>,
}

impl Flat<'_> {
    /// Appends a member, or those that its value has. It does not recurse, and each byte of the
    /// value is looked at once, however deep it is.
    fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), Unparsable> {
        if !has_members(value) {
            return self.append(&[], key, value);
        }
        let mut prefix = [scan_json::inner(key), self.separator].concat();
        // How long the prefix was outside of each object that is open.
        let mut outside = Vec::new();
        let mut at = 1;
        loop {
            at = scan_json::skip_space(value, at);
            match value.get(at) {
                Some(b'"') => at = self.entry(value, at, &mut prefix, &mut outside)?,
                Some(b',') => at += 1,
                _ => {
                    let Some(length) = outside.pop() else { return Ok(()) };
                    prefix.truncate(length);
                    at += 1;
                }
            }
        }
    }

    /// Takes the key at `at`, and its value unless that is an object to enter. Gives the place
    /// behind what it took.
    fn entry(
        &mut self,
        text: &[u8],
        at: usize,
        prefix: &mut Vec<u8>,
        outside: &mut Vec<usize>,
    ) -> Result<usize, Unparsable> {
        let key = Span { start: at, end: scan_json::string(text, at)? };
        let colon = scan_json::skip_space(text, key.end);
        let start = scan_json::skip_space(text, colon + 1);
        if has_members(text.get(start..).unwrap_or_default()) {
            outside.push(prefix.len());
            prefix.extend_from_slice(scan_json::inner(key.of(text)));
            prefix.extend_from_slice(self.separator);
            return Ok(start + 1);
        }
        let value = Span { start, end: scan_json::value(text, start, 0)? };
        self.append(prefix, key.of(text), value.of(text))?;
        Ok(value.end)
    }

    fn append(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) -> Result<(), Unparsable> {
        let start = self.bytes.len();
        if start + prefix.len() + key.len() + value.len() > TEXT_BYTES_MAX {
            return Err(Unparsable::TooLong);
        }
        if !self.members.is_empty() {
            self.bytes.push(b',');
        }
        let start = self.bytes.len();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(prefix);
        self.bytes.extend_from_slice(scan_json::inner(key));
        self.bytes.push(b'"');
        let key = Span { start, end: self.bytes.len() };
        self.bytes.push(b':');
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.members.push(Member { key, value: Span { start, end: self.bytes.len() } });
        Ok(())
    }
}

/// Whether a value, which is JSON, begins with an object that is not empty.
fn has_members(value: &[u8]) -> bool {
    let Some(inside) = value.strip_prefix(b"{") else { return false };
    inside.get(scan_json::skip_space(inside, 0)) != Some(&b'}')
}
