//! F01, F06, F08, F23, F28 and F33 with the real binary, real time and real notifications.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::time::{Duration, Instant};

use kinetail::sandbox::SandboxOptions;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::shipment::{QUIET, Shipment};
use crate::support::wait::pace;
use crate::support::world::{append, copy_truncate};

/// F01. Rename and create, with the exact name as the pattern and no writer waiting for the agent:
/// nothing lost, nothing repeated, each generation in order. 1,000 rotations within seconds.
#[test]
fn f01_a_thousand_rotations_within_seconds() {
    let mut shipment = Shipment::start("app.log");
    // Notification works when the first line has arrived.
    append(&shipment.home.log("app.log"), &shipment.lines.one("first", 10));
    shipment.wait_for_a_line_of("first", 0);
    for round in 0..1000 {
        let generation = format!("g{round}");
        let path = shipment.home.log("app.log");
        let mut open = File::options().append(true).create(true).open(&path).unwrap();
        open.write_all(&shipment.lines.some(&generation, 10, &mut shipment.rng)).unwrap();
        pace(Duration::from_millis(shipment.rng.u64(1..8)));
        fs::rename(&path, shipment.home.log(&format!("app.log.{round}"))).unwrap();
        // The application keeps writing to the file that it has open.
        open.write_all(&shipment.lines.some(&generation, 3, &mut shipment.rng)).unwrap();
    }
    shipment.check();
}

/// F06. copytruncate of a file of a few lines, which its first bytes alone do not tell from others,
/// seen by the agent at the very moment of the truncation: nothing lost, nothing repeated.
#[test]
fn f06_copies_of_short_files_are_known_immediately() {
    let mut shipment = Shipment::start("app.log*");
    let path = shipment.home.log("app.log");
    for round in 0..30 {
        let generation = format!("g{round}");
        let known_before = shipment.endpoint.count(&shipment.stream);
        append(&path, &shipment.lines.some(&generation, 5, &mut shipment.rng));
        shipment.wait_for_a_line_of(&generation, known_before);
        pace(Duration::from_millis(100));
        let copy = shipment.home.log(&format!("app.log.{round}"));
        copy_truncate(&path, &copy);
        pace(Duration::from_millis(100));
    }
    shipment.check();
}

/// F08. Truncated and grown past the old offset, or to exactly the old size, within a millisecond:
/// seen each time, nothing of the new content lost, nothing repeated. 1,000 times.
#[test]
fn f08_a_thousand_files_regrown_within_a_millisecond() {
    const FILES: usize = 50;
    let mut shipment = Shipment::start("*.log");
    for round in 0..=20 {
        let mut contents = Vec::new();
        for file in 0..FILES {
            // Odd files always have the same size, the others grow.
            let fill = if file % 2 == 1 { 60 } else { 60 + round };
            let number = round * FILES + file;
            let line = format!("{file:02}.{round:02}|{number:06}|{}\n", "x".repeat(fill));
            shipment.lines.written.push(line.clone().into_bytes());
            contents.push(line);
        }
        for (file, content) in contents.iter().enumerate() {
            fs::write(shipment.home.log(&format!("{file:02}.log")), content).unwrap();
        }
        let written = &shipment.lines.written[round * FILES..];
        shipment.endpoint.wait_for_all(&shipment.stream, written, SOON, || shipment.log());
    }
    let seen = shipment.log().matches("kind=\"truncated\"").count();
    assert!(seen > 0, "{}", shipment.log());
    shipment.check();
}

