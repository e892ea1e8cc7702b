//! Letters, names, bounds and aggregates: what is written can be read.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::aggregate::kpl::{self, Kpl};
use crate::sink::Compression;

const TIME: &str = "2026-11-29T21:00:00.123Z";
const FLOW: &str = "kinesis:s:/var/log/\u{1b}[31m*.log";

fn undelivered(data: &[u8]) -> Undelivered {
    Undelivered {
        reason: Reason::Refused,
        code: "InvalidArgumentException".to_owned(),
        message: "no \"thanks\"\n".to_owned(),
        file: FileKey(1),
        offset: 42,
        len: data.len() as u64,
        stage: Stage::Record,
        data: data.to_vec(),
    }
}

fn encoded(letter: &Undelivered, file: &[u8], log: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(letter, Place { file, log }, (TIME, FLOW), &mut out);
    out
}

#[test]
fn text_is_readable_and_other_bytes_are_base64() {
    let text = String::from_utf8(encoded(&undelivered(b"a\"b\xc3\xa9\n"), b"/a", b"/a")).unwrap();
    assert_eq!(
        text,
        "{\"time\":\"2026-11-29T21:00:00.123Z\",\"reason\":\"refused\",\
         \"code\":\"InvalidArgumentException\",\"message\":\"no \\\"thanks\\\"\\n\",\
         \"flow\":\"kinesis:s:/var/log/\\u001b[31m*.log\",\"file\":\"/a\",\"offset\":42,\
         \"bytes\":6,\"stage\":\"record\",\"encoding\":\"text\",\"data\":\"a\\\"bé\\n\"}\n"
    );
    for data in [b"\xff\n".as_slice(), b"\x00\x01\x02\x03"] {
        let text = String::from_utf8(encoded(&undelivered(data), b"/a", b"/a")).unwrap();
        assert!(text.contains("\"encoding\":\"base64\""), "{text}");
    }
}

#[test]
fn names_with_control_characters_or_no_text_come_back_as_they_were() {
    for (file, log) in [
        (b"/var/log/a\nb\x1b[31m".as_slice(), b"/var/log/a\nb\x1b[31m".as_slice()),
        (b"/var/log/\xff.1", b"/var/log/\xff"),
        (b"/var/log/\xff", b"/var/log/a"),
        (b"/var/log/a", b"/var/log/\xfe"),
    ] {
        let line = encoded(&undelivered(b"x"), file, log);
        assert_eq!(memchr::memchr_iter(b'\n', &line).count(), 1);
        assert!(!line.contains(&0x1b));
        let letter = decode(&line).unwrap();
        assert_eq!((letter.file.as_slice(), letter.log.as_slice()), (file, log));
    }
}

#[test]
fn a_record_too_long_to_be_kept_says_how_long_it_was() {
    let mut letter = undelivered(&vec![b'x'; DATA_BYTES_MAX + 5]);
    letter.message = "é".repeat(MESSAGE_BYTES_MAX);
    let decoded = decode(&encoded(&letter, b"/a", b"/a")).unwrap();
    assert!(decoded.is_cut());
    assert_eq!(decoded.data.len(), DATA_BYTES_MAX);
    assert_eq!(decoded.len, DATA_BYTES_MAX as u64 + 5);
    assert_eq!(decoded.message.len(), MESSAGE_BYTES_MAX);
}

#[test]
fn lines_of_other_programs_are_errors() {
    let line = encoded(&undelivered(b"\xff"), b"/a", b"/a");
    let text = String::from_utf8(line).unwrap();
    for broken in ["", "{}", "null", "{\"time\":1}", &text.replace("/w==", "/w=!")] {
        assert!(decode(broken.as_bytes()).is_err(), "{broken}");
    }
    assert!(decode(&text.as_bytes()[..text.len() / 2]).is_err());
}

