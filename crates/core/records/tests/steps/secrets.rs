//! `REDACT`: secrets that are made up, written in all the ways in which they come, and none of
//! which is to come out; and what looks like one and is none.

use std::net::{Ipv4Addr, Ipv6Addr};

use fastrand::Rng;
use kinetail_records::steps::{Redact, Replacement};
use kinetail_records::{Converted, ConverterConfig};

use super::every::KINDS;
use super::{chain, one, table};

fn redact() -> ConverterConfig {
    one(Redact::new(Vec::new(), KINDS.to_vec(), &[], Replacement::Text("[X]".to_owned())))
}

/// Text with a secret in it: the part of that of which nothing may be left.
struct Secret {
    text: String,
    hidden: String,
}

fn any_of(rng: &mut Rng, chars: &str, count: usize) -> String {
    let chars: Vec<char> = chars.chars().collect();
    (0..count).map(|_| chars[rng.usize(..chars.len())]).collect()
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const BASE_32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE_64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn card(rng: &mut Rng) -> Secret {
    let layouts: [&[usize]; 5] =
        [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 4]];
    let groups = layouts[rng.usize(..layouts.len())];
    let count: usize = groups.iter().sum();
    let mut digits: Vec<u32> = (0..count).map(|_| rng.u32(..10)).collect();
    digits[0] = rng.u32(2..7);
    let sum = |digits: &[u32]| -> u32 {
        let doubled = |(place, digit): (usize, &u32)| match place % 2 {
            0 => *digit,
            _ => 2 * digit / 10 + 2 * digit % 10,
        };
        digits.iter().rev().enumerate().map(doubled).sum()
    };
    digits[count - 1] = 0;
    digits[count - 1] = (10 - sum(&digits) % 10) % 10;
    let gaps = ["", " ", "-", "_", ".", "\u{2013}", "\u{A0}", " - ", "  ", "/", "\u{202F}", "\t"];
    let gap = gaps[rng.usize(..gaps.len())];
    let hidden: String = digits.iter().map(u32::to_string).collect();
    let (mut rest, mut parts) = (hidden.as_str(), Vec::new());
    for group in groups {
        let (part, behind) = rest.split_at(*group);
        parts.push(part);
        rest = behind;
    }
    Secret { text: parts.join(gap), hidden }
}

fn email(rng: &mut Rng) -> Secret {
    let name = any_of(rng, LOWER, 9);
    let local = match rng.u8(..4) {
        0 => format!("{name}.{}+tag", any_of(rng, LOWER, 6)),
        1 => format!("\"{name} {}\"", any_of(rng, LOWER, 6)),
        2 => format!("j\u{F6}{name}"),
        _ => name.clone(),
    };
    let host = any_of(rng, LOWER, 8);
    Secret { text: format!("{local}@{host}.example.com"), hidden: format!("{name}@{host}") }
}

fn address(rng: &mut Rng) -> Secret {
    let fourth = Ipv4Addr::new(rng.u8(1..), rng.u8(..), rng.u8(..), rng.u8(1..));
    let sixth = Ipv6Addr::from(rng.u128(..));
    let text = match rng.u8(..6) {
        0 => format!("::ffff:{fourth}"),
        1 => format!("{sixth}%eth0"),
        2 => format!("[{sixth}]:443"),
        3 => format!("fe80::{:x}:{:x}%br-lan.7", rng.u16(..), rng.u16(1..)),
        4 => sixth.to_string().to_uppercase(),
        _ => fourth.to_string(),
    };
    let hidden = text.trim_start_matches('[').split(']').next().unwrap().to_owned();
    Secret { text, hidden }
}

fn aws(rng: &mut Rng) -> Secret {
    let prefix = ["AKIA", "ASIA", "AROA"][rng.usize(..3)];
    let id = format!("{prefix}{}", any_of(rng, BASE_32, 16));
    let secret = format!("aB3{}", any_of(rng, BASE_64, 37));
    match rng.u8(..5) {
        0 => Secret { text: format!("KEY{id}"), hidden: id },
        1 => Secret { text: format!("https://{id}@s3.example.org/x"), hidden: id },
        2 => Secret { text: format!("/{id}/20261129/eu-west-1/s3"), hidden: id },
        3 => Secret { text: secret.clone(), hidden: secret },
        _ => Secret { text: id.clone(), hidden: id },
    }
}

fn bearer(rng: &mut Rng) -> Secret {
    let gap = [" ", "  ", "\t", "\n", "\r\n\t", ": ", " \"", "\u{A0}"][rng.usize(..8)];
    let word = ["Bearer", "bearer", "BEARER"][rng.usize(..3)];
    let hidden = format!("{}.{}", any_of(rng, BASE_64, 24), any_of(rng, BASE_64, 12));
    Secret { text: format!("{word}{gap}{hidden}"), hidden }
}

