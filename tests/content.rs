//! What stands in lines and how long they are: bytes arrive as they were written, and nothing that
//! a line holds blocks the next one.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use kinetail::config::{Encoding, InitialPosition, OversizeLine};
use kinetail::process::LineStart;

use crate::support::world::World;

const MEBIBYTE: usize = 1024 * 1024;

#[test]
fn f25_a_line_that_is_written_byte_by_byte_over_a_minute_is_one_record() {
    let mut world = World::new("app.log");
    let line = b"a line that a person types, slowly\n";
    for byte in line {
        world.append("app.log", &[*byte]);
        world.run(Duration::from_secs(2));
    }
    assert_eq!(world.stream, [line.to_vec()]);
}

#[test]
fn f26_half_a_line_is_sent_after_the_time_that_was_asked_for() {
    let hold = Duration::from_secs(10);
    let mut world = World::with("app.log", |config| config.partial_line_hold = Some(hold));
    world.append("app.log", b"whole\nhalf");
    world.run(Duration::from_secs(8));
    assert_eq!(world.stream, [b"whole\n"]);
    world.append("app.log", b" of it");
    world.run(Duration::from_secs(8));
    assert_eq!(world.stream.len(), 1, "it grew");
    world.run(Duration::from_secs(4));
    assert_eq!(world.stream[1], b"half of it");
    world.append("app.log", b", and the rest\n");
    world.settle();
    assert_eq!(world.stream[2], b", and the rest\n");
    world.stop();
    world.start();
    world.settle();
    assert_eq!(world.stream.len(), 3);
}

#[test]
fn f26_without_that_half_a_line_waits() {
    let mut world = World::new("app.log");
    world.append("app.log", b"half");
    world.run(Duration::from_hours(1));
    assert!(world.stream.is_empty());
    world.append("app.log", b" and half\n");
    world.settle();
    assert_eq!(world.stream, [b"half and half\n"]);
}

#[test]
fn f27_bytes_of_any_kind_arrive_as_they_are() {
    let mut world = World::new("app.log");
    let mut random = fastrand::Rng::with_seed(27);
    let mut written = b"\xef\xbb\xbfa byte order mark\r\n\r\n\rlone\n\0\n\x1b[1m\x07\n\n".to_vec();
    written.extend((0..2 * MEBIBYTE).map(|_| random.u8(..)));
    written.push(b'\n');
    for piece in written.chunks(300_001) {
        world.append("app.log", piece);
        world.run(Duration::from_millis(40));
    }
    world.settle();
    let lines: Vec<_> = written.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(world.stream, lines);
}

/// Runs a line of `len` bytes between two others through a flow and gives back what arrives.
fn around_a_long_line(policy: OversizeLine, max: usize, len: usize) -> Vec<Vec<u8>> {
    let mut world = World::with("app.log", |config| {
        config.oversize_line = policy;
        config.max_line_bytes = max;
    });
    let long: Vec<u8> = (0..len).map(|n| b"abcdefghij\xc3\xa9"[n % 12]).collect();
    world.append("app.log", b"before\n");
    for piece in long.chunks(3 * MEBIBYTE) {
        world.append("app.log", piece);
        world.run(Duration::from_millis(200));
    }
    world.append("app.log", b"\nafter\n");
    world.settle();
    world.stop();
    world.start();
    world.settle();
    let stream = std::mem::take(&mut world.stream);
    assert_eq!(stream.first().map(Vec::as_slice), Some(&b"before\n"[..]));
    assert_eq!(stream.last().map(Vec::as_slice), Some(&b"after\n"[..]));
    let middle = stream[1..stream.len() - 1].to_vec();
    if policy == OversizeLine::Split {
        assert!(middle.iter().all(|piece| piece.len() <= max.min(MEBIBYTE)));
        assert!(middle.iter().all(|piece| piece.first().is_none_or(|byte| *byte != 0xa9)));
        assert_eq!(middle.concat(), [&long[..], b"\n"].concat());
    }
    middle
}

#[test]
fn f28_a_long_line_is_cut_and_the_next_one_is_whole() {
    for len in [5_000, 300_000, 20 * MEBIBYTE] {
        let middle = around_a_long_line(OversizeLine::Truncate, 4_096, len);
        assert_eq!(middle.len(), 1, "{len}");
        assert!(middle[0].len() == 4_096 && middle[0].ends_with(b"\n"), "{len}");
        assert!(middle[0].starts_with(b"abcdefghij"), "{len}");
    }
}

#[test]
fn f28_a_long_line_is_sent_in_pieces_and_the_next_one_is_whole() {
    assert_eq!(around_a_long_line(OversizeLine::Split, 4_096, 5_000).len(), 2);
    assert!(around_a_long_line(OversizeLine::Split, 4_096, 300_000).len() > 70);
    assert!(around_a_long_line(OversizeLine::Split, 5 * MEBIBYTE, 12 * MEBIBYTE).len() >= 12);
}

#[test]
fn f28_a_long_line_is_skipped_and_the_next_one_is_whole() {
    for len in [5_000, 300_000, 20 * MEBIBYTE] {
        assert!(around_a_long_line(OversizeLine::Drop, 4_096, len).is_empty(), "{len}");
    }
}

