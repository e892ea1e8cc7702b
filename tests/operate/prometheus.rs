//! The alert rules and the dashboard, on a real Prometheus with what a real agent exports.
//!
//! A page of a real agent is served by the test, which changes one value at a time: so each alert
//! fires and stops, and the names and labels are those of the code.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

const ALERTS: &str = include_str!("../../packaging/prometheus/alerts.yaml");
const DASHBOARD: &str = include_str!("../../packaging/grafana/kinetail.json");

/// A scrape and an evaluation each second, on a busy machine.
const FIRED_SOON: Duration = Duration::from_mins(1);

/// The Debian package has both programs.
fn is_there() -> bool {
    let there =
        ["prometheus", "promtool"].iter().all(|name| Path::new("/usr/bin").join(name).is_file());
    if !there {
        assert!(
            std::env::var_os("KINETAIL_REQUIRE_PROMETHEUS").is_none(),
            "prometheus is required and not installed: apt-get install prometheus"
        );
        println!("NOT TESTED: prometheus is not installed (apt-get install prometheus)");
    }
    there
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// The metrics of an agent that has delivered something.
fn page_of_an_agent() -> String {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.set("admin.address", json!("127.0.0.1:0"));
    let skips = json!({"dataProcessingOptions": [{"optionName": "LOGTOJSON",
        "logFormat": "SYSLOG"}]});
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    home.flow("b*.log", ("kinesisStream", "t"), &skips);
    append(&home.log("a.log"), b"one\n");
    append(&home.log("b.log"), b"two\n");
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &[b"one\n".to_vec()], SOON, || agent.log());
    agent.wait_for_log("admin endpoint listening on http://", SOON);
    let log = agent.log();
    let (_, rest) = log.split_once("admin endpoint listening on http://").unwrap();
    let address: SocketAddr = rest.lines().next().unwrap().trim().parse().unwrap();
    let mut page = String::new();
    let settled = || {
        page = get(address, "/metrics").unwrap_or_default();
        page.contains("kinetail_batch_duration_seconds{") && page.contains("kinetail_lag_bytes{")
    };
    wait_until("figures of a batch", SOON, settled, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    page
}

/// The page with another value for one series of a metric.
fn with(page: &str, name: &str, label: &str, value: u64) -> String {
    let mut changed = false;
    let lines = page.lines().map(|line| {
        let is_it = line.split(['{', ' ']).next() == Some(name) && line.contains(label);
        if !is_it || changed {
            return format!("{line}\n");
        }
        changed = true;
        let (series, _) = line.rsplit_once(' ').unwrap();
        format!("{series} {value}\n")
    });
    let page: String = lines.collect();
    assert!(changed, "no series {name} with {label} in\n{page}");
    page
}

/// Serves a page until the test ends; an empty one is an agent that is down.
fn serve(page: &Arc<Mutex<String>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let page = Arc::clone(page);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let body = page.lock().unwrap().clone();
            if stream.read(&mut request).is_err() || body.is_empty() {
                continue;
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
                 Connection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // A scraper that left does not matter.
            stream.write_all((head + &body).as_bytes()).unwrap_or_default();
        }
    });
    address
}

