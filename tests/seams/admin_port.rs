//! Connections to the admin port that ask for nothing, and those that read nothing.

use std::io::Write as _;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;

use super::{endpoint, home_with_admin, page};
use crate::support::agent::SOON;
use crate::support::endpoint::kinesis;
use crate::support::world::append;

#[test]
fn idle_connections_never_silence_the_admin_port() {
    never_silenced_by(b"");
}

#[test]
fn clients_that_read_nothing_never_silence_the_admin_port() {
    never_silenced_by(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

/// Clients that say this and then sleep.
fn never_silenced_by(words: &[u8]) {
    let endpoint = endpoint();
    let (mut home, admin) = home_with_admin(&endpoint);
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"x\n");
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &[b"x\n".to_vec()], SOON, || agent.log());
    let mut idle = Vec::new();
    for count in [33, 64, 200] {
        while idle.len() < count {
            let mut client = TcpStream::connect(admin).unwrap();
            client.write_all(words).unwrap();
            idle.push(client);
        }
        for path in ["/healthz", "/readyz", "/status", "/metrics"] {
            let start = std::time::Instant::now();
            assert_eq!(page(admin, path).unwrap().0, 200, "{path} with {count}");
            // Idle connections are cut after 5 s: waiting for that would be too late for a probe.
            assert!(start.elapsed().as_secs() < 4, "{path} with {count}: {}", agent.log());
        }
    }
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
}
