//! Bearer tokens: what follows the word, and JSON web tokens.

use memchr::{memchr_iter, memchr2_iter};

use super::{Found, ahead};

const BEARER: &[u8] = b"bearer";

/// In another line a token is at least so long: less is likely to be the next word.
const NEXT_LINE_BYTES_MIN: usize = 8;

/// Words that follow `Bearer` in messages and in challenges, and are no tokens.
const WORDS: [&[u8]; 9] = [
    b"auth",
    b"authentication",
    b"authorization",
    b"error",
    b"realm",
    b"scheme",
    b"scope",
    b"token",
    b"tokens",
];

pub(super) fn bearers(text: &[u8], found: &mut Found) {
    let mut done = 0;
    for at in memchr2_iter(b'b', b'B', text) {
        let end = at + BEARER.len();
        let word = text.get(at..end).unwrap_or_default();
        let inside = at > 0 && text.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        if at < done || inside || !word.eq_ignore_ascii_case(BEARER) {
            continue;
        }
        if let Some((start, until)) = token_behind(text, end) {
            found.push(start..until);
            done = until;
        }
    }
    web_tokens(text, found);
}

/// The token behind the word, or behind `bearer token:`.
fn token_behind(text: &[u8], word_end: usize) -> Option<(usize, usize)> {
    let mut start = gap_end(text, word_end);
    if start == word_end {
        return None;
    }
    let letters = ahead(text, start, |byte| byte.is_ascii_alphabetic());
    let word = text.get(start..letters).unwrap_or_default();
    if WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)) {
        match text.get(letters) {
            Some(b':' | b'=') if word.eq_ignore_ascii_case(b"token") => {
                start = gap_end(text, letters);
            }
            // The word continues.
            Some(byte) if is_token(*byte) && !b":=.".contains(byte) => {}
            _ => return None,
        }
    }
    let until = ahead(text, start, is_token);
    let newline = text.get(word_end..start).unwrap_or_default().contains(&b'\n');
    let least = if newline { NEXT_LINE_BYTES_MIN } else { 1 };
    (until - start >= least).then_some((start, until))
}

/// Where blanks and quotes and what else may precede a token end.
fn gap_end(text: &[u8], mut at: usize) -> usize {
    loop {
        at += match text.get(at..).unwrap_or_default() {
            // A plus is a blank in a form.
            [b' ' | b'\t' | b'\n' | b'\r' | b':' | b'=' | b'"' | b'\'' | b'+', ..] => 1,
            // A blank at which no line is broken.
            [0xC2, 0xA0, ..] => 2,
            _ => return at,
        };
    }
}

/// Not all tokens are what RFC 6750 has them be: all but blanks, quotes and brackets counts.
fn is_token(byte: u8) -> bool {
    byte > b' ' && byte != 0x7F && !b"\"'`,;<>()[]{}&\\".contains(&byte)
}

/// `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln`
fn web_tokens(text: &[u8], found: &mut Found) {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let mut done = 0;
    for at in memchr_iter(b'J', text) {
        let at = at.saturating_sub(2);
        if at < done || text.get(at..at + 3) != Some(b"eyJ") {
            continue;
        }
        let until = ahead(text, at, part);
        let run = text.get(at..until).unwrap_or_default();
        let parts = run.split(|byte| *byte == b'.').filter(|part| !part.is_empty()).count();
        done = until;
        if parts >= 2 {
            found.push(at..until);
        }
    }
}
