//! Files of agent.d: whose flows run, and what is said about the others.

use std::fs;

use super::super::read;
use super::*;

/// A directory with a main file and files that add flows.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new(main: &str, others: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("agent.json"), main).unwrap();
        fs::create_dir(directory.path().join("agent.d")).unwrap();
        for (name, text) in others {
            fs::write(directory.path().join("agent.d").join(name), text).unwrap();
        }
        Self { directory }
    }

    fn read(&self) -> Result<super::super::Loaded, super::super::ReadError> {
        let flow_directory = Some(self.directory.path().join("agent.d"));
        let environment = Environment { flow_directory, ..Environment::default() };
        read(&self.directory.path().join("agent.json"), &environment)
    }

    /// The flows' ids and the warnings, each with the name of its file.
    fn loaded(&self) -> (Vec<String>, Vec<String>) {
        let loaded = self.read().unwrap_or_else(|error| panic!("{error}"));
        let ids = loaded.config.flows.into_iter().map(|flow| flow.id).collect();
        let said = loaded.warnings.iter().map(|found| {
            let name = found.place.path.file_name().unwrap().to_string_lossy();
            format!("{name}:{}:{}: {}", found.place.line, found.place.column, found.message)
        });
        (ids, said.collect())
    }

    /// The errors.
    fn errors(&self) -> Vec<String> {
        match self.read() {
            Err(super::super::ReadError::Invalid(report)) => {
                let errors = report.diagnostics.into_iter();
                let errors = errors.filter(|found| found.severity == Severity::Error);
                errors.map(|found| found.message).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

fn one(stream: &str) -> String {
    format!("{{\"flows\": [{{\"filePattern\": \"/a/b\", \"kinesisStream\": \"{stream}\"}}]}}")
}

fn id(stream: &str) -> String {
    format!("kinesis:{stream}:/a/b")
}

#[test]
fn flows_are_added_in_the_order_of_the_names_whatever_their_ending() {
    let files =
        Files::new(&one("main"), &[("20", &one("b")), ("10.conf", &one("a")), ("9", &one("c"))]);
    let (ids, warnings) = files.loaded();
    assert_eq!(ids, [id("main"), id("a"), id("b"), id("c")]);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_main_file_may_leave_all_flows_to_the_others() {
    for main in ["{}", "{\"flows\": []}"] {
        assert_eq!(Files::new(main, &[("x", &one("a"))]).loaded().0, [id("a")], "{main}");
        let nothing = Files::new(main, &[("x", "{\"flows\": []}")]);
        assert_eq!(nothing.errors(), ["no flows configured"], "{main}");
        assert_eq!(Files::new(main, &[]).errors().len(), 1, "{main}");
    }
}

#[test]
fn directories_in_it_are_not_looked_into_and_no_directory_is_fine() {
    let files = Files::new(&one("main"), &[]);
    fs::create_dir(files.directory.path().join("agent.d/more")).unwrap();
    fs::write(files.directory.path().join("agent.d/more/x.json"), one("a")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", files.directory.path().join("agent.d/link"))
        .unwrap();
    assert_eq!(files.loaded(), (vec![id("main")], vec![]));
    fs::remove_dir_all(files.directory.path().join("agent.d")).unwrap();
    assert_eq!(files.loaded(), (vec![id("main")], vec![]));
}

#[test]
fn a_file_that_cannot_be_understood_is_skipped_with_a_warning() {
    let files = Files::new(
        &one("main"),
        &[
            ("1", "{\n  \"flows\": [}"),
            ("2", "[]"),
            ("3", "{\"flow\": []}"),
            ("4", "{\"flows\": {}}"),
            ("5", ""),
            ("6", &one("a")),
        ],
    );
    let bad = files.directory.path().join("agent.d/7");
    fs::write(&bad, b"{\xff}").unwrap();
    let (ids, warnings) = files.loaded();
    assert_eq!(ids, [id("main"), id("a")]);
    let ignored: Vec<&str> = warnings
        .iter()
        .filter_map(|text| text.split_once("Error reading configuration file, ignoring - "))
        .map(|(_, rest)| rest.split(':').next().unwrap())
        .collect();
    assert_eq!(ignored, ["1", "2", "3", "4", "5", "7"], "{warnings:?}");
    assert!(warnings.iter().any(|text| text.starts_with("1:2:")), "{warnings:?}");
}

#[test]
fn keys_alongside_the_flows_have_no_effect_and_say_so() {
    let text = one("a").replacen('{', "{\"kinesis.region\": \"eu-west-1\",\n\"x\": 1, ", 1);
    let files = Files::new(&one("main"), &[("x.json", &text)]);
    let (ids, warnings) = files.loaded();
    assert_eq!(ids, [id("main"), id("a")]);
    assert_eq!(
        warnings,
        ["x.json:1:2: \"kinesis.region\" is ignored here", "x.json:2:1: \"x\" is ignored here"]
    );
    assert_eq!(files.read().unwrap().config.aws.kinesis_region, None);
}

#[test]
fn a_wrong_flow_in_such_a_file_stops_the_start_as_in_the_main_file() {
    let files = Files::new(&one("main"), &[("x", "{\"flows\": [{\"kinesisStream\": \"s\"}]}")]);
    assert_eq!(files.errors(), ["required value missing: 'filePattern'"]);
}

#[test]
fn the_same_flow_in_two_files_names_both_places() {
    let files = Files::new(&one("main"), &[("x", &format!("\n{}", one("main")))]);
    let Err(super::super::ReadError::Invalid(report)) = files.read() else { panic!("taken") };
    let [found] = report.diagnostics.as_slice() else { panic!("{report}") };
    assert_eq!(found.message, "duplicate flow: kinesis:main:/a/b");
    assert!(found.place.path.ends_with("agent.d/x") && found.place.line == 2);
    let (_, first) = found.related.as_ref().unwrap();
    assert!(first.path.ends_with("agent.json") && first.line == 1);
}

#[test]
fn the_role_of_the_main_file_holds_for_all_flows() {
    let main = one("main").replacen('{', "{\"assumeRoleARN\": \"arn:aws:iam::1:role/r\", ", 1);
    let loaded = Files::new(&main, &[("x", &one("a"))]).read().unwrap();
    let roles = loaded.config.flows.iter().filter(|flow| flow.aws.role.is_some());
    assert_eq!(roles.count(), 2);
}
