//! Numbers of payment cards: by their digits, and by what stands between these.

use super::{Found, Set, ahead, long_run};

/// A card has so many digits.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// So many blanks and dashes stand between two groups of digits, at most (` - `).
const GAP_PARTS_MAX: usize = 3;

/// The groups in which digits are printed on cards.
const LAYOUTS: [&[usize]; 7] = [
    &[4, 4, 4, 4],
    &[4, 4, 4, 4, 3],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 3],
    &[4, 4, 4, 1],
    &[6, 13],
];

/// Digits, and what may be between them.
static PART: Set = Set::new(false, true, b" -+_./\t");

pub(super) fn cards(text: &[u8], found: &mut Found) {
    let mut at = 0;
    while let Some(run) = long_run(text, at, *DIGITS.start(), &PART) {
        let start = text.get(run..).and_then(|rest| rest.iter().position(u8::is_ascii_digit));
        let Some(start) = start else { break };
        at = card_run(text, run + start, found);
    }
}

/// Looks at the digits from `start` on, with gaps between them, and gives where they end.
fn card_run(text: &[u8], start: usize, found: &mut Found) -> usize {
    let (mut end, mut digits) = (start, 0);
    loop {
        let group = ahead(text, end, |byte| byte.is_ascii_digit());
        digits += group - end;
        end = group;
        let between = gap(text.get(end..).unwrap_or_default()).length;
        if between == 0 || !is_digit(text, end + between) {
            break;
        }
        end += between;
    }
    if digits < *DIGITS.start() {
        return end;
    }
    let mut from = start;
    while from < end {
        let begins = is_digit(text, from) && (from == start || !is_digit(text, from - 1));
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

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// What stands between two groups of digits.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// In bytes; nothing if it is no gap.
    length: usize,
    /// People write numbers of cards like that, and seldom others.
    is_usual: bool,
}

/// The gap that the text begins with.
fn gap(text: &[u8]) -> Gap {
    let (mut length, mut is_usual) = (0, true);
    for parts in 0..GAP_PARTS_MAX {
        let (bytes, usual) = match text.get(length..).unwrap_or_default() {
            // A plus is a blank in a form.
            [b' ' | b'-' | b'+', ..] => (1, true),
            [b'_' | b'.' | b'/' | b'\t', ..] => (1, false),
            // A blank at which no line is broken, a soft hyphen, a dot in the middle of the line.
            [0xC2, 0xA0 | 0xAD | 0xB7, ..] => (2, true),
            // U+2000 to U+2015, U+2022, U+2028 to U+202F, U+205F and U+2060, U+2212, U+3000,
            // U+FEFF: blanks of all widths, also of none, and dashes of all lengths.
            [0xE2, 0x80, 0x80..=0x95 | 0xA2 | 0xA8..=0xAF, ..]
            | [0xE2, 0x81, 0x9F | 0xA0, ..]
            | [0xE2, 0x88, 0x92, ..]
            | [0xE3, 0x80, 0x80, ..]
            | [0xEF, 0xBB, 0xBF, ..] => (3, true),
            _ => break,
        };
        length += bytes;
        is_usual &= usual && parts == 0;
    }
    Gap { length, is_usual }
}

/// The digits up to a place.
#[derive(Debug, Default)]
struct Digits {
    count: usize,
    /// Luhn's sums: of all digits, with each second one doubled, from the first or the second on.
    sums: [u32; 2],
    /// How many digits each of the first groups has.
    groups: [usize; 5],
    group: usize,
    /// There is an unusual gap: then only what is written as on a card is one.
    by_layout: bool,
}

impl Digits {
    fn push(&mut self, digit: u8) -> Option<()> {
        let digit = u32::from(digit - b'0');
        let doubled = 2 * digit / 10 + 2 * digit % 10;
        let [first, second] = &mut self.sums;
        let even = self.count.is_multiple_of(2);
        *first += if even { doubled } else { digit };
        *second += if even { digit } else { doubled };
        self.count += 1;
        if let Some(digits) = self.groups.get_mut(self.group) {
            *digits += 1;
        }
        (self.count <= *DIGITS.end()).then_some(())
    }

    /// Takes a gap, unless no card has one there.
    fn pass(&mut self, gap: Gap) -> Option<()> {
        self.by_layout |= !gap.is_usual;
        self.group += 1;
        if !self.by_layout {
            return Some(());
        }
        let groups =
            self.groups.get(..self.group).filter(|groups| matches!(groups, [4 | 6, ..]))?;
        LAYOUTS.iter().any(|layout| layout.starts_with(groups)).then_some(())
    }

    fn is_card(&self) -> bool {
        // The last digit is not doubled, and the one before it is.
        let [first, second] = self.sums;
        let sum = if self.count.is_multiple_of(2) { first } else { second };
        let groups = self.groups.get(..=self.group);
        let is_printed = || groups.is_some_and(|groups| LAYOUTS.contains(&groups));
        DIGITS.contains(&self.count) && sum.is_multiple_of(10) && (!self.by_layout || is_printed())
    }
}

/// Where the longest card ends that begins here.
fn card_at(text: &[u8], from: usize, end: usize) -> Option<usize> {
    // What begins otherwise is no card of any network; times in milliseconds begin with 1.
    if !matches!(text.get(from), Some(b'2'..=b'6')) || is_fraction(text, from) {
        return None;
    }
    let (mut digits, mut longest, mut at) = (Digits::default(), None, from);
    while at < end {
        if let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
            let Some(()) = digits.push(*digit) else { break };
            at += 1;
            if !is_digit(text, at) && digits.is_card() {
                longest = Some(at);
            }
        } else {
            let gap = gap(text.get(at..).unwrap_or_default());
            let Some(()) = digits.pass(gap) else { break };
            at += gap.length.max(1);
        }
    }
    longest
}

/// Whether it is all that follows the point of a number, in one group.
fn is_fraction(text: &[u8], from: usize) -> bool {
    let point = from.checked_sub(1).filter(|at| text.get(*at) == Some(&b'.'));
    let is_number = point.and_then(|at| at.checked_sub(1)).is_some_and(|at| is_digit(text, at));
    is_number && ahead(text, from, |byte| byte.is_ascii_digit()) - from >= *DIGITS.start()
}
