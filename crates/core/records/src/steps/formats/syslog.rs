//! Syslog: RFC 5424, and what has grown around RFC 3164.

use super::super::parse::Fields;
use super::tokens::{Found, Tokens, put};
use crate::json::push_string;

const SEVERITIES: [&str; 8] =
    ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"];

const FACILITIES: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23",
];

/// `<PRI>Mon dd hh:mm:ss host program[pid]: message`; the time may also be of RFC 3339.
pub(super) fn rfc3164(line: &str, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(line);
    priority(&mut tokens, into)?;
    put(into, "time", time(&mut tokens)?)?;
    put(into, "host", tokens.word()?)?;
    let (program, pid, message) = tag(tokens.rest);
    put(into, "program", program)?;
    put(into, "pid", pid)?;
    into.push_as("message", Some(message))
}

/// The parts of a message of syslog: its time, its host, its program and its text.
pub(super) fn message_of<'t>(line: &'t str, program: &str) -> Option<&'t str> {
    let mut tokens = Tokens::new(line);
    if tokens.rest.starts_with('<') {
        tokens.until(">").ok()?;
    }
    time(&mut tokens).ok()?;
    tokens.word().ok()?;
    let (named, _, message) = tag(tokens.rest);
    (named == program).then_some(message)
}

/// `<165>`, if it is there.
fn priority(tokens: &mut Tokens<'_>, into: &mut Fields) -> Found<()> {
    if !tokens.rest.starts_with('<') {
        return Ok(());
    }
    let error = tokens.error();
    tokens.literal("<")?;
    let digits = tokens.until(">")?;
    let is_number = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: usize = digits.parse().map_err(|_| error)?;
    if !is_number || number > 191 {
        return Err(error);
    }
    let facility = FACILITIES.get(number / 8).copied().unwrap_or("-");
    put(into, "facility", facility)?;
    put(into, "severity", SEVERITIES.get(number % 8).copied().unwrap_or("-"))
}

fn time<'t>(tokens: &mut Tokens<'t>) -> Found<&'t str> {
    let start = tokens.rest;
    let first = tokens.word()?;
    let bytes = first.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        // 2026-11-29T10:00:00.123456+00:00, with a blank, or with +0000.
        let is_date = bytes.len() >= 10 && bytes.get(4) == Some(&b'-');
        return if is_date { Ok(first) } else { Err(Tokens::new(start).error()) };
    }
    let is_month = bytes.len() == 3 && bytes.iter().all(u8::is_ascii_alphabetic);
    let day = tokens.word()?;
    let clock = tokens.word()?;
    let is_day = day.len() <= 2 && day.bytes().all(|byte| byte.is_ascii_digit());
    let is_clock = clock.len() >= 8 && clock.as_bytes().get(2) == Some(&b':');
    if !is_month || !is_day || !is_clock {
        return Err(Tokens::new(start).error());
    }
    Ok(start.get(..start.len() - tokens.rest.len()).unwrap_or(start).trim_end())
}

/// `program[pid]: message`. A message without a tag ("last message repeated 2 times") has none.
fn tag(text: &str) -> (&str, &str, &str) {
    let end = text.find(' ').unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    let Some(colon) = word.strip_suffix(':').map(str::len).or_else(|| word.find(':')) else {
        return ("-", "-", text);
    };
    let name = word.get(..colon).unwrap_or_default();
    let message = if colon + 1 == word.len() {
        behind.strip_prefix(' ').unwrap_or(behind)
    } else {
        text.get(colon + 1..).unwrap_or_default()
    };
    let pid = name.strip_suffix(']').and_then(|name| name.rsplit_once('['));
    match pid {
        Some((program, pid)) => (program, pid, message),
        None if name.is_empty() => ("-", "-", text),
        None => (name, "-", message),
    }
}

/// `<PRI>1 time host program pid id [data] message`.
pub(super) fn rfc5424(line: &str, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(line);
    priority(&mut tokens, into)?;
    tokens.literal("1 ")?;
    for name in ["time", "host", "program", "pid", "messageId"] {
        put(into, name, tokens.word()?)?;
    }
    let mut data = b"{".to_vec();
    if tokens.rest.starts_with('[') {
        while tokens.rest.starts_with('[') {
            element(&mut tokens, &mut data)?;
        }
        data.push(b'}');
        into.push_json("data", &data)?;
    } else {
        tokens.literal("-")?;
    }
    if !tokens.is_empty() {
        tokens.literal(" ")?;
    }
    let message = tokens.rest.strip_prefix('\u{FEFF}').unwrap_or(tokens.rest);
    into.push_as("message", Some(message))
}

/// `[id name="value" …]`, in which a backslash stands before `"`, `\` and `]`.
fn element(tokens: &mut Tokens<'_>, data: &mut Vec<u8>) -> Found<()> {
    tokens.literal("[")?;
    let id = tokens.rest.split([' ', ']']).next().unwrap_or_default();
    tokens.literal(id)?;
    if data.len() > 1 {
        data.push(b',');
    }
    push_string(data, id.as_bytes());
    data.extend_from_slice(b":{");
    let mut first = true;
    while tokens.rest.starts_with(' ') {
        tokens.literal(" ")?;
        let name = tokens.until("=")?;
        if !std::mem::take(&mut first) {
            data.push(b',');
        }
        push_string(data, name.as_bytes());
        data.push(b':');
        let inner = tokens.rest.strip_prefix('"').ok_or_else(|| tokens.error())?;
        let (mut value, mut escaped, mut end) = (String::new(), false, None);
        for (at, char) in inner.char_indices() {
            match char {
                '"' | '\\' | ']' if escaped => value.push(char),
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => {
                    if escaped {
                        value.push('\\');
                    }
                    value.push(char);
                }
            }
            escaped = false;
        }
        let end = end.ok_or_else(|| tokens.error())?;
        tokens.rest = inner.get(end + 1..).unwrap_or_default();
        push_string(data, value.as_bytes());
    }
    data.push(b'}');
    tokens.literal("]")
}