#[test]
fn f29_utf_16_is_refused_until_it_is_asked_for() {
    for mark in [[0xff, 0xfe], [0xfe, 0xff]] {
        let content = [&mark[..], b"l\0i\0n\0e\0\n\0"].concat();
        for position in [InitialPosition::StartOfFile, InitialPosition::EndOfFile] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("app.log"), &content).unwrap();
            let mut world =
                World::within(dir, "app.log", |config| config.initial_position = position);
            world.settle();
            world.append("app.log", b"m\0o\0r\0e\0\n\0");
            world.settle();
            assert!(world.stream.is_empty(), "{position:?}: {:?}", world.stream);
            // What takes its place is read.
            fs::write(world.path("app.log"), b"line\n").unwrap();
            world.settle();
            assert_eq!(world.stream, [b"line\n"]);
        }
        let mut world = World::with("app.log", |config| config.encoding = Encoding::Raw);
        world.append("app.log", &content);
        world.settle();
        assert_eq!(world.stream.concat(), content[..content.len() - 1]);
    }
}

#[test]
fn f10_a_hole_of_a_gibibyte_is_skipped_immediately_and_the_next_line_is_complete() {
    let mut world = World::new("app.log");
    world.append("app.log", b"one\n");
    world.settle();
    let file = File::options().write(true).open(world.path("app.log")).unwrap();
    file.set_len(0).unwrap();
    let far = 1024 * MEBIBYTE as u64 + 12_345;
    file.write_all_at(b"two\n", far).unwrap();
    // Reading it would take 4,096 turns of a file; these steps have 280 at most.
    let begin = Instant::now();
    world.run(Duration::from_millis(700));
    println!("35 steps of the flow over the hole took {:?}", begin.elapsed());
    assert_eq!(world.stream, [b"one\n", b"two\n"]);
    // Lines before a hole, and a second hole.
    file.write_all_at(b"three\nfour\n", far + 4).unwrap();
    file.write_all_at(b"five\n", far + 100_000).unwrap();
    world.settle();
    world.stop();
    world.start();
    world.settle();
    let all = [b"one\n".to_vec(), b"two\n".to_vec(), b"three\n".to_vec(), b"four\n".to_vec()];
    assert_eq!(world.stream[..4], all);
    assert_eq!(world.stream[4..], [b"five\n".to_vec()]);
}

#[test]
fn a_file_with_reserved_space_is_read_as_it_is_filled() {
    let mut world = World::new("app.log");
    let file = File::create(world.path("app.log")).unwrap();
    file.set_len(20 * MEBIBYTE as u64).unwrap();
    let mut written = 0;
    for number in 0..50 {
        let line = format!("line {number}\n");
        file.write_all_at(line.as_bytes(), written).unwrap();
        written += line.len() as u64;
        world.run(Duration::from_millis(600));
        assert_eq!(world.stream.len(), number + 1);
        assert_eq!(world.stream[number], line.as_bytes());
    }
}

#[test]
fn f30_multi_line_records_over_reads_pauses_rotations_and_stops() {
    let mut random = fastrand::Rng::with_seed(30);
    let mut world = World::with("app.log", |config| {
        config.multi_line_start = Some(LineStart::compile(r"\d").unwrap());
    });
    let mut written: Vec<Vec<u8>> = Vec::new();
    for round in 0..60 {
        let mut bytes = Vec::new();
        for number in 0..random.usize(1..200) {
            let mut record = format!("{round} {number}\n").into_bytes();
            for _ in 0..random.usize(0..5) {
                record.extend_from_slice(b"  at somewhere, called from\n");
            }
            bytes.extend_from_slice(&record);
            written.push(record);
        }
        // Pauses are shorter than the time that a record is held.
        while !bytes.is_empty() {
            let rest = bytes.split_off(random.usize(1..=bytes.len()));
            world.append("app.log", &bytes);
            world.run(Duration::from_millis(random.u64(20..500)));
            bytes = rest;
        }
        match random.u8(..4) {
            0 => {
                world.rename("app.log", &format!("rotated.{round}"));
                world.run(Duration::from_millis(200));
            }
            1 => {
                world.stop();
                world.start();
            }
            _ => world.run(Duration::from_secs(2)),
        }
    }
    world.settle();
    let mut arrived = world.stream.clone();
    arrived.sort();
    written.sort();
    assert_eq!(arrived, written);
}

#[test]
fn a_header_longer_than_any_record_is_skipped_to_its_last_line() {
    let mut world = World::with("app.log", |config| {
        config.skip_header_lines = 3;
        config.max_line_bytes = 4_096;
    });
    for _ in 0..3 {
        world.append("app.log", &vec![b'h'; 3 * MEBIBYTE]);
        world.settle();
        assert!(world.stream.is_empty());
        world.append("app.log", b"\n");
    }
    world.append("app.log", b"one\ntwo\n");
    world.settle();
    world.stop();
    world.start();
    world.append("app.log", b"three\n");
    world.settle();
    assert_eq!(world.stream, [&b"one\n"[..], b"two\n", b"three\n"]);
}
