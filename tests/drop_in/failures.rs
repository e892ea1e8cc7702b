//! What was seen to go wrong with the Java agent, one test each: here it goes right.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::Duration;

use kinetail::config::Environment;
use kinetail::daemon::{Daemon, Stopped};
use kinetail::process::ConverterConfig;
use kinetail::sandbox::{Fault, FaultPlan, SandboxOptions, Scope};
use md5::{Digest as _, Md5};
use serde_json::json;

use super::scenarios::{check, some, text, world_with};
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::wait::wait_until;
use crate::support::world::{World, append, copy_truncate};

/// There, a later batch that succeeds moves the checkpoint past an earlier one that is still being
/// retried: 500 of these 1,200 lines were lost.
#[test]
fn a_kill_while_one_batch_is_blocked_loses_nothing() {
    const IN_FLIGHT: usize = 8;
    // Answers that take a while make the flow have several requests under way.
    let faults = FaultPlan { latency_millis: 25, ..FaultPlan::default() };
    let endpoint = Endpoint::start(SandboxOptions { faults, ..SandboxOptions::default() });
    let stream = kinesis("s");
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log", ("kinesisStream", "s"), &json!({ "maxInFlightRequests": IN_FLIGHT }));
    let mut lines = Lines::default();
    append(&home.log("app.log"), &some(&mut lines, "a", 40_000));
    let agent = home.start();
    let arrived = |count| endpoint.count(&stream) >= count;
    wait_until("several requests at a time", SOON, || arrived(10_000), || agent.log());
    // One request is never answered, and later ones are.
    endpoint.handle.script(Scope::AnyPut, Fault::Hang).unwrap();
    let is_blocked = || endpoint.handle.scripted_faults_waiting() == 0;
    wait_until("the blocked request", SOON, is_blocked, || agent.log());
    let beyond = endpoint.count(&stream) + 1000;
    wait_until("answers to later ones", SOON, || arrived(beyond), || agent.log());
    agent.kill();
    // The lines of the blocked request are missing in the middle of what arrived.
    let arrived: HashSet<Vec<u8>> = endpoint.data(&stream).into_iter().collect();
    let first_missing = lines.written.iter().position(|line| !arrived.contains(line)).unwrap();
    let behind = lines.written.iter().skip(first_missing);
    let later = behind.filter(|line| arrived.contains(*line)).count();
    assert!(later >= 1000, "{later} lines behind the first missing one arrived");
    let acknowledged: usize = lines.written.iter().take(first_missing).map(Vec::len).sum();
    let checkpointed = checkpoint(&home);
    assert!(checkpointed <= acknowledged, "{checkpointed} is beyond {acknowledged}");
    let agent = home.start();
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&lines.written, &endpoint.data(&stream));
    let few = verdict.repeated.len() <= IN_FLIGHT * 500;
    assert!(verdict.is_complete() && few, "{verdict}");
}

/// The offset of the only file in the database.
fn checkpoint(home: &Home) -> usize {
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let sql = "SELECT offset FROM checkpoints";
    let offset: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    usize::try_from(offset).unwrap()
}

/// There, a checkpoint whose inode does not match any more makes the start fall back on
/// `initialPosition`: with the default, what was written while it was down is lost.
#[test]
fn a_file_that_was_moved_away_while_it_was_down_is_read_to_its_end() {
    let mut world = world_with("app.log", &json!({ "initialPosition": "END_OF_FILE" }));
    let mut lines = Lines::default();
    world.settle();
    world.append("app.log", &some(&mut lines, "a", 100));
    world.settle();
    world.stop();
    world.append("app.log", &some(&mut lines, "a", 50));
    world.rename("app.log", "moved-away");
    world.append("app.log", &some(&mut lines, "b", 50));
    world.start();
    world.settle();
    let verdict = judge(&lines.written, &world.stream);
    assert!(verdict.is_exact(), "{verdict}");
}

