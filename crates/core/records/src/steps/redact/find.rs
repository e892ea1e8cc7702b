//! The ready kinds of secrets: where they are in a text. Each search is linear in the text.

use std::net::Ipv6Addr;
use std::ops::Range;

use memchr::{memchr_iter, memchr2_iter, memmem};

/// A kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Identifiers of AWS keys, and what looks like their secrets.
    AwsKey,
    /// What follows the word `Bearer`, and JSON web tokens.
    Bearer,
    /// Numbers of payment cards, with blanks or dashes in them or not.
    Card,
    /// Mail addresses.
    Email,
    /// Addresses of IPv4 and IPv6.
    Ip,
    /// Private keys in PEM.
    PrivateKey,
}

type Found = Vec<Range<usize>>;

impl Kind {
    /// Adds where such secrets are, in any order.
    pub(super) fn find(self, text: &[u8], found: &mut Found) {
        match self {
            Self::AwsKey => aws_keys(text, found),
            Self::Bearer => bearers(text, found),
            Self::Card => cards(text, found),
            Self::Email => emails(text, found),
            Self::Ip => addresses(text, found),
            Self::PrivateKey => private_keys(text, found),
        }
    }
}

/// No part of a mail address and no IP address is longer, in bytes.
const BACK_BYTES_MAX: usize = 256;

/// The longest run of such bytes before a place, as its start.
fn back(text: &[u8], end: usize, accepts: impl Fn(u8) -> bool) -> usize {
    let before = text.get(end.saturating_sub(BACK_BYTES_MAX)..end).unwrap_or_default();
    end - before.iter().rev().take_while(|byte| accepts(**byte)).count()
}

/// The longest run of such bytes from a place on, as its end.
fn ahead(text: &[u8], start: usize, accepts: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| accepts(**byte)).count()
}

/// Where the next so many of such bytes in a row begin. Of most bytes before them it looks at none:
/// one that is of another kind rules out all that would have it among them.
fn long_run(text: &[u8], mut at: usize, bytes: usize, part: impl Fn(u8) -> bool) -> Option<usize> {
    loop {
        let window = text.get(at..at + bytes)?;
        match window.iter().rposition(|byte| !part(*byte)) {
            Some(other) => at += other + 1,
            None => return Some(at),
        }
    }
}

fn emails(text: &[u8], found: &mut Found) {
    let local = |byte: u8| {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte)
    };
    let domain = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"-.".contains(&byte);
    let mut mail = |at: usize, behind: usize| {
        let start = back(text, at, local);
        let end = ahead(text, behind, domain);
        let host = text.get(behind..end).unwrap_or_default();
        let trimmed = host.iter().rev().take_while(|byte| b"-.".contains(byte)).count();
        let host = host.get(..host.len() - trimmed).unwrap_or_default();
        let top = host.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        if start < at && top.len() >= 2 && top.len() < host.len() {
            found.push(start..end - trimmed);
        }
    };
    memchr_iter(b'@', text).for_each(|at| mail(at, at + 1));
}

/// A card has so many digits.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

fn cards(text: &[u8], found: &mut Found) {
    let part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'+' | 0xC2 | 0xA0);
    let mut at = 0;
    while let Some(run) = long_run(text, at, *CARD_DIGITS.start(), part) {
        let start = text.get(run..).and_then(|rest| rest.iter().position(u8::is_ascii_digit));
        let Some(start) = start else { break };
        at = card_run(text, run + start, found);
    }
}

/// Looks at the digits from `start` on, with single blanks and dashes between them, and gives
/// where they end.
fn card_run(text: &[u8], start: usize, found: &mut Found) -> usize {
    let mut end = start;
    loop {
        end = ahead(text, end, |byte| byte.is_ascii_digit());
        let between = gap(text.get(end..).unwrap_or_default());
        if between == 0 || !text.get(end + between).is_some_and(u8::is_ascii_digit) {
            break;
        }
        end += between;
    }
    if end - start < *CARD_DIGITS.start() {
        return end;
    }
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let mut from = start;
    while from < end {
        let begins = is_digit(from) && (from == start || !is_digit(from - 1));
        match begins.then(|| card_at(text, from, end)).flatten() {
            Some(until) => {
                found.push(from..until);
                from = until;
            }
            None => from += 1,
        }
    }
    end
}

