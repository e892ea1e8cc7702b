//! What a text says once its escapes are undone, and where in the text each part of that is.
//!
//! A secret hides behind `\u0040` in JSON within a string, `%40` in a URL, `\x40` in an access log,
//! and behind letters of an escape that touch it: `\n10.0.0.1`. Of each escape any number of
//! backslashes counts, as in JSON within JSON within JSON. The colors of a terminal are one
//! character each.

use std::ops::Range;

use memchr::memchr3;

use crate::json_reader::hexadecimal;

/// Escapes of one kind within another are undone so often.
const ROUNDS_MAX: usize = 3;

const ESC: u8 = 0x1B;

/// A text without escapes.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) text: String,
    /// One for each time that escapes were undone, in that order.
    layers: Vec<Layer>,
}

/// Where the parts of a text without escapes are from: the escapes in it, in order. What is between
/// them is the same in both texts.
#[derive(Debug, Default)]
struct Layer(Vec<Escape>);

/// An escape, which is one character in the text without it. There may be one for every third byte.
#[derive(Debug, Clone, Copy, Default)]
struct Escape {
    /// Where it is, and where it ends, with escapes.
    origin: u32,
    origin_end: u32,
    /// The same without.
    plain: u32,
    plain_end: u32,
}

/// The text without its escapes; nothing if it has none.
pub(super) fn undone(text: &str) -> Option<Plain> {
    let (mut text, layer) = round(text)?;
    let mut layers = vec![layer];
    while layers.len() < ROUNDS_MAX
        && let Some((next, layer)) = round(&text)
    {
        text = next;
        layers.push(layer);
    }
    Some(Plain { text, layers })
}

/// Whether there may be an escape in a text.
pub(super) fn may_have_some(text: &[u8]) -> bool {
    memchr3(b'\\', b'%', ESC, text).is_some()
}

impl Plain {
    /// The part of the text with escapes that says this part.
    pub(super) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        let place = |at| self.layers.iter().rev().fold(at, |at, layer| layer.origin(at));
        place(range.start)..place(range.end)
    }

    /// A part of the text with escapes that has no half of one.
    pub(super) fn whole(&self, range: &Range<usize>) -> Range<usize> {
        let plain = |range: Range<usize>, layer: &Layer| {
            layer.plain(range.start, false)..layer.plain(range.end, true)
        };
        self.origin(&self.layers.iter().fold(range.clone(), plain))
    }
}

impl Layer {
    fn push(&mut self, origin: Range<usize>, plain: Range<usize>) {
        // No record is as long as that.
        let short = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let [origin, origin_end] = [origin.start, origin.end].map(short);
        let [plain, plain_end] = [plain.start, plain.end].map(short);
        self.0.push(Escape { origin, origin_end, plain, plain_end });
    }

    /// The last escape that begins at a place or before it, by one of its places.
    fn last(&self, at: usize, place: impl Fn(&Escape) -> u32) -> [usize; 4] {
        let next = self.0.partition_point(|escape| place(escape) as usize <= at);
        let last = next.checked_sub(1).and_then(|last| self.0.get(last));
        let Escape { origin, origin_end, plain, plain_end } = last.copied().unwrap_or_default();
        [origin, origin_end, plain, plain_end].map(|place| place as usize)
    }

    /// Where a byte of the text without escapes is from.
    fn origin(&self, at: usize) -> usize {
        let [origin, origin_end, _, plain_end] = self.last(at, |escape| escape.plain);
        if at < plain_end { origin } else { origin_end + (at - plain_end) }
    }

    /// Where a byte of the text with escapes is without them. One within an escape is at the start
    /// of that, or at its end.
    fn plain(&self, at: usize, end: bool) -> usize {
        let [origin, origin_end, plain, plain_end] = self.last(at, |escape| escape.origin);
        match at < origin_end {
            true if end && at > origin => plain_end,
            true => plain,
            false => plain_end + (at - origin_end),
        }
    }
}

fn round(text: &str) -> Option<(String, Layer)> {
    let bytes = text.as_bytes();
    // Up to here nothing is an escape, and it was not copied.
    let (mut kept, mut at) = (0, 0);
    let (mut plain, mut layer) = (String::new(), Layer::default());
    while let Some(found) = memchr3(b'\\', b'%', ESC, bytes.get(at..)?).map(|found| at + found) {
        let rest = bytes.get(found..).unwrap_or_default();
        let Some((char, length)) = escape(rest) else {
            // All backslashes, of which none begins an escape then.
            at = found + rest.iter().take_while(|byte| **byte == b'\\').count().max(1);
            continue;
        };
        if plain.capacity() == 0 {
            plain.reserve(text.len());
        }
        plain.push_str(text.get(kept..found).unwrap_or_default());
        let start = plain.len();
        plain.push(char);
        at = found + length;
        kept = at;
        layer.push(found..at, start..plain.len());
    }
    if layer.0.is_empty() {
        return None;
    }
    plain.push_str(text.get(kept..).unwrap_or_default());
    Some((plain, layer))
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
            let Some(plain) = undone(&text) else { return Ok(()) };
            let places: Vec<usize> =
                (0..=plain.text.len()).map(|at| plain.origin(&(at..at)).start).collect();
            prop_assert!(places.is_sorted());
            prop_assert_eq!(plain.origin(&(0..plain.text.len())), 0..text.len());
            for (at, _) in plain.text.char_indices() {
                prop_assert!(text.is_char_boundary(places[at]));
            }
            // The nearest places of whole characters around any part.
            for (start, end) in [(0, text.len()), (text.len() / 3, text.len() / 2)] {
                let from = places.iter().rev().find(|place| **place <= start).unwrap();
                let until = places.iter().find(|place| **place >= end).unwrap();
                prop_assert_eq!(plain.whole(&(start..end)), *from..*until, "{}", plain.text);
            }
        }
    }
}
