//! A flow with a clock that the test moves: what is kept, and when it is acknowledged.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kinetail::admin::status::DeadLetterStatus;
use kinetail::batch::dead_letter::{Bounds, Reason, Stage};
use kinetail::config::{
    Aggregation, Compression, DeadLetterConfig, Destination, FlowConfig, Format, OversizeLine,
};
use kinetail::metrics::name;
use kinetail::process::steps::ParseJson;
use kinetail::process::{ConverterConfig, OnUnparsable, StepConfig};

use super::{data_in, files_in, letters_in};
use crate::support::world::World;

const BOUNDS: Bounds = Bounds { bytes_max: 1 << 30, age_max: Duration::from_hours(24) };

/// A world whose flow keeps dead letters, and where.
fn world(change: impl FnOnce(&mut FlowConfig)) -> (World, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let letters = dir.path().join("kept/letters");
    let world = World::within(dir, "*.log", |config| {
        config.dead_letters = Some(DeadLetterConfig { directory: letters.clone(), bounds: BOUNDS });
        change(config);
    });
    (world, letters)
}

fn parse_json(config: &mut FlowConfig) {
    let on_unparsable = OnUnparsable::DeadLetter;
    let step = StepConfig { on_unparsable, ..StepConfig::new(ParseJson { field: None }) };
    config.converters = vec![ConverterConfig::Step(step)];
}

/// How far the only file is acknowledged, as a crash would find it.
fn acknowledged(world: &World) -> u64 {
    world.rows().values().map(|row| row.offset).max().unwrap_or(0)
}

#[test]
fn unparsable_records_are_kept_with_their_place_and_the_others_are_delivered() {
    let (mut world, dir) = world(parse_json);
    world.append("app.log", b"{\"a\":1}\nnot json\n{}\n\xff\xfe\n");
    world.settle();
    assert_eq!(world.stream, [b"{\"a\":1}\n".as_slice(), b"{}\n"]);
    let letters = letters_in(&dir);
    let [first, second] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((first.data.as_slice(), first.offset), (b"not json\n".as_slice(), 8));
    assert_eq!((second.data.as_slice(), second.offset), (b"\xff\xfe\n".as_slice(), 20));
    assert_eq!((first.reason, first.stage), (Reason::Unparsable, Stage::Line));
    assert_eq!((first.code.as_str(), first.is_cut()), ("PARSEJSON", false));
    assert_eq!(first.message, "invalid JSON at byte 0");
    assert_eq!(first.file, world.path("app.log").as_os_str().as_bytes());
    assert_eq!(first.flow, world.config.id);
    assert_eq!(acknowledged(&world), 23);
    assert_eq!(world.counted(name::DEAD_LETTERS, "reason=\"unparsable\""), 2);
    assert_eq!(world.counted(name::RECORDS_SKIPPED, "reason=\"unparsable\""), 2);
    assert_eq!(world.status().totals.dead_letters, 2);
    world.stop();
}

#[test]
fn letters_are_private() {
    let (mut world, dir) = world(parse_json);
    world.append("app.log", b"no\n");
    world.settle();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(dir.parent().unwrap())), (0o700, 0o700));
    assert_eq!(files_in(&dir).iter().map(|file| mode(file)).collect::<Vec<_>>(), [0o600]);
}

#[test]
fn a_batch_waits_for_its_letters_to_be_on_disk() {
    let (mut world, dir) = world(parse_json);
    // A file in the place of the directory: nothing can be written.
    let obstacle = dir.parent().unwrap().to_owned();
    fs::write(&obstacle, "").unwrap();
    world.append("app.log", b"{}\nno\n");
    world.settle();
    assert_eq!(world.stream, [b"{}\n"], "what can be delivered is");
    assert_eq!(acknowledged(&world), 0, "and is not acknowledged over the letter");
    let status = world.status();
    assert_eq!(status.dead_letters.waiting, 1);
    assert!(status.dead_letters.failing.is_some());
    assert_eq!(world.counted(name::DEAD_LETTERS_FAILING, "flow="), 1);
    fs::remove_file(&obstacle).unwrap();
    // The longest pause between two tries.
    world.run(Duration::from_secs(61));
    assert_eq!(data_in(&dir), [b"no\n"]);
    assert_eq!(acknowledged(&world), 6);
    let DeadLetterStatus { waiting, failing, kept, .. } = world.status().dead_letters.clone();
    assert_eq!((waiting, failing, kept.files), (0, None, 1));
    assert_eq!(kept.bytes, fs::metadata(&files_in(&dir)[0]).unwrap().len());
    assert_eq!(world.counted(name::DEAD_LETTERS_FAILING, "flow="), 0);
    world.stop();
    assert_eq!(world.stream.len(), 1);
}

