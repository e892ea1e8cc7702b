//! What the Java agent's own tests show of it, shown of kinetail: whole flows on real files, with
//! fixtures that are made here.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::time::Duration;

use fastrand::Rng;
use kinetail::config::{Environment, FlowConfig};
use kinetail::sandbox::{FaultPlan, SandboxOptions};
use kinetail::tail::rotated::RotatedNames;
use serde_json::{Value, json};

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, firehose, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::wait::wait_until;
use crate::support::world::{World, append};

/// Starts a flow with these keys of a configuration.
pub(super) fn world_with(name_pattern: &str, keys: &Value) -> World {
    let wanted = configured(keys);
    World::with(name_pattern, move |config| {
        config.initial_position = wanted.initial_position;
        config.converters = wanted.converters;
        config.multi_line_start = wanted.multi_line_start;
        config.multi_line_hold = wanted.multi_line_hold;
        config.skip_header_lines = wanted.skip_header_lines;
    })
}

fn configured(keys: &Value) -> FlowConfig {
    let mut flow = json!({
        "filePattern": "/x/y", "kinesisStream": "s", "initialPosition": "START_OF_FILE",
    });
    for (key, value) in keys.as_object().unwrap() {
        flow[key] = value.clone();
    }
    let text = json!({ "flows": [flow] }).to_string();
    let (mut config, _) =
        kinetail::config::load(&text, "agent.json".as_ref(), &Environment::default()).unwrap();
    config.flows.remove(0)
}

pub(super) fn text(records: &[Vec<u8>]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect()
}

pub(super) fn check(world: &World, lines: &Lines) {
    let verdict = judge(&lines.written, &world.stream);
    assert!(verdict.is_exact(), "{verdict}");
}

pub(super) fn some(lines: &mut Lines, generation: &str, count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| lines.one(generation, n % 60)).collect()
}

/// Nine lines of an access log, two of which do not fit: those are skipped, the others arrive in
/// order.
#[test]
fn an_access_log_becomes_json_and_lines_that_do_not_fit_are_skipped() {
    let options = json!([{ "optionName": "LOGTOJSON", "logFormat": "COMMONAPACHELOG" }]);
    let mut world = world_with("access.log", &json!({ "dataProcessingOptions": options }));
    let mut log = String::new();
    let mut expected = Vec::new();
    for n in 0..9 {
        let time = format!("[0{}/Nov/2026:13:55:3{n} +0000]", n + 1);
        let request = if n == 4 { "GET /\u{b6}\u{b6} HTTP/1.1" } else { "GET / HTTP/1.1" };
        let tail = match n {
            2 => " 200",      // no bytes
            6 => " ",         // no status
            _ => " 200 2326", // whole
        };
        writeln!(log, "10.0.0.{n} - user {time} \"{request}\"{tail}").unwrap();
        if n != 2 && n != 6 {
            let datetime = time.trim_matches(['[', ']']);
            expected.push(format!(
                "{{\"host\":\"10.0.0.{n}\",\"ident\":null,\"authuser\":\"user\",\
                 \"datetime\":\"{datetime}\",\"request\":\"{request}\",\"response\":\"200\",\
                 \"bytes\":\"2326\"}}\n"
            ));
        }
    }
    world.append("access.log", log.as_bytes());
    world.settle();
    assert_eq!(expected.len(), 7);
    assert_eq!(text(&world.stream), expected);
}

#[test]
fn a_syslog_with_and_without_process_ids_becomes_json() {
    let options = json!([{ "optionName": "LOGTOJSON", "logFormat": "SYSLOG" }]);
    let mut world = world_with("syslog", &json!({ "dataProcessingOptions": options }));
    let mut expected = Vec::new();
    for (n, (program, pid)) in
        [("sshd", Some(7)), ("/USR/SBIN/CRON", Some(8)), ("kernel", None)].iter().enumerate()
    {
        let (shown, id) = match pid {
            Some(pid) => (format!("{program}[{pid}]"), format!("\"{pid}\"")),
            None => ((*program).to_owned(), "null".to_owned()),
        };
        let line = format!("Nov 2{n} 10:00:0{n} host-{n} {shown}: said  {n}  \n");
        world.append("syslog", line.as_bytes());
        expected.push(format!(
            "{{\"timestamp\":\"Nov 2{n} 10:00:0{n}\",\"hostname\":\"host-{n}\",\
             \"program\":\"{program}\",\"processid\":{id},\"message\":\"said  {n}  \"}}\n"
        ));
    }
    world.settle();
    assert_eq!(text(&world.stream), expected);
}

