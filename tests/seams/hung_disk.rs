//! A disk that does not answer: a file system whose other side never serves a request, mounted over
//! a directory that a flow follows.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open, renameat};
use rustix::process::Signal;
use serde_json::json;

use super::{endpoint, home_with_admin, page};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::hung_disk::HungDisk;
use crate::support::wait::{pace, wait_until};
use crate::support::world::append;

/// Twice as many as a queue for everything had.
const RENAMES: usize = 1_024;

/// How long it takes until a flow counts as hung, and a busy machine.
const HUNG_SOON: Duration = Duration::from_secs(40);

/// Two flows, of which one will hang; each has delivered a line.
struct Scene {
    endpoint: Endpoint,
    home: Home,
    admin: std::net::SocketAddr,
    /// The directory beneath what is mounted over it.
    beneath: OwnedFd,
    service_manager: UnixDatagram,
    agent: Agent,
}

impl Scene {
    fn start() -> Self {
        let endpoint = endpoint();
        let (mut home, admin) = home_with_admin(&endpoint);
        home.set("shutdownTimeoutMillis", json!(2_000));
        for name in ["sick", "well"] {
            fs::create_dir(home.log(name)).unwrap();
            home.flow(&format!("{name}/*.log"), ("kinesisStream", name), &json!({}));
            append(&home.log(name).join("a.log"), b"before\n");
        }
        let beneath = open(home.log("sick"), OFlags::DIRECTORY, Mode::empty()).unwrap();
        let socket = home.root().join("notify");
        let service_manager = UnixDatagram::bind(&socket).unwrap();
        service_manager.set_read_timeout(Some(SOON)).unwrap();
        let environment =
            [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "1000000")];
        let agent = home.start_with(&environment);
        for name in ["sick", "well"] {
            let line = [b"before\n".to_vec()];
            endpoint.wait_for_all(&kinesis(name), &line, SOON, || agent.log());
        }
        Self { endpoint, home, admin, beneath, service_manager, agent }
    }

    /// Renames in the directory that hangs, as the application that has it open makes them.
    fn rename_often(&self) {
        for number in 0..RENAMES / 2 {
            renameat(&self.beneath, "a.log", &self.beneath, format!("a.log.{number}")).unwrap();
            renameat(&self.beneath, format!("a.log.{number}"), &self.beneath, "a.log").unwrap();
        }
    }

    /// The other flow delivers, the admin port answers, the service manager hears from it.
    fn the_others_continue(&self, round: usize) {
        let line = format!("line {round}\n").into_bytes();
        append(&self.home.log("well/a.log"), &line);
        let log = || self.agent.log();
        self.endpoint.wait_for_all(&kinesis("well"), &[line], SOON, log);
        assert_eq!(page(self.admin, "/healthz").unwrap().0, 200, "{}", self.agent.log());
        self.is_heard();
    }

    /// A sign of life that was sent from now on comes.
    fn is_heard(&self) {
        let now = Instant::now();
        let mut text = [0; 512];
        // What came before the look is passed over.
        self.service_manager.set_nonblocking(true).unwrap();
        while self.service_manager.recv(&mut text).is_ok() {}
        self.service_manager.set_nonblocking(false).unwrap();
        while now.elapsed() < SOON {
            let count = self.service_manager.recv(&mut text).unwrap();
            if text[..count].starts_with(b"WATCHDOG=1") {
                return;
            }
        }
        panic!("no sign of life: {}", self.agent.log());
    }
}

fn metric(scene: &Scene, name: &str) -> Option<String> {
    let (_, text) = page(scene.admin, "/metrics").unwrap();
    let line = text.lines().find(|line| line.starts_with(name) && line.contains("sick"));
    line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
}

