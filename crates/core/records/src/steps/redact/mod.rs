//! `REDACT`: takes secrets out of records, whatever form the record has.
//!
//! Of a text that is JSON each string and each number is searched for itself, with its escapes
//! undone, so that none hides behind `\u0040`; keys, too. Any text is searched unchanged and
//! once more with all escapes in it undone.
//! What overlaps is taken out as one. If a pattern would take too long, all of the string is taken
//! out: nothing is sent that was not searched. Nothing here tells anybody what it found.

mod escapes;
mod find;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use hmac::{Hmac, KeyInit as _, Mac as _};
use kinetail_java_regex::{Matcher, Pattern};
use sha2::Sha256;

pub use self::find::Kind;
use super::{Context, Step, Stop};
use crate::json::push_string;
use crate::record::{Name, Record};
use crate::scan_json;

/// So many bytes of a hash are written, in hexadecimal digits.
const HASH_BYTES: usize = 16;

/// A record larger than this is not kept in memory for the next one, in bytes.
const IDLE_BYTES_MAX: usize = 1024 * 1024;

/// The step.
#[derive(Debug, Clone)]
pub struct Redact {
    /// `fields`: only in these members, and all of them where nothing else is asked for.
    pub fields: Vec<Name>,
    /// `kinds`.
    pub kinds: Vec<Kind>,
    patterns: Vec<Matcher>,
    /// `with`.
    pub with: Replacement,
    found: Vec<Range<usize>>,
    decoded: Vec<u8>,
    cleaned: Vec<u8>,
}

/// What takes the place of a secret.
#[derive(Clone)]
pub enum Replacement {
    /// A keyed hash, the same for the same secret.
    Hash(Vec<u8>),
    /// Stars, with so many of the last characters left.
    Mask(usize),
    /// This text.
    Text(String),
}

impl fmt::Debug for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(_) => f.write_str("Hash(hidden)"),
            Self::Mask(last) => write!(f, "Mask({last})"),
            Self::Text(text) => write!(f, "Text({text:?})"),
        }
    }
}

impl Redact {
    /// A step that looks for these.
    #[must_use]
    pub fn new(
        fields: Vec<Name>,
        kinds: Vec<Kind>,
        patterns: &[Pattern],
        with: Replacement,
    ) -> Self {
        let patterns = patterns.iter().map(Matcher::new).collect();
        let (found, decoded, cleaned) = (Vec::new(), Vec::new(), Vec::new());
        Self { fields, kinds, patterns, with, found, decoded, cleaned }
    }

    /// Whether a value is a secret whatever it is.
    fn takes_all(&self) -> bool {
        self.kinds.is_empty() && self.patterns.is_empty()
    }

    /// Finds what is to be taken out of a text: ranges in order that do not touch. It is looked at
    /// as it is written, and without its escapes.
    fn search(&mut self, text: &str) {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        let mut is_searched = self.find(text, &mut found);
        if is_searched && let Some(plain) = escapes::undone(text) {
            for range in &mut found {
                *range = plain.whole(range);
            }
            let first = found.len();
            is_searched = self.find(&plain.text, &mut found);
            for range in found.iter_mut().skip(first) {
                *range = plain.origin(range);
            }
        }
        if !is_searched {
            found.clear();
            found.push(0..text.len());
        }
        found.sort_unstable_by_key(|range| range.start);
        found.dedup_by(|next, last| {
            let touches = next.start < last.end;
            last.end = if touches { last.end.max(next.end) } else { last.end };
            touches
        });
        self.found = found;
    }

    /// Adds what is to be taken out, in any order. `false` if a pattern would take too long.
    fn find(&mut self, text: &str, found: &mut Vec<Range<usize>>) -> bool {
        for kind in &self.kinds {
            kind.find(text.as_bytes(), found);
        }
        self.patterns.iter_mut().all(|pattern| {
            let searched = pattern.find_each(text, |range| {
                if !range.is_empty() {
                    found.push(range);
                }
                false
            });
            searched.is_ok()
        })
    }

    /// Appends a text without its secrets; nothing if there is none. Says whether there was one.
    fn clean(&mut self, text: &str, out: &mut Vec<u8>) -> bool {
        self.search(text);
        let mut from = 0;
        for range in &self.found {
            out.extend_from_slice(text.as_bytes().get(from..range.start).unwrap_or_default());
            self.with.write(text.get(range.clone()).unwrap_or_default(), out);
            from = range.end;
        }
        if from > 0 {
            out.extend_from_slice(text.as_bytes().get(from..).unwrap_or_default());
        }
        !self.found.is_empty()
    }

    /// Appends a string or a number of JSON without its secrets. Says whether there was one.
    fn clean_token(&mut self, token: &[u8], out: &mut Vec<u8>) -> bool {
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        scan_json::append_text(token, &mut decoded);
        let mut cleaned = Vec::new();
        let found = self.clean(&as_text(&decoded), &mut cleaned);
        if found {
            push_string(out, &cleaned);
        } else {
            out.extend_from_slice(token);
        }
        self.decoded = decoded;
        found
    }

