//! The rows of `docs/comparison.md` with kinetail: nothing is lost in any of them, and nothing is
//! repeated where that can be avoided.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::required::not_tested;

/// Most of the time of a row is spent waiting.
const JOBS: &str = "6";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the harness, if there is a Python for it.
fn compare(arguments: &[&str]) -> Option<(bool, String)> {
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    if !has_python {
        not_tested("EMULATOR", "there is no python3 for the comparison");
        return None;
    }
    let output = Command::new("python3")
        .arg(root().join("tests/compare/compare.py"))
        .args(["--kinetail", env!("CARGO_BIN_EXE_kinetail"), "--jobs", JOBS])
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// The first cells of the rows of a table.
fn rows(text: &str) -> Vec<&str> {
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.filter_map(|row| row.split(" | ").next()).collect()
}

#[test]
fn kinetail_loses_nothing_in_any_row_of_the_comparison() {
    let Some((is_well, said)) = compare(&["--strict"]) else { return };
    assert!(is_well, "{said}");
    let page = fs::read_to_string(root().join("docs/comparison.md")).unwrap();
    let (_, page) = page.split_once("\n## Under fault\n").unwrap();
    let (page, _) = page.split_once("\n### ").unwrap();
    assert_eq!(rows(page), rows(&said), "the rows of the page are those of the harness");
    let others = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    for row in others {
        let kinetail = row.split(" | ").nth(1).unwrap();
        assert!(!kinetail.contains("lost"), "{row}");
    }
}

/// An agent that does nothing: the harness has to see that.
#[test]
fn an_agent_that_ships_nothing_is_seen_to_ship_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let agent = dir.path().join("agent.json");
    let text = "{\"name\": \"idle\", \"template\": \"empty\", \"command\": [\"false\"]}";
    fs::write(&agent, text).unwrap();
    fs::write(dir.path().join("empty"), "").unwrap();
    let pair = format!("{}=false", agent.display());
    let arguments = ["--without-kinetail", "--only", "two_live_files", "--agent", &pair];
    let Some((_, said)) = compare(&arguments) else { return };
    assert!(said.contains("the agent ended with 1"), "{said}");
}
