//! The command line of the real binary: what the Java agent's scripts call, and `check`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kinetail::sandbox::{ErrorResponse, Fault, Operation, SandboxOptions, Scope, StreamPolicy};
use serde_json::{Value, json};

use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::fake_aws::FakeAws;

fn kinetail(directory: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    kinetail_in(directory, &[], args)
}

/// The same, with some more variables in its environment.
fn kinetail_in(
    directory: &Path,
    environment: &[(&str, &str)],
    args: &[&str],
) -> (Option<i32>, String, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_kinetail"))
        .args(args)
        .env_clear()
        .env("HOME", directory)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_file_that_is_named_and_missing_is_told_in_the_java_agents_words() {
    let directory = tempfile::tempdir().unwrap();
    for args in [
        &["-c", "nowhere.json"][..],
        &["--configuration=nowhere.json"],
        &["run", "-c", "nowhere.json"],
    ] {
        let (code, out, err) = kinetail(directory.path(), args);
        assert_eq!(code, Some(1));
        assert!(
            err.contains("Parameter -c points to a file that doesn't exist: nowhere.json"),
            "{err}"
        );
        assert!(err.starts_with("Usage: ") && out.is_empty(), "{out}{err}");
    }
}

#[test]
fn help_is_no_failure_and_a_stray_argument_is() {
    let directory = tempfile::tempdir().unwrap();
    for arg in ["-h", "--help"] {
        let (code, out, err) = kinetail(directory.path(), &[arg]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(out.contains("--configuration") && out.contains("agent.d"), "{out}");
    }
    let (code, _, err) = kinetail(directory.path(), &["foo"]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("Was passed main parameter 'foo' but no main parameter was defined"),
        "{err}"
    );
}

/// A directory with a configuration for a sandbox.
fn checked(sandbox: &Endpoint, flows: &Value) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut config = json!({
        "awsAccessKeyId": "k", "awsSecretAccessKey": "k", "kinesis.region": "eu-west-1",
        "checkpointFile": "checkpoints.db", "flows": flows,
    });
    for service in ["kinesis", "firehose"] {
        config[format!("{service}.endpoint")] = json!(sandbox.handle.url());
    }
    fs::write(directory.path().join("agent.json"), config.to_string()).unwrap();
    directory
}

#[test]
fn check_names_files_destinations_regions_and_credentials() {
    let sandbox = Endpoint::healthy();
    let flows = json!([
        { "filePattern": "logs/*.log", "kinesisStream": "s", "region": "eu-north-1" },
        { "filePattern": "nowhere/x.log", "deliveryStream": "d" },
    ]);
    let directory = checked(&sandbox, &flows);
    let logs = directory.path().join("logs");
    fs::create_dir(&logs).unwrap();
    for number in 0..12 {
        fs::write(logs.join(format!("{number:02}.log")), "12345\n").unwrap();
    }
    let (code, out, err) = kinetail(directory.path(), &["check", "-c", "agent.json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    for part in [
        "flow kinesis:s:logs/*.log\n  destination: KinesisStream:s\n",
        "region: eu-north-1 (region of the flow)",
        "credentials: static keys in the configuration (awsAccessKeyId)",
        "matching files: 12 files, 72 bytes; newest ",
        "/logs/09.log (6 bytes)",
        "and 2 more (--verbose lists all)",
        "destination: DeliveryStream:d",
        "region: us-east-1 (the Java agent's default for Firehose",
        "matching files: none",
        "nowhere does not exist (yet)",
        "agent.json: no errors",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    assert!(!out.contains("/logs/11.log (6 bytes)"), "{out}");
    let (_, out, _) = kinetail(directory.path(), &["check", "-v", "-c", "agent.json"]);
    assert!(out.contains("/logs/11.log (6 bytes)"), "{out}");
    assert_eq!(sandbox.handle.stats().requests, 0, "no request was made");
}

#[test]
fn check_aws_describes_the_streams_and_puts_nothing() {
    let sandbox = Endpoint::healthy();
    let flows = json!([
        { "filePattern": "/tmp/none-1", "kinesisStream": "s" },
        { "filePattern": "/tmp/none-1", "deliveryStream": "d" },
    ]);
    let directory = checked(&sandbox, &flows);
    let (code, out, _) = kinetail(directory.path(), &["check", "--aws", "-c", "agent.json"]);
    assert_eq!(code, Some(0), "{out}");
    for part in [
        "ok: stream s in eu-west-1 is ACTIVE, 1 open shards, mode PROVISIONED, records of up to \
         1024 KiB, RecordDistributionStrategy USER_PARTITION_KEY\n",
        "ok: write permission verified (kinesis:PutRecords, dry run)",
        "ok: delivery stream d in us-east-1 is ACTIVE",
        "note: write permission is likely (firehose:PutRecordBatch)",
        "note: caller identity not checked",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    assert_eq!(sandbox.handle.stats().total().records, 0);
}

#[test]
fn check_aws_fails_for_what_would_not_arrive() {
    let options =
        SandboxOptions { streams: StreamPolicy::Only(Vec::new()), ..SandboxOptions::default() };
    let strict = Endpoint::start(options);
    let flows = json!([{ "filePattern": "/tmp/none-1", "kinesisStream": "missing" }]);
    let directory = checked(&strict, &flows);
    let args = ["check", "--aws", "-c", "agent.json"];
    let (code, out, _) = kinetail(directory.path(), &args);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("error: in eu-west-1: ResourceNotFoundException"), "{out}");

    let sandbox = Endpoint::healthy();
    let directory = checked(&sandbox, &flows);
    let denied = || ErrorResponse::new(400, "AccessDeniedException", "not authorized");
    let script = |operation| {
        sandbox.handle.script(Scope::Operation(operation), Fault::Respond(denied())).unwrap();
    };
    script(Operation::PutRecords);
    let (code, out, _) = kinetail(directory.path(), &args);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("error: write permission missing (kinesis:PutRecords): Access"), "{out}");
    // Shipping does not need to describe.
    script(Operation::DescribeStreamSummary);
    let (_, out, _) = kinetail(directory.path(), &args);
    assert!(out.contains("note: cannot describe the stream in eu-west-1"), "{out}");
}

#[test]
fn check_fails_for_a_mistake_and_says_what_is_in_the_way_of_a_file() {
    let sandbox = Endpoint::healthy();
    let directory = checked(&sandbox, &json!([{ "filePattern": "logs/a.log" }]));
    let (code, _, err) = kinetail(directory.path(), &["check", "-c", "agent.json"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("the flow has no destination"), "{err}");

    let flows = json!([{ "filePattern": "logs/*.log", "kinesisStream": "s" }]);
    let directory = checked(&sandbox, &flows);
    let file = directory.path().join("logs/a.log");
    fs::create_dir(directory.path().join("logs")).unwrap();
    fs::write(&file, "x\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // What cannot be followed for other reasons is told, and hides no lines.
    fs::create_dir(directory.path().join("logs/d.log")).unwrap();
    symlink("nowhere", directory.path().join("logs/l.log")).unwrap();
    let (code, out, _) = kinetail(directory.path(), &["check", "-c", "agent.json"]);
    // Who may read everything has nothing in the way.
    if fs::File::open(&file).is_err() {
        assert_eq!(code, Some(1), "{out}");
        assert!(out.contains("may not read") && out.contains("mode 0000"), "{out}");
        assert!(out.contains("agent.json: 1 error"), "{out}");
    } else {
        assert_eq!(code, Some(0), "{out}");
    }
}

/// What a command says if none of it is read: exit code and standard error.
fn unread(directory: &Path, args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_kinetail"))
        .args(args)
        .env_clear()
        .env("HOME", directory)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_reader_that_leaves_is_no_error_of_any_command() {
    let sandbox = Endpoint::healthy();
    let flows = json!([{ "filePattern": "logs/*.log", "kinesisStream": "s" }]);
    let directory = checked(&sandbox, &flows);
    fs::create_dir(directory.path().join("logs")).unwrap();
    for args in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["help", "check"],
        &["check", "--help"],
        &["check", "-c", "agent.json"],
        &["check", "--aws", "-c", "agent.json"],
    ] {
        let (code, err) = unread(directory.path(), args);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
    }
    let (code, err) = unread(directory.path(), &["import", "--dry-run", "-c", "agent.json"]);
    assert!(code == Some(1) && !err.contains("terminal"), "{err}");
    // What is wrong is wrong whoever reads.
    let directory = checked(&sandbox, &json!([]));
    let (code, err) = unread(directory.path(), &["check", "-c", "agent.json"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("no flows configured") && !err.contains("pipe"), "{err}");
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "k")];

/// A directory with a configuration of one flow and nothing about AWS but a region.
fn plain(stream: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let config = json!({
        "region": "eu-west-1", "checkpointFile": "checkpoints.db",
        "flows": [{ "filePattern": "/tmp/none-1", "kinesisStream": stream }],
    });
    fs::write(directory.path().join("agent.json"), config.to_string()).unwrap();
    directory
}

#[test]
fn check_shows_an_endpoint_of_the_environment_and_never_writes_a_record_to_it() {
    let fake = FakeAws::start();
    let url = fake.url();
    let profile = format!("[default]\nendpoint_url = {url}\n");
    let services =
        format!("[default]\nservices = s\n[services s]\nkinesis =\n  endpoint_url = {url}\n");
    for (environment, profile, source) in [
        (&[("AWS_ENDPOINT_URL", url)][..], "", "AWS_ENDPOINT_URL"),
        (&[("AWS_ENDPOINT_URL_KINESIS", url)], "", "AWS_ENDPOINT_URL_KINESIS"),
        (
            &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_KINESIS", url)],
            "",
            "AWS_ENDPOINT_URL_KINESIS",
        ),
        (&[], profile.as_str(), "endpoint_url of the profile"),
        (&[], services.as_str(), "endpoint_url of the profile"),
    ] {
        let directory = plain("s");
        fs::create_dir(directory.path().join(".aws")).unwrap();
        fs::write(directory.path().join(".aws/config"), profile).unwrap();
        let environment: Vec<(&str, &str)> = KEYS.iter().chain(environment).copied().collect();
        let args = ["check", "--aws", "-c", "agent.json"];
        let (code, out, err) = kinetail_in(directory.path(), &environment, &args);
        assert_eq!(code, Some(0), "{out}{err}");
        let endpoint = format!("  endpoint: {url} ({source})\n");
        assert!(out.contains(&endpoint), "no {endpoint:?} in\n{out}");
        assert!(out.contains("note: write permission not checked"), "{out}");
    }
    let directory = plain("s");
    let environment = [("AWS_ENDPOINT_URL", url), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
    let (_, out, _) = kinetail_in(directory.path(), &environment, &["check", "-c", "agent.json"]);
    assert!(!out.contains("endpoint:"), "{out}");
    assert_eq!(fake.asked("Kinesis_20131202.PutRecords").len(), 0, "a record was put");
    assert_eq!(fake.asked("Kinesis_20131202.DescribeStreamSummary").len(), 5);
}

#[test]
fn check_says_that_the_key_of_a_stream_is_not_tried() {
    let fake = FakeAws::start();
    let directory = plain("encrypted");
    let mut environment = KEYS.to_vec();
    environment.push(("AWS_ENDPOINT_URL", fake.url()));
    let args = ["check", "--aws", "-c", "agent.json"];
    let (_, out, _) = kinetail_in(directory.path(), &environment, &args);
    assert!(
        out.contains("note: the stream is encrypted with arn:aws:kms:eu-west-1:1:key/k"),
        "{out}"
    );
    assert!(out.contains("kms:GenerateDataKey"), "{out}");
}

/// One record is shown to AWS, which stores none, and whose account it is is told that it pays.
#[test]
fn check_says_that_a_dry_run_on_aws_is_billed() {
    const ENDPOINT: &str = "http://kinesis.eu-west-1.amazonaws.com";
    let fake = FakeAws::start();
    let directory = tempfile::tempdir().unwrap();
    let config = json!({
        "region": "eu-west-1", "checkpointFile": "checkpoints.db", "proxy": fake.url(),
        "kinesis.endpoint": ENDPOINT, "sts.endpoint": fake.url(),
        "flows": [{ "filePattern": "/tmp/none-1", "kinesisStream": "s" }],
    });
    fs::write(directory.path().join("agent.json"), config.to_string()).unwrap();
    let args = ["check", "--aws", "-c", "agent.json"];
    let (code, out, err) = kinetail_in(directory.path(), &KEYS, &args);
    assert_eq!(code, Some(0), "{out}{err}");
    let told = [
        "  ok: write permission verified (kinesis:PutRecords, dry run)\n",
        "  note: AWS bills a dry run like a write\n",
    ];
    assert!(out.contains(&told.concat()), "{out}");
    let puts = fake.asked("Kinesis_20131202.PutRecords");
    assert_eq!(puts.len(), 1, "{out}");
    assert!(puts[0].line.starts_with(&format!("POST {ENDPOINT}/")), "{puts:?}");
    assert!(puts[0].body.contains("\"DryRun\":true"), "{puts:?}");
}

#[test]
fn check_asks_once_about_a_stream_and_tells_throttled_from_refused() {
    let sandbox = Endpoint::healthy();
    let flows = json!([
        { "filePattern": "/tmp/none-1", "kinesisStream": "s" },
        { "filePattern": "/tmp/none-2", "kinesisStream": "s" },
        { "filePattern": "/tmp/none-3", "kinesisStream": "s", "region": "us-east-1" },
    ]);
    let directory = checked(&sandbox, &flows);
    let limit = || {
        let answer = ErrorResponse::new(400, "LimitExceededException", "rate exceeded");
        let scope = Scope::Operation(Operation::PutRecords);
        sandbox.handle.script(scope, Fault::Respond(answer)).unwrap();
    };
    limit();
    let args = ["check", "--aws", "-c", "agent.json"];
    let (code, out, _) = kinetail(directory.path(), &args);
    assert_eq!(code, Some(0), "{out}");
    assert_eq!(out.matches("ok: write permission verified").count(), 2, "{out}");
    let same = "checking kinesis:s:/tmp/none-2 with AWS\n  as for kinesis:s:/tmp/none-1:";
    assert!(out.contains(same), "{out}");
    assert!(!out.contains("bills"), "the sandbox does not: {out}");
    sandbox.handle.set_auto_distribution(&kinesis("s"), true);
    let (_, out, _) = kinetail(directory.path(), &args);
    assert!(out.contains("mode ON_DEMAND"), "{out}");
    assert!(out.contains("note: the stream distributes records itself (AUTO)"), "{out}");
    // One that stays throttled is not known, which is neither right nor wrong.
    for _ in 0..4 {
        limit();
    }
    let (code, out, _) = kinetail(directory.path(), &args);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("note: write permission not checked (kinesis:PutRecords)"), "{out}");
    assert_eq!(sandbox.handle.stats().total().records, 0);
}

#[test]
fn no_directory_is_called_like_a_home_and_the_sandbox_does_not_feed_on_itself() {
    let sandbox = Endpoint::healthy();
    let flows = json!([{ "filePattern": "out/*", "kinesisStream": "s" }]);
    let directory = checked(&sandbox, &flows);
    for args in [
        &["run", "--sandbox", "--sandbox-output=~/out", "-c", "agent.json"][..],
        &["sandbox", "--output=~/out"],
    ] {
        let (code, _, err) = kinetail(directory.path(), args);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains("'~' is not expanded"), "{err}");
    }
    let args = ["run", "--sandbox", "--sandbox-output", "out", "-c", "agent.json"];
    let (code, _, err) = kinetail(directory.path(), &args);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("out/kinesis-s.ndjson, which would loop"), "{err}");
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
    assert!(names.iter().all(|entry| !entry.path().is_dir()), "{names:?}");
}