/// Two header lines, and then 58 indented objects over about 30 lines each.
#[test]
fn pretty_printed_objects_become_one_line_each() {
    let mut world = world_with(
        "pretty.json",
        &json!({
            "skipHeaderLines": 2,
            "multiLineStartPattern": "    \\{",
            "dataProcessingOptions": [{ "optionName": "SINGLELINE" }],
        }),
    );
    let mut rng = Rng::with_seed(58);
    let mut file = "{\n  \"objects\": [\n".to_owned();
    let mut expected = Vec::new();
    for object in 0..58 {
        let mut single = "{".to_owned();
        file.push_str("    {\n");
        for field in 0..rng.usize(20..35) {
            let entry = format!("\"field{field}\": \"{object} {}\",", "v".repeat(rng.usize(..20)));
            writeln!(file, "        {entry}").unwrap();
            single.push_str(&entry);
        }
        file.push_str("        \"last\": null\n    },\n");
        expected.push(format!("{single}\"last\": null}},\n"));
    }
    world.append("pretty.json", file.as_bytes());
    world.settle();
    assert_eq!(world.stream.len(), 58);
    assert_eq!(text(&world.stream), expected);
}

/// Blocks that begin with a line of 72 dashes, as some service logs have them.
#[test]
fn blocks_between_rulers_are_records() {
    let ruler = "-".repeat(72);
    let mut world = world_with("service.log", &json!({ "multiLineStartPattern": ruler }));
    let mut rng = Rng::with_seed(653);
    let blocks: Vec<String> = (0..653)
        .map(|block| {
            let mut text = format!("{ruler}\n");
            for line in 0..rng.usize(1..39) {
                writeln!(text, "Counter{line}={block} {}", "x".repeat(rng.usize(..60))).unwrap();
            }
            text
        })
        .collect();
    for block in &blocks {
        world.append("service.log", block.as_bytes());
        if rng.usize(..20) == 0 {
            world.step();
        }
    }
    world.settle();
    assert_eq!(text(&world.stream), blocks);
}