proptest! {
    /// For all bytes: they come back, in one line, at most twice as long and a bit.
    #[test]
    fn bytes_come_back(
        data in prop::collection::vec(any::<u8>(), 0..400),
        text in any::<bool>(),
        stage in prop_oneof![Just(Stage::Line), Just(Stage::Record)],
        reason in prop::sample::select(&Reason::ALL[..]),
    ) {
        let lossy = || String::from_utf8_lossy(&data).into_owned().into_bytes();
        let data = if text { lossy() } else { data };
        let letter = Undelivered { reason, stage, ..undelivered(&data) };
        let line = encoded(&letter, b"/a", b"/a");
        prop_assert_eq!(memchr::memchr_iter(b'\n', &line).count(), 1);
        prop_assert!(line.len() <= 2 * data.len() + 400, "{}", line.len());
        let decoded = decode(&line).unwrap();
        prop_assert_eq!(&decoded.data, &data);
        prop_assert_eq!((decoded.stage, decoded.reason, decoded.offset), (stage, reason, 42));
        prop_assert_eq!(decoded.flow, FLOW);
        prop_assert_eq!(decoded.len, data.len() as u64);
    }

    #[test]
    fn no_input_panics(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let decoded = decode(&line);
        prop_assert!(decoded.is_err());
    }

    #[test]
    fn names_come_back_and_sort_by_time(
        flow in ".{0,40}",
        times in prop::collection::vec((0_u64..9_999_999_999_999, 0_u32..999_999), 2..10),
    ) {
        let tag = LetterFileName::tag_of(&flow);
        let name = |(unix_millis, number)| LetterFileName { tag: tag.clone(), unix_millis, number };
        let mut names: Vec<_> = times.into_iter().map(name).collect();
        let mut texts: Vec<String> = names.iter().map(ToString::to_string).collect();
        names.sort();
        texts.sort();
        let read: Vec<_> =
            texts.iter().map(|text| LetterFileName::parse(text.as_bytes()).unwrap()).collect();
        prop_assert_eq!(read, names);
    }

    /// For all files: what is kept and written is within the bound, unless what is written is more
    /// than that alone; the oldest are dropped first, and none without need.
    #[test]
    fn the_oldest_files_are_dropped(
        sizes in prop::collection::vec(1_u64..100, 0..20),
        more in 0_u64..100,
        bytes_max in 50_u64..500,
        hours in 0_u64..30,
    ) {
        let bounds = Bounds { bytes_max, age_max: Duration::from_hours(hours) };
        let count = sizes.len() as u64;
        let files: Vec<Kept> = (0..).zip(&sizes)
            .map(|(place, bytes)| Kept { bytes: *bytes, age: Duration::from_hours(count - place) })
            .collect();
        let dropped = to_drop(&files, more, bounds);
        let places: Vec<usize> = dropped.iter().map(|(place, _)| *place).collect();
        prop_assert_eq!(&places, &(0..places.len()).collect::<Vec<_>>(), "the oldest first");
        let kept: u64 = sizes.iter().skip(places.len()).sum();
        let newest = usize::from(more == 0);
        prop_assert!(kept + more <= bytes_max || places.len() + newest >= sizes.len());
        prop_assert!(files.iter().skip(places.len()).all(|file| file.age <= bounds.age_max));
        if let Some((last, why)) = dropped.last() {
            let needed = sizes.iter().skip(*last).sum::<u64>() + more > bytes_max;
            let old = files[*last].age > bounds.age_max;
            prop_assert_eq!(*why == Why::Age, old);
            prop_assert!(old || needed);
        }
    }
}

#[test]
fn names_of_other_programs_are_not_ours() {
    let name = LetterFileName { tag: LetterFileName::tag_of("f"), unix_millis: 1, number: 2 };
    let text = name.to_string();
    assert_eq!(LetterFileName::parse(text.as_bytes()), Some(name));
    for other in [
        "dead.ndjson",
        "dead-0000000000000000-1-2.ndjson",
        &text.replace(".ndjson", ".json"),
        &text.replace(".ndjson", "-1.ndjson"),
        &text.replace("dead-", "Dead-"),
        &text.to_uppercase(),
        &format!("{text}~"),
    ] {
        assert_eq!(LetterFileName::parse(other.as_bytes()), None, "{other}");
    }
}

fn origins(records: &[&[u8]]) -> Vec<Origin> {
    records.iter().map(|data| Origin::new((FileKey(1), 0), data)).collect()
}

#[test]
fn a_refused_aggregate_is_taken_apart_into_its_records() {
    let records: [&[u8]; 4] = [b"one\n", b"two\nlines\n", b"three", b""];
    let mut kpl = Kpl::default();
    for (place, record) in records.iter().enumerate() {
        kpl.push(if place == 2 { "other" } else { "key" }, record);
    }
    kpl::finish(&mut [&mut kpl]);
    assert_eq!(split(kpl.finished().to_vec(), Compression::None, &origins(&records)), records);
}

#[test]
fn joined_lines_are_taken_apart_where_they_were_joined() {
    let records: [&[u8]; 4] = [b"one\n", b"two\nlines", b"three", b"end"];
    let joined = b"one\ntwo\nlines\nthree\nend".to_vec();
    let mut gzip = GzEncoder::new(Vec::new(), Level::default());
    gzip.write_all(&joined).unwrap();
    let packed = gzip.finish().unwrap();
    assert_eq!(split(joined, Compression::None, &origins(&records)), records);
    assert_eq!(split(packed, Compression::Gzip, &origins(&records)), records);
    let one: [&[u8]; 1] = [b"one\n"];
    assert_eq!(split(b"one\n".to_vec(), Compression::None, &origins(&one)), one);
}

#[test]
fn what_cannot_be_taken_apart_stays_whole() {
    let records: [&[u8]; 2] = [b"one", b"two"];
    for data in [b"one two".as_slice(), b"one\ntwo!", b"one", b"\xf3\x89\x9a\xc2"] {
        assert_eq!(split(data.to_vec(), Compression::None, &origins(&records)), [data]);
        assert_eq!(split(data.to_vec(), Compression::Gzip, &origins(&records)), [data]);
    }
}

#[test]
fn a_line_that_is_no_letter_says_why() {
    let line = |of: &Undelivered| String::from_utf8(encoded(of, b"f", b"f")).unwrap();
    let binary = line(&undelivered(b"\xff\xff\xff"));
    let letter = decode(binary.as_bytes()).unwrap();
    assert_eq!(letter.data, b"\xff\xff\xff");
    for other in ["", "{}", "[1]", "{\"time\":1}", binary.split_at(binary.len() / 2).0] {
        let error = decode(other.as_bytes()).unwrap_err();
        assert!(matches!(error, LetterError::Json(_)), "{other}: {error}");
    }
    let error = decode(binary.replace("////", "///!").as_bytes()).unwrap_err();
    assert!(matches!(error, LetterError::Base64), "{error}");
}