/// F23. Files of one line that are deleted after 10, 50, 200 and 1,000 ms, with notification: those
/// that live for a second are never lost, however busy this machine is. 250 of each; the rest is
/// told.
#[test]
fn f23_files_that_live_for_a_moment() {
    const LIVES_MILLIS: [u64; 4] = [10, 50, 200, 1000];
    let mut shipment = Shipment::start("*.log");
    append(&shipment.home.log("first.log"), &shipment.lines.one("first", 10));
    shipment.wait_for_a_line_of("first", 0);
    let mut living: [VecDeque<(Instant, std::path::PathBuf)>; 4] = Default::default();
    let mut born = 0;
    while born < 1000 || living.iter().any(|files| !files.is_empty()) {
        if born < 1000 {
            let kind = born % 4;
            let path = shipment.home.log(&format!("{born}.log"));
            append(&path, &shipment.lines.one(&format!("{}ms", LIVES_MILLIS[kind]), 50));
            let dies = Instant::now() + Duration::from_millis(LIVES_MILLIS[kind]);
            living[kind].push_back((dies, path));
            born += 1;
        }
        for files in &mut living {
            while let Some((_, path)) = files.pop_front_if(|(dies, _)| *dies <= Instant::now()) {
                fs::remove_file(path).unwrap();
            }
        }
        pace(Duration::from_millis(3));
    }
    shipment.wait_for_quiet(QUIET);
    let verdict = judge(&shipment.lines.written, &shipment.endpoint.data(&shipment.stream));
    for life in LIVES_MILLIS {
        let prefix = format!("{life}ms|");
        let lost = verdict.lost.iter().filter(|line| line.starts_with(&prefix)).count();
        println!("lived {life} ms: {lost} of 250 were missed");
        assert!(life < 1000 || lost == 0, "{verdict}\n{}", shipment.log());
    }
    assert!(verdict.repeated.is_empty() && verdict.foreign.is_empty(), "{verdict}");
}

/// F28. Lines of 10 MB and of 100 MB (`KINETAIL_LINE_MB` asks for more): cut and counted, the line
/// behind each is whole, and memory grows by less than twice the longest line that is kept.
#[test]
fn f28_very_long_lines_need_no_memory() {
    const KEPT_BYTES_MAX: u64 = 5 * 1024 * 1024;
    let mut shipment = Shipment::start("app.log");
    append(&shipment.home.log("app.log"), &shipment.lines.one("a", 10));
    shipment.wait_for_a_line_of("a", 0);
    let pid = shipment.agent.as_ref().unwrap().pid();
    let before = peak_bytes(pid);
    let megabyte = vec![b'x'; 1_000_000];
    let wanted =
        std::env::var("KINETAIL_LINE_MB").ok().and_then(|megabytes| megabytes.parse().ok());
    for (generation, megabytes) in [("b", 10), ("c", wanted.unwrap_or(100))] {
        let known_before = shipment.endpoint.count(&shipment.stream);
        let open = File::options().append(true).open(shipment.home.log("app.log")).unwrap();
        let mut out = BufWriter::with_capacity(1_000_000, open);
        for _ in 0..megabytes {
            out.write_all(&megabyte).unwrap();
        }
        out.write_all(b"\n").unwrap();
        out.write_all(&shipment.lines.one(generation, 50)).unwrap();
        out.flush().unwrap();
        shipment.wait_for_a_line_of(generation, known_before);
    }
    let grown = peak_bytes(pid) - before;
    println!("memory grew by {grown} bytes");
    let data = shipment.endpoint.data(&shipment.stream);
    let lengths: Vec<usize> = data.iter().map(Vec::len).collect();
    let cut = 1024 * 1024 - 8;
    assert_eq!(lengths, [15, cut, 55, cut, 55], "{}", shipment.log());
    assert!(grown <= 2 * KEPT_BYTES_MAX, "memory grew by {grown} bytes");
}

/// F33. One record of 500 is larger than the service takes: it is skipped, counted and named, and
/// the other 499 are delivered once.
#[test]
fn f33_one_record_too_large_costs_no_other() {
    let kinesis_record_bytes_max = 50_000;
    let options = SandboxOptions { kinesis_record_bytes_max, ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut home = Home::new(&endpoint.handle.url());
    let one_batch = json!({ "maxBufferAgeMillis": 1000 });
    home.flow("app.log", ("kinesisStream", "s"), &one_batch);
    let mut lines = Lines::default();
    for number in 0..500 {
        lines.one("a", if number == 250 { 60_000 } else { 50 });
    }
    append(&home.log("app.log"), &lines.written.concat());
    let agent = home.start();
    let large = lines.written.remove(250);
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    agent.wait_for_log("dropped record: permanently rejected by the service", SOON);
    append(&home.log("app.log"), &lines.one("a", 50));
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let data = endpoint.data(&kinesis("s"));
    assert!(!data.contains(&large));
    let verdict = judge(&lines.written, &data);
    assert!(verdict.is_complete() && verdict.repeated.is_empty(), "{verdict}");
}

/// The most memory that a process ever had in RAM, in bytes.
fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
