//! What the real binary says about itself: the periodic lines, the log file, CloudWatch.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use kinetail::log_events::EVENTS;
use kinetail::sandbox::{SandboxOptions, StreamPolicy};
use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

const CSV: &str = "fh:columns:";

/// Two flows, one of which converts and skips; reports come every second.
fn home(endpoint: &Endpoint) -> Home {
    let mut home = Home::new(&endpoint.handle.url());
    home.set("log.statusReportingPeriodSeconds", json!(1));
    home.flow("a.log*", ("kinesisStream", "s"), &json!({ "skipHeaderLines": 1 }));
    let columns = json!([{ "optionName": "LOGTOJSON", "logFormat": "COMMONAPACHELOG",
        "matchPattern": "(\\w+) (\\w+)", "customFieldNames": ["a", "b"] }]);
    home.flow("b.log", ("deliveryStream", "columns"), &json!({ "dataProcessingOptions": columns }));
    home
}

fn write_some(home: &Home) {
    append(&home.log("a.log"), b"header\nx\ny\nz\n");
    append(&home.log("b.log"), b"one two\nthree\nfour five\n");
}

#[test]
fn the_four_periodic_lines_are_the_java_agents_also_at_the_stop() {
    let endpoint = Endpoint::healthy();
    let home = home(&endpoint);
    write_some(&home);
    let agent = home.start();
    let (a, b) = (home.log("a.log*"), home.log("b.log"));
    let of_a = format!(
        "FileTailer[kinesis:s:{}]: Tailer Progress: Tailer has parsed 3 records (13 bytes), \
         transformed 0 records, skipped 0 records, and has successfully sent 3 records to \
         destination.",
        a.display()
    );
    let of_b = format!(
        "FileTailer[{CSV}{}]: Tailer Progress: Tailer has parsed 3 records (24 bytes), \
         transformed 2 records, skipped 1 records, and has successfully sent 2 records to \
         destination.",
        b.display()
    );
    let of_all = "Agent: Progress: 6 records parsed (37 bytes), and 5 records sent successfully \
                  to destinations. Uptime: ";
    for line in [&of_a, &of_b, of_all] {
        agent.wait_for_log(line, SOON);
    }
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    let at_stop = log.split("Agent: Shutting down...").nth(1).expect("it says that it stops");
    for line in [of_a.as_str(), of_b.as_str(), of_all] {
        assert_eq!(at_stop.matches(line).count(), 1, "once at the stop: {line}\n{log}");
    }
    assert!(!log.contains(" behind."), "there is no lag: {log}");
    for line in [
        r"INFO Agent: Starting up\.\.\.$",
        r"INFO Agent: Startup completed in \d+ ms\.$",
        r"INFO Agent: Progress: .* Uptime: \d+ms$",
        r"INFO Agent: Shut down completed in \d+ ms\. Uptime: \d+ ms$",
    ] {
        let found = Regex::new(&format!("(?m){line}")).unwrap().is_match(&log);
        assert!(found, "{line} is not in\n{log}");
    }
}

#[test]
fn who_is_behind_says_by_how_much_and_figures_come_as_json_if_wanted() {
    let streams = StreamPolicy::Only(Vec::new());
    let endpoint = Endpoint::start(SandboxOptions { streams, ..SandboxOptions::default() });
    let mut home = Home::new(&endpoint.handle.url());
    home.set("log.statusReportingPeriodSeconds", json!(1));
    home.set("log.emitInternalMetrics", json!("true"));
    home.set("shutdownTimeoutMillis", json!(600_000));
    home.set("memoryBudgetBytes", json!(4 * 1024 * 1024));
    home.flow("*.log", ("kinesisStream", "missing"), &json!({ "maxInFlightRequests": 1 }));
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    for name in ["1.log", "2.log", "3.log"] {
        append(&home.log(name), &line.repeat(20_000));
    }
    let agent = home.start();
    let behind = Regex::new(
        r"WARN FileTailer\[kinesis:missing:.*\]: Tailer is \d+\.\d{6} MB \(\d{8} bytes\) behind\.",
    )
    .unwrap();
    let seen = || behind.is_match(&agent.log()) && agent.log().contains("WARN Agent: Tailing is ");
    wait_until("behind lines", SOON, seen, || agent.log());
    // The destination is paused: a stop has nothing to wait for, however long it may take.
    agent.wait_for_log("delivery paused", SOON);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("a destination is paused"), "{log}");
    assert!(!log.contains("all records that were read have been delivered"), "{log}");
    let status = log.lines().filter_map(|line| line.split_once("Agent: Status: ")).next_back();
    let figures: Value = serde_json::from_str(status.expect("figures").1).unwrap();
    assert!(figures["Agent"]["TotalBytesBehind"].as_u64() > Some(40_000_000), "{figures}");
    assert_eq!(figures["Agent"]["TotalRecordsSent"], 0);
}