#[test]
fn what_follows_a_file_that_was_compressed_while_it_was_down_is_read() {
    let mut world = world_with("app.log*", &json!({ "initialPosition": "END_OF_FILE" }));
    let mut lines = Lines::default();
    world.settle();
    world.append("app.log", &some(&mut lines, "a", 100));
    world.settle();
    world.stop();
    let mut encoder = flate2::write::GzEncoder::new(
        File::create(world.path("app.log.1.gz")).unwrap(),
        flate2::Compression::fast(),
    );
    std::io::copy(&mut File::open(world.path("app.log")).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    fs::remove_file(world.path("app.log")).unwrap();
    world.append("app.log", &some(&mut lines, "b", 50));
    world.start();
    world.settle();
    check(&world, &lines);
}

/// There, a checkpoint of a file that was quiet for seven days is deleted at the next start, and
/// what came since is lost. Here the time is over at once, and the file is still there.
#[test]
fn a_file_that_was_quiet_for_longer_than_checkpoints_are_kept_is_continued() {
    let endpoint = Endpoint::healthy();
    let stream = kinesis("s");
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log", ("kinesisStream", "s"), &json!({ "initialPosition": "END_OF_FILE" }));
    let mut lines = Lines::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = home.write_config();
    append(&home.log("app.log"), b"before the first start\n");
    for round in 0..3 {
        let loaded = kinetail::config::read(&path, &Environment::default()).unwrap();
        let mut config = loaded.config;
        config.checkpoint_ttl = Duration::ZERO;
        runtime.block_on(async {
            let daemon = Box::pin(Daemon::start(config)).await.unwrap();
            let feeds = daemon.feeds();
            while feeds.borrow().iter().any(|feed| feed.borrow().files_total == 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            append(&home.log("app.log"), &some(&mut lines, &format!("g{round}"), 20));
            let wanted = lines.written.len();
            let stop = async {
                while endpoint.count(&stream) < wanted {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let stopped = daemon.run(stop, std::future::pending()).await;
            assert_eq!(stopped, Stopped::Drained);
        });
        append(&home.log("app.log"), &some(&mut lines, &format!("down {round}"), 20));
    }
    let agent = home.start();
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&lines.written, &endpoint.data(&stream));
    assert!(verdict.is_exact(), "{verdict}");
}

/// There, the whole agent does not start until the file has outgrown its old size.
#[test]
fn a_file_that_was_truncated_while_it_was_down_is_read_from_its_start() {
    let mut world = World::new("app.log");
    let mut lines = Lines::default();
    world.append("app.log", &some(&mut lines, "a", 100));
    world.settle();
    world.stop();
    File::create(world.path("app.log")).unwrap();
    world.append("app.log", &some(&mut lines, "b", 10));
    world.start();
    world.settle();
    check(&world, &lines);
}

/// There, it is discarded with a warning.
#[test]
fn an_unterminated_last_line_is_sent_when_its_file_is_rotated() {
    let mut world = World::new("app.log*");
    world.append("app.log", b"one\nno line end");
    world.settle();
    assert_eq!(text(&world.stream), ["one\n"]);
    world.rename("app.log", "app.log.1");
    world.append("app.log", b"two\n");
    world.run(Duration::from_secs(10));
    let mut records = text(&world.stream);
    records.sort();
    assert_eq!(records, ["no line end", "one\n", "two\n"]);
}

/// There, each switch from one to the other sends a whole file again.
#[test]
fn two_files_that_are_written_to_in_turn_are_both_sent_once() {
    let mut world = World::new("worker-*.log");
    let mut lines = Lines::default();
    for _ in 0..100 {
        for worker in ["1", "2"] {
            let bytes = some(&mut lines, worker, 3);
            world.append(&format!("worker-{worker}.log"), &bytes);
            world.run(Duration::from_millis(100));
        }
    }
    world.settle();
    check(&world, &lines);
}

/// There, a directory or a dangling link is fatal at the start and stops the flow later, and two
/// names of one file are fatal.
#[test]
fn directories_dangling_links_and_second_names_are_no_obstacle() {
    for before_start in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let make = |dir: &std::path::Path| {
            fs::create_dir(dir.join("app.log.d")).unwrap();
            symlink("nowhere", dir.join("app.log.dangling")).unwrap();
            fs::write(dir.join("app.log"), "").unwrap();
            symlink("app.log", dir.join("app.log.link")).unwrap();
            fs::hard_link(dir.join("app.log"), dir.join("app.log.hard")).unwrap();
        };
        if before_start {
            make(dir.path());
        }
        let mut world = World::within(dir, "app.log*", |_| {});
        world.settle();
        if !before_start {
            make(world.dir.path());
        }
        let mut lines = Lines::default();
        for _ in 0..10 {
            world.append("app.log", &some(&mut lines, "a", 10));
            world.run(Duration::from_millis(300));
        }
        world.settle();
        check(&world, &lines);
    }
}

/// There, a batch whose answer makes the client throw (`IllegalArgumentException` and the like) is
/// dropped without a word. Here an answer that makes no sense is no answer.
#[test]
fn a_batch_with_a_senseless_answer_is_sent_again() {
    let endpoint = Endpoint::healthy();
    let stream = kinesis("s");
    for garbage in [&b"{\"Records\": [{]}"[..], b"", b"null", b"{\"Records\":[]}"] {
        let fault = Fault::GarbageAnswer(garbage.to_vec());
        endpoint.handle.script(Scope::AnyPut, fault).unwrap();
    }
    endpoint.handle.script(Scope::AnyPut, Fault::DropBeforeAnswer).unwrap();
    let mut home = Home::new(&endpoint.handle.url());
    let retries = json!({ "retryInitialBackoffMillis": 10, "retryMaxBackoffMillis": 20 });
    home.flow("app.log", ("kinesisStream", "s"), &retries);
    let mut lines = Lines::default();
    append(&home.log("app.log"), &some(&mut lines, "a", 100));
    let agent = home.start();
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    let served = || endpoint.handle.scripted_faults_waiting() == 0;
    wait_until("all faults", SOON, served, || agent.log());
    append(&home.log("app.log"), &some(&mut lines, "a", 100));
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&lines.written, &endpoint.data(&stream));
    assert!(verdict.is_complete(), "{verdict}");
}

/// There, the key is made of the whole read buffer for each record, which is slow and gives equal
/// records different keys. The key shows how much was hashed: the record and nothing else.
#[test]
fn a_deterministic_key_hashes_its_own_record_only() {
    let endpoint = Endpoint::healthy();
    let stream = kinesis("s");
    let mut home = Home::new(&endpoint.handle.url());
    let keys = json!({ "partitionKeyOption": "DETERMINISTIC" });
    home.flow("app.log", ("kinesisStream", "s"), &keys);
    let mut lines = Lines::default();
    append(&home.log("app.log"), &some(&mut lines, "a", 1500));
    let agent = home.start();
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    for record in endpoint.handle.records(&stream) {
        let digest: [u8; 16] = Md5::digest(&record.data).into();
        let hex = format!("{:032x}", u128::from_be_bytes(digest));
        assert_eq!(record.partition_key, Some(hex));
    }
}

/// There, what was written by then becomes a record, and the rest another one.
#[test]
fn a_multi_line_record_that_is_written_in_two_parts_is_one_record() {
    let mut world = world_with("app.log", &json!({ "multiLineStartPattern": "\\d" }));
    world.append("app.log", b"1 Exception\n  at a\n");
    world.run(Duration::from_millis(300));
    world.append("app.log", b"  at b\n");
    world.run(Duration::from_millis(300));
    world.append("app.log", b"2 next\n");
    world.settle();
    assert_eq!(text(&world.stream), ["1 Exception\n  at a\n  at b\n", "2 next\n"]);
}

/// There, header lines that arrive later are sent as data.
#[test]
fn a_header_that_is_written_in_two_parts_is_skipped() {
    for position in ["START_OF_FILE", "END_OF_FILE"] {
        let keys = json!({ "skipHeaderLines": 3, "initialPosition": position });
        let wanted = world_with("unused", &keys).config;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("app.log"), "# one\n# tw").unwrap();
        let mut world = World::within(dir, "app.log", |config| {
            config.initial_position = wanted.initial_position;
            config.skip_header_lines = wanted.skip_header_lines;
        });
        world.settle();
        world.append("app.log", b"o\n");
        world.settle();
        world.append("app.log", b"# three\ndata\n");
        world.settle();
        assert_eq!(text(&world.stream), ["data\n"], "{position}");
    }
}

