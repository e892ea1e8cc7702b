//! The drill of a person on call: things go wrong, and `kinetail status` alone has to name the
//! cause, since when it is so and what to do. So have the page at `/` and `kinetail explain FILE`,
//! for whoever looks there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use kinetail::sandbox::{ErrorResponse, FaultPlan, SandboxOptions};
use rustix::process::Signal;
use serde_json::json;

use super::browser::url_of;
use crate::support::agent::{Agent, Home, SOON};
use crate::support::browser::{Page, is_there};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::required;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// Who may read nothing that is not everybody's.
const NOBODY: u32 = 65_534;

fn home(url: &str) -> Home {
    let mut home = Home::new(url);
    home.set("admin.socket", json!(home.root().join("run/kinetail.sock")));
    home.set("admin.address", json!("127.0.0.1:0"));
    home
}

/// Waits until `explain` of a file says all of this.
fn explain_says(home: &Home, agent: &Agent, name: &str, parts: &[&str]) {
    let mut said = String::new();
    let right = || {
        let output = home.command("explain").arg(home.log(name)).output().unwrap();
        said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        parts.iter().all(|part| said.contains(part))
    };
    wait_until("explain", SOON, right, || agent.log());
    println!("{said}");
}

/// Waits until the page says all of this, with every flow opened.
fn page_says(agent: &Agent, name: &str, parts: &[&str]) {
    if !is_there() {
        return;
    }
    let mut page = Page::open(&url_of(agent));
    let has = |part: &&str| format!("document.body?.innerText.includes({})", json!(part));
    let all: Vec<String> = parts.iter().map(has).collect();
    let open = "document.querySelectorAll('details').forEach(d => d.open = true)";
    page.wait_for(&format!("({open}, {}) === true", all.join(" && ")), || agent.log());
    if let Some(directory) = std::env::var_os("KINETAIL_SCREENSHOTS") {
        page.picture(&Path::new(&directory).join(name));
    }
}

/// Waits until `status` says all of this and exits with the code, and gives what it said.
fn status_says(home: &Home, agent: &Agent, code: i32, parts: &[&str]) -> String {
    let mut said = String::new();
    let right = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinetail"));
        command.arg("status").arg("--socket").arg(home.root().join("run/kinetail.sock"));
        let output = command.env_clear().output().unwrap();
        said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        output.status.code() == Some(code) && parts.iter().all(|part| said.contains(part))
    };
    wait_until("status", SOON, right, || agent.log());
    println!("{said}");
    said
}

#[test]
fn an_endpoint_that_is_down_is_named() {
    let mut home = home("http://127.0.0.1:9");
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let agent = home.start();
    let parts = [
        "trouble in 1 of 1 flow",
        "retrying",
        "CannotConnect",
        "127.0.0.1:9",
        "since 20",
        "fix: check the network",
        "a.log: lag 2 B",
    ];
    status_says(&home, &agent, 2, &parts);
    let parts = ["retrying", "CannotConnect", "127.0.0.1:9", "since 20", "check the network"];
    explain_says(&home, &agent, "a.log", &parts);
    page_says(&agent, "drill-endpoint.png", &parts);
    agent.signal(Signal::TERM);
}

#[test]
fn a_role_that_may_not_put_records_is_named() {
    let faults = FaultPlan {
        error_request_ratio: 1.0,
        error_request: ErrorResponse::new(
            400,
            "AccessDeniedException",
            "User: arn:aws:sts::111122223333:assumed-role/app/i-1 is not authorized to perform: \
             kinesis:PutRecords on resource: arn:aws:kinesis:us-east-1:111122223333:stream/s",
        ),
        ..FaultPlan::default()
    };
    let endpoint = Endpoint::start(SandboxOptions { faults, ..SandboxOptions::default() });
    let mut home = home(&endpoint.handle.url());
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let agent = home.start();
    let parts = [
        "paused",
        "AccessDeniedException",
        "credentials: static keys in the configuration (awsAccessKeyId)",
        "since 20",
        "fix: allow these credentials",
        "next try at",
        "a.log: lag 2 B",
    ];
    status_says(&home, &agent, 2, &parts);
    let parts = ["paused", "AccessDeniedException", "since 20", "allow these credentials"];
    explain_says(&home, &agent, "a.log", &parts);
    page_says(&agent, "drill-role.png", &parts);
    agent.signal(Signal::TERM);
}

