//! What the page says of everything that can be wrong.

use crate::tail::disk::{Call, DiskError, Fault};
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::admin::status::tests::{file, snapshot};
use crate::metrics::destination::Place;
use crate::process::StepCount;
use crate::tail::rotated::RotatedNames;

fn page(snapshot: &Snapshot) -> Value {
    serde_json::from_str(&render(snapshot).unwrap()).unwrap()
}

#[test]
fn the_page_says_everything_about_a_sound_process() {
    let snapshot = snapshot(vec![file(b"/v/\"a\"\n\xff", 7)]);
    let file = json!({
        "path": "/v/\"a\"\n\u{fffd}ff",
        "device": 2,
        "inode": 3,
        "state": "open",
        "size_bytes": 1007,
        "read_offset": 1000,
        "acked_offset": 1000,
        "lag_bytes": 7,
        "lag_seconds": 1.5,
    });
    assert_eq!(
        page(&snapshot),
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "user": rustix::process::geteuid().as_raw(),
            "uptime_seconds": 90,
            "healthy": true,
            "ready": true,
            "problems": [],
            "memory": {"used_bytes": 1, "budget_bytes": 2},
            "checkpoints": {"file": "/var/lib/kinetail/db", "health": "ok"},
            "flows": [{
                "flow": "f",
                "destination": "Kinesis stream s",
                "health": "ok",
                "since": "2026-11-18T11:05:10Z",
                "alive": true,
                "scanned_once": true,
                "seconds_since_step": 0.0,
                "restarts": 0,
                "in_flight_batches": 0,
                "lag_bytes": 0,
                "lag_seconds": 0.0,
                "records_per_second": 0.0,
                "bytes_per_second": 0.0,
                "totals": {
                    "records_delivered": 0,
                    "bytes_delivered": 0,
                    "records_skipped": 0,
                    "records_refused": 0,
                    "dead_letters": 0,
                    "dead_letters_dropped": 0,
                    "bytes_lost": 0,
                    "retries": 0,
                },
                "files_total": 1,
                "files_open": 0,
                "problems_total": 0,
                "problems": [],
                "files_omitted": 0,
                "files": [file],
            }],
        })
    );
}

#[test]
fn what_is_wrong_is_on_the_page_with_its_reason() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.process.checkpoints =
        StoreHealth::Failing { reason: "disk full".to_owned(), since: snapshot.now };
    let paused = DestinationHealth::Paused { reason: "no such stream".to_owned() };
    Arc::make_mut(&mut snapshot.flows[0].status).health = paused;
    snapshot.flows[0].alive = false;
    let page = page(&snapshot);
    assert_eq!(page["checkpoints"]["health"], "failing");
    assert_eq!(page["checkpoints"]["reason"], "disk full");
    assert_eq!(page["checkpoints"]["since"], "2026-11-18T11:06:40Z");
    assert!(
        page["checkpoints"]["fix"].as_str().unwrap().contains("free or repair the disk"),
        "{page}"
    );
    assert_eq!(page["flows"][0]["health"], "paused");
    assert_eq!(page["flows"][0]["reason"], "no such stream");
    assert_eq!((&page["healthy"], &page["ready"]), (&json!(false), &json!(false)));
    assert_eq!(page["problems"], json!(["flow f: thread exited"]));
}

#[test]
fn which_rotated_files_count_is_told_in_words_or_by_the_templates() {
    let mut snapshot = snapshot(Vec::new());
    assert!(page(&snapshot)["flows"][0].get("rotated_names").is_none(), "it follows no files");
    let templates = RotatedNames::from_templates(&["old/{name}-*".into(), "{stem}.*{ext}".into()]);
    for (names, told) in [
        (RotatedNames::Common, "common"),
        (RotatedNames::Off, "none"),
        (templates.unwrap(), "old/{name}-*, {stem}.*{ext}"),
    ] {
        Arc::make_mut(&mut snapshot.flows[0].status).rotated_names = Some(names);
        assert_eq!(page(&snapshot)["flows"][0]["rotated_names"], told);
    }
}

