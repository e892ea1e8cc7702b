//! Clients of the socket for commands that ask for nothing, or for half of something.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use rustix::process::Signal;
use serde_json::json;

use super::endpoint;
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::kinesis;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// An order whose body never comes.
const HALF_AN_ORDER: &[u8] =
    b"POST /checkpoints HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";

#[test]
fn idle_clients_never_silence_the_socket() {
    let endpoint = endpoint();
    let mut home = Home::new(&endpoint.handle.url());
    let socket = home.root().join("run/kinetail.sock");
    home.set("admin.socket", json!(socket));
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"x\n");
    let agent = home.start();
    agent.wait_for_log("listening for commands", SOON);
    endpoint.wait_for_all(&kinesis("s"), &[b"x\n".to_vec()], SOON, || agent.log());
    let works = |what: &str, arguments: &[&str]| {
        // It may say that a flow starts, right after the reload of the last round.
        let mut said = String::new();
        let well = || {
            let output = home.command(arguments[0]).args(&arguments[1..]).output().unwrap();
            said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            output.status.code() == Some(0)
        };
        wait_until(what, SOON, well, || agent.log());
        assert!(!said.contains("cannot reach"), "{what}: {said}");
    };
    for first in [&b""[..], b"GET /status HTTP/1.1\r\n", HALF_AN_ORDER] {
        let mut clients = Vec::new();
        for count in [31, 32, 33, 200] {
            while clients.len() < count {
                let mut client = UnixStream::connect(&socket).unwrap();
                client.write_all(first).unwrap();
                clients.push(client);
            }
            let what = format!("{count} clients that said {:?}", String::from_utf8_lossy(first));
            for arguments in [&["status"][..], &["checkpoints", "list"], &["reload"]] {
                works(&what, arguments);
            }
        }
    }
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
}
