//! `kinetail check`: what cannot work is an error with its place, and what becomes of the lines
//! that are there is told.

mod fifos;
mod own;
mod places;
mod values;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// A directory with a configuration, `logs` and nothing else.
struct Home {
    directory: tempfile::TempDir,
    config: Value,
    environment: Vec<(&'static str, String)>,
}

/// What timeout(1) exits with when it had to end a program.
const TIMED_OUT: i32 = 124;

/// What `check` says.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Home {
    fn new(flows: impl Into<Value>) -> Self {
        let flows: Value = flows.into();
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("logs")).unwrap();
        let config = json!({
            "awsAccessKeyId": "k", "awsSecretAccessKey": "k", "region": "eu-west-1",
            "checkpointFile": directory.path().join("checkpoints.db"), "flows": flows,
        });
        Self { directory, config, environment: Vec::new() }
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    fn check(&self) -> Said {
        self.run(&["check", "-c", "agent.json"])
    }

    /// Checks a text in the place of the configuration.
    fn check_text(&self, text: &str) -> Said {
        self.write("agent.yaml", &self.located(text));
        self.run(&["check", "-c", "agent.yaml"])
    }

    fn located(&self, text: &str) -> String {
        text.replace("HOME", &self.directory.path().display().to_string())
    }

    /// Runs a command, which must not hang, with `agent.json` there.
    fn run(&self, arguments: &[&str]) -> Said {
        // The paths of the configuration are relative to this.
        let text = serde_json::to_string_pretty(&self.config).unwrap();
        self.write("agent.json", &self.located(&text));
        let output = Command::new("timeout")
            .args(["60", env!("CARGO_BIN_EXE_kinetail")])
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said =
            Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert_ne!(said.code, Some(TIMED_OUT), "{arguments:?}: {}{}", said.out, said.err);
        said
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn fifo(&self, name: &str) -> &Self {
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, self.path(name), kind, rustix::fs::Mode::RWXU, 0)
            .unwrap();
        self
    }

    /// Checks, and insists on an error with a place and with these words.
    fn fails(&self, words: &[&str]) {
        let Said { code, out, err } = self.check();
        assert_eq!(code, Some(1), "{out}{err}");
        for word in words {
            assert!(err.contains(word), "no {word:?} in\n{err}\n{out}");
        }
        assert!(err.contains("agent.json:") && err.contains(": error: "), "{err}");
        assert!(err.contains("help: "), "{err}");
    }

    fn passes(&self) -> Said {
        let said = self.check();
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said
    }
}

fn flow(pattern: &str) -> Value {
    json!({ "filePattern": pattern, "kinesisStream": "s" })
}

#[test]
fn a_checkpoint_file_that_cannot_be_written_is_an_error() {
    let home = || Home::new(json!([flow("HOME/logs/*.log")]));
    home().passes();
    home().set("checkpointFile", json!("HOME/logs")).fails(&["logs is a directory"]);
    let file = home();
    file.write("file", "x");
    file.set("checkpointFile", json!("HOME/file/x/c.db")).fails(&["file is not a directory"]);
    home().set("checkpointFile", json!("/dev/null")).fails(&["is a device, not a file"]);
    home()
        .set("checkpointFile", json!("/proc/none/c.db"))
        .fails(&["is a file system of the kernel"]);
    home()
        .set("checkpointFile", json!("/sys/none/c.db"))
        .fails(&["is a file system of the kernel"]);
    home().set("checkpointFile", json!("HOME/new/deep/c.db")).passes();
    home().set("log.file", json!("HOME/logs")).fails(&["cannot write log file"]);
    let said = home().set("checkpointFile", json!("/dev/shm/none/c.db")).passes();
    assert!(said.err.contains("warning: a reboot empties the directory"), "{}", said.err);
    let said = home().passes();
    assert_eq!(said.err, "");
}

#[test]
fn nothing_is_made_by_a_check() {
    let home = Home::new(json!([flow("HOME/none/*.log")]));
    let home = home.set("checkpointFile", json!("HOME/new/c.db"));
    let home = home.set("log.file", json!("HOME/other/k.log"));
    home.passes();
    let mut names: Vec<_> = fs::read_dir(home.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["agent.json", "logs"]);
}

