//! Without inotify everything is found by scans, and the metrics say so.

use std::fs;

use serde_json::json;

use super::Lines;
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::world::append;

#[test]
fn nothing_is_lost_with_notify_off_and_the_reason_is_told() {
    let endpoint = Endpoint::healthy();
    let stream = kinesis("scans");
    let mut home = Home::new(&endpoint.handle.url());
    home.set("notify", json!("off"));
    let often = json!({ "scanIntervalMillis": 50 });
    home.flow("**/app.log", ("kinesisStream", "scans"), &often);
    let agent = home.start();
    agent.wait_for_log("notify is off in the configuration", SOON);
    let mut lines = Lines::default();
    for round in 0..20 {
        let dir = home.log(&format!("sub-{}", round % 3));
        fs::create_dir_all(&dir).unwrap();
        let generation = format!("g{round}");
        append(&dir.join("app.log"), &lines.some(&generation, 20));
        endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
        append(&dir.join("app.log"), &lines.some(&generation, 20));
        fs::rename(dir.join("app.log"), dir.join(format!("app.log.{round}"))).unwrap();
    }
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(endpoint.count(&stream), lines.written.len());
}