/// How long the blank or the dash is that the text begins with. A plus is a blank in a form.
fn gap(text: &[u8]) -> usize {
    match text {
        [b' ' | b'-' | b'+', ..] => 1,
        // A blank at which no line is broken.
        [0xC2, 0xA0, ..] => 2,
        _ => 0,
    }
}

/// Where the longest card ends that begins here.
fn card_at(text: &[u8], from: usize, end: usize) -> Option<usize> {
    // What begins otherwise is no card of any network; times in milliseconds begin with 1.
    if !matches!(text.get(from), Some(b'2'..=b'6')) {
        return None;
    }
    let (mut digits, mut count) = ([0; 19], 0);
    let mut longest = None;
    for at in from..end {
        let Some(byte) = text.get(at).filter(|byte| byte.is_ascii_digit()) else { continue };
        let Some(slot) = digits.get_mut(count) else { break };
        *slot = byte - b'0';
        count += 1;
        let whole = !text.get(at + 1).is_some_and(u8::is_ascii_digit);
        let digits = digits.get(..count).unwrap_or_default();
        if whole && CARD_DIGITS.contains(&count) && luhn(digits) {
            longest = Some(at + 1);
        }
    }
    longest
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = (digits.iter().rev().enumerate())
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => 2 * digit / 10 + 2 * digit % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn addresses(text: &[u8], found: &mut Found) {
    let part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
    let mut done = 0;
    for at in memchr2_iter(b'.', b':', text) {
        if at < done {
            continue;
        }
        let start = back(text, at, part).max(done);
        let end = ahead(text, at, part);
        done = end;
        let run = text.get(start..end).unwrap_or_default();
        // All eight parts of an address, or two colons in a row.
        let colons = memchr_iter(b':', run).count();
        let may_be_sixth = colons >= 6 || (colons >= 2 && run.windows(2).any(|two| two == b"::"));
        if may_be_sixth && sixth(text, start, end, found) {
            continue;
        }
        if run.len() >= b"0.0.0.0".len() {
            fourth(text, start, end, found);
        }
    }
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
    let parsed = std::str::from_utf8(run).ok().and_then(|run| run.parse::<Ipv6Addr>().ok());
    if !is_separate || run == b"::" || parsed.is_none() {
        return false;
    }
    if text.get(until) == Some(&b'%') {
        until = ahead(text, until + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    }
    found.push(from..until);
    true
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
        let is_octet = |octet: &[u8]| {
            let digits = std::str::from_utf8(octet).unwrap_or_default();
            digits.len() <= 3
                && digits.bytes().all(|b| b.is_ascii_digit())
                && digits.parse::<u8>().is_ok()
        };
        let alone = (from == 0 || !text.get(from - 1).is_some_and(u8::is_ascii_alphanumeric))
            && !text.get(until).is_some_and(u8::is_ascii_alphanumeric);
        if alone && octets.clone().count() == 4 && octets.clone().all(is_octet) {
            found.push(from..until - dots);
        }
    }
}

/// How identifiers begin ("IAM identifiers" in the IAM user guide).
const KEY_PREFIXES: [&[u8]; 10] =
    [b"AKIA", b"ASIA", b"AIDA", b"AROA", b"AGPA", b"AIPA", b"ANPA", b"ANVA", b"ABIA", b"ACCA"];

/// An identifier is at least so long, and a secret exactly so.
const KEY_ID_BYTES_MIN: usize = 16;
const KEY_SECRET_BYTES: usize = 40;

fn aws_keys(text: &[u8], found: &mut Found) {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'/' || byte == b'+';
    let mut at = 0;
    while let Some(start) = long_run(text, at, KEY_ID_BYTES_MIN, part) {
        at = ahead(text, start, part);
        let run = text.get(start..at).unwrap_or_default();
        key_ids(run, start, found);
        if run.len() == KEY_SECRET_BYTES && is_secret(run) {
            found.push(start..at);
        }
    }
}

fn key_ids(run: &[u8], start: usize, found: &mut Found) {
    let part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let mut at = 0;
    while at < run.len() {
        let end = ahead(run, at, part);
        let id = run.get(at..end).unwrap_or_default();
        let begins = KEY_PREFIXES.iter().any(|prefix| id.starts_with(prefix));
        if id.len() >= KEY_ID_BYTES_MIN && begins {
            found.push(start + at..start + end);
        }
        at = end + 1;
    }
}

/// Chance has letters of both cases and digits; a path has many slashes, and a digest no capitals.
fn is_secret(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_digit)
        && memchr_iter(b'/', run).count() <= 4
}