#[test]
fn a_start_from_checkpoints_says_so_in_the_java_agents_words() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("app.log"), b"one\ntwo\n");
    let agent = home.start();
    let lines = [b"one\n".to_vec(), b"two\n".to_vec()];
    endpoint.wait_for_all(&kinesis("s"), &lines, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let agent = home.start();
    let path = home.log("app.log");
    let words = format!(
        "FileTailer[kinesis:s:{0}]: Successfully started tailing from previous checkpoint {0}@8",
        path.display()
    );
    agent.wait_for_log(&words, SOON);
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn the_log_can_go_to_a_file_with_limits() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    let path = home.log("").join("../own/kinetail.log");
    home.set("log.file", json!(path));
    home.set("log.format", json!("json"));
    home.set("log.maxFileSize", json!("64KB"));
    write_some(&home);
    let agent = home.start();
    let text = || fs::read_to_string(&path).unwrap_or_default();
    wait_until("progress in the file", SOON, || text().contains("Agent: Progress: 6"), text);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!((code, log.as_str()), (Some(0), ""), "standard error stays empty");
    for line in text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        assert!(line["fields"]["message"].is_string(), "{line}");
        let event = line["event"].as_str().unwrap_or_default();
        assert!(EVENTS.iter().any(|(name, _)| *name == event), "{line}");
    }
    assert!(text().contains("all records that were read have been delivered"), "to the last line");
}

#[test]
fn a_log_file_that_cannot_be_written_is_loud_and_stops_nothing() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    home.set("log.file", json!("/dev/full"));
    write_some(&home);
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &[b"x\n".to_vec()], SOON, || agent.log());
    agent.wait_for_log("cannot write log file /dev/full: No space left on device", SOON);
    agent.wait_for_log("Agent: Progress: 6", SOON);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("cannot write log file").count(), 1, "once: {log}");
}

#[test]
fn a_log_without_a_reader_stops_nothing_and_is_counted() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = listener.local_addr().unwrap();
    drop(listener);
    home.set("admin.address", json!(admin.to_string()));
    write_some(&home);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = home.command("run").stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    endpoint.wait_for_all(&kinesis("s"), &[b"x\n".to_vec()], SOON, String::new);
    let counted = || {
        let lost = scrape(admin).unwrap_or_default();
        lost.lines()
            .any(|line| line.starts_with("kinetail_log_lines_lost_total{reason=\"write_failed\"} "))
    };
    wait_until("the count of lost lines", SOON, counted, String::new);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// What the admin page of metrics says.
fn scrape(admin: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Takes every call and keeps it.
fn cloudwatch() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            kept.lock().unwrap().push(take_call(stream.unwrap()));
        }
    });
    (url, calls)
}

fn take_call(mut stream: TcpStream) -> String {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap();
        if count == 0 || request.len() >= head.len() + 4 + length {
            let answer = b"HTTP/1.1 200 OK\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-type: \
                application/cbor\r\ncontent-length: 1\r\nconnection: close\r\n\r\n\xa0";
            stream.write_all(answer).unwrap();
            return text;
        }
    }
}

#[test]
fn what_cloudwatch_has_not_got_is_sent_at_the_stop() {
    let endpoint = Endpoint::healthy();
    let (url, calls) = cloudwatch();
    let mut home = home(&endpoint);
    home.set("cloudwatch.emitMetrics", json!(true));
    home.set("cloudwatch.endpoint", json!(url));
    home.set("cloudwatch.metricsBufferTimeMillis", json!(86_400_000));
    write_some(&home);
    let agent = home.start();
    agent.wait_for_log("Agent: Progress: 6 records parsed", SOON);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 1, "{log}");
    for word in [
        "AWSKinesisAgent",
        "RecordSendAttempts",
        "RecordsSent",
        "BytesSent",
        "ServiceErrors",
        "RecordSendErrors",
        "ConsecutiveProcessingErrors",
        "LagBytes",
        "LagSeconds",
        "RecordsSkipped",
        "KinesisStream:s",
        "DeliveryStream:columns",
    ] {
        assert!(calls[0].contains(word), "{word} is not in {}", calls[0]);
    }
    assert!(!calls[0].contains("BytesLost"), "what did not happen costs nothing");
}

#[test]
fn a_file_that_cannot_be_read_makes_the_error_gauge_climb_until_it_can() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.set("log.statusReportingPeriodSeconds", json!(1));
    let more = json!({ "log.emitInternalMetrics": true });
    home.flow("app.log", ("kinesisStream", "s"), &more);
    // Nobody, not even root, gets to the end of it.
    let path = home.log("app.log");
    std::os::unix::fs::symlink("app.log", &path).unwrap();
    let agent = home.start();
    let errors = |log: &str| {
        let lines = log.lines().filter_map(|line| line.split_once("File Tailer Status: "));
        let figures: Vec<Value> =
            lines.map(|(_, json)| serde_json::from_str(json).unwrap()).collect();
        let key = "FileTailer.ConsecutiveProcessingErrors";
        figures.last().and_then(|figures| figures[key].as_u64()).unwrap_or_default()
    };
    wait_until("climbing gauge", SOON, || errors(&agent.log()) >= 3, || agent.log());
    fs::remove_file(&path).unwrap();
    append(&path, b"at last\n");
    endpoint.wait_for_all(&kinesis("s"), &[b"at last\n".to_vec()], SOON, || agent.log());
    wait_until("quiet gauge", SOON, || errors(&agent.log()) == 0, || agent.log());
    let log = agent.log();
    assert_eq!(log.matches("kind=\"problem\"").count(), 1, "one line a state: {log}");
    assert_eq!(agent.stop(SOON), Some(0));
}
