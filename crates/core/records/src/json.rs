//! Writing of one flat JSON object, as Jackson writes a map of strings and nulls.
//!
//! Everything that does not depend on the record is laid out once: the keys, escaped and with
//! their punctuation, and which column each of them shows. Writing a record is copying slices.

use super::JsonFormat;

/// Writes objects that all have the same keys.
#[derive(Debug)]
pub(super) struct ObjectWriter {
    members: Vec<Member>,
    /// What follows the last member, with the line feed.
    close: &'static [u8],
}

/// One key of the object.
#[derive(Debug)]
struct Member {
    /// All bytes between the value before it and its own value.
    lead: Vec<u8>,
    /// The column that the value comes from.
    column: usize,
}

impl ObjectWriter {
    /// A writer for columns with these names. A name that comes twice keeps the place of its
    /// first column and shows its last, as putting into Java's `LinkedHashMap` does.
    pub(super) fn new<S: AsRef<str>>(names: &[S], format: JsonFormat) -> Self {
        let mut members: Vec<(&str, usize)> = Vec::with_capacity(names.len());
        for (column, name) in names.iter().map(AsRef::as_ref).enumerate() {
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, shown)) => *shown = column,
                None => members.push((name, column)),
            }
        }
        let close: &'static [u8] = match (format, members.is_empty()) {
            (JsonFormat::Compact, true) => b"{}\n",
            (JsonFormat::Compact, false) => b"}\n",
            (JsonFormat::Pretty, true) => b"{ }\n",
            (JsonFormat::Pretty, false) => b"\n}\n",
        };
        let members = members.into_iter().enumerate();
        let members = members
            .map(|(place, (name, column))| Member { lead: lead(place, name, format), column })
            .collect();
        Self { members, close }
    }

    /// Appends the object and a line feed; `value_of` gives the value of a column.
    pub(super) fn write<'t>(
        &self,
        out: &mut Vec<u8>,
        value_of: impl Fn(usize) -> Option<&'t [u8]>,
    ) {
        for member in &self.members {
            out.extend_from_slice(&member.lead);
            match value_of(member.column) {
                Some(value) => push_string(out, value),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.extend_from_slice(self.close);
    }
}

/// The bytes before the value of the member in this place.
fn lead(place: usize, name: &str, format: JsonFormat) -> Vec<u8> {
    let (open, colon): (&[u8], &[u8]) = match (format, place) {
        (JsonFormat::Compact, 0) => (b"{", b":"),
        (JsonFormat::Compact, _) => (b",", b":"),
        (JsonFormat::Pretty, 0) => (b"{\n  ", b" : "),
        (JsonFormat::Pretty, _) => (b",\n  ", b" : "),
    };
    let mut lead = open.to_vec();
    push_string(&mut lead, name.as_bytes());
    lead.extend_from_slice(colon);
    lead
}

/// Appends UTF-8 text as a JSON string. Only what JSON demands is escaped: `"`, `\` and the
/// control characters below U+0020, with upper-case hexadecimal digits.
pub(super) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(plain) = plain_length(rest) {
        let (head, tail) = rest.split_at(plain);
        out.extend_from_slice(head);
        let Some((&special, tail)) = tail.split_first() else { break };
        push_escape(out, special);
        rest = tail;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// How many bytes stand before the first one that needs an escape; `None` when none does.
pub(super) fn plain_length(text: &[u8]) -> Option<usize> {
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let mask = special_mask(u64::from_le_bytes(*word));
        if mask != 0 {
            return Some(index * 8 + mask.trailing_zeros() as usize / 8);
        }
    }
    let at = tail.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')?;
    Some(words.len() * 8 + at)
}

/// The high bit of a byte is set for `"`, `\` and control characters. Bytes above the first such
/// byte may be set wrongly (the subtraction borrows); the lowest set bit never is.
fn special_mask(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5C);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGH_BITS
}

/// Appends the escape of a byte that needs one.
fn push_escape(out: &mut Vec<u8>, special: u8) {
    const HEX_DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let letter = match special {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => special,
        _ => {
            let low_digit = HEX_DIGITS[usize::from(special & 0xF)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (special >> 4), low_digit]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{JsonFormat, ObjectWriter, push_string};

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    fn object(names: &[&str], format: JsonFormat, values: &[Option<&str>]) -> String {
        let mut out = Vec::new();
        ObjectWriter::new(names, format)
            .write(&mut out, |column| values.get(column).copied().flatten().map(str::as_bytes));
        String::from_utf8(out).unwrap()
    }

    /// §2.1, the facts about the JSON writer.
    #[test]
    fn only_what_json_demands_is_escaped() {
        assert_eq!(string("\u{8}\t\n\u{C}\r\"\\"), r#""\b\t\n\f\r\"\\""#);
        assert_eq!(string("\0\u{1}\u{B}\u{1F}"), r#""\u0000\u0001\u000B\u001F""#);
        let raw = "/<>&' \u{7F}\u{E9}\u{2028}\u{1F600}";
        assert_eq!(string(raw), format!("\"{raw}\""));
    }

    #[test]
    fn pretty_objects_look_like_jacksons() {
        let pretty = object(&["a", "b"], JsonFormat::Pretty, &[Some("1"), None]);
        assert_eq!(pretty, "{\n  \"a\" : \"1\",\n  \"b\" : null\n}\n");
        assert_eq!(object(&[], JsonFormat::Pretty, &[]), "{ }\n");
        assert_eq!(object(&[], JsonFormat::Compact, &[]), "{}\n");
    }

    #[test]
    fn a_name_that_comes_twice_keeps_its_first_place_and_its_last_value() {
        let values = [Some("1"), Some("2"), Some("3")];
        assert_eq!(
            object(&["a", "b", "a"], JsonFormat::Compact, &values),
            "{\"a\":\"3\",\"b\":\"2\"}\n"
        );
        let values = [Some("1"), Some("2"), None];
        assert_eq!(
            object(&["a", "b", "a"], JsonFormat::Compact, &values),
            "{\"a\":null,\"b\":\"2\"}\n"
        );
    }

    #[test]
    fn keys_are_escaped() {
        assert_eq!(object(&["a\"\n"], JsonFormat::Compact, &[None]), "{\"a\\\"\\n\":null}\n");
    }

    proptest! {
        /// Forall text: a JSON parser reads back what was written.
        #[test]
        fn every_string_reads_back(text in "(?s)([\\x00-\\x7F]|\"|\\\\|.){0,40}") {
            let read: String = serde_json::from_str(&string(&text)).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
