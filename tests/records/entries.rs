//! Entries of container logs that take several lines, through rotations and crashes: each comes
//! out once, and whole.

use std::collections::BTreeMap;
use std::time::Duration;

use kinetail::config::FlowConfig;
use kinetail::process::steps::{ParseCri, Shape, Step};
use kinetail::process::{ConverterConfig, StepConfig};
use kinetail::tail::tailer::ROTATED_HOLD;
use proptest::prelude::*;

use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

/// containerd cuts what a container says into pieces of this size.
pub const PIECE_BYTES: usize = 16 * 1024;

/// A long entry is written over so many rotations, and as many crashes.
pub const ROTATIONS_OF_AN_ENTRY: usize = 10;

/// Entries of 10 MB. `KINETAIL_CRI_ENTRIES` asks for more: with 20 of them there are 200 rotations
/// and 200 crashes.
pub fn long_entries() -> Vec<String> {
    let count = std::env::var("KINETAIL_CRI_ENTRIES").map_or(2, |text| text.parse().unwrap());
    entries(count, 10_000_000)
}

/// Entries of which no two are alike.
fn entries(count: usize, bytes: usize) -> Vec<String> {
    (0..count).map(|entry| format!("{entry:08}").repeat(bytes / 8)).collect()
}

fn first(step: impl Step + 'static) -> impl FnOnce(&mut FlowConfig) {
    |config| config.converters = vec![ConverterConfig::Step(StepConfig::new(step))]
}

fn cri() -> impl FnOnce(&mut FlowConfig) {
    first(ParseCri { shape: Shape::new(false) })
}

/// The lines of an entry.
pub fn lines(stream: &str, text: &str, piece_bytes: usize) -> Vec<String> {
    let mut pieces: Vec<&str> = Vec::new();
    let mut rest = text;
    while rest.len() > piece_bytes {
        let (piece, behind) = rest.split_at(piece_bytes);
        pieces.push(piece);
        rest = behind;
    }
    let mut lines: Vec<String> = pieces.iter().map(|piece| line(stream, "P", piece)).collect();
    lines.push(line(stream, "F", rest));
    lines
}

pub fn line(stream: &str, tag: &str, piece: &str) -> String {
    format!("2026-11-29T14:00:00.000000000Z {stream} {tag} {piece}\n")
}

fn arrived(scene: &Scene) -> Vec<String> {
    scene.stream.iter().map(|record| String::from_utf8(record.clone()).unwrap()).collect()
}

/// A log of a container, and how often it was rotated.
struct Log {
    scene: Scene,
    rotations: u32,
    /// Lines that were written; each has a time of its own.
    lines: u64,
    running: bool,
}

impl Log {
    fn new(pattern: &str, change: impl FnOnce(&mut FlowConfig)) -> Self {
        let world = World::within(Ground::in_memory(), pattern, change);
        Self { scene: Scene::of(world), rotations: 0, lines: 0, running: true }
    }

    fn write(&mut self, line: &str) {
        self.lines += u64::from(!line.is_empty());
        let nanos = format!(".{:09}Z", self.lines);
        self.scene.append("0.log", line.replacen(".000000000Z", &nanos, 1).as_bytes());
    }

