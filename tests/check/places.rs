//! Where things really are: files that two flows reach through links, kinetail's own files, rotated
//! ones, and literal values that cannot be meant.

use std::fs;

use serde_json::{Value, json};

use super::{Home, Said, flow};

/// Files are compared, and not only patterns: links lead from one directory to another.
#[test]
fn flows_that_meet_through_links_are_an_error() {
    let two = |a: &str, b: &str| Home::new(json!([flow(a), flow(b)]));
    let same = "two flows to KinesisStream:s match the same file";
    let link = |home: &Home, to: &str, from: &str| {
        std::os::unix::fs::symlink(to, home.directory.path().join(from)).unwrap();
    };
    // As Kubernetes has it.
    let containers = || {
        let home = two("HOME/containers/*.log", "HOME/pods/*/*/*.log");
        fs::create_dir_all(home.directory.path().join("pods/p/c")).unwrap();
        fs::create_dir(home.directory.path().join("containers")).unwrap();
        home
    };
    let home = containers();
    home.write("pods/p/c/0.log", "x\n");
    home.passes();
    link(&home, "../pods/p/c/0.log", "containers/p_c.log");
    home.fails(&[same, "/pods/p/c/0.log", "note: the other flow"]);
    // A link that a flow does not follow leads nowhere.
    let mut home = containers();
    home.config["flows"][0]["followLinks"] = json!("never");
    home.write("pods/p/c/0.log", "x\n");
    link(&home, "../pods/p/c/0.log", "containers/p_c.log");
    let said = home.check();
    assert!(said.out.contains("is not followed") && !said.err.contains(same), "{}", said.out);
    // One file of two names.
    let home = two("HOME/logs/a.log", "HOME/logs/b.log");
    home.write("logs/a.log", "x\n");
    let name = |name: &str| home.directory.path().join(name);
    fs::hard_link(name("logs/a.log"), name("logs/b.log")).unwrap();
    home.fails(&[same]);
    // A directory that is a link, and no file there yet.
    let home = two("HOME/logs/*.log", "HOME/other/app.log");
    home.passes();
    link(&home, "logs", "other");
    home.fails(&[same, "/logs/app.log"]);
    let home = two("HOME/other/deep/*.log", "HOME/logs/deep/app.log");
    link(&home, "logs", "other");
    home.fails(&[same, "/logs/deep/app.log"]);
    // An excluded file is excluded under its other name, too.
    let mut home = two("HOME/other/*.log", "HOME/logs/app.log");
    home.config["flows"][0]["excludePatterns"] = json!(["app.log"]);
    link(&home, "logs", "other");
    home.passes();
}

#[test]
fn which_files_count_as_rotated_ones_is_told() {
    let home = Home::new(json!([flow("HOME/logs/app.log")]));
    for name in ["app.log", "app.log.1", "app.log.2.gz", "app-error.log", "other.log.1"] {
        home.write(&format!("logs/{name}"), "");
    }
    let out = home.passes().out;
    assert!(out.contains("  rotated files: common naming schemes\n"), "{out}");
    assert!(out.contains("    of app.log: app.log.1, app.log.2.gz; searched in /"), "{out}");
    // Another rule, with another directory.
    let mut home = home;
    home.config["flows"][0]["rotatedNames"] = json!(["old/{name}-*"]);
    fs::create_dir(home.directory.path().join("logs/old")).unwrap();
    home.write("logs/old/app.log-x", "");
    let out = home.passes().out;
    assert!(out.contains("rotatedNames templates\n    of app.log: app.log-x;"), "{out}");
    assert!(out.contains("/logs/old\n"), "{out}");
    home.config["flows"][0]["rotatedNames"] = json!([]);
    let out = home.passes().out;
    assert!(out.contains("  rotated files: none, by rotatedNames\n"), "{out}");
    // Behind a link: those of what it leads to.
    let home = Home::new(json!([flow("HOME/link/app.log")]));
    fs::create_dir(home.directory.path().join("link")).unwrap();
    home.write("logs/real.log", "").write("logs/real.log.1", "");
    std::os::unix::fs::symlink("../logs/real.log", home.directory.path().join("link/app.log"))
        .unwrap();
    let out = home.passes().out;
    assert!(out.contains("of app.log: real.log.1; searched in /"), "{out}");
}