#[test]
fn what_is_in_the_way_of_files_is_named_and_degrades_a_flow_that_is_otherwise_well() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.now += Duration::from_mins(1);
    let since = snapshot.now.checked_sub(Duration::from_secs(20)).unwrap();
    let problem = |path: &str, fault| {
        let error = DiskError { call: Call::Open, fault };
        FileProblem::of(std::path::Path::new(path), &error.into(), since)
    };
    let status = Arc::make_mut(&mut snapshot.flows[0].status);
    status.problems = vec![problem("/v/d", Fault::NotRegular)];
    status.problems_total = 1;
    status.steps = vec![("FILTER", StepCount { skipped: 3, unparsable: 0 })];
    assert_eq!(page(&snapshot)["flows"][0]["health"], "ok", "a directory holds no lines");
    let status = Arc::make_mut(&mut snapshot.flows[0].status);
    status.problems.push(problem("/v/\x1b", Fault::Denied));
    status.problems_total = 2;
    let page_now = page(&snapshot);
    let flow = &page_now["flows"][0];
    assert_eq!(flow["health"], "degraded");
    let reason = flow["reason"].as_str().unwrap();
    let fix = flow["fix"].as_str().unwrap();
    assert!(reason.ends_with("Permission denied (os error 13)") && fix.contains("chmod"), "{flow}");
    assert_eq!(flow["problems_total"], 2);
    let steps = json!([{"step": 1, "name": "FILTER", "skipped": 3, "unparsable": 0}]);
    assert_eq!(flow["steps"], steps);
    let second = &flow["problems"][1];
    assert_eq!(second["reason"], "permission_denied");
    assert_eq!(second["since"], "2026-11-18T11:06:20Z");
    assert!(second["fix"].as_str().unwrap().contains("chmod"), "{second}");
    let paused = DestinationHealth::Paused { reason: "no such stream".to_owned() };
    Arc::make_mut(&mut snapshot.flows[0].status).health = paused;
    assert_eq!(page(&snapshot)["flows"][0]["health"], "paused", "the worse one is told");
}

#[test]
fn a_destination_is_told_with_where_it_is_and_what_happened_there_last() {
    let mut snapshot = snapshot(Vec::new());
    let start = snapshot.now;
    let after = |seconds| start + Duration::from_secs(seconds);
    let state = Arc::clone(&snapshot.flows[0].status.destination_state);
    state.set_place(Place {
        endpoint: "https://kinesis.eu-west-1.amazonaws.com:443".to_owned(),
        region: "eu-west-1".to_owned(),
        credentials: "profile prod of /root/.aws/credentials".to_owned(),
    });
    state.on_success(start);
    state.on_request(1, after(10));
    snapshot.now = after(12);
    assert_eq!(page(&snapshot)["flows"][0]["health"], "ok", "it may still be under way");
    snapshot.now = after(20);
    let stalled = page(&snapshot);
    let flow = &stalled["flows"][0];
    assert_eq!(flow["health"], "waiting");
    let reason = "no response from https://kinesis.eu-west-1.amazonaws.com:443 for 10 s";
    assert_eq!(flow["reason"], reason);
    assert_eq!(
        (&flow["since"], &flow["region"]),
        (&json!("2026-11-18T11:06:30Z"), &json!("eu-west-1"))
    );
    assert_eq!(flow["last_success"], "2026-11-18T11:06:20Z");
    state.on_end(1);
    state.on_record_errors("SlowDown", "slower", after(20));
    state.on_wait(1, after(25));
    let throttled = page(&snapshot);
    let flow = &throttled["flows"][0];
    assert_eq!(
        (&flow["health"], &flow["reason"]),
        (&json!("retrying"), &json!("SlowDown: slower"))
    );
    assert_eq!(flow["last_error"]["code"], "SlowDown");
    assert_eq!(flow["next_try"], "2026-11-18T11:06:45Z");
    let paused = DestinationHealth::Paused { reason: "denied".to_owned() };
    Arc::make_mut(&mut snapshot.flows[0].status).health = paused;
    state.on_health(after(20));
    let paused = page(&snapshot);
    let flow = &paused["flows"][0];
    assert_eq!(
        (&flow["next_probe"], &flow["next_try"]),
        (&json!("2026-11-18T11:06:45Z"), &Value::Null)
    );
    assert_eq!(flow["since"], "2026-11-18T11:06:40Z");
    assert_eq!(flow["credentials"], "profile prod of /root/.aws/credentials");
}

#[test]
fn the_other_states_have_names_and_odd_numbers_do_no_harm() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.process.checkpoints = StoreHealth::Closed;
    let status = Arc::make_mut(&mut snapshot.flows[0].status);
    status.health = DestinationHealth::Retrying { reason: "throttled".to_owned() };
    status.lag_seconds = f64::INFINITY;
    let page = page(&snapshot);
    assert_eq!(page["checkpoints"]["health"], "closed");
    assert_eq!(page["flows"][0]["health"], "retrying");
    assert_eq!(page["flows"][0]["lag_seconds"], Value::Null);
}