/// 58 JSON lines of 695 to 1,390 bytes, joined for Firehose: seven or so fit into 5,120 bytes, and
/// no two into 1,024.
#[test]
fn lines_are_joined_into_records_as_far_as_they_fit() {
    let object = |number: usize, length: usize| {
        let start = format!("{{\"number\":{number},\"text\":\"");
        let text = "t".repeat(length - start.len() - 3);
        format!("{start}{text}\"}}\n")
    };
    // Lengths like those of the Java agent's fixture: 736 bytes on average.
    let length = |number: usize| if number % 16 == 7 { 1_390 } else { 695 };
    let lines: Vec<String> = (0..58).map(|number| object(number, length(number))).collect();
    for (joined_bytes, wanted) in [(5_120, 9), (1_024, 58)] {
        let endpoint = Endpoint::healthy();
        let mut home = Home::new(&endpoint.handle.url());
        let keys = json!({ "aggregatedRecordSizeBytes": joined_bytes });
        home.flow("objects.log", ("deliveryStream", "d"), &keys);
        append(&home.log("objects.log"), lines.concat().as_bytes());
        let agent = home.start();
        let stream = firehose("d");
        let all = || endpoint.data(&stream).concat() == lines.concat().as_bytes();
        wait_until("all lines", SOON, all, || agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        let records = endpoint.data(&stream);
        assert_eq!(records.len(), wanted, "joined up to {joined_bytes} bytes");
        assert!(records.iter().all(|record| record.ends_with(b"\n")));
        let long = |record: &&Vec<u8>| record.len() > joined_bytes;
        assert_eq!(records.iter().filter(long).count(), if wanted == 58 { 4 } else { 0 });
    }
}

#[test]
fn end_of_file_begins_with_the_line_that_was_not_complete_yet() {
    for (position, expected) in [
        ("START_OF_FILE", &["one\n", "two\n", "three\n"][..]),
        ("END_OF_FILE", &["two\n", "three\n"][..]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("app.log"), "one\ntw").unwrap();
        let wanted = configured(&json!({ "initialPosition": position }));
        let mut world = World::within(dir, "app.log", |config| {
            config.initial_position = wanted.initial_position;
        });
        world.settle();
        world.append("app.log", b"o\nthree\n");
        world.settle();
        assert_eq!(text(&world.stream), expected, "{position}");
    }
}

#[test]
fn a_file_that_appears_later_is_read_from_its_start_whatever_the_position() {
    let mut world = world_with("app.log*", &json!({ "initialPosition": "END_OF_FILE" }));
    world.settle();
    let mut lines = Lines::default();
    world.append("app.log", &some(&mut lines, "a", 50));
    world.append("app.log.new", &some(&mut lines, "b", 50));
    world.settle();
    check(&world, &lines);
}

#[test]
fn records_larger_than_any_buffer_are_cut_and_the_next_one_is_whole() {
    let mut world = World::new("app.log");
    let huge = 6 * 1024 * 1024;
    world.append("app.log", b"before\n");
    world.append("app.log", "h".repeat(huge).as_bytes());
    world.append("app.log", b"\nafter\n");
    world.settle();
    let [before, cut, after] = world.stream.as_slice() else {
        panic!("{} records", world.stream.len());
    };
    assert_eq!((before.as_slice(), after.as_slice()), (&b"before\n"[..], &b"after\n"[..]));
    assert!(cut.len() <= 1024 * 1024 && cut.starts_with(b"hhh") && cut.ends_with(b"\n"));
}

#[test]
fn header_lines_are_skipped_in_each_new_file_and_of_none_that_is_continued() {
    let mut world = world_with("app.log*", &json!({ "skipHeaderLines": 2 }));
    let mut lines = Lines::default();
    let header = b"# version\n# fields\n";
    world.append("app.log", header);
    world.append("app.log", &some(&mut lines, "a", 10));
    world.settle();
    world.stop();
    world.append("app.log", &some(&mut lines, "a", 10));
    world.rename("app.log", "app.log.1");
    world.append("app.log", header);
    world.append("app.log", &some(&mut lines, "b", 10));
    world.start();
    world.settle();
    check(&world, &lines);
}

/// The rest of what the Java agent's parser is asked about headers: longer than what is read at a
/// time, the whole file, line by line, and at the end of a file that is shorter or empty.
#[test]
fn headers_of_every_kind_are_skipped() {
    let long = "h".repeat(700_000);
    for position in ["START_OF_FILE", "END_OF_FILE"] {
        for before_start in ["", "# one\n", "# one\n# two\n", "# one\n# tw"] {
            for header in [format!("# one\n# two\n{long}\n"), "# one\n# two\n\n".to_owned()] {
                let keys = json!({ "skipHeaderLines": 3, "initialPosition": position });
                let wanted = configured(&keys);
                let dir = tempfile::tempdir().unwrap();
                fs::write(dir.path().join("app.log"), before_start).unwrap();
                let mut world = World::within(dir, "app.log*", |config| {
                    config.initial_position = wanted.initial_position;
                    config.skip_header_lines = wanted.skip_header_lines;
                });
                world.settle();
                let rest = header.strip_prefix(before_start).unwrap();
                for piece in rest.as_bytes().chunks(rest.len().div_ceil(3)) {
                    world.append("app.log", piece);
                    world.run(Duration::from_millis(500));
                }
                assert!(world.stream.is_empty(), "{position} {before_start:?}");
                world.append("app.log", b"data\n");
                world.append("app.log.new", header.as_bytes());
                world.append("app.log.new", b"more data\n");
                world.settle();
                let mut records = text(&world.stream);
                records.sort();
                assert_eq!(records, ["data\n", "more data\n"], "{position} {before_start:?}");
            }
        }
    }
}

/// Which names are logs, in the pattern of the Java agent's test.
#[test]
fn only_names_in_the_pattern_are_read_even_if_their_directory_comes_later() {
    // Else `app01.log.1` counts as a generation of `app01.log` that was rotated before a look.
    let mut world = World::with("later/app[01][123456789].log", |config| {
        config.rotated_names = RotatedNames::Off;
    });
    world.settle();
    fs::create_dir(world.path("later")).unwrap();
    let mut lines = Lines::default();
    for name in ["app01.log", "app19.log", "app11.log"] {
        world.append(&format!("later/{name}"), &some(&mut lines, name, 5));
    }
    for name in ["app00.log", "app21.log", "app011.log", "App01.log", "app01.log.1", "xapp01.log"] {
        world.append(&format!("later/{name}"), b"not in the pattern\n");
    }
    world.settle();
    check(&world, &lines);
}

/// As the Java agent's end-to-end test has it: a service that refuses records and calls, and files
/// that rotate meanwhile.
#[test]
fn every_record_arrives_though_records_and_calls_fail() {
    let faults =
        FaultPlan { fail_record_ratio: 0.05, error_request_ratio: 0.05, ..FaultPlan::default() };
    let options = SandboxOptions { faults, seed: 5, ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut home = Home::new(&endpoint.handle.url());
    let retries = json!({ "retryInitialBackoffMillis": 10, "retryMaxBackoffMillis": 50 });
    home.flow("app.log*", ("kinesisStream", "s"), &retries);
    let agent = home.start();
    let (mut lines, mut rng) = (Lines::default(), Rng::with_seed(5));
    for round in 0..10 {
        for _ in 0..10 {
            let bytes = lines.some(&format!("g{round}"), 50, &mut rng);
            append(&home.log("app.log"), &bytes);
        }
        fs::rename(home.log("app.log"), home.log(&format!("app.log.{round}"))).unwrap();
    }
    File::create(home.log("app.log")).unwrap();
    let stream = kinesis("s");
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&lines.written, &endpoint.data(&stream));
    assert!(verdict.is_complete() && verdict.repeated.is_empty(), "{verdict}");
}
