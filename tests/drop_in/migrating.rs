//! The steps of docs/migrating.md, with the commands as they stand there.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use kinetail::sandbox::StreamId;
use serde_json::json;

use super::java::{JavaDatabase, Row, millis, set_modified};
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::world::append;

const GUIDE: &str = include_str!("../../docs/migrating.md");

/// Where the way back begins.
const FORWARD: usize = 0;
const BACK: usize = 1;

/// The commands of a part of the guide that run kinetail itself, in their order.
fn commands(part: usize) -> Vec<Vec<&'static str>> {
    let part = GUIDE.split("\n## Going back\n").nth(part).unwrap();
    let blocks = part.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .map(|line| line.trim_start().trim_start_matches("sudo "))
        .filter(|line| line.starts_with("kinetail "))
        .map(|line| line.split_whitespace().skip(1).take_while(|word| *word != "#").collect())
        .collect()
}

#[test]
fn the_commands_of_the_guide_do_what_it_says() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log*", ("kinesisStream", "moved"), &json!({}));
    let java = JavaDatabase::new(home.root().join("checkpoints"));
    home.set("javaCheckpointFile", json!(java.path));
    let (mut sent, mut unsent) = (Lines::default(), Lines::default());
    append(&home.log("app.log"), &sent.one("sent", 20));
    let offset = fs::metadata(home.log("app.log")).unwrap().len();
    let flow = format!("kinesis:moved:{}", home.log("app.log*").display());
    java.save(&flow, &Row::of(&home.log("app.log"), offset));
    append(&home.log("app.log"), &unsent.one("unsent", 20));
    let config = home.write_config();

    let forward = commands(FORWARD);
    assert!(forward.len() >= 5, "{forward:?}");
    for command in forward {
        run(&home, &java, &config, &command);
    }
    let agent = home.start();
    let stream: StreamId = kinesis("moved");
    endpoint.wait_for_all(&stream, &unsent.written, SOON, || agent.log());
    assert_eq!(endpoint.data(&stream), unsent.written);
    // A rotation, and a second live file: kinetail follows all of them.
    fs::rename(home.log("app.log"), home.log("app.log.1")).unwrap();
    append(&home.log("app.log"), &unsent.one("next", 20));
    append(&home.log("app.log.other"), &unsent.one("other", 20));
    endpoint.wait_for_all(&stream, &unsent.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let now = millis(SystemTime::now());
    set_modified(&home.log("app.log.1"), now - 60_000);
    set_modified(&home.log("app.log.other"), now - 30_000);
    set_modified(&home.log("app.log"), now);

    // The way back: the Java agent's database gets the positions at which kinetail stopped.
    let ends = ["app.log.1", "app.log.other", "app.log"]
        .map(|name| Row::of(&home.log(name), fs::metadata(home.log(name)).unwrap().len()));
    let back = commands(BACK);
    let [export] = back.as_slice() else { panic!("{back:?}") };
    let said = run(&home, &java, &config, export);
    assert!(said.contains("the Java agent resumes in"), "{said}");
    for row in &ends {
        assert_eq!(
            java.row(&flow, &row.path),
            (row.file_id.clone(), row.modified_millis, row.size, row.offset)
        );
    }
    let (path, file_id, offset) = java.last(&flow);
    assert_eq!((&path, &file_id, offset), (&ends[2].path, &ends[2].file_id, ends[2].offset));

    // And forth again: nothing is sent twice, and what came meanwhile arrives.
    fs::remove_dir_all(home.database().parent().unwrap()).unwrap();
    let more = unsent.one("after the stop", 20);
    append(&home.log("app.log"), &more);
    let output = home.command("import").arg("--dry-run").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("app.log: resume at offset {offset} of ")), "{said}");
    assert!(!said.contains("new") && !said.contains("NOT"), "{said}");
    let agent = home.start();
    endpoint.wait_for_all(&stream, &unsent.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(endpoint.data(&stream).len(), unsent.written.len(), "nothing is repeated");
}

/// A row that an older guide wrote has no time: what kinetail had sent by then is not sent again.
#[test]
fn a_row_without_a_time_does_not_make_old_files_new() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log*", ("kinesisStream", "moved"), &json!({}));
    let java = JavaDatabase::new(home.root().join("checkpoints"));
    home.set("javaCheckpointFile", json!(java.path));
    let mut lines = Lines::default();
    append(&home.log("app.log.1"), &lines.one("old", 30));
    append(&home.log("app.log"), &lines.one("sent", 30));
    fs::write(home.log("app.log.2.gz"), "compressed long ago").unwrap();
    for name in ["app.log.1", "app.log.2.gz"] {
        set_modified(&home.log(name), millis(SystemTime::now()) - 60_000);
    }
    let flow = format!("kinesis:moved:{}", home.log("app.log*").display());
    let end = fs::metadata(home.log("app.log")).unwrap().len();
    java.save(&flow, &Row { modified_millis: 0, ..Row::of(&home.log("app.log"), end) });
    let output = home.command("import").arg("--dry-run").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("skipped") && !said.contains("NOT READ"), "{said}");
    assert!(output.status.success(), "{said}");
}

#[test]
fn an_export_says_what_it_cannot_do() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log*", ("kinesisStream", "moved"), &json!({}));
    home.set("javaCheckpointFile", json!("off"));
    let export = |home: &Home, to: &str| {
        let output = home.command("export").args(["--to", to]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let nowhere = home.command("export").output().unwrap();
    assert!(
        String::from_utf8_lossy(&nowhere.stderr).contains("specify it with --to"),
        "{nowhere:?}"
    );
    let said = export(&home, home.root().join("java").to_str().unwrap());
    assert!(said.contains("no checkpoint database at"), "{said}");
    let notes = home.root().join("notes.txt");
    fs::write(&notes, "not a database, and of some length").unwrap();
    let said = export(&home, notes.to_str().unwrap());
    assert!(said.contains("notes.txt"), "{said}");
    assert_eq!(fs::read_to_string(&notes).unwrap(), "not a database, and of some length");
}

/// Runs a command of the guide. Only the places differ.
fn run(home: &Home, java: &JavaDatabase, config: &Path, command: &[&str]) -> String {
    let words = command.iter().map(|word| match *word {
        word if word.starts_with("/etc/") => config.to_str().unwrap(),
        word if word.starts_with("/root/") => java.path.to_str().unwrap(),
        word => word,
    });
    let output = Command::new(env!("CARGO_BIN_EXE_kinetail"))
        .args(words)
        .env_clear()
        .env("STATE_DIRECTORY", home.database().parent().unwrap())
        .current_dir(home.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Each step needs what stands before it.
#[test]
fn the_steps_of_the_guide_are_in_an_order_that_can_be_followed() {
    for steps in [
        ["**Install kinetail**", "kinetail check", "aws-kinesis-agent.cron\n", "disable --now aws"],
        ["disable --now aws", "cp -a /var/run/aws", "enable --now kinetail\n", "grep 'previous"],
        [
            "disable --now kinetail",
            "sudo kinetail export",
            "enable --now aws",
            "/etc/cron.d/aws-kinesis-agent\n   ```\n\nThe limits",
        ],
    ] {
        let places: Vec<_> = steps.iter().map(|step| GUIDE.find(step)).collect();
        assert!(places.is_sorted() && !places.contains(&None), "{steps:?} at {places:?}");
    }
}
