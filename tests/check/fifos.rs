//! Files that are named by an option, a key or a variable and are no files: the open of a FIFO
//! waits for a writer, and whoever started the program sees nothing.

use serde_json::json;

use super::{Home, flow};

fn home() -> Home {
    Home::new(json!([flow("HOME/logs/*.log")]))
        .set("admin.address", json!("off"))
        .set("admin.socket", json!("off"))
}

const NOT_REGULAR: &str = "not a regular file";

#[test]
fn no_command_waits_for_a_checkpoint_file_that_is_a_fifo() {
    let home = home().set("checkpointFile", json!("HOME/fifo"));
    home.fifo("fifo");
    for command in [
        &["check"][..],
        &["run"],
        &["import"],
        &["import", "--dry-run"],
        &["export"],
        &["checkpoints", "list"],
    ] {
        let said = home.run(&[command, &["-c", "agent.json"]].concat());
        assert_eq!(said.code, Some(1), "{command:?}: {}{}", said.out, said.err);
    }
    for command in ["check", "run", "import"] {
        let said = home.run(&[command, "-c", "agent.json"]);
        let text = said.out + &said.err;
        assert!(text.contains(NOT_REGULAR), "{command}: {text}");
    }
    // These look elsewhere, and read the configuration first.
    for command in [&["status"][..], &["reload"], &["diagnose"], &["explain", "logs/a.log"]] {
        home.run(&[command, &["-c", "agent.json"]].concat());
    }
}

#[test]
fn no_command_waits_for_a_database_of_the_java_agent_that_is_a_fifo() {
    let home = home();
    home.fifo("fifo").fifo("db-journal").write("db", "SQLite format 3\0");
    for arguments in [
        &["import", "--from", "fifo"][..],
        &["import", "--from", "db"],
        &["import", "--dry-run", "--from", "fifo"],
        &["export", "--to", "fifo"],
    ] {
        let said = home.run(&[arguments, &["-c", "agent.json"]].concat());
        assert_eq!(said.code, Some(1), "{arguments:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(NOT_REGULAR), "{arguments:?}: {}", said.err);
    }
    let home = home.set("javaCheckpointFile", json!("HOME/fifo"));
    let said = home.run(&["run", "-c", "agent.json"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains(NOT_REGULAR), "{}", said.err);
}

#[test]
fn a_configuration_that_is_no_file_is_named() {
    let home = home();
    home.fifo("fifo");
    let _socket = std::os::unix::net::UnixListener::bind(home.path("socket")).unwrap();
    for (path, what) in [
        ("fifo", "it is a FIFO, not a regular file"),
        ("socket", "it is a socket, not a regular file"),
        ("/dev/zero", "it is a device, not a regular file"),
        ("logs", "is a directory; specify a file"),
    ] {
        for command in ["check", "run"] {
            let said = home.run(&[command, "-c", path]);
            assert_eq!(said.code, Some(1), "{command} {path}: {}", said.err);
            assert!(said.err.contains(what), "{command} {path}: {}", said.err);
        }
    }
    // These find a socket in a configuration that is broken.
    for command in ["status", "diagnose"] {
        home.run(&[command, "-c", "fifo"]);
    }
}

#[test]
fn no_command_waits_for_a_file_that_the_environment_names() {
    let mut home = home();
    home.fifo("fifo");
    for name in [
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_CREDENTIAL_PROFILES_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "SSL_CERT_FILE",
    ] {
        home.environment = vec![(name, "fifo".to_owned())];
        for command in ["check", "run"] {
            let said = home.run(&[command, "-c", "agent.json"]);
            let text = said.out + &said.err;
            assert_eq!(said.code, Some(1), "{command} {name}: {text}");
            assert!(text.contains(NOT_REGULAR) && text.contains(name), "{command} {name}: {text}");
        }
    }
    home.environment = vec![("AWS_CONFIG_FILE", "/dev/null".to_owned())];
    home.passes();
    home.environment.clear();
    let home = home.set("caFile", json!("HOME/fifo"));
    for command in ["check", "run"] {
        let said = home.run(&[command, "-c", "agent.json"]);
        let text = said.out + &said.err;
        assert_eq!(said.code, Some(1), "{command}: {text}");
        assert!(text.contains(NOT_REGULAR) && text.contains("caFile"), "{command}: {text}");
    }
}

#[test]
fn keys_in_the_home_directory_that_are_a_fifo_are_named() {
    let home = home();
    std::fs::create_dir(home.path(".aws")).unwrap();
    home.fifo(".aws/credentials");
    let said = home.check();
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains("/.aws/credentials, which HOME names"), "{}", said.err);
}
