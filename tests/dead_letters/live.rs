//! The real binary: kills, a full disk, and flows that have nothing to do with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::{data_in, letters_in};
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::{pace, wait_until};
use crate::support::world::append;

/// The keys of a flow that keeps what is not JSON.
pub fn keeping(home: &Home) -> (Value, PathBuf) {
    let dir = home.root().join("letters");
    let keys = json!({
        "deadLetterDirectory": dir,
        "dataProcessingOptions": [{"optionName": "PARSEJSON", "onUnparsable": "deadLetter"}],
    });
    (keys, dir)
}

#[test]
fn kills_lose_no_letter_and_no_record() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let (keys, dir) = keeping(&home);
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut good, mut bad) = (Vec::new(), BTreeSet::new());
    let mut number = 0;
    for _ in 0..8 {
        let agent = home.start();
        for _ in 0..rng.usize(1..20) {
            for _ in 0..50 {
                number += 1;
                let line = if rng.bool() {
                    good.push(format!("{{\"n\":{number}}}\n").into_bytes());
                    good.last().unwrap().clone()
                } else {
                    let line = format!("bad {number}\n").into_bytes();
                    bad.insert(line.clone());
                    line
                };
                append(&home.log("app.log"), &line);
            }
            pace(Duration::from_millis(rng.u64(0..60)));
        }
        agent.kill();
    }
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &good, SOON, || agent.log());
    let kept = || data_in(&dir).into_iter().collect::<BTreeSet<_>>();
    wait_until("all letters", SOON, || kept() == bad, || agent.log());
    // An earlier run may have delivered everything: this one is stopped when it has started.
    agent.wait_for_log("Startup completed", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
    let before = letters_in(&dir).len();
    println!("{} letters of {} lines", before, bad.len());
    let agent = home.start();
    append(&home.log("app.log"), b"{\"last\":1}\n");
    good.push(b"{\"last\":1}\n".to_vec());
    endpoint.wait_for_all(&kinesis("s"), &good, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(letters_in(&dir).len(), before, "a clean stop repeats none");
}

#[test]
fn a_full_disk_holds_its_flow_and_no_other_and_loses_nothing() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let (keys, dir) = keeping(&home);
    home.flow("bad*.log", ("kinesisStream", "s"), &keys);
    home.flow("good*.log", ("kinesisStream", "other"), &json!({}));
    append(&home.log("bad.log"), &b"not json\n".repeat(100));
    append(&home.log("good.log"), b"fine\n");
    fs::create_dir(&dir).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=64k,mode=700 tmpfs {0} && \
         head -c 65536 /dev/zero > {0}/filler; exec \"$0\" \"$@\"",
        dir.display()
    );
    let Some(agent) = home.start_in_a_namespace(&script) else {
        println!("skipped: no mount namespace");
        return;
    };
    agent.wait_for_log("cannot write dead letters", SOON);
    endpoint.wait_for_all(&kinesis("other"), &[b"fine\n".to_vec()], SOON, || agent.log());
    append(&home.log("good.log"), b"still fine\n");
    let fine = [b"fine\n".to_vec(), b"still fine\n".to_vec()];
    endpoint.wait_for_all(&kinesis("other"), &fine, SOON, || agent.log());
    // The directory as the agent sees it.
    let inside = PathBuf::from(format!("/proc/{}/root{}", agent.pid(), dir.display()));
    assert_eq!(letters_in(&inside).len(), 0, "{}", agent.log());
    fs::remove_file(inside.join("filler")).unwrap();
    wait_until("letters", SOON, || letters_in(&inside).len() == 100, || agent.log());
    agent.wait_for_log("dead letter writes recovered", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
}