/// A Prometheus that is killed when it is dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    dir: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes and evaluates each second. Waiting times are short, and so are the times over which
    /// something is counted; when each alert fires in real time is in `alerts_test.yaml`.
    fn start(target: SocketAddr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let hurried: String = ALERTS
            .lines()
            .map(|line| match line.split_once("for: ") {
                Some((before, _)) => format!("{before}for: 1s\n"),
                None => format!("{line}\n").replace("[15m]", "[6s]").replace("[1h]", "[6s]"),
            })
            .collect();
        fs::write(dir.path().join("alerts.yaml"), hurried).unwrap();
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yaml"],
            "scrape_configs": [{"job_name": "kinetail",
                "static_configs": [{"targets": [target.to_string()]}]}],
        });
        fs::write(dir.path().join("prometheus.yml"), config.to_string()).unwrap();
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new("/usr/bin/prometheus")
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--config.file={}/prometheus.yml", dir.path().display()))
            .arg(format!("--storage.tsdb.path={}/data", dir.path().display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Self { child, address, dir };
        let ready = || get(address, "/-/ready").is_some();
        wait_until("prometheus", FIRED_SOON, ready, || prometheus.log());
        prometheus
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn api(&self, path: &str) -> Value {
        let answer = get(self.address, &format!("/api/v1/{path}")).unwrap_or_default();
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// The alerts that fire now.
    fn firing(&self) -> BTreeSet<String> {
        let alerts = self.api("alerts")["data"]["alerts"].clone();
        let alerts = alerts.as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }

    /// What a query gives, as a number of series.
    fn series(&self, query: &str) -> usize {
        let encoded: Vec<String> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let encoded = encoded.concat();
        let result = self.api(&format!("query?query={encoded}"))["data"]["result"].clone();
        result.as_array().map_or(0, Vec::len)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("prometheus with id {} may still run", self.child.id());
        }
    }
}

#[test]
fn every_alert_fires_and_stops_and_every_query_of_the_dashboard_has_data() {
    if !is_there() {
        return;
    }
    let sound = page_of_an_agent();
    let page = Arc::new(Mutex::new(sound.clone()));
    let prometheus = Prometheus::start(serve(&page));
    let quiet = || prometheus.firing().is_empty() && prometheus.series("kinetail_build_info") == 1;
    wait_until("a scrape, and no alert", FIRED_SOON, quiet, || prometheus.log());
    let skipped = ("kinetail_records_skipped_total", "reason=\"refused_by_service\"");
    for (alert, (name, label), value) in [
        ("KinetailLagGrows", ("kinetail_lag_seconds", ""), 400),
        ("KinetailFlowPaused", ("kinetail_destination_paused", ""), 1),
        ("KinetailCheckpointsFail", ("kinetail_checkpoint_failing", ""), 1),
        ("KinetailReloadRejected", ("kinetail_reload_rejected", ""), 1),
        ("KinetailRecordsRefused", skipped, 3),
        ("KinetailDeadLettered", ("kinetail_dead_letters_total", "reason=\"refused\""), 3),
        ("KinetailDeadLettersFail", ("kinetail_dead_letters_failing", ""), 1),
        ("KinetailDeadLettersDropped", ("kinetail_dead_letters_dropped_total", ""), 3),
        ("KinetailFlowStuck", ("kinetail_flow_hung", ""), 1),
        ("KinetailBytesLost", ("kinetail_bytes_lost_total", ""), 1000),
        ("KinetailFilesUnreadable", ("kinetail_file_problems", ""), 1),
        ("KinetailFlowRestarts", ("kinetail_flow_restarts_total", ""), 9),
    ] {
        *page.lock().unwrap() = with(&sound, name, label, value);
        let fires = || prometheus.firing().contains(alert);
        wait_until(alert, FIRED_SOON, fires, || format!("{:?}", prometheus.firing()));
        // A counter that stays where it is says that nothing more happened.
        if !name.ends_with("_total") {
            *page.lock().unwrap() = sound.clone();
        }
        let stops = || prometheus.firing().is_empty();
        wait_until("the end of the alert", FIRED_SOON, stops, || {
            format!("{alert}: {:?}", prometheus.firing())
        });
    }
    page.lock().unwrap().clear();
    let fires = || prometheus.firing().contains("KinetailDown");
    wait_until("KinetailDown", FIRED_SOON, fires, || prometheus.log());
    *page.lock().unwrap() = sound;
    let quiet = || prometheus.firing().is_empty();
    wait_until("the end of KinetailDown", FIRED_SOON, quiet, || prometheus.log());
    for query in queries() {
        let has_data = || prometheus.series(&query) > 0;
        wait_until("data", FIRED_SOON, has_data, || format!("no data for {query}"));
    }
}

/// Every query of the dashboard, with its variables filled in.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<String> = targets
        .map(|target| {
            let query = target["expr"].as_str().unwrap();
            let query = query.replace("$__rate_interval", "20s").replace("[24h]", "[20s]");
            query.replace("$instance", ".*").replace("$flow", ".*")
        })
        .collect();
    assert!(queries.len() > 20, "{queries:?}");
    queries
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules_and_the_names() {
    if !is_there() {
        return;
    }
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus");
    let run = |arguments: &[&str]| {
        let mut command = Command::new("/usr/bin/promtool");
        let output = command.args(arguments).current_dir(&rules).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["check", "rules", "alerts.yaml"]);
    run(&["test", "rules", "alerts_test.yaml"]);
    let mut check = Command::new("/usr/bin/promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(page_of_an_agent().as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