    fn rotate(&mut self) {
        self.rotations += 1;
        let seconds = self.rotations;
        let name = format!(
            "0.log.20261129-{:02}{:02}{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        );
        self.scene.rename("0.log", &name);
    }

    fn crash(&mut self) {
        self.scene.crash();
        self.running = false;
    }

    fn start(&mut self) {
        if !std::mem::replace(&mut self.running, true) {
            self.scene.start();
        }
    }
}

#[test]
fn an_entry_continues_in_the_next_generation() {
    for pattern in ["0.log", "0.log*"] {
        let mut log = Log::new(pattern, cri());
        log.write(&line("stdout", "F", "before"));
        log.write(&line("stdout", "P", "one "));
        log.write(&line("stderr", "F", "between"));
        log.scene.settle();
        log.rotate();
        log.write(&line("stdout", "P", "two "));
        log.scene.settle();
        log.rotate();
        log.write(&line("stdout", "F", "three"));
        log.write(&line("stdout", "F", "after"));
        log.scene.settle();
        assert_eq!(
            arrived(&log.scene),
            ["before\n", "between\n", "one two three\n", "after\n"],
            "{pattern}"
        );
        log.scene.stop();
    }
}

#[test]
fn an_entry_is_read_again_from_its_beginning_after_a_crash() {
    let mut log = Log::new("0.log", cri());
    log.write(&line("stdout", "F", "before"));
    log.write(&line("stdout", "P", "one "));
    log.scene.settle();
    log.rotate();
    log.write(&line("stdout", "P", "two "));
    log.scene.settle();
    log.crash();
    log.start();
    log.scene.settle();
    log.rotate();
    log.crash();
    log.write(&line("stdout", "F", "three"));
    log.start();
    // It is in flight when the process dies.
    log.scene.endpoint_down = true;
    log.scene.settle();
    log.crash();
    log.scene.endpoint_down = false;
    log.start();
    log.scene.settle();
    assert_eq!(arrived(&log.scene), ["before\n", "one two three\n"]);
    log.crash();
    log.start();
    log.scene.settle();
    assert_eq!(log.scene.stream.len(), 2, "and is done with then");
}

#[test]
fn what_is_never_ended_is_sent_as_it_is() {
    // The container died, and its files go.
    let mut log = Log::new("0.log", cri());
    log.write(&line("stdout", "P", "one "));
    log.scene.settle();
    log.rotate();
    log.write("");
    log.scene.run(ROTATED_HOLD * 3);
    for name in log.scene.files.names(log.scene.dir.path()) {
        log.scene.files.remove_file(&log.scene.dir.path().join(name));
    }
    log.scene.settle();
    log.scene.settle();
    assert_eq!(arrived(&log.scene), ["one \n"]);
    // Nobody wrote another one.
    let mut log = Log::new("0.log", cri());
    log.write(&line("stdout", "P", "one "));
    log.scene.settle();
    log.rotate();
    log.scene.settle();
    log.scene.settle();
    assert_eq!(arrived(&log.scene), ["one \n"]);
}

/// Entries of 10 MB, in pieces as containerd writes them, each over ten rotations and ten crashes
/// at any place.
#[test]
fn entries_of_10_megabytes_arrive_once_and_whole_through_rotations_and_crashes() {
    arrive_once_and_whole(&long_entries(), PIECE_BYTES);
}

#[test]
fn small_entries_arrive_once_and_whole_through_200_rotations_and_200_crashes() {
    arrive_once_and_whole(&entries(20, 40_000), 64);
}

fn arrive_once_and_whole(written: &[String], piece_bytes: usize) {
    let each = written.len() * ROTATIONS_OF_AN_ENTRY;
    let mut log = Log::new("0.log", |config| {
        cri()(config);
        config.max_record_bytes = 10 * 1024 * 1024;
        config.max_buffer_bytes = 10 * 1024 * 1024;
        config.max_line_bytes = 12 * 1024 * 1024;
    });
    log.write("");
    log.scene.settle();
    let all: Vec<String> =
        written.iter().flat_map(|text| lines("stdout", text, piece_bytes)).collect();
    // Every so many lines something happens, and sometimes both at the same place.
    let (rotate_every, crash_every) = (all.len() / each, all.len() / each - 1);
    let mut crashes = 0;
    for (number, line) in all.iter().enumerate() {
        log.write(line);
        if number % rotate_every == rotate_every - 1 && (log.rotations as usize) < each {
            log.rotate();
            log.write("");
        }
        if number % crash_every == crash_every - 1 && crashes < each {
            crashes += 1;
            if crashes % 4 != 0 {
                log.start();
                log.scene.run(Duration::from_millis(1500) * u32::try_from(crashes % 4).unwrap());
            }
            log.scene.endpoint_down = crashes % 3 == 0;
            log.crash();
        }
    }
    log.scene.endpoint_down = false;
    log.start();
    log.scene.settle();
    log.scene.settle();
    assert_eq!((log.rotations as usize, crashes), (each, each));
    let mut times = vec![0; written.len()];
    for record in &log.scene.stream {
        let text = record.strip_suffix(b"\n").unwrap();
        let entry = written.iter().position(|entry| entry.as_bytes() == text);
        times[entry.unwrap_or_else(|| panic!("{} bytes are no entry", text.len()))] += 1;
    }
    assert!(times.iter().all(|times| *times == 1), "once each, and whole: {times:?}");
}

/// What is done to a log.
#[derive(Debug, Clone)]
enum Act {
    Crash,
    Answers(u8),
    Rotate,
    Run(u64),
    Write { error: bool, bytes: usize },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Crash),
        1 => (0..4u8).prop_map(Act::Answers),
        3 => Just(Act::Rotate),
        2 => (0..4000u64).prop_map(Act::Run),
        8 => (any::<bool>(), 0..60usize).prop_map(|(error, bytes)| Act::Write { error, bytes }),
    ]
}

