//! A name server that never responds: the flow that needs it waits alone.

use std::fs;
use std::net::UdpSocket;

use rustix::process::Signal;
use serde_json::json;

use super::{endpoint, home_with_admin, page};
use crate::support::agent::SOON;
use crate::support::endpoint::kinesis;
use crate::support::required;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// Where that server is, with the port that every resolver asks.
const SERVER: &str = "127.0.0.53:53";

/// A look-up takes longer than any test waits: 30 s, five times.
const RESOLVER: &str = "nameserver 127.0.0.53\noptions timeout:30 attempts:5\n";

/// Names are looked up with that resolver.
const SCRIPT: &str = "mount --bind resolv.conf /etc/resolv.conf && exec \"$0\" \"$@\"";

#[test]
fn a_name_that_is_never_resolved_holds_up_neither_other_flows_nor_a_reload_nor_the_stop() {
    let Ok(server) = UdpSocket::bind(SERVER) else {
        required::not_tested("MOUNTS", "this machine does not let the test be a name server");
        return;
    };
    server.set_read_timeout(Some(SOON)).unwrap();
    let endpoint = endpoint();
    let (mut home, admin) = home_with_admin(&endpoint);
    home.set("admin.socket", json!(home.root().join("run/kinetail.sock")));
    home.set("shutdownTimeoutMillis", json!(2_000));
    let nowhere = json!({"endpoint": "http://kinesis.name-that-hangs.example"});
    for name in ["sick", "sicker"] {
        home.flow(&format!("{name}.log"), ("kinesisStream", name), &nowhere);
        append(&home.log(&format!("{name}.log")), b"x\n");
    }
    home.flow("well.log", ("kinesisStream", "well"), &json!({}));
    fs::write(home.root().join("resolv.conf"), RESOLVER).unwrap();
    let Some(agent) = home.start_in_a_namespace(SCRIPT) else {
        required::not_tested("MOUNTS", "this machine does not let the test mount a file");
        return;
    };
    let mut question = [0; 512];
    let (length, _) = server.recv_from(&mut question).expect("a question");
    let asked = String::from_utf8_lossy(&question[..length]).into_owned();
    assert!(asked.contains("name-that-hangs"), "{asked:?}");
    for round in 0..50 {
        let line = format!("line {round}\n").into_bytes();
        append(&home.log("well.log"), &line);
        endpoint.wait_for_all(&kinesis("well"), &[line], SOON, || agent.log());
        assert_eq!(page(admin, "/healthz").unwrap().0, 200);
    }
    let told = || page(admin, "/status").unwrap().1.contains("kinesis.name-that-hangs.example");
    wait_until("the host in /status", SOON, told, || agent.log());
    // A flow that waits for its name ends and starts again as any other.
    home.set("flows", json!([]));
    home.flow("sick.log", ("kinesisStream", "sick"), &json!({}));
    home.flow("sicker.log", ("kinesisStream", "sicker"), &nowhere);
    home.flow("well.log", ("kinesisStream", "well"), &json!({}));
    let output = home.command("reload").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}\n{}", agent.log());
    endpoint.wait_for_all(&kinesis("sick"), &[b"x\n".to_vec()], SOON, || agent.log());
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped at the shutdown timeout with undelivered records"), "{log}");
    assert_eq!(endpoint.count(&kinesis("well")), 50, "nothing is repeated: {log}");
}
