//! F25 to F31: what is in the files.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use fastrand::Rng;
use kinetail::process::LineStart;
use kinetail::tail::splitter::{Ending, Next, Splitter};

use crate::support::scene::{LOOKED_AT, Scene};

/// F25. A line in writes of one byte over a minute, with crashes in between: sent once, whole, and
/// no checkpoint ever lies inside of it.
#[test]
fn f25_a_line_in_writes_of_one_byte() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 3);
    scene.settle();
    let begin = fs::metadata(scene.path("app.log")).unwrap().len();
    let line = scene.lines("a", 1);
    let (last, bytes) = line.split_last().unwrap();
    for (at, byte) in bytes.iter().enumerate() {
        scene.append("app.log", &[*byte]);
        scene.run(Duration::from_secs(2));
        assert_eq!(scene.stream.len(), 3);
        assert!(scene.rows().values().all(|row| row.offset == begin));
        if at % 10 == 5 {
            scene.crash();
            scene.start();
        }
    }
    scene.append("app.log", &[*last]);
    scene.settle_and_check();
}

/// F26. A last line without a line end waits in a live file, over a stop and a start too; it is
/// sent as it is when its file was rotated or deleted. Never lost, never split.
#[test]
fn f26_a_last_line_without_an_end() {
    let mut scene = Scene::new("app.log*");
    scene.append("app.log", b"a|1|\na|2|no");
    scene.run(Duration::from_mins(2));
    assert_eq!(scene.stream, [b"a|1|\n"], "a live file may get the rest at any time");
    scene.stop();
    scene.start();
    scene.append("app.log", b" end");
    scene.settle();
    assert_eq!(scene.stream.len(), 1);
    scene.shift(3);
    scene.append("app.log", b"b|1|\nb|2|");
    scene.run(Duration::from_secs(1));
    assert_eq!(scene.stream.len(), 2, "the rest of the line may still come");
    scene.settle();
    assert_eq!(scene.stream[2], b"a|2|no end");
    // Rotated while the agent is down.
    scene.stop();
    scene.shift(3);
    scene.start();
    scene.settle();
    assert_eq!(scene.stream[3], b"b|2|");
    scene.append("app.log", b"c|1|");
    scene.hint();
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.settle();
    assert_eq!(scene.stream[4], b"c|1|");
    // What a deleted file ends with cannot wait for the next start.
    scene.append("app.log", b"d|1|");
    scene.hint();
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.hint();
    scene.stop();
    assert_eq!(scene.stream[5..], [b"d|1|"]);
}

/// F27. NUL, invalid UTF-8, ISO-8859-1, escapes, lone carriage returns: every byte arrives as it
/// was. 10 million random bytes in pieces of all lengths.
#[test]
fn f27_every_byte_arrives_as_it_was() {
    const BYTES: usize = 10_000_000;
    let mut scene = Scene::new("app.log");
    let mut rng = Rng::with_seed(27);
    let mut written = Vec::with_capacity(BYTES);
    while written.len() < BYTES {
        // Most lengths around 30,000 so that few writes suffice, and some of a few bytes.
        let length = if rng.bool() { rng.usize(..10) } else { rng.usize(..60_000) };
        let piece: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        scene.append("app.log", &piece);
        written.extend(piece);
        scene.step();
    }
    scene.append("app.log", b"\n");
    written.push(b'\n');
    scene.settle();
    let lines: Vec<&[u8]> = written.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(scene.stream.len(), lines.len());
    assert!(scene.stream.concat() == written, "the bytes differ");
    assert!(scene.stream.iter().map(Vec::as_slice).eq(lines), "the boundaries differ");
}

/// F29. CRLF, mixed line ends, a carriage return at the end of a read: a record is a line with its
/// line end, byte for byte.
#[test]
fn f29_carriage_returns_stay_where_they_are() {
    let mut scene = Scene::new("app.log");
    let pieces: [&[u8]; 7] = [b"a\r", b"\nb\n", b"c\rd\r\n", b"\r", b"\n", b"e\n\r\n", b"\r\r\n"];
    for piece in pieces {
        scene.append("app.log", piece);
        scene.run(LOOKED_AT);
    }
    let lines: [&[u8]; 7] = [b"a\r\n", b"b\n", b"c\rd\r\n", b"\r\n", b"e\n", b"\r\n", b"\r\r\n"];
    assert_eq!(scene.stream, lines);
}

