//! Limits on descriptors, from too few to just enough.

use std::net::TcpStream;
use std::path::Path;

use serde_json::json;

use super::{endpoint, home_with_admin, page};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// More than any of the limits.
const FILES: usize = 200;

/// Appends a line to each file of a flow.
fn write(home: &Home, flow: &str, lines: &mut Lines) {
    for file in 0..FILES {
        append(&home.log(&format!("{flow}-{file}.log")), &lines.one(&format!("{flow}{file}"), 50));
    }
}

/// Renames some files of a flow.
fn rotate(home: &Home, flow: &str) {
    for file in (0..FILES).step_by(4) {
        let name = format!("{flow}-{file}.log");
        std::fs::rename(home.log(&name), home.log(&format!("{name}.1"))).unwrap();
    }
}

/// The start is refused, and the log says what is needed. Gives how much that is.
fn refused(agent: Agent, limit: u32) -> u32 {
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(1), "{log}");
    let refusal = format!("cannot start: the limit on open files is {limit}, and ");
    for words in [refusal.as_str(), "LimitNOFILE=", "ulimit -n"] {
        assert!(log.contains(words), "{words} is not in\n{log}");
    }
    let (_, needed) = log.split_once(&refusal).unwrap();
    needed.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn with_few_descriptors_it_refuses_clearly_or_delivers_everything() {
    for flows in [&["a"][..], &["a", "b", "c"]] {
        let mut needed = 8;
        // The limits that are refused, the least that is enough, and more.
        let mut limits = vec![8, 12, 16, 24, 32, 40];
        while let Some(limit) = limits.pop() {
            let endpoint = endpoint();
            let (mut home, admin) = home_with_admin(&endpoint);
            for flow in flows {
                home.flow(&format!("{flow}-*"), ("kinesisStream", flow), &json!({}));
            }
            if limit < needed || limit <= 40 {
                needed = refused(home.start_with_descriptors(limit), limit);
                if limit == 8 {
                    let less = needed - 1;
                    assert_eq!(refused(home.start_with_descriptors(less), less), needed);
                    limits = vec![needed, needed + 4, 2 * needed];
                }
                continue;
            }
            deliver_everything(&endpoint, &home, admin, flows, limit);
        }
    }
}

fn deliver_everything(
    endpoint: &Endpoint,
    home: &Home,
    admin: std::net::SocketAddr,
    flows: &[&str],
    limit: u32,
) {
    let mut written: Vec<Lines> = flows.iter().map(|_| Lines::default()).collect();
    let write_all = |written: &mut Vec<Lines>| {
        for (flow, lines) in flows.iter().zip(written) {
            write(home, flow, lines);
        }
    };
    write_all(&mut written);
    let agent = home.start_with_descriptors(limit);
    let arrived = |written: &[Lines]| {
        for (flow, lines) in flows.iter().zip(written) {
            endpoint.wait_for_all(&kinesis(flow), &lines.written, SOON, || agent.log());
        }
    };
    arrived(&written);
    // Nothing that is open by now takes the place of a connection.
    let _idle: Vec<_> = (0..100).map(|_| TcpStream::connect(admin).unwrap()).collect();
    write_all(&mut written);
    for flow in flows {
        rotate(home, flow);
    }
    write_all(&mut written);
    arrived(&written);
    assert_eq!(page(admin, "/healthz").unwrap().0, 200);
    assert_eq!(agent.stop(SOON), Some(0));
    for (flow, lines) in flows.iter().zip(&written) {
        assert_eq!(endpoint.count(&kinesis(flow)), lines.written.len(), "none is repeated");
    }
}

