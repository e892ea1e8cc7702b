//! `kinetail dead-letters`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use kinetail::sandbox::{Fault, SandboxOptions, Scope};
use serde_json::json;

use super::live::keeping;
use super::{data_in, files_in, letters_in};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::oracle::judge;
use crate::support::wait::wait_until;
use crate::support::world::append;

fn command(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command("dead-letters");
    command.args(args);
    command
}

fn run(home: &Home, args: &[&str]) -> Output {
    command(home, args).output().unwrap()
}

fn text(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(all).unwrap()
}

/// Ships these lines, of which `bad` become dead letters, and stops.
fn ship(home: &Home, lines: &[u8], (dir, bad): (&Path, usize)) {
    append(&home.log("app.log"), lines);
    let agent = home.start();
    wait_until("the letters", SOON, || letters_in(dir).len() == bad, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn letters_are_listed_shown_and_removed() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let (keys, dir) = keeping(&home);
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    ship(&home, b"{}\nnot json\n\xff\n", (&dir, 2));
    // What is not kinetail's stays.
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let precious = home.root().join("precious");
    fs::write(&precious, "precious").unwrap();
    let name = files_in(&dir)[0].file_name().unwrap().to_str().unwrap().to_owned();
    let link = name.replace("-000001.", "-000002.");
    std::os::unix::fs::symlink(&precious, dir.join(&link)).unwrap();

    let listed = text(&run(&home, &["list"]));
    for part in [&*name, "2 letters since 2", "2 unparsable", "app.log", "2 dead letters"] {
        assert!(listed.contains(part), "{part} is missing: {listed}");
    }
    assert!(!listed.contains(&link), "{listed}");
    assert!(text(&run(&home, &["list", "--reason", "refused"])).contains("\n0 dead letters"));
    let shown = run(&home, &["show"]);
    assert_eq!(shown.stdout, fs::read(files_in(&dir)[0].as_path()).unwrap());
    assert_eq!(run(&home, &["show", "--raw"]).stdout, b"not json\n\xff\n");
    assert!(run(&home, &["show", "--flow", "no such flow"]).stdout.is_empty());

    let refused = run(&home, &["purge"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("--all"));
    assert!(run(&home, &["purge", "--reason", "refused"]).status.success());
    assert_eq!(letters_in(&dir).len(), 2);
    let purged = run(&home, &["purge", "--file", &name]);
    assert!(purged.status.success() && text(&purged).contains("removed 2"), "{}", text(&purged));
    assert!(run(&home, &["purge", "--all"]).status.success());
    let mut left: Vec<_> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [link.as_str(), "notes.txt"]);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn resend_runs_lines_through_the_present_converters_and_keeps_what_fails() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let (keys, dir) = keeping(&home);
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    ship(&home, b"a=1 b=2\nnothing\n", (&dir, 2));
    let output = run(&home, &["resend"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("resent 0 dead letters, kept 2"), "{}", text(&output));
    assert_eq!((letters_in(&dir).len(), endpoint.count(&kinesis("s"))), (2, 0));

    home.set("flows", json!([]));
    let fixed = json!({
        "deadLetterDirectory": dir,
        "dataProcessingOptions": [{"optionName": "PARSELOGFMT", "onUnparsable": "deadLetter"}],
    });
    home.flow("*.log", ("kinesisStream", "s"), &fixed);
    let output = run(&home, &["resend"]);
    assert!(text(&output).contains("resent 1 dead letter, kept 1"), "{}", text(&output));
    assert_eq!(endpoint.data(&kinesis("s")), [b"{\"a\":\"1\",\"b\":\"2\"}\n"]);
    assert_eq!(data_in(&dir), [b"nothing\n"]);
}

#[test]
fn what_the_service_refused_is_sent_again_once_it_is_accepted() {
    let kinesis_record_bytes_max = 50_000;
    let options = SandboxOptions { kinesis_record_bytes_max, ..SandboxOptions::default() };
    let strict = Endpoint::start(options);
    let mut home = Home::new(&strict.handle.url());
    let dir = home.root().join("letters");
    let keys = json!({ "deadLetterDirectory": dir, "maxBufferAgeMillis": 500 });
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    let mut large = vec![b'x'; 60_000];
    large.push(b'\n');
    let lines = [b"one\n".as_slice(), &large, b"two\n"].concat();
    ship(&home, &lines, (&dir, 1));
    assert_eq!(letters_in(&dir)[0].offset, 4);
    assert!(data_in(&dir)[0] == large);

    // It is refused again: it stays, and the reason is told.
    let output = run(&home, &["resend"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("kept 1"), "{}", text(&output));
    assert_eq!(letters_in(&dir).len(), 1);

    // Alongside a kinetail that runs.
    let lax = Endpoint::healthy();
    home.set("kinesis.endpoint", json!(lax.handle.url()));
    let agent = home.start();
    append(&home.log("app.log"), b"three\n");
    lax.wait_for_all(&kinesis("s"), &[b"three\n".to_vec()], SOON, || agent.log());
    let output = run(&home, &["resend"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("resent 1 dead letter, kept 0"), "{}", text(&output));
    assert!(lax.data(&kinesis("s")) == [b"three\n".to_vec(), large]);
    assert_eq!(files_in(&dir), Vec::<std::path::PathBuf>::new());
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_resend_that_is_killed_midway_loses_nothing() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let (keys, dir) = keeping(&home);
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    let lines: Vec<Vec<u8>> =
        (0..1_200).map(|number| format!("bad {number}\n").into_bytes()).collect();
    ship(&home, &lines.concat(), (&dir, lines.len()));
    home.set("flows", json!([]));
    home.flow("*.log", ("kinesisStream", "s"), &json!({ "deadLetterDirectory": dir }));
    // The second request is stored, and its answer never comes.
    let calls = Scope::AnyPut;
    endpoint.handle.script(calls.clone(), Fault::ExplicitNulls).unwrap();
    endpoint.handle.script(calls, Fault::CommitThenHang).unwrap();
    let resend = Agent::spawn(command(&home, &["resend"]));
    let stored = || endpoint.count(&kinesis("s")) == 1_000;
    wait_until("two requests", SOON, stored, || resend.log());
    resend.kill();
    assert_eq!(letters_in(&dir).len(), lines.len(), "none was removed before its file was done");
    let output = run(&home, &["resend"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(letters_in(&dir).len(), 0);
    let verdict = judge(&lines, &endpoint.data(&kinesis("s")));
    assert!(verdict.is_complete(), "{verdict}");
}

#[test]
fn a_file_that_a_flow_writes_to_is_left_to_it() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let (keys, dir) = keeping(&home);
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    ship(&home, b"no\n", (&dir, 1));
    let locked = fs::File::open(&files_in(&dir)[0]).unwrap();
    locked.lock().unwrap();
    for args in [&["resend"][..], &["purge", "--all"]] {
        let output = run(&home, args);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("in use by kinetail"), "{}", text(&output));
        assert_eq!(letters_in(&dir).len(), 1);
    }
    drop(locked);
    assert!(run(&home, &["purge", "--all"]).status.success());
}

#[test]
fn check_names_the_directory_and_what_is_in_the_way() {
    let mut home = Home::new("http://127.0.0.1:9");
    let (keys, dir) = keeping(&home);
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    let checked = text(&home.command("check").output().unwrap());
    assert!(checked.contains(&format!("dead letters in {}", dir.display())), "{checked}");
    assert!(!checked.contains("cannot write dead letters"), "{checked}");
    fs::write(&dir, "").unwrap();
    let checked = text(&home.command("check").output().unwrap());
    assert!(checked.contains("cannot write dead letters"), "{checked}");
    // A link leads to a directory and is not followed.
    fs::remove_file(&dir).unwrap();
    std::os::unix::fs::symlink(home.root(), &dir).unwrap();
    let output = home.command("check").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("it is a symbolic link"), "{}", text(&output));
    fs::remove_file(&dir).unwrap();
    // A flow that would follow them is not started.
    let loop_keys = json!({ "deadLetterDirectory": home.log("") });
    home.flow("d*", ("kinesisStream", "s"), &loop_keys);
    let output = home.command("check").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("matches files in 'deadLetterDirectory'"), "{}", text(&output));
}

/// A limit on processes or memory: the thread that asks for credentials cannot be had.
#[test]
fn a_resend_that_gets_no_thread_says_so_and_removes_nothing() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let (keys, dir) = keeping(&home);
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    ship(&home, b"no\n", (&dir, 1));
    // No machine has so much memory for a stack.
    let too_much = (1_u64 << 46).to_string();
    let output = command(&home, &["resend"]).env("RUST_MIN_STACK", too_much).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let wanted = "cannot start credentials thread";
    assert!(text(&output).contains(wanted), "{}", text(&output));
    assert_eq!(letters_in(&dir).len(), 1);
}