#[test]
fn a_flow_whose_disk_hangs_is_named_and_the_others_continue_and_the_stop_keeps_its_deadline() {
    let scene = Scene::start();
    let Some(disk) = HungDisk::over(&scene.home.log("sick")) else { return };
    for round in 0..3 {
        scene.rename_often();
        scene.the_others_continue(round);
    }
    let hung = || metric(&scene, "kinetail_flow_hung{").as_deref() == Some("1");
    wait_until("gauge of the flow that hangs", HUNG_SOON, hung, || scene.agent.log());
    scene.agent.wait_for_log("flow waits for its disk: ", SOON);
    scene.rename_often();
    scene.the_others_continue(3);
    let (status, reasons) = page(scene.admin, "/readyz").unwrap();
    assert_eq!(status, 503);
    assert!(reasons.contains("waits for its disk"), "{reasons}");
    let (_, status) = page(scene.admin, "/status").unwrap();
    assert!(status.contains("\"hung\": \"waits for its disk: "), "{status}");
    scene.agent.signal(Signal::TERM);
    let start = Instant::now();
    let (code, log) = scene.agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert!(start.elapsed() >= Duration::from_secs(2), "{log}");
    let names_it = |line: &str| {
        line.contains("at the shutdown timeout and was abandoned") && line.contains("kinesis:sick:")
    };
    assert!(log.lines().any(names_it), "{log}");
    assert_eq!(log.matches("flow waits for its disk").count(), 2, "once, and at the stop: {log}");
    drop(disk);
}

#[test]
fn a_disk_of_the_checkpoints_that_hangs_is_named_and_the_flows_continue_with() {
    let scene = Scene::start();
    let directory = scene.home.database();
    let Some(disk) = HungDisk::over(directory.parent().unwrap()) else { return };
    let wanted = "no response from the disk of checkpointFile; delivery continues";
    scene.agent.wait_for_log(wanted, HUNG_SOON);
    scene.the_others_continue(0);
    let (_, status) = page(scene.admin, "/status").unwrap();
    assert!(status.contains("no response from its disk for "), "{status}");
    let (_, text) = page(scene.admin, "/metrics").unwrap();
    assert!(text.contains("kinetail_checkpoint_failing 1"), "{text}");
    drop(disk);
    scene.agent.wait_for_log("disk of checkpointFile responds again", SOON);
    let well =
        || page(scene.admin, "/metrics").unwrap().1.contains("kinetail_checkpoint_failing 0");
    wait_until("checkpoints that are well", SOON, well, || scene.agent.log());
    scene.the_others_continue(1);
    assert_eq!(scene.agent.stop(SOON), Some(0));
    let delivered = scene.endpoint.count(&kinesis("well"));
    assert_eq!(delivered, 3, "nothing is repeated");
}

#[test]
fn a_service_manager_that_takes_nothing_stops_nothing() {
    let scene = Scene::start();
    // Signs of life come often, and soon there is no room for one.
    scene.is_heard();
    pace(Duration::from_secs(7));
    scene.agent.signal(Signal::HUP);
    scene.agent.wait_for_log("configuration reloaded", SOON);
    append(&scene.home.log("well/a.log"), b"still\n");
    let line = [b"still\n".to_vec()];
    scene.endpoint.wait_for_all(&kinesis("well"), &line, SOON, || scene.agent.log());
    scene.agent.signal(Signal::TERM);
    let (code, log) = scene.agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_flow_whose_disk_answers_again_continues_and_loses_nothing() {
    let scene = Scene::start();
    let Some(disk) = HungDisk::over(&scene.home.log("sick")) else { return };
    scene.rename_often();
    scene.agent.wait_for_log("flow waits for its disk: ", HUNG_SOON);
    drop(disk);
    append(&scene.home.log("sick/a.log"), b"after\n");
    scene.agent.wait_for_log("flow resumed", SOON);
    let lines = [b"before\n".to_vec(), b"after\n".to_vec()];
    scene.endpoint.wait_for_all(&kinesis("sick"), &lines, SOON, || scene.agent.log());
    assert_eq!(metric(&scene, "kinetail_flow_hung{").as_deref(), Some("0"));
    assert_eq!(page(scene.admin, "/readyz").unwrap().0, 200);
    scene.the_others_continue(0);
    assert_eq!(scene.agent.stop(SOON), Some(0));
    assert_eq!(scene.endpoint.count(&kinesis("sick")), 2, "nothing is repeated");
}
