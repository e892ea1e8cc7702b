//! The usual schemes: every way to read a name as that of a rotated file.

use super::tag::{self, rank_of};
use super::{DATE_PARTS, Rank, Reading, SEPARATORS, TAG_MARKS, unpacked_name};

/// No date or time is longer than this.
const PREFIX_BYTES_MAX: usize = 40;

/// What may stand between a name and a date, in addition to what separates every tag.
const DATE_SEPARATORS: &[u8] = b"@ +,#~=";

/// So many digits are a date without anything between its parts.
const DATE_DIGITS: usize = 8;

/// So many digits right behind a name are a number, and no part of the name (`server.log00001`).
const COUNT_DIGITS_MIN: usize = 5;

/// What some tools put behind a number or a date, so that the file opens in an editor. With `.log`
/// it may be a log of its own (`app.log.old.log`).
const TEXT_ENDING: &[u8] = b".txt";

/// A live name and what the rotated one says about age.
type Found = (Vec<u8>, Rank);

/// Every way to read `name` as that of a rotated file.
pub(super) fn readings(name: &[u8]) -> Vec<Reading> {
    let (base, packed) = unpacked_name(name);
    let mut found: Vec<Found> = Vec::new();
    if packed {
        found.push((base.to_vec(), Rank::Unknown));
    }
    found.extend(behind_name(base));
    found.extend(tag::rank_of_label(base).map(|rank| (b"current".to_vec(), rank)));
    found.extend(in_front(base));
    found.extend(before_ending(base));
    found.extend(of_some_tools(base));
    found.retain(|(live, _)| !live.is_empty() && live != name);
    found.into_iter().map(|(live, rank)| Reading { live, rank, packed }).collect()
}

/// `app.log.1`, `app.log-20261129`, `app.log~`.
fn behind_name(base: &[u8]) -> Vec<Found> {
    let backup = base.strip_suffix(b"~").map(|live| (live.to_vec(), Rank::Unknown));
    let mut found: Vec<Found> = backup.into_iter().collect();
    for (at, separator) in separators(base) {
        let Some((live, rank)) = split_tag(base, at) else { continue };
        found.push((live.to_vec(), rank.clone()));
        // `app.log.0` is written to, and becomes `app.log.1` (java.util.logging).
        if matches!(rank, Rank::Index(1..)) && *separator == b'.' {
            found.push(([live, b".0"].concat(), rank));
        }
    }
    found
}

/// `20261129-app.log`, and `20261129app.log`; but no half of a number.
fn in_front(base: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    for end in 1..base.len().min(PREFIX_BYTES_MAX) {
        let (Some(tag), Some(live)) = (base.get(..end), base.get(end..)) else { break };
        if !tag.iter().all(|byte| is_tag_byte(*byte)) {
            break;
        }
        let trimmed = tag.strip_suffix(b"-").or_else(|| tag.strip_suffix(b"_"));
        let trimmed = trimmed.or_else(|| tag.strip_suffix(b".")).unwrap_or(tag);
        if !live.first().is_some_and(|byte| is_tag_byte(*byte) && *byte != b'.')
            && let Some(rank) = rank_of(trimmed)
        {
            found.push((live.to_vec(), rank.into_counter()));
        }
    }
    found
}

/// `app-2026-11-29.log`, `app.1.log`, `app(1).log`.
fn before_ending(base: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let Some(dot) = base.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0) else {
        return found;
    };
    let (Some(stem), Some(ending)) = (base.get(..dot), base.get(dot..)) else { return found };
    if ending.len() < 2 {
        return found;
    }
    for (at, _) in separators(stem) {
        let Some((front, rank)) = split_tag(stem, at) else { continue };
        if let Rank::Index(number @ 1..) = rank {
            let zero = stem.get(..=at).unwrap_or_default();
            found.push(([zero, b"0", ending].concat(), Rank::Chain(number)));
        }
        found.push(([front, ending].concat(), rank.into_counter()));
    }
    let bracketed = in_brackets(stem);
    found.extend(bracketed.map(|(front, rank)| ([front, ending].concat(), rank)));
    found
}

/// Tags that few tools make, where nothing else can be meant.
fn of_some_tools(base: &[u8]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut add = |live: &[u8], rank| found.push((live.to_vec(), rank));
    // `server.log00001` (WebLogic), `log.txt20261129` (log4net).
    let digits = base.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    if let Some((live, tag)) = base.split_at_checked(base.len() - digits)
        && digits >= COUNT_DIGITS_MIN
        && has_ending(live)
        && let Some(rank) = rank_of(tag)
    {
        add(live, rank);
    }
    // `app.log.~1~` (GNU).
    if let Some(stem) = base.strip_suffix(b"~")
        && let Some(at) = stem.iter().rposition(|byte| *byte == b'~')
        && let (Some(live), Some(number)) =
            (stem.get(..at).and_then(|front| front.strip_suffix(b".")), stem.get(at + 1..))
        && is_number(number)
    {
        add(live, Rank::Unknown);
    }
    if let Some((live, rank)) = in_brackets(base) {
        add(live, rank);
    }
    // `app.log@20261129T120000`.
    for (at, _) in base.iter().enumerate().filter(|(_, byte)| DATE_SEPARATORS.contains(byte)) {
        if let Some((live, rank)) = split_tag(base, at).filter(|(_, rank)| is_full_date(rank)) {
            add(live, rank);
        }
    }
    // `app.log.001.txt`.
    let stem = base.strip_suffix(TEXT_ENDING).unwrap_or_default();
    for (live, rank) in separators(stem).filter_map(|(at, _)| split_tag(stem, at)) {
        if has_ending(live) && rank != Rank::Unknown {
            add(live, rank);
        }
    }
    found
}

/// What stands before a separator, and what the tag behind it says.
fn split_tag(text: &[u8], at: usize) -> Option<(&[u8], Rank)> {
    Some((text.get(..at)?, rank_of(text.get(at + 1..)?)?))
}

/// `app(1)`, `app (1)`.
fn in_brackets(text: &[u8]) -> Option<(&[u8], Rank)> {
    let open = text.iter().rposition(|byte| *byte == b'(')?;
    let number = text.get(open + 1..)?.strip_suffix(b")").filter(|number| is_number(number))?;
    let front = text.get(..open)?;
    Some((front.strip_suffix(b" ").unwrap_or(front), rank_of(number)?.into_counter()))
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether a name ends in a dot and letters.
fn has_ending(name: &[u8]) -> bool {
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    let ending = dot.and_then(|dot| name.get(dot + 1..)).unwrap_or_default();
    !ending.is_empty() && ending.iter().all(u8::is_ascii_alphabetic)
}

/// Whether a date has at least year, month and day.
fn is_full_date(rank: &Rank) -> bool {
    let Rank::Date(parts) = rank else { return false };
    parts.len() >= DATE_PARTS || parts.first().is_some_and(|(digits, _)| *digits >= DATE_DIGITS)
}

fn separators(text: &[u8]) -> impl Iterator<Item = (usize, &u8)> {
    text.iter().enumerate().filter(|(at, byte)| *at > 0 && SEPARATORS.contains(byte))
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || TAG_MARKS.contains(&byte)
}
