//! What the part of a rotated name says that the live name does not have: a date, a number, or
//! nothing about age.

use super::{DATE_PARTS, Rank, SEPARATORS, TAG_MARKS};

/// Words that stand for an older generation.
const WORDS: &[&[u8]] =
    &[b"old", b"older", b"bak", b"backup", b"prev", b"previous", b"save", b"orig"];

/// Words in a time: `2026-11-29T10`, `2026-W48`, `10-AM`.
const TIME_WORDS: &[&[u8]] = &[b"T", b"W", b"H", b"AM", b"PM", b"Z", b"UTC", b"GMT"];

/// Those that a time may end with.
const ENDING_WORDS: &[&[u8]] = &[b"Z", b"H", b"AM", b"PM", b"UTC", b"GMT"];

/// Halves of a day.
const HALVES: &[&[u8]] = &[b"AM", b"PM"];

const MONTHS: &[&[u8]] = &[
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

const LONG_MONTHS: &[&[u8]] = &[
    b"january",
    b"february",
    b"march",
    b"april",
    b"june",
    b"july",
    b"august",
    b"sept",
    b"september",
    b"october",
    b"november",
    b"december",
];

const DAYS: &[&[u8]] = &[b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

const LONG_DAYS: &[&[u8]] =
    &[b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];

/// A number of more digits than this is a date or a time, in digits.
pub(super) const INDEX_DIGITS_MAX: usize = 3;

/// What a tag says about age; nothing if it is no tag.
pub(super) fn rank_of(tag: &[u8]) -> Option<Rank> {
    // `out__2026-11-29.log`: some tools separate twice.
    let start = tag.iter().position(|byte| !SEPARATORS.contains(byte))?;
    let tag = tag.get(start..)?;
    if is_word(WORDS, tag) {
        return Some(Rank::Unknown);
    }
    let same_kind = |a: &u8, b: &u8| kind_of(*a) == kind_of(*b) && kind_of(*a) != Kind::Other;
    let tokens: Vec<&[u8]> = tag.chunk_by(same_kind).collect();
    if !begins_tag(tokens.first()?) {
        return None;
    }
    let (last, before) = tokens.split_last()?;
    let plain = before.iter().all(|token| is_part_of_time(token)) && ends_tag(last);
    plain.then(|| {
        if is_word(WORDS, last) {
            return Rank::Unknown;
        }
        let halves = tokens.iter().any(|token| is_word(HALVES, token));
        match rank_of_digits(tag) {
            // Ten in the evening is not before eleven in the morning.
            Rank::Date(parts) if halves => Rank::Date(parts.into_iter().take(DATE_PARTS).collect()),
            rank => rank,
        }
    })
}

/// Endings of the files that multilog and s6-log rotate: finished, and left unfinished.
const LABEL_ENDINGS: &[&[u8]] = &[b".s", b".u", b".t", b""];

/// The seconds and the nanoseconds of a TAI64N label, in hexadecimal digits.
const LABEL_DIGITS: [usize; 2] = [16, 8];

/// The age of a file that multilog, s6-log or svlogd rotated: `@400000006749a1c30d1f2c3a.s`.
pub(super) fn rank_of_label(name: &[u8]) -> Option<Rank> {
    let label = name.strip_prefix(b"@")?;
    let digits = label.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (label, ending) = label.split_at_checked(digits)?;
    let (seconds, nanos) = label.split_at_checked(LABEL_DIGITS[0])?;
    if nanos.len() != LABEL_DIGITS[1] || !LABEL_ENDINGS.contains(&ending) {
        return None;
    }
    let value = |digits: &[u8]| {
        let text = std::str::from_utf8(digits).ok()?;
        Some((digits.len(), u64::from_str_radix(text, 16).ok()?))
    };
    Some(Rank::Date(vec![value(seconds)?, value(nanos)?]))
}

#[derive(PartialEq, Eq)]
enum Kind {
    Digit,
    Letter,
    Other,
}

fn kind_of(byte: u8) -> Kind {
    match byte {
        b'0'..=b'9' => Kind::Digit,
        b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
        _ => Kind::Other,
    }
}

fn is_word(words: &[&[u8]], token: &[u8]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(token))
}

/// Whether a tag may begin with this: a number, or a month or a day as strftime writes it. In small
/// letters it rather is a word of its own (`app-sun.log`).
fn begins_tag(token: &[u8]) -> bool {
    let small = |rest: &[u8]| rest.iter().all(u8::is_ascii_lowercase);
    match token {
        [b'0'..=b'9', ..] => true,
        [b'A'..=b'Z', rest @ ..] => small(rest) && (is_month(token) || is_day(token)),
        _ => false,
    }
}

/// Whether a run of digits, a word or a mark may stand in a date, a time or a number.
fn is_part_of_time(token: &[u8]) -> bool {
    match token.first() {
        Some(byte) if byte.is_ascii_digit() => true,
        Some(byte) if byte.is_ascii_alphabetic() => {
            is_word(TIME_WORDS, token) || is_month(token) || is_day(token)
        }
        Some(byte) => TAG_MARKS.contains(byte),
        None => false,
    }
}

/// Whether a tag may end with this.
fn ends_tag(token: &[u8]) -> bool {
    token.first().is_some_and(u8::is_ascii_digit)
        || is_word(ENDING_WORDS, token)
        || is_word(WORDS, token)
        || is_month(token)
        || is_day(token)
}

fn is_day(token: &[u8]) -> bool {
    is_word(DAYS, token) || is_word(LONG_DAYS, token)
}

fn is_month(token: &[u8]) -> bool {
    let short = token.get(..3).is_some_and(|short| is_word(MONTHS, short));
    short && (token.len() == 3 || is_word(LONG_MONTHS, token))
}

fn rank_of_digits(tag: &[u8]) -> Rank {
    let parts: Option<Vec<(usize, u64)>> = tag
        .split(|byte| !byte.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| Some((digits.len(), std::str::from_utf8(digits).ok()?.parse().ok()?)))
        .collect();
    let Some(parts) = parts else { return Rank::Unknown };
    match parts.first() {
        Some((digits, value)) if parts.len() == 1 && *digits <= INDEX_DIGITS_MAX => {
            u32::try_from(*value).map_or(Rank::Unknown, Rank::Index)
        }
        Some((digits, _)) if *digits > INDEX_DIGITS_MAX => Rank::Date(parts),
        // Whether the day or the month is in front is not known: only years can be compared.
        Some((2, _)) => match parts.get(..DATE_PARTS) {
            Some([(2, _), (2, _), year @ (4, _)]) => Rank::Date(vec![*year]),
            Some(_) | None => Rank::Unknown,
        },
        Some(_) | None => Rank::Unknown,
    }
}
