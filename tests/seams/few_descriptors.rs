//! Limits on descriptors, from too few to just enough.

use serde_json::json;

use super::{endpoint, home_with_admin, page};
use crate::support::agent::SOON;
use crate::support::endpoint::kinesis;
use crate::support::load::Lines;
use crate::support::world::append;

/// More than any of the limits.
const FILES: usize = 200;

#[test]
fn with_few_descriptors_it_refuses_clearly_or_delivers_everything() {
    let mut started = Vec::new();
    for limit in [8, 12, 16, 24, 32, 40, 44, 48, 64, 128] {
        let endpoint = endpoint();
        let (mut home, admin) = home_with_admin(&endpoint);
        home.flow("*.log*", ("kinesisStream", "s"), &json!({}));
        let mut lines = Lines::default();
        let write = |lines: &mut Lines| {
            let before = lines.written.len();
            for file in 0..FILES {
                let line = lines.one(&format!("f{file}"), 50);
                append(&home.log(&format!("{file}.log")), &line);
            }
            before
        };
        write(&mut lines);
        let agent = home.start_with_descriptors(limit);
        if limit < 44 {
            let (code, log) = agent.outcome(SOON);
            assert_eq!(code, Some(1), "{log}");
            let refusal = format!("cannot start: the limit on open files is {limit}, and ");
            for words in [refusal.as_str(), "LimitNOFILE=", "ulimit -n"] {
                assert!(log.contains(words), "{words} is not in\n{log}");
            }
            continue;
        }
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
        // Nothing that is open by now takes the place of a connection.
        let _idle: Vec<_> =
            (0..100).map(|_| std::net::TcpStream::connect(admin).unwrap()).collect();
        write(&mut lines);
        for file in (0..FILES).step_by(4) {
            let name = home.log(&format!("{file}.log"));
            std::fs::rename(&name, home.log(&format!("{file}.log.1"))).unwrap();
        }
        write(&mut lines);
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
        assert_eq!(page(admin, "/healthz").unwrap().0, 200);
        assert_eq!(agent.stop(SOON), Some(0));
        assert_eq!(endpoint.count(&kinesis("s")), lines.written.len(), "none is repeated");
        started.push(limit);
    }
    assert_eq!(started, [44, 48, 64, 128]);
}