/// Each of these lets the daemon start, where the Java agent does, and cannot work.
#[test]
fn what_cannot_be_meant_makes_check_fail() {
    let pattern = |text: &str| Home::new(json!([flow(text)]));
    pattern("~/logs/*.log").fails(&["\"~\" is used literally"]);
    pattern("${LOGDIR}/*.log").fails(&["\"${LOGDIR}\" is used literally"]);
    pattern("HOME/logs/*.log")
        .set("kinesis.endpoint", json!("$KINESIS_ENDPOINT"))
        .fails(&["variables are not replaced"]);
    pattern("HOME/logs/*.log")
        .set("checkpointFile", json!("~/c.db"))
        .fails(&["'~' is not expanded"]);
    let with = |options: Value| {
        let mut flow = flow("HOME/logs/*.log");
        flow["dataProcessingOptions"] = json!([options]);
        Home::new(json!([flow]))
    };
    with(json!({
        "optionName": "CSVTOJSON", "customFieldNames": ["a", "b"], "delimiter": "|",
    }))
    .fails(&["in which '|' means or"]);
    with(json!({
        "optionName": "LOGTOJSON", "logFormat": "SYSLOG", "matchPattern": " ^(\\d+)$",
        "customFieldNames": ["a"],
    }))
    .fails(&["can match no line"]);
}

#[test]
fn a_checkpoint_file_that_is_a_link_or_somebodys_makes_check_fail_and_stays() {
    let home = || {
        let home = Home::new(json!([flow("HOME/logs/*.log")]));
        home.set("checkpointFile", json!("HOME/state/c.db"))
    };
    let state = |home: &Home| {
        let state = home.directory.path().join("state");
        fs::create_dir(&state).unwrap();
        state.join("c.db")
    };
    let refuses = |home: &Home, words: &str| {
        let Said { code, out, err } = home.check();
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(out.contains("  error: cannot ") && out.contains(words), "{out}{err}");
    };
    let linked = home();
    let path = state(&linked);
    linked.write("notes.txt", "mine\n");
    std::os::unix::fs::symlink("../notes.txt", &path).unwrap();
    refuses(&linked, "c.db");
    let notes = linked.directory.path().join("notes.txt");
    assert_eq!(fs::read_to_string(notes).unwrap(), "mine\n");
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    let somebodys = home();
    let path = state(&somebodys);
    fs::write(&path, "mine\n").unwrap();
    refuses(&somebodys, "c.db");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine\n");
    // The same place without them.
    fs::remove_file(&path).unwrap();
    somebodys.passes();
}

#[test]
fn own_files_within_a_pattern_are_found_through_links() {
    let home = || Home::new(json!([flow("HOME/logs/*")]));
    let link = |home: &Home, to: &str, from: &str| {
        std::os::unix::fs::symlink(to, home.directory.path().join(from)).unwrap();
    };
    let of_log = ["'filePattern' matches kinetail's own log", "defined here"];
    let linked = home().set("log.file", json!("HOME/other/kinetail.log"));
    linked.passes();
    link(&linked, "logs", "other");
    linked.fails(&of_log);
    let named = home().set("log.file", json!("HOME/kinetail.log"));
    named.write("kinetail.log", "x\n").passes();
    link(&named, "../kinetail.log", "logs/app.log");
    named.fails(&of_log);
    let stored = home().set("checkpointFile", json!("HOME/other/c.db"));
    link(&stored, "logs", "other");
    stored.fails(&["'filePattern' matches the checkpoint database"]);
}