#[test]
fn a_full_disk_under_the_checkpoints_is_named() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint.handle.url());
    let disk = home.root().join("state");
    fs::create_dir(&disk).unwrap();
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let script =
        format!("mount -t tmpfs -o size=256k tmpfs {0} && exec \"$0\" \"$@\"", disk.display());
    let Some(agent) = home.start_in_a_namespace(&script) else {
        required::not_tested("MOUNTS", "this machine does not let the test mount a disk");
        return;
    };
    endpoint.wait_for_all(&kinesis("s"), &[b"1\n".to_vec()], SOON, || agent.log());
    // The disk of the agent, seen from outside.
    let seen = format!("/proc/{}/root{}", agent.pid(), disk.display());
    let filler = Path::new(&seen).join("filler");
    while fs::File::options()
        .append(true)
        .create(true)
        .open(&filler)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &[0; 4096]))
        .is_ok()
    {}
    append(&home.log("a.log"), b"2\n");
    let parts = ["checkpoints: failing", "checkpoints.db", "full", "since 20", "fix: "];
    status_says(&home, &agent, 2, &parts);
    let parts = ["checkpoints.db", "full", "since 20", "free or repair the disk"];
    explain_says(&home, &agent, "a.log", &parts);
    page_says(&agent, "drill-disk.png", &parts);
    fs::remove_file(&filler).unwrap();
    status_says(&home, &agent, 0, &["all is well"]);
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint.handle.url());
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    append(&home.log("a2.log"), b"2\n");
    fs::set_permissions(home.log("a2.log"), Permissions::from_mode(0o600)).unwrap();
    for directory in ["", "logs", "state", "run"] {
        let path = home.root().join(directory);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    }
    let config = home.write_config();
    fs::set_permissions(config, Permissions::from_mode(0o644)).unwrap();
    let agent = home.start_as(NOBODY);
    let parts = ["degraded", "a2.log", "Permission denied", "since 20", "fix: "];
    status_says(&home, &agent, 2, &parts);
    let parts = ["a2.log", "Permission denied", "since 20", "chmod"];
    explain_says(&home, &agent, "a2.log", &parts);
    page_says(&agent, "drill-file.png", &parts);
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_hot_shard_is_named() {
    let options =
        SandboxOptions { shards: 4, simulate_shard_limits: true, ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut home = home(&endpoint.handle.url());
    let keyed = json!({"partitionKeyOption": "DETERMINISTIC"});
    home.flow("a*.log", ("kinesisStream", "s"), &keyed);
    append(&home.log("a.log"), &b"the same line again and again\n".repeat(20_000));
    let agent = home.start();
    let parts = [
        "retrying",
        "ProvisionedThroughputExceeded",
        "shardId-0000",
        "since 20",
        "other partition keys",
        "a.log",
    ];
    status_says(&home, &agent, 2, &parts);
    let parts = ["retrying", "ProvisionedThroughputExceeded", "shardId-0000", "since 20"];
    explain_says(&home, &agent, "a.log", &parts);
    page_says(&agent, "drill-shard.png", &parts);
    agent.signal(Signal::TERM);
    agent.signal(Signal::TERM);
}

#[test]
fn a_writer_that_is_stuck_in_a_line_is_named() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint.handle.url());
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\nhalf a li");
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &[b"1\n".to_vec()], SOON, || agent.log());
    // After a minute of this the flow counts as degraded.
    let parts =
        ["a.log: lag 9 B", "delivered to offset 2 of 11 B", "since 20", "its last line has no end"];
    status_says(&home, &agent, 0, &parts);
    let parts = ["a.log", "its last line has no end since 20"];
    explain_says(&home, &agent, "a.log", &parts);
    page_says(&agent, "drill-writer.png", &parts);
    append(&home.log("a.log"), b"ne\n");
    let rest = [b"half a line\n".to_vec()];
    endpoint.wait_for_all(&kinesis("s"), &rest, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}