/// There, what was not read of the original is lost, and the new content comes ten seconds later.
#[test]
fn copytruncate_with_an_exact_name_loses_no_unread_line() {
    let mut world = World::new("app.log");
    let mut lines = Lines::default();
    world.append("app.log", &some(&mut lines, "a", 100));
    world.settle();
    world.append("app.log", &some(&mut lines, "a", 100));
    copy_truncate(&world.path("app.log"), &world.path("app.log.1"));
    world.append("app.log", &some(&mut lines, "b", 20));
    world.settle();
    check(&world, &lines);
}

/// There, it goes unnoticed: the first bytes are lost and the first record is cut.
#[test]
fn a_file_that_is_truncated_and_grows_past_its_old_size_is_read_from_its_start() {
    let mut world = World::new("app.log");
    let mut lines = Lines::default();
    world.append("app.log", &some(&mut lines, "a", 30));
    world.settle();
    File::create(world.path("app.log")).unwrap();
    world.append("app.log", &some(&mut lines, "b", 300));
    world.settle();
    check(&world, &lines);
}

/// There, the checkpoint lies before the last record, which is sent again after each restart.
#[test]
fn a_restart_repeats_nothing_behind_add_brackets() {
    let mut world =
        World::with("app.log", |config| config.converters = vec![ConverterConfig::AddBrackets]);
    for round in 0..5 {
        world.append("app.log", format!("line {round}\n").as_bytes());
        world.settle();
        world.stop();
        world.start();
        world.settle();
    }
    let expected: Vec<String> = (0..5).map(|round| format!("{{line {round}\n}}")).collect();
    assert_eq!(text(&world.stream), expected);
}

/// The same after the process is killed, at whatever moment: what was checkpointed before is not
/// sent again, and what was not is sent in its brackets.
#[test]
fn a_kill_repeats_nothing_that_was_checkpointed_behind_add_brackets() {
    let endpoint = Endpoint::healthy();
    let stream = kinesis("s");
    let mut home = Home::new(&endpoint.handle.url());
    let options = json!([{ "optionName": "ADDBRACKETS" }]);
    home.flow("app.log", ("kinesisStream", "s"), &json!({ "dataProcessingOptions": options }));
    let mut expected = Vec::new();
    for round in 0..3 {
        let line = format!("line {round}\n");
        append(&home.log("app.log"), line.as_bytes());
        expected.push(format!("{{{line}}}").into_bytes());
        let agent = home.start();
        endpoint.wait_for_all(&stream, &expected, SOON, || agent.log());
        let size = usize::try_from(fs::metadata(home.log("app.log")).unwrap().len()).unwrap();
        wait_until("the checkpoint", SOON, || checkpoint(&home) == size, || agent.log());
        agent.kill();
    }
    assert_eq!(endpoint.data(&stream), expected);
}
