//! What a text says once its escapes are undone, and where in the text each part of that is.
//!
//! A secret hides behind `\u0040` in JSON within a string, `%40` in a URL, `\x40` in an access log,
//! and behind letters of an escape that touch it: `\n10.0.0.1`. Of each escape any number of
//! backslashes counts, as in JSON within JSON within JSON. The colors of a terminal are one
//! character each.

use std::ops::Range;

use memchr::memchr3;

use crate::scan_json::hexadecimal;

/// Escapes of one kind within another are undone so often.
const ROUNDS_MAX: usize = 3;

const ESC: u8 = 0x1B;

/// A text without escapes.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) text: String,
    /// Where in the text with escapes each byte is from, and at last how long that is.
    places: Vec<usize>,
}

/// The text without its escapes; nothing if it has none.
pub(super) fn undone(text: &str) -> Option<Plain> {
    let mut plain = round(text)?;
    for _ in 1..ROUNDS_MAX {
        let Some(next) = round(&plain.text) else { break };
        let place = |at: usize| plain.places.get(at).copied().unwrap_or(text.len());
        plain = Plain { text: next.text, places: next.places.into_iter().map(place).collect() };
    }
    Some(plain)
}

impl Plain {
    /// The part of the text with escapes that says this part.
    pub(super) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        let place = |at: usize| self.places.get(at).copied().unwrap_or_default();
        place(range.start)..place(range.end)
    }

    /// A part of the text with escapes that has no half of one.
    pub(super) fn whole(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.places.partition_point(|place| *place <= range.start).saturating_sub(1);
        let end = self.places.partition_point(|place| *place < range.end);
        self.origin(&(start..end))
    }

    fn push(&mut self, text: &str, place: usize) {
        self.text.push_str(text);
        self.places.extend(place..place + text.len());
    }
}

fn round(text: &str) -> Option<Plain> {
    let mut plain = Plain { text: String::new(), places: Vec::new() };
    let (mut at, mut found) = (0, false);
    while let Some(rest) = text.get(at..) {
        let Some(plain_bytes) = memchr3(b'\\', b'%', ESC, rest.as_bytes()) else {
            if !found {
                return None;
            }
            plain.push(rest, at);
            break;
        };
        plain.push(rest.get(..plain_bytes).unwrap_or_default(), at);
        at += plain_bytes;
        let bytes = text.as_bytes().get(at..).unwrap_or_default();
        if let Some((char, length)) = escape(bytes) {
            found = true;
            plain.text.push(char);
            plain.places.extend(std::iter::repeat_n(at, char.len_utf8()));
            at += length;
        } else {
            // All backslashes, of which none begins an escape then.
            let slashes = bytes.iter().take_while(|byte| **byte == b'\\').count().max(1);
            plain.push(text.get(at..at + slashes).unwrap_or_default(), at);
            at += slashes;
        }
    }
    plain.places.push(text.len());
    found.then_some(plain)
}

/// The character of the escape that the text begins with, and its length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    if text.first() == Some(&ESC) {
        return color(text);
    }
    if let Some((first, length)) = byte(text) {
        return utf8(text, first, length);
    }
    let slashes = text.iter().take_while(|byte| **byte == b'\\').count();
    let char = match text.get(slashes).filter(|_| slashes > 0)? {
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = hexadecimal(text.get(slashes + 1..slashes + 5)?)?;
            // Halves of surrogate pairs are in no secret.
            return Some((char::from_u32(unit).unwrap_or('\u{FFFD}'), slashes + 5));
        }
        quote @ (b'"' | b'/' | b'\'') => char::from(*quote),
        _ => return None,
    };
    Some((char, slashes + 1))
}

/// `ESC [ 31 m`.
fn color(text: &[u8]) -> Option<(char, usize)> {
    let rest = text.get(1..)?.strip_prefix(b"[")?;
    let numbers = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
    rest.get(numbers).filter(|byte| byte.is_ascii_alphabetic())?;
    Some((char::from(ESC), numbers + 3))
}

/// A byte as `%40`, `%2540` or `\x40`.
fn byte(text: &[u8]) -> Option<(u8, usize)> {
    let mut at = 1;
    if text.first() == Some(&b'%') {
        while text.get(at..at + 2) == Some(b"25")
            && text.get(at + 2..at + 4).and_then(hexadecimal).is_some()
        {
            at += 2;
        }
    } else {
        at = text.iter().take_while(|byte| **byte == b'\\').count();
        if at == 0 || text.get(at) != Some(&b'x') {
            return None;
        }
        at += 1;
    }
    let byte = hexadecimal(text.get(at..at + 2)?)?;
    Some((u8::try_from(byte).ok()?, at + 2))
}

/// The character that a byte begins, whose other bytes are written as it is.
fn utf8(text: &[u8], first: u8, mut length: usize) -> Option<(char, usize)> {
    let count = match first {
        0..=0x7F => return Some((char::from(first), length)),
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let mut bytes = vec![first];
    while bytes.len() < count {
        let (next, more) = byte(text.get(length..)?)?;
        bytes.push(next);
        length += more;
    }
    Some((std::str::from_utf8(&bytes).ok()?.chars().next()?, length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> String {
        undone(text).map_or_else(|| text.to_owned(), |plain| plain.text)
    }

    #[test]
    fn escapes_are_undone() {
        for (text, want) in [
            ("joe", "joe"),
            (r"a\u0040b", "a@b"),
            (r"a\u0040B\\u0040\\\\u0040", "a@B@@"),
            (r"\n\t\\r\/", "\n\t\r/"),
            (r"\x40\xC3\xb6\xc3x", "@\u{F6}\\xc3x"),
            ("%40%2540%252540%C3%B6", "@@@\u{F6}"),
            ("100% %4 %zz %C3 %+1", "100% %4 %zz %C3 %+1"),
            (r"C:\a\q\u12 \", r"C:\a\q\u12 \"),
            (r"\ud83d\ude00", "\u{FFFD}\u{FFFD}"),
            ("\x1B[31mx\x1B[0;1my\x1B[", "\x1Bx\x1By\x1B["),
            ("%5Cu0040", "@"),
            ("%25", "%"),
            ("%2525", "%"),
        ] {
            assert_eq!(plain(text), want, "{text}");
        }
    }

    #[test]
    fn a_part_is_found_where_it_is_written() {
        let text = r"x\\u0040y%2540z";
        let plain = undone(text).unwrap();
        assert_eq!(plain.text, "x@y@z");
        let shown = |range: Range<usize>| text.get(plain.origin(&range)).unwrap();
        assert_eq!((shown(0..2), shown(1..3), shown(3..5)), (r"x\\u0040", r"\\u0040y", "%2540z"));
        assert_eq!(plain.whole(&(3..9)), 1..9);
        assert_eq!(plain.whole(&(0..2)), 0..8);
        assert_eq!(plain.whole(&(8..9)), 8..9);
    }

    proptest! {
        /// Forall texts: what is left is in order, and all of it is from all of the text.
        #[test]
        fn places_are_in_order(text in "([%\\\\xu0-9a-f\u{1B}\\[mn\u{E9}]|%4|\\\\u00|%25){0,24}") {
            if let Some(plain) = undone(&text) {
                prop_assert_eq!(plain.places.len(), plain.text.len() + 1);
                prop_assert!(plain.places.is_sorted());
                prop_assert_eq!(plain.origin(&(0..plain.text.len())), 0..text.len());
                for (at, _) in plain.text.char_indices() {
                    prop_assert!(text.is_char_boundary(plain.places[at]));
                }
            }
        }
    }
}