    /// Appends a JSON text without the secrets in its strings and numbers.
    fn clean_json(&mut self, json: &[u8], out: &mut Vec<u8>) -> bool {
        let hits = self.hits(json);
        let mut hits = hits.iter().peekable();
        let (mut at, mut found) = (0, false);
        while let Some(rest) = json.get(at..).filter(|rest| !rest.is_empty()) {
            let begins = |byte: &u8| matches!(byte, b'"' | b'-' | b'0'..=b'9');
            let Some(start) = rest.iter().position(begins).map(|start| at + start) else { break };
            out.extend_from_slice(json.get(at..start).unwrap_or_default());
            at = match scan_json::string(json, start) {
                Ok(end) => end,
                Err(_) => {
                    start
                        + scan_json::number_length(json.get(start..).unwrap_or_default())
                            .unwrap_or(1)
                }
            };
            let token = json.get(start..at).unwrap_or_default();
            while hits.next_if(|hit| hit.end <= start).is_some() {}
            let is_hit = hits.peek().is_some_and(|hit| hit.start < at);
            if is_hit || !self.patterns.is_empty() || escapes::may_have_some(token) {
                found |= self.clean_token(token, out);
            } else {
                out.extend_from_slice(token);
            }
        }
        out.extend_from_slice(json.get(at..).unwrap_or_default());
        found
    }

    /// Where the kinds are found in a JSON text as it is written: no other token without escapes
    /// has a secret in it. In order of their starts.
    fn hits(&self, json: &[u8]) -> Vec<Range<usize>> {
        let mut hits = Vec::new();
        if self.patterns.is_empty() {
            self.kinds.iter().for_each(|kind| kind.find(json, &mut hits));
            hits.sort_unstable_by_key(|hit| hit.start);
        }
        hits
    }

    /// Whether there is nothing in a text that has to be looked at once more without its escapes,
    /// or token by token.
    fn is_clean(&mut self, text: &[u8]) -> bool {
        if !self.patterns.is_empty() || escapes::may_have_some(text) {
            return false;
        }
        self.found.clear();
        let found = &mut self.found;
        self.kinds.iter().for_each(|kind| kind.find(text, found));
        found.is_empty()
    }

    fn whole(&mut self, record: &mut Record) {
        let text = record.render();
        if self.is_clean(text) {
            return;
        }
        let mut out = std::mem::take(&mut self.cleaned);
        out.clear();
        let found = if is_json(text) {
            self.clean_json(text, &mut out)
        } else {
            // Bytes that are no text stay as they are, unless something is found.
            self.clean(&as_text(text), &mut out)
        };
        if found {
            record.set_text(|_, text| text.extend_from_slice(&out));
        }
        if out.capacity() <= IDLE_BYTES_MAX {
            self.cleaned = out;
        }
    }

    fn field(&mut self, record: &mut Record, index: usize) {
        let Some(name) = self.fields.get(index).cloned() else { return };
        record.change(name.text(), &mut |value, out| {
            if !self.takes_all() {
                return self.clean_json(value, out);
            }
            let mut decoded = Vec::new();
            scan_json::append_text(value, &mut decoded);
            let mut cleaned = Vec::new();
            self.with.write(&String::from_utf8_lossy(&decoded), &mut cleaned);
            push_string(out, &cleaned);
            true
        });
    }
}

/// Bytes as text; what is none is replaced. Most is text, which is found out faster by itself.
fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Whether all of a text is one value of JSON.
fn is_json(text: &[u8]) -> bool {
    let start = scan_json::skip_space(text, 0);
    let begins = matches!(text.get(start), Some(b'{' | b'[' | b'"'));
    begins
        && std::str::from_utf8(text).is_ok()
        && scan_json::value(text, start, 0)
            .is_ok_and(|end| scan_json::skip_space(text, end) == text.len())
}

impl Step for Redact {
    fn name(&self) -> &'static str {
        "REDACT"
    }

    fn redacts(&self) -> bool {
        true
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        // What has no members is searched as a whole: better too much than too little.
        if self.fields.is_empty() || record.is_tagged || record.parse().is_err() {
            if !self.takes_all() {
                self.whole(record);
            }
            return Ok(());
        }
        for index in 0..self.fields.len() {
            self.field(record, index);
        }
        Ok(())
    }
}

impl Replacement {
    /// However a secret is written, what takes its place is the same.
    fn write(&self, secret: &str, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if let Self::Text(text) = self {
            return out.extend_from_slice(text.as_bytes());
        }
        let plain = escapes::undone(secret);
        let secret = plain.as_ref().map_or(secret, |plain| plain.text.as_str());
        match self {
            Self::Text(_) => {}
            Self::Mask(last) => {
                let chars = secret.chars().count();
                // One that would stay whole is hidden whole.
                let shown = if *last < chars { *last } else { 0 };
                out.resize(out.len() + (chars - shown), b'*');
                let tail = secret.char_indices().nth(chars - shown).map(|(at, _)| at);
                let tail = tail.and_then(|at| secret.get(at..)).unwrap_or_default();
                out.extend_from_slice(tail.as_bytes());
            }
            Self::Hash(key) => {
                // A key of any length does.
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return };
                mac.update(secret.as_bytes());
                for byte in mac.finalize().into_bytes().iter().take(HASH_BYTES) {
                    out.push(DIGITS[usize::from(byte >> 4)]);
                    out.push(DIGITS[usize::from(byte & 15)]);
                }
            }
        }
    }
}