#[test]
fn letters_that_cannot_be_written_hold_a_bounded_number_of_batches() {
    let (mut world, dir) = world(|config| {
        parse_json(config);
        config.max_buffer_records = 2;
        config.max_in_flight_requests = 3;
    });
    let obstacle = dir.parent().unwrap().to_owned();
    fs::write(&obstacle, "").unwrap();
    let lines: Vec<String> = (0..200).map(|number| format!("bad {number}\n{{}}\n")).collect();
    world.append("app.log", lines.concat().as_bytes());
    world.settle();
    assert!(world.status().in_flight <= 3, "{}", world.status().in_flight);
    assert!(world.status().dead_letters.waiting <= 3 * 500);
    fs::remove_file(&obstacle).unwrap();
    world.run(Duration::from_secs(70));
    assert_eq!(letters_in(&dir).len(), 200);
    assert_eq!(world.stream.len(), 200);
}

#[test]
fn a_crash_between_the_letter_and_its_checkpoint_repeats_the_letter() {
    let (mut world, dir) = world(parse_json);
    world.append("app.log", b"{}\n");
    world.settle();
    world.store_down = true;
    world.append("app.log", b"no\n");
    world.settle();
    assert_eq!(data_in(&dir), [b"no\n"]);
    world.crash();
    world.store_down = false;
    world.start();
    world.settle();
    assert_eq!(data_in(&dir), [b"no\n", b"no\n"]);
    assert_eq!(acknowledged(&world), 6);
    assert_eq!(files_in(&dir).len(), 2, "a file of an earlier run gets no more");
}

#[test]
fn a_crash_before_a_letter_is_written_loses_nothing() {
    let (mut world, dir) = world(parse_json);
    let obstacle = dir.parent().unwrap().to_owned();
    fs::write(&obstacle, "").unwrap();
    world.append("app.log", b"no\n{}\n");
    world.settle();
    world.crash();
    fs::remove_file(&obstacle).unwrap();
    world.start();
    world.settle();
    assert_eq!(data_in(&dir), [b"no\n"]);
    assert_eq!(acknowledged(&world), 6);
}

#[test]
fn a_line_longer_than_a_line_may_be_is_kept_whole() {
    for len in [5_000, 70_000, 3_000_000] {
        let (mut world, dir) = world(|config| {
            config.max_line_bytes = 4_096;
            config.oversize_line = OversizeLine::DeadLetter;
        });
        let mut long = vec![b'x'; len - 1];
        long.push(b'\n');
        world.append("app.log", b"before\n");
        world.append("app.log", &long);
        world.append("app.log", b"after\n");
        world.settle();
        assert_eq!(world.stream, [b"before\n".as_slice(), b"after\n"], "{len}");
        let letters = letters_in(&dir);
        let [letter] = letters.as_slice() else { panic!("{len}: {}", letters.len()) };
        assert_eq!((letter.reason, letter.offset), (Reason::OversizeLine, 7));
        assert_eq!(letter.len, len as u64);
        assert!(letter.data == long && !letter.is_cut(), "{len}: {}", letter.data.len());
        assert_eq!(world.counted(name::LINES_OVERSIZE, "policy=\"deadLetter\""), 1);
    }
}

