//! The ready kinds of secrets: where they are in a text. Each search is linear in the text.

mod address;
mod card;
mod email;
mod key;
mod token;

use std::ops::Range;

/// A kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Identifiers of AWS keys, and what looks like their secrets.
    AwsKey,
    /// What follows the word `Bearer`, and JSON web tokens.
    Bearer,
    /// Numbers of payment cards, with blanks, dashes and such in them or not.
    Card,
    /// Mail addresses.
    Email,
    /// Addresses of IPv4 and IPv6.
    Ip,
    /// Private keys in PEM.
    PrivateKey,
}

type Found = Vec<Range<usize>>;

/// Bytes, by their numbers.
struct Set([bool; 256]);

impl Set {
    /// Digits, these bytes, and perhaps letters and what is not ASCII.
    const fn new(letters: bool, others: bool, more: &[u8]) -> Self {
        let (mut has, mut byte) = ([false; 256], 0_u8);
        loop {
            let is_letter = letters && byte.is_ascii_alphabetic();
            has[byte as usize] = byte.is_ascii_digit() || is_letter || (others && byte >= 0x80);
            if byte == u8::MAX {
                break;
            }
            byte += 1;
        }
        let mut index = 0;
        while index < more.len() {
            has[more[index] as usize] = true;
            index += 1;
        }
        Self(has)
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

impl Kind {
    /// Adds where such secrets are, in any order.
    pub(super) fn find(self, text: &[u8], found: &mut Found) {
        match self {
            Self::AwsKey => key::aws_keys(text, found),
            Self::Bearer => token::bearers(text, found),
            Self::Card => card::cards(text, found),
            Self::Email => email::emails(text, found),
            Self::Ip => address::addresses(text, found),
            Self::PrivateKey => key::private_keys(text, found),
        }
    }
}

/// No part of a mail address and no IP address is longer, in bytes.
const BACK_BYTES_MAX: usize = 256;

/// The longest run of such bytes before a place, as its start. It has no half of a character.
fn back(text: &[u8], end: usize, accepts: impl Fn(u8) -> bool) -> usize {
    let before = text.get(end.saturating_sub(BACK_BYTES_MAX)..end).unwrap_or_default();
    let mut start = end - before.iter().rev().take_while(|byte| accepts(**byte)).count();
    while start < end && start > 0 && matches!(text.get(start), Some(0x80..=0xBF)) {
        start -= 1;
    }
    start
}

/// The longest run of such bytes from a place on, as its end.
fn ahead(text: &[u8], start: usize, accepts: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| accepts(**byte)).count()
}

/// Where the next so many of such bytes in a row begin. Of most bytes before them it looks at none:
/// one that is of another kind rules out all that would have it among them.
fn long_run(text: &[u8], mut at: usize, bytes: usize, part: &Set) -> Option<usize> {
    loop {
        let window = text.get(at..at + bytes)?;
        match window.iter().rposition(|byte| !part.has(*byte)) {
            Some(other) => at += other + 1,
            None => return Some(at),
        }
    }
}
