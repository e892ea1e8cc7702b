//! Addresses of IPv4 and IPv6.

use std::net::Ipv6Addr;

use memchr::{memchr_iter, memchr2_iter};

use super::{BACK_BYTES_MAX, Found, Set, ahead, back};

/// No address of IPv6 is longer, also with a port and what may touch it, in bytes.
const SIXTH_BYTES_MAX: usize = 64;

/// What addresses are made of.
static PART: Set = Set::new(false, false, b"abcdefABCDEF:.");

/// So many bytes, dots and colons in a row.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    bytes: usize,
    dots: usize,
    colons: usize,
}

impl Counts {
    /// Of the bytes of addresses that come first.
    fn of<'t>(bytes: impl Iterator<Item = &'t u8>) -> Self {
        let mut counts = Self::default();
        for byte in bytes.take_while(|byte| PART.has(**byte)) {
            counts.bytes += 1;
            counts.dots += usize::from(*byte == b'.');
            counts.colons += usize::from(*byte == b':');
        }
        counts
    }
}

pub(super) fn addresses(text: &[u8], found: &mut Found) {
    let mut done = 0;
    for at in memchr2_iter(b'.', b':', text) {
        if at < done || !may_separate(text, at) {
            continue;
        }
        let first = done.max(at.saturating_sub(BACK_BYTES_MAX));
        let before = Counts::of(text.get(first..at).unwrap_or_default().iter().rev());
        let behind = Counts::of(text.get(at..).unwrap_or_default().iter());
        let (start, end) = (at - before.bytes, at + behind.bytes);
        let (dots, colons) = (before.dots + behind.dots, before.colons + behind.colons);
        done = end;
        // All eight parts of an address, or two colons in a row.
        let run = text.get(start..end).unwrap_or_default();
        let may_be_sixth = colons >= 6 || (colons >= 2 && run.windows(2).any(|two| two == b"::"));
        if may_be_sixth && sixth(text, start, end, found) {
            continue;
        }
        if dots >= 3 {
            fourth(text, start, end, found);
        }
    }
}

/// Whether what is next to the first dot or colon of a run may be of an address. If a dot comes
/// first it can only be one of IPv4: up to three digits and another dot follow.
fn may_separate(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|place| text.get(place));
    let behind = text.get(at + 1);
    if text.get(at) == Some(&b'.') {
        let next = text.get(at + 1..).unwrap_or_default();
        let digits = next.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        return before.is_some_and(u8::is_ascii_digit)
            && matches!(digits, 1..=3)
            && next.get(digits) == Some(&b'.');
    }
    let is_colon = |byte: Option<&u8>| byte == Some(&b':');
    let is_hexadecimal = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    is_colon(before) || is_colon(behind) || (is_hexadecimal(before) && is_hexadecimal(behind))
}

/// An address of IPv6, if that is what a run of its characters is.
fn sixth(text: &[u8], start: usize, end: usize, found: &mut Found) -> bool {
    let run = text.get(start..end).unwrap_or_default();
    let (mut from, mut until) = (start, end);
    if run.first() == Some(&b':') && run.get(1) != Some(&b':') {
        from += 1;
    }
    while until > from + 1 {
        match text.get(until - 2..until) {
            Some([_, b'.']) => until -= 1,
            Some([before, b':']) if *before != b':' => until -= 1,
            _ => break,
        }
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let is_separate = from > start || from == 0 || !text.get(from - 1).is_some_and(is_name);
    let is_separate = is_separate && !text.get(end).is_some_and(is_name);
    let run = text.get(from..until).unwrap_or_default();
    // `dead::beef` is a name in a program.
    let is_path = !run.iter().any(u8::is_ascii_digit) && memchr_iter(b':', run).count() == 2;
    if !is_separate || is_path || run.len() > SIXTH_BYTES_MAX {
        return false;
    }
    if !is_sixth(text, from, until) {
        let Some(without_port) = without_port(text, from, until) else { return false };
        found.push(from..without_port);
        return true;
    }
    if text.get(until) == Some(&b'%') {
        // The name of an interface.
        let zone = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        until = ahead(text, until + 1, zone);
        until = back(text, until, |byte| b"-.%".contains(&byte));
    }
    found.push(from..until);
    true
}

fn is_sixth(text: &[u8], from: usize, until: usize) -> bool {
    let run = text.get(from..until).unwrap_or_default();
    std::str::from_utf8(run).is_ok_and(|run| run.parse::<Ipv6Addr>().is_ok())
}

/// Where the address ends behind which a colon and a port stand. What has only pairs of digits is
/// an address of hardware, or a fingerprint.
fn without_port(text: &[u8], from: usize, until: usize) -> Option<usize> {
    let run = text.get(from..until)?;
    let end = from + run.iter().rposition(|byte| *byte == b':')?;
    let has_long_part = run.split(|byte| *byte == b':').any(|part| part.len() > 2);
    let is_port = text.get(end + 1..until)?.iter().all(u8::is_ascii_digit);
    (has_long_part && is_port && is_sixth(text, from, end)).then_some(end)
}

/// Addresses of IPv4 in a run of their characters.
fn fourth(text: &[u8], start: usize, end: usize, found: &mut Found) {
    let mut at = start;
    for piece in text.get(start..end).unwrap_or_default().split(|byte| *byte == b':') {
        let (from, until) = (at, at + piece.len());
        at = until + 1;
        let dots = piece.iter().rev().take_while(|byte| **byte == b'.').count();
        let piece = piece.get(..piece.len() - dots).unwrap_or_default();
        let octets = piece.split(|byte| *byte == b'.');
        let alone = (from == 0 || !text.get(from - 1).is_some_and(u8::is_ascii_alphanumeric))
            && !text.get(until).is_some_and(u8::is_ascii_alphanumeric);
        if alone && octets.clone().count() == 4 && octets.clone().all(is_octet) {
            found.push(from..until - dots);
        }
    }
}

fn is_octet(octet: &[u8]) -> bool {
    let number = |number: u32, digit: &u8| number * 10 + u32::from(digit - b'0');
    matches!(octet.len(), 1..=3)
        && octet.iter().all(u8::is_ascii_digit)
        && octet.iter().fold(0, number) <= 255
}