fn bearers(text: &[u8], found: &mut Found) {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let mut done = 0;
    for at in memchr2_iter(b'b', b'B', text) {
        let end = at + b"bearer".len();
        let word = text.get(at..end).unwrap_or_default();
        let inside = at > 0 && text.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        if at < done || inside || !word.eq_ignore_ascii_case(b"bearer") {
            continue;
        }
        let mut start = ahead(text, end, |byte| b" \t:=\"'+".contains(&byte));
        if text.get(start..start + 3) == Some(b"%20") {
            start += 3;
        }
        let until = ahead(text, start, token);
        if start > end && until > start {
            found.push(start..until);
            done = until;
        }
    }
    let mut done = 0;
    for at in memchr_iter(b'J', text) {
        let at = at.saturating_sub(2);
        if at < done || text.get(at..at + 3) != Some(b"eyJ") {
            continue;
        }
        let until = ahead(text, at, token);
        let run = text.get(at..until).unwrap_or_default();
        let parts = run.split(|byte| *byte == b'.').filter(|part| !part.is_empty()).count();
        done = until;
        if parts >= 2 {
            found.push(at..until);
        }
    }
}

fn private_keys(text: &[u8], found: &mut Found) {
    const BEGIN: &[u8] = b"-----BEGIN";
    const END: &[u8] = b"-----END";
    let is_private = |at: usize, mark: &[u8]| {
        let name = text.get(at + mark.len()..).unwrap_or_default();
        let name = name.get(..name.len().min(40)).unwrap_or_default();
        // A plus is a blank in a form.
        memmem::find(name, b"PRIVATE KEY").or_else(|| memmem::find(name, b"PRIVATE+KEY")).is_some()
    };
    if !memchr_iter(b'-', text).any(|at| text.get(at..at + 5) == Some(b"-----")) {
        return;
    }
    let begins = memmem::find_iter(text, BEGIN).filter(|at| is_private(*at, BEGIN));
    let ends = memmem::find_iter(text, END).filter(|at| is_private(*at, END));
    let ends: Vec<usize> = ends.map(|at| ahead_of_mark(text, at + END.len())).collect();
    let mut next_end = ends.iter().copied().peekable();
    let mut from = None;
    for begin in begins {
        while let Some(end) = next_end.next_if(|end| *end <= begin) {
            // The beginning was in another record.
            found.push(from.take().unwrap_or(0)..end);
        }
        from.get_or_insert(begin);
    }
    for end in next_end {
        found.push(from.take().unwrap_or(0)..end);
    }
    if let Some(begin) = from {
        found.push(begin..text.len());
    }
}

/// The place behind the dashes that close a mark.
fn ahead_of_mark(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    memmem::find(rest, b"-----").map_or(text.len(), |found| at + found + 5)
}
