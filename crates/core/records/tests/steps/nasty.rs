//! Records that are hard on whoever reads them, from a seed: bytes that are no text, quotes that
//! are never closed, members without end, and what makes a search go back and forth. The bench
//! uses them, too.

use fastrand::Rng;

/// What the formats and the secrets that steps look for are made of.
pub(crate) const WORDS: [&[u8]; 88] = [
    b"a",
    b"@",
    b"a@",
    b"@[",
    b"\"@a.de",
    b"\\\"@a.de ",
    b"%",
    b"%25",
    b"%40",
    b"%E2",
    b"4",
    b"4 ",
    b"4-",
    b"4.",
    b"4 - ",
    b"4_",
    b"1.",
    b"1.1.1.1",
    b":",
    b"a:",
    b"::",
    b"::1 ",
    b"fe80::1%",
    b"eyJ",
    b"eyJ.",
    b"bearer ",
    b"bearer=",
    b"Bearer\n",
    b"bearer token:",
    b"-",
    b"--BEGIN ",
    b"-----BEGIN PRIVATE KEY-----",
    b"-----END PRIVATE KEY-----",
    b"PRIVATE KEY",
    b"AKIA",
    b"AKIAIOSFODNN7EXAMPLE",
    b"A",
    b"aB3/",
    b"\"",
    b"\"\"",
    b"\\\"",
    b"\\",
    b"[",
    b" [",
    b"]",
    b"] \"",
    b"[29/Nov/2026:10:00:00 +0000] \"",
    b" [29/Nov/2026:10:00:00 +0000] \"",
    b"{",
    b"}",
    b"} \"",
    b"{\"a\":",
    b"\"b\":1,",
    b"=",
    b"a=",
    b"a=1 ",
    b"a=\"",
    b"\"a\" ",
    b",",
    b"\",\"",
    b"a,",
    b";",
    b" ",
    b"\t",
    b"\n",
    b"\r\n",
    b"\0",
    b"\x1B[1;",
    b"\x1B[31m",
    b"\\u0040",
    b"\\u00",
    b"\\ud83d",
    b"\\x40",
    b"<",
    b"<34>",
    b"<34>1 ",
    b"[a b=\"",
    b"Nov 29 14:00:00 ",
    b"haproxy[1]: ",
    b"#Fields: a ",
    b"\xC3\xA9",
    b"\xE2\x80\x93",
    b"\xC2\xA0",
    b"\xFF",
    b"\xE2\x80",
    b"2026-11-29T14:00:00.000Z stdout P x\n",
    b"{\"log\":\"x\",\"stream\":\"stdout\"}\n",
    b"- - ",
];

/// A record of no more than so many bytes, and mostly of no less.
pub(crate) fn record(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    let mut text = words(rng, 3);
    let end = words(rng, 3);
    let room = bytes.saturating_sub(text.len() + end.len());
    match rng.u8(..8) {
        0 => fill(&mut text, &words(rng, 4), room),
        1 => {
            let all: Vec<u8> = (0..room / 2).flat_map(|_| word(rng)).copied().take(room).collect();
            text.extend(all);
        }
        2 => text.extend((0..room).map(|_| rng.u8(..))),
        3 => members(rng, &mut text, room),
        4 => {
            let open: &[u8] = if rng.bool() { b"[" } else { b"{\"b\":" };
            fill(&mut text, open, room.min(rng.usize(..400)));
            text.push(b'1');
            let close: &[u8] = if rng.bool() { b"]" } else { b"}" };
            fill(&mut text, close, room.min(rng.usize(..400)));
        }
        5 => fill(&mut text, &[rng.u8(..)], room),
        6 => {
            text.extend_from_slice(b"{\"a\":-");
            fill(&mut text, b"1234567890", room / 2);
            text.extend_from_slice(b".");
            fill(&mut text, b"0", room / 2);
            text.extend_from_slice(b"e+99}");
        }
        _ => {
            text.extend_from_slice(b"{\"a\":\"");
            let inner = String::from_utf8_lossy(&words(rng, 3)).escape_default().to_string();
            fill(&mut text, inner.replace('\'', "").as_bytes(), room);
            text.extend_from_slice(b"\"}");
        }
    }
    text.extend(end);
    text.truncate(bytes);
    text
}

/// So many bytes of this, over and over.
pub(crate) fn fill(text: &mut Vec<u8>, unit: &[u8], bytes: usize) {
    if !unit.is_empty() {
        text.extend(unit.iter().cycle().take(bytes));
    }
}

fn word(rng: &mut Rng) -> &'static [u8] {
    rng.choice(WORDS).unwrap_or_default()
}

fn words(rng: &mut Rng, most: usize) -> Vec<u8> {
    (0..rng.usize(..=most)).flat_map(|_| word(rng)).copied().collect()
}

/// An object of many members, of which some come twice.
fn members(rng: &mut Rng, text: &mut Vec<u8>, bytes: usize) {
    let values: [&[u8]; 3] = [b"1", b"\"x@y.de\"", b"[]"];
    let (names, value) = (rng.usize(1..100_000), rng.choice(values).unwrap_or_default());
    let kinds = ["k", "\\u006b", "a.", "b.c"];
    let end = text.len() + bytes;
    text.push(b'{');
    for (number, kind) in kinds.iter().cycle().enumerate() {
        if text.len() + 30 >= end {
            break;
        }
        if number > 0 {
            text.push(b',');
        }
        text.extend_from_slice(format!("\"{kind}{}\":", number % names).as_bytes());
        text.extend_from_slice(value);
    }
    text.push(b'}');
}
