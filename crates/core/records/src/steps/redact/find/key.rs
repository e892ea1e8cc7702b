//! Keys of AWS, and private keys in PEM.

use memchr::memchr_iter;

use super::{Found, Set, ahead, back, long_run};

/// How identifiers begin ("IAM identifiers" in the IAM user guide).
const KEY_PREFIXES: [&[u8]; 10] =
    [b"AKIA", b"ASIA", b"AIDA", b"AROA", b"AGPA", b"AIPA", b"ANPA", b"ANVA", b"ABIA", b"ACCA"];

/// An identifier is at least so long, and a secret exactly so.
const KEY_ID_BYTES_MIN: usize = 16;
const KEY_SECRET_BYTES: usize = 40;

/// Behind other capitals it is as long as all are that were given out, so that no word is one.
const GLUED_ID_BYTES_MIN: usize = 20;

/// What secrets are made of.
static PART: Set = Set::new(true, false, b"/+");

pub(super) fn aws_keys(text: &[u8], found: &mut Found) {
    key_ids(text, found);
    let mut at = 0;
    while let Some(start) = long_run(text, at, KEY_SECRET_BYTES, &PART) {
        at = ahead(text, start, |byte| PART.has(byte));
        let mut from = start;
        if at - start > KEY_SECRET_BYTES {
            // A part of a path, behind a slash or behind the identifier.
            let is_slash = text.get(at - KEY_SECRET_BYTES - 1) == Some(&b'/');
            let before = text.get(start..at - KEY_SECRET_BYTES - 1).unwrap_or_default();
            let is_id = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            if is_slash && before.iter().all(is_id) {
                from = at - KEY_SECRET_BYTES;
            }
        }
        let run = text.get(from..at).unwrap_or_default();
        if run.len() == KEY_SECRET_BYTES && is_secret(run) {
            found.push(from..at);
        }
    }
}

fn key_ids(text: &[u8], found: &mut Found) {
    let part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let mut done = 0;
    for at in memchr_iter(b'A', text) {
        let prefix = text.get(at..at + 4).unwrap_or_default();
        if at < done || !KEY_PREFIXES.contains(&prefix) {
            continue;
        }
        let glued = at > done && text.get(at - 1).is_some_and(|byte| part(*byte));
        let end = ahead(text, at, part);
        let least = if glued { GLUED_ID_BYTES_MIN } else { KEY_ID_BYTES_MIN };
        if end - at >= least {
            found.push(at..end);
            done = end;
        }
    }
}

/// Chance has letters of both cases and digits; a path has many slashes, and a digest no capitals.
fn is_secret(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_digit)
        && memchr_iter(b'/', run).count() <= 4
}

/// From its dashes to `PRIVATE KEY`, and from there to the dashes that close it, a mark is no
/// longer, in bytes.
const MARK_BYTES_MAX: usize = 40;

/// One of the two marks of a key in PEM.
enum Mark {
    Begin { at: usize },
    End { behind: usize },
}

pub(super) fn private_keys(text: &[u8], found: &mut Found) {
    let mut from = None;
    // The rarest letter.
    for at in memchr_iter(b'V', text) {
        match mark(text, at) {
            Some(Mark::Begin { at }) => {
                from.get_or_insert(at);
            }
            // The beginning may have been in another record.
            Some(Mark::End { behind }) => found.push(from.take().unwrap_or(0)..behind),
            None => {}
        }
    }
    if let Some(begin) = from {
        found.push(begin..text.len());
    }
}

/// The mark whose V this is: `-----BEGIN RSA PRIVATE KEY-----`.
fn mark(text: &[u8], at: usize) -> Option<Mark> {
    let start = at.checked_sub(b"PRI".len())?;
    let end = start + b"PRIVATE KEY".len();
    // A plus is a blank in a form.
    if !matches!(text.get(start..end)?, b"PRIVATE KEY" | b"PRIVATE+KEY") {
        return None;
    }
    let before = text.get(start.saturating_sub(MARK_BYTES_MAX)..start)?;
    let dashes = start - before.len() + before.windows(2).rposition(|two| two == b"--")? + 2;
    let words = text.get(dashes..start)?;
    let words = words.strip_prefix(b" ").or_else(|| words.strip_prefix(b"+")).unwrap_or(words);
    if words.starts_with(b"BEGIN") {
        return Some(Mark::Begin { at: back(text, dashes, |byte| byte == b'-') });
    }
    if !words.starts_with(b"END") {
        return None;
    }
    let rest = text.get(end..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(MARK_BYTES_MAX)).unwrap_or_default();
    let closing = rest.windows(2).position(|two| two == b"--");
    let behind = closing.map_or(end, |closing| ahead(text, end + closing, |byte| byte == b'-'));
    Some(Mark::End { behind })
}
