//! Where the parts of a JSON text are, without a copy of any of them.
//!
//! The whole text is checked by the grammar of RFC 8259 and by the limit on its depth; numbers,
//! escapes and members that come twice stay what they are. It never recurses, and every function
//! takes time that is linear in the text.

use std::borrow::Cow;

use super::json::plain_length;
use super::json_reader::{DEPTH_MAX, NotAnObject, utf16};

/// A part of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// A member of an object: its key with the quotes, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) key: Span,
    pub(crate) value: Span,
}

/// Calls `each` with the members of the object that begins at `at`; gives the place behind it.
/// `depth` says how many values it is in.
pub(crate) fn members(
    text: &[u8],
    at: usize,
    depth: usize,
    mut each: impl FnMut(Member),
) -> Result<usize, NotAnObject> {
    let mut at = expect(text, at, b'{')?;
    at = skip_space(text, at);
    if text.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        at = skip_space(text, at);
        let key = Span { start: at, end: string(text, at)? };
        at = expect(text, skip_space(text, key.end), b':')?;
        let start = skip_space(text, at);
        let end = match text.get(start) {
            Some(b'"') => string(text, start)?,
            _ => value(text, start, depth + 1)?,
        };
        let value = Span { start, end };
        each(Member { key, value });
        at = skip_space(text, value.end);
        match text.get(at) {
            Some(b'}') => return Ok(at + 1),
            Some(b',') => at += 1,
            _ => return Err(NotAnObject::Syntax { at }),
        }
    }
}

/// The place behind the value that begins at `at`, which is in so many values itself.
pub(crate) fn value(text: &[u8], mut at: usize, depth: usize) -> Result<usize, NotAnObject> {
    // The lowest bit says whether the innermost value is an object; the limit fits into it.
    let (mut kinds, mut open) = (0_u128, 0);
    loop {
        at = skip_space(text, at);
        match text.get(at) {
            Some(&bracket @ (b'{' | b'[')) => {
                open += 1;
                if depth + open > DEPTH_MAX + 1 {
                    return Err(NotAnObject::Depth);
                }
                let object = bracket == b'{';
                kinds = kinds << 1 | u128::from(object);
                at = skip_space(text, at + 1);
                let empty = text.get(at) == Some(if object { &b'}' } else { &b']' });
                if !empty {
                    if depth + open > DEPTH_MAX {
                        return Err(NotAnObject::Depth);
                    }
                    if object {
                        at = key(text, at)?;
                    }
                    continue;
                }
            }
            _ => at = scalar(text, at)?,
        }
        loop {
            if open == 0 {
                return Ok(at);
            }
            at = skip_space(text, at);
            match (kinds & 1, text.get(at)) {
                (1, Some(b',')) => {
                    at = key(text, skip_space(text, at + 1))?;
                    break;
                }
                (0, Some(b',')) => {
                    at += 1;
                    break;
                }
                (1, Some(b'}')) | (0, Some(b']')) => {
                    at += 1;
                    kinds >>= 1;
                    open -= 1;
                }
                _ => return Err(NotAnObject::Syntax { at }),
            }
        }
    }
}

/// A key and its colon.
fn key(text: &[u8], at: usize) -> Result<usize, NotAnObject> {
    let end = string(text, at)?;
    expect(text, skip_space(text, end), b':')
}

/// A string, a number or a word.
fn scalar(text: &[u8], at: usize) -> Result<usize, NotAnObject> {
    let word = |word: &[u8]| {
        let here = text.get(at..).is_some_and(|rest| rest.starts_with(word));
        if here { Ok(at + word.len()) } else { Err(NotAnObject::Syntax { at }) }
    };
    match text.get(at) {
        Some(b'"') => string(text, at),
        Some(b't') => word(b"true"),
        Some(b'f') => word(b"false"),
        Some(b'n') => word(b"null"),
        _ => {
            let length = number_length(text.get(at..).unwrap_or_default());
            length.map(|length| at + length).ok_or(NotAnObject::Syntax { at })
        }
    }
}

/// The place behind the string that begins at `at`.
pub(crate) fn string(text: &[u8], at: usize) -> Result<usize, NotAnObject> {
    let mut at = expect(text, at, b'"')?;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(plain) = plain_length(rest) else {
            return Err(NotAnObject::Syntax { at: text.len() });
        };
        at += plain;
        if text.get(at) == Some(&b'"') {
            return Ok(at + 1);
        }
        match (text.get(at), text.get(at + 1)) {
            (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => at += 2,
            (Some(b'\\'), Some(b'u')) => {
                let digits = text.get(at + 2..at + 6).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(NotAnObject::Syntax { at });
                }
                at += 6;
            }
            _ => return Err(NotAnObject::Syntax { at }),
        }
    }
}

/// How long the number is that the text begins with.
pub(crate) fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    at += match (text.get(at), digits(at)) {
        (_, 0) => return None,
        (Some(b'0'), _) => 1,
        (_, whole) => whole,
    };
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

pub(crate) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

fn expect(text: &[u8], at: usize, byte: u8) -> Result<usize, NotAnObject> {
    if text.get(at) == Some(&byte) { Ok(at + 1) } else { Err(NotAnObject::Syntax { at }) }
}

/// Whether a string, with its quotes, says this.
pub(crate) fn says(string: &[u8], text: &str) -> bool {
    let (inner, text) = (inner(string), text.as_bytes());
    let first = inner.first();
    // Escapes are longer than what they stand for.
    let may_escape = first == Some(&b'\\') || inner.len() > text.len();
    (first == text.first() || first == Some(&b'\\'))
        && (inner == text || (may_escape && *text_of(string) == *text))
}

