//! `docs/iam.md` names every action of AWS that kinetail uses, and its policies are policies.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::Value;

/// The services whose actions appear in policies.
const ACTION: &str = r"\b(kinesis|firehose|kms|sts|cloudwatch|ec2):([A-Z][A-Za-z]+)\b";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The actions that a text names.
fn actions(text: &str) -> BTreeSet<String> {
    let action = Regex::new(ACTION).unwrap();
    action.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

/// What is between the fences of a language on a page.
fn fenced(page: &str, language: &str) -> Vec<String> {
    let fence = Regex::new(&format!(r"(?s)\n *```{language}\n(.*?)\n *```")).unwrap();
    fence.captures_iter(page).map(|found| found[1].to_owned()).collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

#[test]
fn the_page_names_every_action_that_messages_name() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let named: BTreeSet<String> =
        files.iter().flat_map(|file| actions(&fs::read_to_string(file).unwrap())).collect();
    assert!(named.len() >= 6, "the actions were found: {named:?}");
    let explained = actions(&page("iam.md"));
    let missing: Vec<_> = named.difference(&explained).collect();
    assert!(missing.is_empty(), "docs/iam.md does not explain {missing:?}");
}

#[test]
fn policies_on_pages_are_json_and_use_explained_actions() {
    let explained = actions(&page("iam.md"));
    let mut policies = 0;
    for name in ["iam.md", "containers.md"] {
        for text in fenced(&page(name), "json") {
            let policy: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
                panic!("docs/{name}: {error} in {text}");
            });
            let statements = policy["Statement"].as_array().cloned();
            for statement in statements.unwrap_or_else(|| vec![policy.clone()]) {
                assert_eq!(statement["Effect"], "Allow", "docs/{name}: {text}");
                let is_trust = statement.get("Principal").is_some();
                let used = actions(&statement["Action"].to_string());
                assert!(!used.is_empty(), "docs/{name}: {text}");
                assert!(is_trust || used.is_subset(&explained), "docs/{name}: {text}");
                policies += 1;
            }
        }
    }
    assert!(policies >= 6, "{policies} statements were found");
}

#[test]
fn configurations_on_the_page_are_accepted() {
    let configurations = fenced(&page("iam.md"), "yaml");
    assert!(!configurations.is_empty());
    for text in configurations {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kinetail.yaml");
        fs::write(&path, &text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinetail"));
        let output = command.arg("check").arg("--config").arg(path).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains("error: ") && said.contains("KinesisStream:"), "{said}");
    }
}