/// How many records of a stream the sandbox has on disk.
fn records_in(output: &Path, stream: &str) -> usize {
    let file = output.join(format!("kinesis-{stream}.ndjson"));
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// The other ends of the connections are in the same process.
#[test]
fn with_few_descriptors_the_sandbox_in_the_same_process_works_too() {
    let flows = ["a", "b", "c", "d"];
    let mut home = Home::new("http://127.0.0.1:9");
    for flow in flows {
        home.flow(&format!("{flow}-*"), ("kinesisStream", flow), &json!({}));
    }
    let output = home.root().join("sandbox");
    let more = ["--sandbox", "--sandbox-output", output.to_str().unwrap()];
    let needed = refused(home.start_with_descriptors_and(20, &more), 20);
    let mut lines = flows.map(|_| Lines::default());
    for limit in [needed, 2 * needed] {
        let agent = home.start_with_descriptors_and(limit, &more);
        for round in 0..2 {
            for (flow, lines) in flows.iter().zip(&mut lines) {
                write(&home, flow, lines);
                if round == 1 {
                    rotate(&home, flow);
                }
            }
            for (flow, lines) in flows.iter().zip(&lines) {
                let all = || records_in(&output, flow) == lines.written.len();
                wait_until("all records", SOON, all, || agent.log());
            }
        }
        let log = agent.log();
        for failure in ["cannot accept connections", "Too many open files"] {
            assert!(!log.contains(failure), "{limit}: {log}");
        }
        assert_eq!(agent.stop(SOON), Some(0), "{log}");
    }
}

/// With the least that is enough for two flows: one more is refused and changes nothing, and
/// others take the place of both while these still drain to a destination that does not respond.
#[test]
fn a_reload_at_the_limit_is_refused_or_delivers_everything() {
    let endpoint = endpoint();
    let (mut home, admin) = home_with_admin(&endpoint);
    home.set("admin.socket", json!(home.root().join("run/kinetail.sock")));
    home.set("shutdownTimeoutMillis", json!(2_000));
    let flows = |home: &mut Home, names: &[&str], more: &serde_json::Value| {
        home.set("flows", json!([]));
        for name in names {
            home.flow(&format!("{name}-*"), ("kinesisStream", name), more);
        }
    };
    let reload = |home: &Home, agent: &Agent, code: i32| {
        let output = home.command("reload").output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}\n{}", agent.log());
        said
    };
    let nowhere = json!({"endpoint": "http://127.0.0.1:9"});
    flows(&mut home, &["a", "b"], &nowhere);
    let needed = refused(home.start_with_descriptors(20), 20);
    let mut lines = [Lines::default(), Lines::default()];
    for (flow, lines) in ["c", "d"].iter().zip(&mut lines) {
        write(&home, flow, lines);
        write(&home, if *flow == "c" { "a" } else { "b" }, &mut Lines::default());
    }
    let agent = home.start_with_descriptors(needed);
    for flow in ["a", "b"] {
        let id = format!("flow=kinesis:{flow}:");
        let fails = |line: &str| line.contains("request failed; retrying") && line.contains(&id);
        wait_until("a failure", SOON, || agent.log().lines().any(fails), || agent.log());
    }
    flows(&mut home, &["a", "b", "c"], &nowhere);
    let said = reload(&home, &agent, 1);
    assert!(said.contains("the limit on open files is") && said.contains("(3)"), "{said}");
    for round in 0..3 {
        flows(&mut home, &["a", "b"], &nowhere);
        reload(&home, &agent, 0);
        flows(&mut home, &["c", "d"], &json!({}));
        reload(&home, &agent, 0);
        for (flow, lines) in ["c", "d"].iter().zip(&mut lines) {
            write(&home, flow, lines);
            if round == 1 {
                rotate(&home, flow);
            }
            endpoint.wait_for_all(&kinesis(flow), &lines.written, SOON, || agent.log());
        }
        assert_eq!(page(admin, "/healthz").unwrap().0, 200);
    }
    let log = agent.log();
    assert!(!log.contains("Too many open files"), "{log}");
    assert_eq!(agent.stop(SOON), Some(0));
    for (flow, lines) in ["c", "d"].iter().zip(&lines) {
        assert_eq!(endpoint.count(&kinesis(flow)), lines.written.len(), "none is repeated");
    }
}

/// A flow that never ends (a deleted file, a destination that does not respond) lets another one
/// wait for its descriptors, and no further order.
#[test]
fn a_flow_that_waits_for_descriptors_keeps_no_order_from_being_followed() {
    let endpoint = endpoint();
    let (mut home, _) = home_with_admin(&endpoint);
    home.set("admin.socket", json!(home.root().join("run/kinetail.sock")));
    home.set("shutdownTimeoutMillis", json!(500));
    let only = |home: &mut Home, name: &str, keys: &serde_json::Value| {
        home.set("flows", json!([]));
        home.flow(&format!("{name}.log"), ("kinesisStream", name), keys);
    };
    only(&mut home, "a", &json!({"endpoint": "http://127.0.0.1:9"}));
    let needed = refused(home.start_with_descriptors(20), 20);
    append(&home.log("a.log"), b"never delivered\n");
    let agent = home.start_with_descriptors(needed);
    agent.wait_for_log("request failed", SOON);
    std::fs::remove_file(home.log("a.log")).unwrap();
    agent.wait_for_log("kind=\"deleted\"", SOON);
    for name in ["b", "c", "b"] {
        only(&mut home, name, &json!({}));
        let output = home.command("reload").output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        // Followed, and not finished.
        assert_eq!(output.status.code(), Some(2), "{name}: {said}\n{}", agent.log());
    }
    agent.signal(rustix::process::Signal::KILL);
    agent.outcome(SOON);
}