#[test]
fn no_region_and_no_credentials_are_errors() {
    let without = |keys: &[&str]| {
        let mut home = Home::new(json!([flow("HOME/logs/*.log")]));
        for key in keys {
            home.config.as_object_mut().unwrap().remove(*key);
        }
        home
    };
    without(&["region"]).fails(&["no region configured for the stream", "AWS_REGION"]);
    let keys = ["awsAccessKeyId", "awsSecretAccessKey"];
    without(&keys).fails(&["there are no credentials to sign requests with"]);
    let mut home = without(&keys);
    home.environment.push(("AWS_PROFILE", "fallback".to_owned()));
    fs::create_dir(home.directory.path().join(".aws")).unwrap();
    home.write(".aws/config", "[profile other]\naws_access_key_id = k\n");
    home.fails(&["there are no credentials to sign requests with"]);
    home.environment = vec![("AWS_PROFILE", "other".to_owned())];
    home.passes();
    let mut home = without(&["region"]);
    home.environment.push(("AWS_REGION", "eu-west1".to_owned()));
    home.fails(&[
        "AWS_REGION is \"eu-west1\", which is not a valid region",
        "did you mean eu-west-1?",
    ]);
    home.environment = vec![("AWS_REGION", "eu-west-1".to_owned())];
    home.passes();
}

#[test]
fn a_region_that_does_not_exist_is_an_error_and_a_new_one_is_not() {
    let home = || Home::new(json!([flow("HOME/logs/*.log")]));
    home().set("region", json!("eu-west1")).fails(&["invalid region \"eu-west1\"", "eu-west-1?"]);
    home()
        .set("region", json!("us-east-1b"))
        .fails(&["availability zone; its region is us-east-1"]);
    let said = home().set("region", json!("eu-moon-1")).passes();
    assert!(said.err.contains("warning: 'region': unknown value \"eu-moon-1\""), "{}", said.err);
    let placeholder = json!("https://your/kinesis/endpoint");
    home().set("kinesis.endpoint", placeholder).fails(&["is a placeholder"]);
    let other = json!("firehose.eu-west-1.amazonaws.com");
    home().set("kinesis.endpoint", other).fails(&["is an endpoint of Firehose, not of Kinesis"]);
    let conflict = json!("kinesis.us-west-2.amazonaws.com");
    let home = home().set("kinesis.region", json!("eu-west-1")).set("kinesis.endpoint", conflict);
    home.fails(&["'kinesis.endpoint' is in us-west-2, but 'kinesis.region' is eu-west-1"]);
}

#[test]
fn a_pattern_that_is_a_directory_is_an_error() {
    Home::new(json!([flow("HOME/logs")])).fails(&["logs is a directory", "/logs/* for the files"]);
}

#[test]
fn flows_that_send_the_same_file_twice_are_an_error() {
    let two = |a: &str, b: &str| Home::new(json!([flow(a), flow(b)]));
    let same = "two flows to KinesisStream:s match the same file";
    two("HOME/logs/*.log", "HOME/logs/app.log").fails(&[same, "note: the other flow"]);
    two("HOME/logs/app*", "HOME/logs/*.log").fails(&[same]);
    two("HOME/logs/**", "HOME/logs/a/b.log").fails(&[same]);
    two("HOME/logs/*.log", "HOME/logs/*.txt").passes();
    two("HOME/logs/a*b.log", "HOME/logs/*yy*").fails(&[same, "ayyb.log"]);
    // The same file by another name.
    let home = two("HOME/logs/a.log", "HOME/logs/b.log");
    home.write("logs/a.log", "x\n");
    std::os::unix::fs::symlink("a.log", home.directory.path().join("logs/b.log")).unwrap();
    home.fails(&[same]);
    // Two streams, and two places.
    let mut other = flow("HOME/logs/app.log");
    other["region"] = json!("us-east-1");
    Home::new(json!([flow("HOME/logs/*.log"), other])).passes();
    let other = json!({ "filePattern": "HOME/logs/app.log", "kinesisStream": "t" });
    Home::new(json!([flow("HOME/logs/*.log"), other])).passes();
    // Whoever sends two shapes of a line may mean it.
    let mut shaped = flow("HOME/logs/app.log");
    shaped["dataProcessingOptions"] = json!([{ "optionName": "ADDBRACKETS" }]);
    let said = Home::new(json!([flow("HOME/logs/*.log"), shaped])).passes();
    assert!(said.err.contains(&format!("warning: {same}")), "{}", said.err);
    // Left out is not matched.
    let mut narrow = flow("HOME/logs/*.log");
    narrow["excludePatterns"] = json!(["app.log"]);
    Home::new(json!([narrow, flow("HOME/logs/app.log")])).passes();
}