/// F30. Records of several lines, shown to the splitter in pieces: the same as when all is shown
/// at once. 20,000 random streams; `KINETAIL_STREAMS` asks for more.
#[test]
fn f30_records_of_several_lines_are_the_same_in_any_pieces() {
    let wanted = std::env::var("KINETAIL_STREAMS").ok().and_then(|count| count.parse().ok());
    let start = LineStart::compile(r"\d").unwrap();
    let splitter = Splitter::new(Some(start), 10_000);
    for seed in 0..wanted.unwrap_or(20_000) {
        let mut rng = Rng::with_seed(seed);
        let stream: Vec<u8> =
            (0..rng.usize(..60)).map(|_| *rng.choice(b"1 a\n").unwrap()).collect();
        let mut records: Vec<Vec<u8>> = Vec::new();
        let mut taken = 0;
        let mut shown = 0;
        loop {
            let is_all = shown == stream.len();
            let ending = if is_all { Ending::Final } else { Ending::Open };
            match splitter.next(&stream[taken..shown], ending) {
                Next::Record { len } => {
                    records.push(stream[taken..taken + len].to_vec());
                    taken += len;
                }
                Next::NeedMore if is_all => break,
                Next::NeedMore => shown += rng.usize(1..=stream.len() - shown),
                Next::Overlong | Next::Long { .. } | Next::Piece { .. } => {
                    panic!("seed {seed}: nothing is that long")
                }
            }
        }
        assert_eq!(records, records_of_several_lines(&stream), "seed {seed}: {stream:?}");
    }
}

/// The reference: a line that begins with a digit begins a record, and so does the first line,
/// whatever it is. Nobody completes the last one, so it is judged as it is.
fn records_of_several_lines(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = Vec::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let begins = line[0].is_ascii_digit();
        match records.last_mut() {
            Some(record) if !begins => record.extend_from_slice(line),
            _ => records.push(line.to_vec()),
        }
    }
    records
}

/// F30. Records of several lines whose lines come in pieces, before and after a rotation, with
/// pauses shorter than the hold time: whole. 100 records.
#[test]
fn f30_records_of_several_lines_across_writes_and_rotations() {
    let mut scene = Scene::with("app.log*", |config| {
        config.multi_line_start = Some(LineStart::compile(r"\d").unwrap());
    });
    let mut rng = Rng::with_seed(30);
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for record in 0..100 {
        let trace = "   at somewhere\n".repeat(rng.usize(..6));
        let text = format!("{record} failed\n{trace}").into_bytes();
        let mut open = scene.open("app.log");
        let (first, rest) = text.split_at(rng.usize(..text.len()));
        open.write_all(first).unwrap();
        scene.run(Duration::from_millis(rng.u64(..600)));
        if rng.u8(..5) == 0 {
            scene.shift(200);
            scene.hint();
        }
        open.write_all(rest).unwrap();
        scene.run(Duration::from_millis(rng.u64(..600)));
        expected.push(text);
    }
    scene.settle();
    let mut got = scene.stream.clone();
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

/// F31. Empty lines and lines of blanks are records like others; a file of 0 bytes gives none,
/// whatever becomes of it.
#[test]
fn f31_empty_lines_blanks_and_empty_files() {
    let mut scene = Scene::new("*.log*");
    scene.append("empty.log", b"");
    scene.write_text("app.log", b"\n\n \n\t\n \x0b\x0c \n\r\n");
    scene.settle_and_check();
    scene.rename("empty.log", "empty.log.1");
    scene.append("empty.log", b"");
    scene.settle();
    scene.stop();
    scene.start();
    scene.settle();
    fs::remove_file(scene.path("empty.log.1")).unwrap();
    scene.settle_and_check();
    scene.write("empty.log", "e", 3);
    scene.settle_and_check();
}
