//! Compressed files that are damaged at random, in the place of a rotated log.

use std::fs;
use std::io::{Read, Write};

use crate::support::world::World;

use super::fuzz;

const WORDS: &[&[u8]] =
    &[b"\0", b"\xFF\xFF", b"\x1F\x8B\x08", b"BZh9", b"\x28\xB5\x2F\xFD", b"\x50\x2A\x4D\x18"];

fn lines(name: &str, numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    // No line is like another, or a lost one would not be seen.
    numbers.map(|number| format!("{name}|{number}|{}\n", number * 7919).into_bytes()).collect()
}

/// What is in the log when it is compressed: 60 lines, 40 of them read.
fn rotated() -> Vec<u8> {
    lines("a", 0..60).concat()
}

fn gzip() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&rotated()).unwrap();
    encoder.finish().unwrap()
}

fn bzip2() -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(&rotated()).unwrap();
    encoder.finish().unwrap()
}

fn zstandard() -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(
        rotated().as_slice(),
        ruzstd::encoding::CompressionLevel::Fastest,
    )
}

/// A log is rotated and compressed between two scans, and damaged on the way. What can be
/// unpacked and is something else is another generation, which is read from its start.
fn check(extension: &str, packed: &[u8], may_be_other: bool) {
    let mut world = World::new("app.log");
    world.append("app.log", &lines("a", 0..40).concat());
    world.settle();
    world.stop();
    fs::remove_file(world.path("app.log")).unwrap();
    fs::write(world.path(&format!("app.log.1.{extension}")), packed).unwrap();
    world.append("app.log", &lines("b", 0..20).concat());
    world.start();
    world.settle();
    let mut written = lines("a", 0..60);
    written.extend(lines("b", 0..20));
    for record in &world.stream {
        let text = record.escape_ascii();
        assert!(written.contains(record) || may_be_other, "never written: {text}");
        let count = world.stream.iter().filter(|other| *other == record).count();
        assert!(count == 1 || may_be_other, "{text} arrives {count} times");
    }
    for line in &written[60..] {
        let count = world.stream.iter().filter(|other| *other == line).count();
        assert_eq!(count, 1, "{} arrives {count} times", line.escape_ascii());
    }
}

#[test]
fn gzip_frames_of_any_kind_do_no_harm() {
    fuzz(&[&gzip()], WORDS, |packed| check("gz", packed, false));
}

#[test]
fn bzip2_frames_of_any_kind_do_no_harm() {
    fuzz(&[&bzip2()], WORDS, |packed| check("bz2", packed, false));
}

#[test]
fn zstandard_frames_of_any_kind_do_no_harm() {
    fuzz(&[&zstandard()], WORDS, |packed| {
        // Frames may come without a checksum.
        let mut unpacked = Vec::new();
        let whole = ruzstd::decoding::StreamingDecoder::new(packed)
            .is_ok_and(|mut decoder| decoder.read_to_end(&mut unpacked).is_ok());
        check("zst", packed, whole && unpacked != rotated());
    });
}
