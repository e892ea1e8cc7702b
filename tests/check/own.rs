//! kinetail's own files: the places in which it cannot make or use one, and two that are the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Home, Said, flow};

fn home() -> Home {
    Home::new(json!([flow("HOME/logs/*.log")]))
}

#[test]
fn another_programs_database_is_an_error_and_nothing_is_left_alongside_it() {
    let home = home()
        .set("checkpointFile", json!("HOME/other.db"))
        .set("admin.address", json!("off"))
        .set("admin.socket", json!("off"));
    let database = rusqlite::Connection::open(home.path("other.db")).unwrap();
    database.execute_batch("CREATE TABLE t(a)").unwrap();
    database.close().unwrap();
    let before = fs::read(home.path("other.db")).unwrap();
    for command in ["check", "run"] {
        let Said { code, out, err } = home.run(&[command, "-c", "agent.json"]);
        assert_eq!(code, Some(1), "{command}: {out}{err}");
        let text = out + &err;
        assert!(text.contains("it belongs to another application"), "{command}: {text}");
        assert!(!home.path("other.db.lock").try_exists().unwrap(), "{command}");
    }
    assert_eq!(fs::read(home.path("other.db")).unwrap(), before);
}

#[test]
fn a_log_that_would_be_written_through_a_link_is_an_error() {
    let at = |name: &str| home().set("log.file", json!(format!("HOME/{name}")));
    let linked = at("k.log");
    linked.write("other.log", "");
    symlink("other.log", linked.path("k.log")).unwrap();
    linked.fails(&["cannot write log file", "k.log: it is a symbolic link"]);
    let dangling = at("k.log");
    symlink("nowhere", dangling.path("k.log")).unwrap();
    dangling.fails(&["cannot write log file", "k.log: it is a symbolic link to nothing"]);
    let second = at("k.log");
    second.write("other.log", "");
    fs::hard_link(second.path("other.log"), second.path("k.log")).unwrap();
    second.fails(&["cannot write log file", "k.log: it is a hard link"]);
    // These are written to.
    let fifo = at("k.log");
    fifo.fifo("k.log").passes();
    for path in ["/dev/stdout", "/dev/stderr", "/dev/null", "/proc/self/fd/1"] {
        let said = home().set("log.file", json!(path)).passes();
        assert_eq!(said.err, "", "{path}");
    }
    home().set("log.file", json!("/proc/none/k.log")).fails(&["is a file system of the kernel"]);
}

/// Each key is given the path of another one, or of what lies alongside that.
#[test]
fn two_keys_with_one_file_are_an_error() {
    let with = |keys: &[(&str, &str)]| {
        keys.iter().fold(home(), |home, (key, path)| home.set(key, json!(path)))
    };
    let one = "use the same file";
    for ending in ["", "-wal", "-shm", "-journal", ".lock", ".new", ".building"] {
        let path = format!("HOME/c.db{ending}");
        for key in ["log.file", "admin.socket"] {
            with(&[("checkpointFile", "HOME/c.db"), (key, &path)])
                .fails(&[&format!("'checkpointFile' and '{key}' {one}"), "the other one"]);
        }
    }
    with(&[("log.file", "HOME/x"), ("admin.socket", "HOME/x")])
        .fails(&[&format!("'log.file' and 'admin.socket' {one}")]);
    with(&[("log.file", "HOME/x"), ("caFile", "HOME/x")]).fails(&[one]);
    with(&[("log.file", "HOME/agent.json")]).fails(&["the configuration and 'log.file' use"]);
    with(&[("checkpointFile", "HOME/x"), ("javaCheckpointFile", "HOME/x")]).fails(&[one]);
    // By another name.
    let linked = with(&[("checkpointFile", "HOME/a/x"), ("log.file", "HOME/b/x")]);
    fs::create_dir(linked.path("a")).unwrap();
    symlink("a", linked.path("b")).unwrap();
    linked.fails(&[one]);
    let mut letters = flow("HOME/logs/*.log");
    letters["deadLetterDirectory"] = json!("HOME/c.db");
    Home::new(json!([letters])).set("checkpointFile", json!("HOME/c.db")).fails(&[one]);
    with(&[("log.file", "HOME/x"), ("admin.socket", "HOME/y"), ("checkpointFile", "HOME/z")])
        .passes();
}