/// Every entry that was written came out whole, in the order of its stream, and what is no entry
/// did not come out at all.
fn check(got: &[String], want: &[[String; 1]]) {
    let numbers: BTreeMap<&str, usize> =
        want.iter().enumerate().map(|(number, [text])| (text.as_str(), number)).collect();
    let mut seen = vec![0; want.len()];
    for record in got {
        let number = numbers.get(record.trim_end_matches('\n'));
        let number = number.unwrap_or_else(|| panic!("no entry: {record:.60?}, {}", record.len()));
        seen[*number] += 1;
    }
    for (number, times) in seen.iter().enumerate() {
        assert!(*times > 0, "entry {number} is lost: {:.60?}", want[number]);
    }
}

/// Does all of it, piece by piece of what is written.
fn play(acts: &[Act]) -> (Vec<String>, Vec<[String; 1]>) {
    let mut log = Log::new("0.log", |config| {
        cri()(config);
        config.max_in_flight_requests = 3;
        config.max_buffer_records = 3;
    });
    // Rotated files of a log that were never seen are none of this flow.
    log.write("");
    log.scene.settle();
    let (mut want, mut number) = (Vec::new(), 0);
    let mut open: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    for act in acts {
        match act {
            Act::Crash => log.crash(),
            Act::Answers(count) => log.scene.acks_per_step = usize::from(*count),
            Act::Rotate => {
                // It is done by size, and the new file is opened at once.
                if log.scene.files.read(&log.scene.path("0.log")).is_some_and(|is| !is.is_empty()) {
                    log.rotate();
                    log.write("");
                }
            }
            Act::Run(millis) => {
                log.start();
                log.scene.run(Duration::from_millis(*millis));
            }
            Act::Write { error, bytes } => {
                let pieces = &mut open[usize::from(*error)];
                if pieces.is_empty() {
                    number += 1;
                    let text = format!("{number}-{}", "x".repeat(*bytes));
                    *pieces = lines(if *error { "stderr" } else { "stdout" }, &text, 12);
                    want.push([text]);
                }
                let line = pieces.remove(0);
                log.write(&line);
            }
        }
    }
    for line in open.concat() {
        log.write(&line);
    }
    log.start();
    log.scene.acks_per_step = usize::MAX;
    log.scene.settle();
    log.scene.settle();
    log.scene.settle();
    (arrived(&log.scene), want)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Forall schedules of writes, rotations, crashes and slow answers.
    #[test]
    fn each_entry_arrives_whole_whatever_happens(acts in prop::collection::vec(act(), 1..60)) {
        let (got, want) = play(&acts);
        check(&got, &want);
    }
}