/// What a string, with its quotes, says.
pub(crate) fn text_of(string: &[u8]) -> Cow<'_, [u8]> {
    let inner = inner(string);
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut decoded = Vec::new();
    decode(inner, &mut decoded);
    Cow::Owned(decoded)
}

/// What is between the quotes.
pub(crate) fn inner(string: &[u8]) -> &[u8] {
    string.get(1..string.len().saturating_sub(1)).unwrap_or_default()
}

/// Appends what a string says, or any other value as it is written.
pub(crate) fn append_text(value: &[u8], out: &mut Vec<u8>) {
    if value.first() == Some(&b'"') {
        decode(inner(value), out);
    } else {
        out.extend_from_slice(value);
    }
}

/// Appends what a string says, given without its quotes. Half of a surrogate pair becomes U+FFFD.
pub(crate) fn decode(inner: &[u8], out: &mut Vec<u8>) {
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let letter = escape.get(1).copied().unwrap_or_default();
        let mut length = 2;
        let char = match letter {
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (char, read) = utf16(escape);
                length = read;
                char
            }
            other => char::from(other),
        };
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Finds a member by its name, in `value` or, where the name has dots, in the objects in it. Of
/// members with one name the last counts.
pub(crate) fn find(value: &[u8], name: &str) -> Option<Span> {
    let (mut found, mut within) = (None, None);
    let dots = memchr::memchr(b'.', name.as_bytes()).is_some();
    let ended = members(value, 0, 0, |member| {
        let key = member.key.of(value);
        if says(key, name) {
            found = Some(member.value);
        } else if dots && found.is_none() {
            within = below(key, name).map(|rest| (member.value, rest)).or(within);
        }
    });
    if ended.is_err() || found.is_some() {
        return found;
    }
    let (outer, rest) = within?;
    let inner = find(outer.of(value), rest)?;
    Some(Span { start: outer.start + inner.start, end: outer.start + inner.end })
}

/// What is left of a name with dots below the member with this key.
pub(crate) fn below<'n>(key: &[u8], name: &'n str) -> Option<&'n str> {
    name.match_indices('.').find_map(|(at, _)| {
        let (head, rest) = (name.get(..at)?, name.get(at + 1..)?);
        says(key, head).then_some(rest)
    })
}

/// Appends an object without the members of a name, in it or, where the name has dots, in the
/// objects in it. Says whether there was one.
pub(crate) fn without(value: &[u8], name: &str, out: &mut Vec<u8>) -> bool {
    let (mut removed, mut first) = (false, true);
    let start = out.len();
    out.push(b'{');
    let ended = members(value, 0, 0, |member| {
        let key = member.key.of(value);
        if says(key, name) {
            removed = true;
            return;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        let inner = below(key, name);
        let before = out.len();
        if let Some(rest) = inner {
            out.extend_from_slice(key);
            out.push(b':');
            if without(member.value.of(value), rest, out) {
                removed = true;
                return;
            }
            out.truncate(before);
        }
        let whole = Span { start: member.key.start, end: member.value.end };
        out.extend_from_slice(whole.of(value));
    });
    out.push(b'}');
    if ended.is_err() || !removed {
        out.truncate(start);
        return false;
    }
    true
}

/// Appends the new value of an old one, if there is to be one.
pub(crate) type Change<'c> = &'c mut dyn FnMut(&[u8], &mut Vec<u8>) -> bool;

/// Appends an object, or a list of objects, in which the values of all members of a name are
/// changed, in it or, where the name has dots, in the objects in it. Says whether one was.
pub(crate) fn change(value: &[u8], name: &str, by: Change<'_>, out: &mut Vec<u8>) -> bool {
    if value.first() == Some(&b'[') {
        return change_items(value, name, by, out);
    }
    let (mut changed, mut copied) = (false, 0);
    let start = out.len();
    let ended = members(value, 0, 0, |member| {
        let key = member.key.of(value);
        let old = member.value.of(value);
        let mut new = Vec::new();
        let differs = if says(key, name) {
            by(old, &mut new)
        } else {
            below(key, name).is_some_and(|rest| change(old, rest, by, &mut new))
        };
        if differs {
            out.extend_from_slice(value.get(copied..member.value.start).unwrap_or_default());
            out.append(&mut new);
            copied = member.value.end;
            changed = true;
        }
    });
    out.extend_from_slice(value.get(copied..).unwrap_or_default());
    if ended.is_err() || !changed {
        out.truncate(start);
        return false;
    }
    true
}

/// The same for the items of a list.
fn change_items(list: &[u8], name: &str, by: Change<'_>, out: &mut Vec<u8>) -> bool {
    let (mut changed, mut copied, mut at) = (false, 0, 1);
    let start = out.len();
    loop {
        let item = skip_space(list, at);
        let Ok(end) = value(list, item, 0) else { break };
        let mut new = Vec::new();
        if change(list.get(item..end).unwrap_or_default(), name, by, &mut new) {
            out.extend_from_slice(list.get(copied..item).unwrap_or_default());
            out.append(&mut new);
            (copied, changed) = (end, true);
        }
        at = skip_space(list, end);
        if list.get(at) != Some(&b',') {
            break;
        }
        at += 1;
    }
    out.extend_from_slice(list.get(copied..).unwrap_or_default());
    if !changed {
        out.truncate(start);
    }
    changed
}