#[test]
fn a_socket_that_cannot_be_made_is_an_error() {
    let at = |name: &str| home().set("admin.socket", json!(format!("HOME/{name}")));
    let cannot = "cannot bind admin socket: ";
    let taken = at("taken");
    taken.write("taken", "");
    taken.fails(&[cannot, "taken is a file"]);
    at("logs").fails(&[cannot, "logs is a directory"]);
    let fifo = at("fifo");
    fifo.fifo("fifo").fails(&[cannot, "fifo is a FIFO"]);
    let link = at("link");
    symlink("nowhere", link.path("link")).unwrap();
    link.fails(&[cannot, "link is a symbolic link"]);
    at("none/deep/k.sock").fails(&[cannot, "/none does not exist"]);
    let file = at("file/k.sock");
    file.write("file", "");
    file.fails(&[cannot, "not a directory"]);
    // One directory is made, and a socket that is left behind is replaced.
    at("none/k.sock").passes();
    let left = at("k.sock");
    drop(std::os::unix::net::UnixListener::bind(left.path("k.sock")).unwrap());
    left.passes();
}

#[test]
fn a_glob_of_which_nothing_is_a_file_is_an_error() {
    let home = |pattern: &str| Home::new(json!([flow(pattern)]));
    let fails = |home: &Home| {
        let Said { code, out, err } = home.check();
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(out.contains("    error: nothing that matches is a file"), "{out}{err}");
    };
    let directories = home("HOME/logs/*");
    fs::create_dir(directories.path("logs/app")).unwrap();
    fails(&directories);
    let dangling = home("HOME/logs/*");
    symlink("nowhere", dangling.path("logs/app.log")).unwrap();
    fails(&dangling);
    let fifo = home("HOME/logs/*");
    fifo.fifo("logs/app.log");
    fails(&fifo);
    // One file is enough, and none at all may come.
    directories.write("logs/app.log", "x\n").passes();
    home("HOME/logs/*").passes();
}

fn moving(pattern: &str, to: &str) -> Value {
    let mut flow = flow(pattern);
    flow["initialPosition"] = json!("START_OF_FILE");
    flow["whenDone"] = json!({ "move": to });
    flow
}

#[test]
fn files_that_are_moved_to_where_a_flow_finds_them_are_an_error() {
    let again = "where 'filePattern' matches them";
    Home::new(json!([moving("HOME/logs/*.log", "HOME/logs")])).fails(&[again]);
    let linked = Home::new(json!([moving("HOME/logs/*.log", "HOME/link")]));
    symlink("logs", linked.path("link")).unwrap();
    linked.fails(&[again]);
    let deep = |exclude: bool| {
        let mut flow = moving("HOME/logs/**/*.log", "HOME/logs/done");
        if exclude {
            flow["excludePatterns"] = json!(["HOME/logs/done/*"]);
        }
        let home = Home::new(json!([flow]));
        fs::create_dir(home.path("logs/done")).unwrap();
        home
    };
    deep(false).fails(&[again]);
    deep(true).passes();
    let two = |stream: &str| {
        let mut other = flow("HOME/done/*");
        other["kinesisStream"] = json!(stream);
        let home = Home::new(json!([moving("HOME/logs/*.log", "HOME/done"), other]));
        fs::create_dir(home.path("done")).unwrap();
        home
    };
    two("s").fails(&["where another flow to KinesisStream:s matches them, "]);
    two("t").passes();
}

#[test]
fn a_directory_that_files_cannot_be_moved_to_is_an_error() {
    let to = |to: &str| Home::new(json!([moving("HOME/logs/*.log", to)]));
    let cannot = "'whenDone' cannot move files: ";
    to("HOME/none").fails(&[cannot, "/none does not exist"]);
    let file = to("HOME/file");
    file.write("file", "");
    file.fails(&[cannot, "file is not a directory"]);
    to("/proc").fails(&[cannot]);
    let done = to("HOME/done");
    fs::create_dir(done.path("done")).unwrap();
    done.passes();
}

#[test]
fn an_argument_that_a_terminal_obeys_is_escaped() {
    let output = Command::new(env!("CARGO_BIN_EXE_kinetail"))
        .arg("chec\u{1b}[31m\u{202e}")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    assert!(text.contains(r"Was passed main parameter 'chec\u{1b}[31m\u{202e}'"), "{text}");
}