#[test]
fn own_files_within_a_pattern_are_an_error() {
    let home = || Home::new(json!([flow("HOME/logs/*")]));
    home().set("log.file", json!("HOME/logs/kinetail.log")).fails(&[
        "'filePattern' matches kinetail's own log",
        "defined here",
        "excludePatterns",
    ]);
    home()
        .set("checkpointFile", json!("HOME/logs/c.db"))
        .fails(&["'filePattern' matches the checkpoint database"]);
    // Also once they have been moved aside.
    let home = Home::new(json!([flow("HOME/logs/*.1")]));
    home.set("log.file", json!("HOME/logs/kinetail.log")).fails(&["kinetail.log.1"]);
}

#[test]
fn the_partition_keys_of_the_first_records_are_shown() {
    let mut flow = flow("HOME/logs/*.log");
    flow["partitionKey"] = json!("{record.user}");
    let home = Home::new(json!([flow]));
    home.write("logs/a.log", "{\"user\":\"a\\u001b\"}\n{\"user\":2}\n{\"user\":2}\nno\n");
    let said = home.passes();
    let line = r#"partitionKey yields a key for 3 of 4 records: "2" (2), "a\u{1b}" (1)"#;
    assert!(said.out.contains(line), "{}", said.out);
    home.write("logs/a.log", "no\n");
    let said = home.check();
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(
        said.out.contains("error: partitionKey yields a key for 0 of 1 record"),
        "{}",
        said.out
    );
}

#[test]
fn the_converters_are_tried_on_the_first_lines() {
    let with = |options: Value, extra: Value| {
        let mut flow = flow("HOME/logs/*.log");
        flow["dataProcessingOptions"] = options;
        for (key, value) in extra.as_object().into_iter().flatten() {
            flow[key] = value.clone();
        }
        Home::new(json!([flow]))
    };
    let numbers = json!([{
        "optionName": "LOGTOJSON", "logFormat": "COMMONAPACHELOG",
        "matchPattern": r"^(\d+)$", "customFieldNames": ["n"],
    }]);
    let home = with(numbers.clone(), json!({}));
    home.write("logs/a.log", "1\n2\n\u{1b}[31mthree\u{9b}\n4\n");
    let said = home.passes();
    let line = "converters matched 3 of 4, first that did not: line 3 of ";
    assert!(said.out.contains(line), "{}", said.out);
    assert!(said.out.contains(r#""\u{1b}[31mthree\u{9b}"; it would be skipped"#), "{}", said.out);
    assert!(!said.out.contains('\u{1b}') && !said.out.contains('\u{9b}'));
    // None is an error.
    home.write("logs/a.log", "one\ntwo\n");
    let said = home.check();
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.out.contains("error: converters matched 0 of 2"), "{}", said.out);
    // Header lines are none of them.
    let home = with(numbers, json!({ "skipHeaderLines": 1 }));
    home.write("logs/a.log", "number\n1\n");
    assert!(home.passes().out.contains("converters matched 1 of 1\n"));
    let csv = json!([{ "optionName": "CSVTOJSON", "customFieldNames": ["time", "who"] }]);
    let home = with(csv, json!({}));
    home.write("logs/a.log", "Time,Who\n1,me\n");
    assert!(home.passes().out.contains("the first line looks like a header"));
    // Records of several lines.
    let home = with(json!([]), json!({ "multiLineStartPattern": r"\[\d" }));
    home.write("logs/a.log", "[1] a\n  b\n[2] c\n");
    assert!(home.passes().out.contains("multiLineStartPattern matched 2 of 3 lines"));
    home.write("logs/a.log", "1 a\n  b\n2 c\n");
    let said = home.check();
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.out.contains("error: no line of 3 matches multiLineStartPattern"), "{}", said.out);
    // Not more than a beginning is read.
    home.write("logs/a.log", &"[1] x\n".repeat(100_000));
    assert!(home.passes().out.contains("matched 500 of 500 lines"));
}

#[test]
fn a_pattern_that_matches_nothing_says_why() {
    let home = |pattern: &str| {
        let home = Home::new(json!([flow(pattern)]));
        home.write("logs/app.log.1.gz", "x").write("logs/App.txt", "x");
        let said = home.passes();
        assert!(said.out.contains("matching files: none\n"), "{}", said.out);
        said.out
    };
    let out = home("HOME/log/app.log");
    assert!(out.contains("/log does not exist (yet); will be picked up when created"), "{out}");
    assert!(out.contains("with \"logs\""), "{out}");
    let out = home("HOME/logs/app*.txt");
    assert!(out.contains("similar names: \"App.txt\""), "{out}");
    let out = home("HOME/logs/app.log*");
    assert!(out.contains("1 of them is compressed"), "{out}");
    let out = home("nowhere/x.log");
    assert!(out.contains("it is relative"), "{out}");
}