fn private_key(rng: &mut Rng) -> Secret {
    let hidden = any_of(rng, BASE_64, 60);
    let kind = ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "][rng.usize(..5)];
    let line = ["\n", "\\n", "\r\n"][rng.usize(..3)];
    let text = format!(
        "-----BEGIN {kind}PRIVATE KEY-----{line}{hidden}{line}-----END {kind}PRIVATE KEY-----"
    );
    Secret { text, hidden }
}

fn percent(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

fn unicode(text: &str) -> String {
    let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    units.concat()
}

/// What a secret stands in.
fn record(rng: &mut Rng, secret: &str) -> String {
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let before = ["", "to ", "id=", "<", "(", "'", ", ", "|", "a: ", "\t"][rng.usize(..10)];
    let behind = ["", " x", ">", ")", "'", ", b", "; c", "\t"][rng.usize(..8)];
    let text = format!("{before}{secret}{behind}");
    match rng.u8(..11) {
        0 => format!("{{\"m\":{}}}\n", json(&text)),
        1 => format!("{{\"log\":{},\"n\":1}}\n", json(&format!("{{\"m\":{}}}", json(&text)))),
        2 => format!("INFO {{\"m\":{}}}\n", json(&text)),
        3 => format!("1,\"{}\",2\n", text.replace('"', "\"\"")),
        4 => format!("GET /a?q={}&x=1 HTTP/1.1\n", percent(secret)),
        5 => format!("{{\"m\":\"{}\"}}\n", unicode(&text)),
        6 => format!("at=info msg=\"{}\" b=1\n", text.replace('\\', "\\\\").replace('"', "\\\"")),
        7 => format!("\u{1B}[31m{secret}\u{1B}[0m\n"),
        8 => format!("{{\"l\":[1,{{{}:null}}]}}\n", json(&text)),
        9 => format!("a={}\n", percent(&percent(secret))),
        _ => format!("{text}\n"),
    }
}

/// A text without escapes and gaps.
fn bare(text: &str) -> String {
    let mut plain = text.to_owned();
    for byte in 0x20..0x7F_u8 {
        let char = char::from(byte).to_string();
        for escape in [format!("%{byte:02X}"), format!("%25{byte:02X}"), format!("\\u{byte:04x}")] {
            plain = plain.replace(&escape, &char);
        }
    }
    plain
}

#[test]
fn no_part_of_a_secret_comes_out() {
    let makers: [fn(&mut Rng) -> Secret; 6] = [card, email, address, aws, bearer, private_key];
    let mut chain = chain(&[redact()]);
    for seed in 0..6_000_u64 {
        let mut rng = Rng::with_seed(seed);
        let secret = makers[rng.usize(..makers.len())](&mut rng);
        let record = record(&mut rng, &secret.text);
        let Converted::Record(out) = chain.convert(record.as_bytes()) else { panic!("{record}") };
        let out = bare(&String::from_utf8_lossy(out));
        assert!(out.contains("[X]"), "seed {seed}: {record}gave {out}");
        let hidden: Vec<char> = secret.hidden.chars().collect();
        for part in hidden.windows(6.min(hidden.len())) {
            let part: String = part.iter().collect();
            assert!(!out.contains(&part), "seed {seed}: {record}gave {out}");
        }
    }
}

#[test]
fn what_is_no_secret_stays() {
    let stays = [
        "2026-11-29T10:00:00.123456789Z 2026/11/29 10:00:00.123 1795960800500",
        "550e8400-e29b-41d4-a716-446655440000 took 0.4111111111111111 s, 12.5 ms",
        "{\"a\":0.4532015112830366,\"b\":1795960800500000000,\"c\":[1,2,3]}",
        "+49 30 1234567-89, ISBN 978-3-16-148410-0, 2019-2020, 1.234.567,89",
        "version 10.15.7, v1.2.3.4, 1.2.3.4.5, lodash@4.17.21 react@18.2.0",
        "root@localhost @Override user@host handle=\"@joe.smith\" a@b",
        "aa:bb:cc:dd:ee:ff 00:11:22:33:44:55:66:77:88 12:34:56 std::vec::Vec a::b my_dead::beef",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709 \
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "com/example/shop/orders/OrderServiceImpl/placeOrder/Handler/Item1",
        "SOUTHEASTASIAREGIONALOFFICE ASIA AKIA AKIASHORT",
        "Bearer token expired; bearer authentication failed; forbearer x; the bearer",
        "-----BEGIN CERTIFICATE-----\\nabc\\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY----- a PRIVATE KEY is not shown",
        "/a/b/4111/1111 4111:1111:1111:1111 4111,1111,1111,1111",
        "eyJ eyJhbGciOiJIUzI1NiJ9 J",
        "100% of 12%5 C:\\new\\table \\u12 %zz",
    ];
    let cases: Vec<(&str, &str)> = stays.iter().map(|text| (*text, *text)).collect();
    table(&[redact()], &cases);
}
