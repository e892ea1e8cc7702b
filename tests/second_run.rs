//! `.ci/second_run`: what failed once is run once more, alone, and a fault stays a fault.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Stands in for a test binary: the test `good` passes, `bad` fails, and no other is there.
const BINARY: &str = r#"#!/bin/sh
echo "$2" >>"$0.ran"
case $2 in
good*) echo "test result: ok. 1 passed; 0 failed" ;;
bad) echo "test result: FAILED. 0 passed; 1 failed"; exit 101 ;;
*) echo "test result: ok. 0 passed; 0 failed" ;;
esac
"#;

/// Whether a run succeeds in which these tests failed, what it says, and what ran again.
fn second_run(failed: &[&str]) -> (bool, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("tests-1a2b");
    fs::write(&binary, BINARY).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    let mut log = format!("     Running tests/main.rs ({})\ntest fine ... ok\n", binary.display());
    for name in failed {
        writeln!(log, "test {name} ... \u{1b}[31mFAILED\u{1b}[m").unwrap();
    }
    fs::write(dir.path().join("log"), log).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/second_run");
    let output = Command::new(script).arg(dir.path().join("log")).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let ran = fs::read_to_string(dir.path().join("tests-1a2b.ran")).unwrap_or_default();
    (output.status.success(), said, ran)
}

#[test]
fn what_passes_alone_is_named() {
    let (success, said, ran) = second_run(&["good", "good_too"]);
    assert!(success, "{said}");
    assert_eq!(ran, "good\ngood_too\n", "each once, and nothing else");
    assert_eq!(said.matches("PASSED ONLY IN THE SECOND RUN: ").count(), 2, "{said}");
}

#[test]
fn what_fails_again_fails() {
    let (success, said, ran) = second_run(&["good", "bad"]);
    assert!(!success && !said.contains("PASSED ONLY"), "{said}");
    assert_eq!(ran, "good\nbad\n");
}

#[test]
fn a_name_that_no_test_has_does_not_pass() {
    let (success, said, _) = second_run(&["missing"]);
    assert!(!success && !said.contains("PASSED ONLY"), "{said}");
}

#[test]
fn many_failures_are_no_accident_and_none_without_a_test_is_either() {
    let (success, said, ran) = second_run(&["good"; 4]);
    assert!(!success && said.contains("4 failures"), "{said}");
    assert_eq!(ran, "", "nothing ran again");
    let (success, said, _) = second_run(&[]);
    assert!(!success && said.contains("not one test did"), "{said}");
}