#[test]
fn of_a_line_longer_than_any_record_the_beginning_is_kept() {
    let (mut world, dir) = world(|config| config.oversize_line = OversizeLine::DeadLetter);
    let len = 12 * 1024 * 1024;
    let mut long = vec![b'x'; len - 1];
    long.push(b'\n');
    world.append("app.log", &long);
    world.append("app.log", b"after\n");
    world.settle();
    assert_eq!(world.stream, [b"after\n"]);
    let letters = letters_in(&dir);
    let [letter] = letters.as_slice() else { panic!("{}", letters.len()) };
    assert!(letter.is_cut());
    assert_eq!((letter.len, letter.data.len()), (len as u64, 10 * 1024 * 1024));
}

#[test]
fn a_record_too_large_for_the_service_is_kept_and_not_cut() {
    let (mut world, dir) = world(|config| config.oversize_line = OversizeLine::DeadLetter);
    let mut large = vec![b'x'; 1_100_000];
    large.push(b'\n');
    world.append("app.log", &large);
    world.append("app.log", b"after\n");
    world.settle();
    assert_eq!(world.stream, [b"after\n"]);
    let letters = letters_in(&dir);
    let [letter] = letters.as_slice() else { panic!("{}", letters.len()) };
    assert_eq!((letter.reason, letter.stage), (Reason::TooLarge, Stage::Line));
    assert!(letter.data == large);
}

#[test]
fn a_record_that_the_service_refuses_is_kept_as_it_was_sent() {
    let (mut world, dir) = world(parse_json);
    world.refuses = Some(Box::new(|data| data.starts_with(b"{\"bad\"")));
    world.append("a.log", b"{\"good\":1}\n{\"bad\":1}\n");
    world.append("b.log", b"{\"bad\":2}\n{\"good\":2}\n");
    world.settle();
    let mut letters = letters_in(&dir);
    letters.sort_by(|a, b| a.file.cmp(&b.file));
    let [first, second] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((first.data.as_slice(), first.offset), (b"{\"bad\":1}\n".as_slice(), 11));
    assert_eq!((second.data.as_slice(), second.offset), (b"{\"bad\":2}\n".as_slice(), 0));
    assert_eq!(second.file, world.path("b.log").as_os_str().as_bytes());
    assert_eq!((first.reason, first.stage), (Reason::Refused, Stage::Record));
    assert_eq!((first.code.as_str(), first.message.as_str()), ("Refused", "by the test"));
    assert_eq!(world.counted(name::DEAD_LETTERS, "reason=\"refused\""), 2);
    assert_eq!(world.status().totals.records_refused, 2);
}

#[test]
fn a_refused_aggregate_is_kept_as_its_records() {
    for (format, compression, firehose) in [
        (Format::Kpl, Compression::None, false),
        (Format::Newline, Compression::None, true),
        (Format::Newline, Compression::Gzip, false),
    ] {
        let (mut world, dir) = world(|config| {
            let bytes_max = 50_000;
            config.aggregation = Some(Aggregation { format, bytes_max, records_max: 500 });
            config.compression = compression;
            if firehose {
                config.destination = Destination::Firehose { delivery_stream: "s".to_owned() };
            }
        });
        world.refuses = Some(Box::new(|_| true));
        world.append("app.log", b"one\ntwo\n\nthree\n");
        world.settle();
        let letters = letters_in(&dir);
        let found: Vec<_> = letters.iter().map(|l| (l.data.as_slice(), l.offset)).collect();
        let wanted: [(&[u8], u64); 4] = [(b"one\n", 0), (b"two\n", 4), (b"\n", 8), (b"three\n", 9)];
        assert_eq!(found, wanted, "{format:?} {compression:?}");
    }
}

#[test]
fn a_link_in_the_place_of_the_directory_is_not_followed() {
    let (mut world, dir) = world(parse_json);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &dir).unwrap();
    world.append("app.log", b"no\n");
    world.settle();
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert_eq!(acknowledged(&world), 0);
    fs::remove_file(&dir).unwrap();
    world.run(Duration::from_secs(61));
    assert_eq!(data_in(&dir), [b"no\n"]);
}

#[test]
fn names_of_files_may_have_any_character() {
    let (mut world, dir) = world(parse_json);
    let name = "a\nb\u{1b}[31m\".log";
    world.append(name, b"no\n");
    world.settle();
    let letters = letters_in(&dir);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].file, world.path(name).as_os_str().as_bytes());
}
