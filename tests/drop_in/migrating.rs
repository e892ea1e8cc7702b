//! The steps of docs/migrating.md, with the commands as they stand there.

use std::fs;
use std::path::Path;
use std::process::Command;

use kinetail::sandbox::StreamId;
use rusqlite::Connection;
use serde_json::json;

use super::java::{JavaDatabase, Row};
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::world::append;

const GUIDE: &str = include_str!("../../docs/migrating.md");

/// The commands of the guide that run kinetail itself, in their order.
fn commands() -> Vec<Vec<&'static str>> {
    GUIDE
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
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

    let commands = commands();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        // Only the places differ from the guide.
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
    }
    let agent = home.start();
    let stream: StreamId = kinesis("moved");
    endpoint.wait_for_all(&stream, &unsent.written, SOON, || agent.log());
    assert_eq!(endpoint.data(&stream), unsent.written);
    assert_eq!(agent.stop(SOON), Some(0));

    // The way back: the Java agent's database gets the position at which kinetail stopped.
    let whole = fs::metadata(home.log("app.log")).unwrap().len();
    append(&home.log("app.log"), &unsent.one("after the stop", 20));
    let database = home.database();
    Connection::open(&java.path).unwrap().execute_batch(&way_back(&database)).unwrap();
    let (path, file_id, offset) = java.last(&flow);
    let expected = Row::of(&home.log("app.log"), whole);
    assert_eq!((path, file_id, offset), (expected.path, expected.file_id, whole));
    fs::remove_file(&database).unwrap();
    let output = home.command("import").arg("--dry-run").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("app.log: from byte {whole} of ")), "{said}");
}

/// The statements that hand kinetail's positions to the Java agent, for the database of a test.
fn way_back(database: &Path) -> String {
    let (_, block) = GUIDE.split_once("<<'SQL'\n").unwrap();
    let (statements, _) = block.split_once("\n   SQL\n").unwrap();
    assert!(statements.contains("/var/lib/kinetail/checkpoints.db"), "{statements}");
    statements.replace("/var/lib/kinetail/checkpoints.db", database.to_str().unwrap())
}
