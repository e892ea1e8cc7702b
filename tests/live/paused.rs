//! A paused container, a suspended machine: logs are rotated while the process is stopped.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::wait::pace;
use crate::support::world::append;

/// How often each kind is paused.
const PAUSES: usize = 4;

/// How long each pause lasts: longer than anything that is remembered of a rename.
const PAUSE: Duration = Duration::from_secs(3);

/// Pauses the process, rotates its log twice, and resumes it, several times. `written` is the log
/// below the directory of the pattern.
fn paused(pattern: &str, written: &str) {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    fs::create_dir(home.log("data")).unwrap();
    if written.contains('/') {
        symlink(home.log(written), home.log("app.log")).unwrap();
    }
    home.flow(pattern, ("kinesisStream", "s"), &json!({}));
    let (stream, mut lines) = (kinesis("s"), Lines::default());
    let path = home.log(written);
    append(&path, &lines.one("first", 50));
    let agent = home.start();
    let all = |lines: &Lines| endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    all(&lines);
    for pause in 0..PAUSES {
        append(&path, &lines.one(&format!("{pause} running"), 50));
        agent.signal(Signal::STOP);
        for generation in 0..2 {
            append(&path, &lines.one(&format!("{pause} paused {generation}"), 50));
            rotate(&path);
            append(&path, &lines.one(&format!("{pause} after {generation}"), 50));
            pace(PAUSE / 2);
        }
        agent.signal(Signal::CONT);
        all(&lines);
    }
    append(&path, &lines.one("last", 50));
    all(&lines);
    let log = agent.log();
    assert_eq!(agent.stop(SOON), Some(0), "{log}");
    let verdict = judge(&lines.written, &endpoint.data(&stream));
    assert!(verdict.is_complete(), "{pattern}: {verdict}\n{log}");
    assert_eq!(endpoint.count(&stream), lines.written.len(), "none is repeated: {log}");
}

/// `app.log` becomes `app.log.1`, and each older one gets the next number.
fn rotate(path: &std::path::Path) {
    let name = |number: usize| {
        let number = if number == 0 { String::new() } else { format!(".{number}") };
        std::path::PathBuf::from(format!("{}{number}", path.display()))
    };
    let count = (0..100).find(|number| !name(*number).try_exists().unwrap()).unwrap();
    for number in (0..count).rev() {
        fs::rename(name(number), name(number + 1)).unwrap();
    }
}

#[test]
fn two_rotations_in_a_pause_lose_nothing_of_an_exact_name() {
    paused("app.log", "app.log");
}

#[test]
fn two_rotations_in_a_pause_lose_nothing_of_a_pattern_without_rotated_names() {
    paused("*.log", "app.log");
}

#[test]
fn two_rotations_in_a_pause_lose_nothing_behind_a_link() {
    paused("app.log", "data/app.log");
}
