//! Names that others gave to files, and what of them reaches a terminal or a log.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;

use kinetail::shown::is_control;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::agent::{Home, SOON};

/// Names that are made for each test, in addition to those that are chosen.
const RANDOM_NAMES: usize = 40;

/// The longest of them, in bytes.
const NAME_BYTES_MAX: u8 = 60;

/// Names that forge a line, clear a screen, turn text round, look like another, or are no UTF-8.
const CHOSEN: [&[u8]; 10] = [
    b"x\nkinetail 9, up 9 d: all is well",
    b"a\n2026-11-29T00:00:00.000000Z ERROR forged",
    b"a\r\x1b[2K2026-11-29T00:00:00.000000Z ERROR forged",
    b"\x1b]0;title\x07\x1b[31mred",
    b"\xc2\x9b31mred",
    b"\x9b31mred",
    "gol.\u{202e}txt".as_bytes(),
    "a\u{2028}b\u{85}c\u{7f}".as_bytes(),
    "a\u{200b}b\u{ad}c\u{feff}d\u{e0041}.log".as_bytes(),
    b"\xff\xfe\xf0\x9f",
];

/// Names of files: chosen ones, and random ones of the bytes that do something.
pub(super) fn names(seed: u64) -> Vec<OsString> {
    let mut random = fastrand::Rng::with_seed(seed);
    let pieces: [&[u8]; 9] =
        [b"\n", b"\r", b"\x1b[", b"\xc2\x9b", b"\x9b", b"\xe2\x80\xae", b" ERROR ", b"\t", b"a"];
    let mut names: Vec<Vec<u8>> = CHOSEN.map(<[u8]>::to_vec).to_vec();
    for number in 0..RANDOM_NAMES {
        let mut name = format!("{number}").into_bytes();
        let length = usize::from(random.u8(1..NAME_BYTES_MAX));
        while name.len() < length {
            if random.bool() {
                name.extend_from_slice(pieces[random.usize(0..pieces.len())]);
            } else {
                name.push(random.u8(1..));
            }
        }
        name.retain(|byte| *byte != b'/');
        names.push(name);
    }
    names.into_iter().map(OsString::from_vec).collect()
}

/// Files, and links that lead in circles, so that each has something to be told about.
pub(super) fn home(seed: u64) -> Home {
    let mut home = Home::new("http://127.0.0.1:9");
    home.flow("**/*", ("kinesisStream", "s"), &json!({}));
    home.set("log.level", json!("debug"));
    let loops = home.log("loops");
    fs::create_dir(&loops).unwrap();
    for name in names(seed) {
        fs::write(home.log("x").with_file_name(&name), "x\n").unwrap();
        symlink(&name, loops.join(&name)).unwrap();
    }
    home
}

/// Fails if a terminal would obey something in the text.
pub(super) fn assert_tame(text: &[u8]) {
    let text = std::str::from_utf8(text).expect("no UTF-8");
    let found = text.chars().find(|char| is_control(*char) && *char != '\n');
    assert_eq!(found, None, "{}", text.escape_debug());
}

#[test]
fn no_name_forges_a_line_of_the_log_or_reaches_the_terminal() {
    for seed in 0..3 {
        let home = home(seed);
        let agent = home.start();
        agent.wait_for_log("loops", SOON);
        agent.signal(Signal::TERM);
        let (_, log) = agent.outcome(SOON);
        assert_tame(log.as_bytes());
        assert!(log.lines().count() > CHOSEN.len(), "{log}");
        for line in log.lines() {
            // A time stamp and a level, and nothing that pretends to be a line.
            let mut words = line.split_whitespace();
            assert!(words.next().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
            let level = words.next().unwrap();
            assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&level), "{line}");
            assert!(!line.starts_with("2026-11-29T00:00:00.000000Z"), "{line}");
        }
    }
}

#[test]
fn a_log_of_json_is_as_tame_and_has_the_names_whole() {
    let mut home = home(7);
    home.set("log.format", json!("json"));
    let agent = home.start();
    agent.wait_for_log("loops", SOON);
    agent.signal(Signal::TERM);
    let (_, log) = agent.outcome(SOON);
    assert_tame(log.as_bytes());
    let mut files = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        files.extend(line["fields"]["file"].as_str().map(str::to_owned));
    }
    // Not all are told of, because they are so many.
    assert!(files.iter().any(|file| file.contains('\n')), "{files:?}");
    assert!(files.iter().any(|file| file.contains('\u{9b}')), "{files:?}");
}

#[test]
fn check_names_each_file_in_one_line_that_a_terminal_can_take() {
    for seed in 10..13 {
        let home = home(seed);
        let output = home.command("check").arg("--verbose").output().unwrap();
        assert_tame(&output.stdout);
        assert_tame(&output.stderr);
        let text = String::from_utf8(output.stdout).unwrap();
        let listed = text.lines().filter(|line| line.ends_with(" bytes)")).count();
        assert_eq!(listed, names(seed).len(), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("2026-11-29")), "{text}");
    }
}

#[test]
fn a_configuration_that_is_not_there_cannot_forge_a_line_either() {
    let home = Home::new("http://127.0.0.1:9");
    let command = home.command("check");
    let program = command.get_program().to_owned();
    for name in CHOSEN {
        let path = home.log("x").with_file_name(OsString::from_vec(name.to_vec()));
        let output =
            std::process::Command::new(&program).arg("check").arg("-c").arg(path).output().unwrap();
        assert_tame(&output.stdout);
        assert_tame(&output.stderr);
        let told = String::from_utf8(output.stderr).unwrap();
        let (usage, error) = told.split_once(" <COMMAND>\n").unwrap();
        assert_eq!(usage, "Usage: kinetail [OPTIONS]\n       kinetail", "{told}");
        assert!(error.lines().all(|line| line.starts_with("kinetail: ")), "{told}");
    }
}
