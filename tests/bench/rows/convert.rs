//! Steps alone on one core, in memory, and the whole path with one of them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::steady::{speed, thread_time};
use super::{Goal, Ground, Row, median};
use crate::error::BenchError;
use crate::steps::{chain_of, convert, json_line};
use crate::subject::Subject;
use crate::throughput::float;

/// What is converted in memory, in bytes.
const MEMORY_BYTES: usize = 50_000_000;

/// A pattern with a group for each of its names.
const PATTERN: &str =
    r#"^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) ([^" ]*) ([^"]*)" (\d{3}) (\S+) "([^"]*)" "([^"]*)"$"#;

const NAMES: [&str; 10] =
    ["client", "user", "time", "verb", "path", "version", "status", "bytes", "from", "agent"];

/// Steps, the lines that they are for, and the MB/s that they are to reach.
struct Case {
    what: &'static str,
    steps: Value,
    line: fn(u64, &mut String),
    goal: f64,
}

fn case(name: &str) -> Option<Case> {
    let log = |format: &str| json!([{ "optionName": "LOGTOJSON", "logFormat": format }]);
    let of = |what, steps, line, goal| Some(Case { what, steps, line, goal });
    match name {
        "convert-common" => of("COMMONAPACHELOG", log("COMMONAPACHELOG"), common, 600.0),
        "convert-combined" | "path-combined" => {
            of("COMBINEDAPACHELOG", log("COMBINEDAPACHELOG"), combined, 600.0)
        }
        "convert-error" => of("APACHEERRORLOG", log("APACHEERRORLOG"), apache_error, 600.0),
        "convert-syslog" => of("SYSLOG", log("SYSLOG"), syslog, 600.0),
        "convert-rfc3339" => of("RFC3339SYSLOG", log("RFC3339SYSLOG"), rfc3339, 600.0),
        "convert-csv" => {
            let names = ["id", "time", "customer", "total", "currency", "city", "note", "state"];
            let steps = json!([{ "optionName": "CSVTOJSON", "customFieldNames": names }]);
            of("CSVTOJSON, 8 columns", steps, csv, 800.0)
        }
        "convert-pattern" => {
            let steps = json!([{
                "optionName": "LOGTOJSON",
                "logFormat": "COMBINEDAPACHELOG",
                "matchPattern": PATTERN,
                "customFieldNames": NAMES,
            }]);
            of("a pattern of its own with 10 groups", steps, combined, 300.0)
        }
        "convert-json" => {
            let steps = json!([
                { "optionName": "PARSEJSON" },
                { "optionName": "FILTER", "exclude": { "field": "level", "equals": "debug" } },
            ]);
            of("JSON with a filter", steps, json_line, 500.0)
        }
        _ => None,
    }
}

pub(super) async fn run(name: &str, ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let case = case(name).ok_or(BenchError::Answer("a row without a case"))?;
    if name == "path-combined" {
        return whole_path(&case, ground).await;
    }
    let text = text(case.line, MEMORY_BYTES);
    let all = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    let mut chain = chain_of(&case.steps)?;
    let mut speeds = Vec::new();
    for _ in 0..ground.settings.rounds {
        let begin = thread_time();
        let sent = convert(&mut chain, text.as_bytes());
        let took = thread_time().saturating_sub(begin).as_secs_f64();
        // Lines that do not fit would be cheap.
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        let filtered = if name == "convert-json" { all.div_ceil(10) } else { 0 };
        if sent != all - filtered {
            return Err(BenchError::Void {
                name: name.to_owned(),
                got: sent,
                want: all - filtered,
            });
        }
        speeds.push(speed(u64::try_from(text.len()).unwrap_or(u64::MAX), took));
    }
    let what = format!("{}, one core", case.what);
    Ok(vec![Row::new(name, &what, (median(&speeds), "MB/s"), Goal::AtLeast(case.goal))])
}

async fn whole_path(case: &Case, ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let (settings, sandbox) = (ground.settings, ground.sandbox);
    let bytes = usize::try_from(settings.row_megabytes).unwrap_or(usize::MAX) * 1_000_000;
    let text = text(case.line, bytes);
    let path: PathBuf = settings.directory.join("path-combined.log");
    fs::write(&path, &text).map_err(BenchError::io("write the lines"))?;
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    let lines = u64::try_from(lines).unwrap_or(u64::MAX);
    let (mut ratios, mut speeds) = (Vec::new(), Vec::new());
    for round in 1..=settings.rounds {
        let name = format!("bare-path-{round}");
        let mut bare = Subject::bare(&name, &settings.directory, &path, sandbox)?;
        let seconds = bare.deliver(lines, sandbox).await?;
        let bare = bare.finish(seconds, lines, sandbox).await?;
        let name = format!("row-path-{round}");
        let keys = json!({ "dataProcessingOptions": case.steps, "wire": "cbor" });
        let mut agent = Subject::agent_with(&name, &settings.directory, &path, sandbox, &keys)?;
        let seconds = agent.deliver(lines, sandbox).await?;
        let agent = agent.finish(seconds, lines, sandbox).await?;
        ratios.push(agent.cpu.total() / bare.cpu.total());
        speeds.push(float(u64::try_from(text.len()).unwrap_or(u64::MAX)) / 1e6 / seconds);
    }
    let what = format!("whole path, COMBINEDAPACHELOG, CBOR; {:.0} MB/s", median(&speeds));
    let figure = (median(&ratios), "× JSON loop");
    Ok(vec![Row::new("path-combined", &what, figure, Goal::AtMost(2.5))])
}

/// Lines of so many bytes together, in full requests.
fn text(line: fn(u64, &mut String), bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 100_000);
    let mut number = 0;
    while text.len() < bytes || number % 500 != 0 {
        line(number, &mut text);
        number += 1;
    }
    text
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    out.write_fmt(line).unwrap_or_default();
    out.push('\n');
}

fn common(number: u64, out: &mut String) {
    let (a, b, second) = (number / 256 % 256, number % 256, number / 1000 % 60);
    let bytes = number * 7_919 % 90_000;
    put(
        out,
        format_args!(
            "10.1.{a}.{b} - frank [29/Nov/2026:15:00:{second:02} +0000] \"GET /api/v1/orders/\
             {number:010}/items?page=2&sort=price&q=blue%20shoes&campaign=autumn&ref=news \
             HTTP/1.1\" 200 {bytes}"
        ),
    );
}

fn combined(number: u64, out: &mut String) {
    let (a, b, second) = (number / 256 % 256, number % 256, number / 1000 % 60);
    let bytes = number * 7_919 % 90_000;
    put(
        out,
        format_args!(
            "10.1.{a}.{b} - frank [29/Nov/2026:15:00:{second:02} +0000] \"GET /api/v1/orders/\
             {number:010} HTTP/1.1\" 200 {bytes} \"https://shop.example.com/cart\" \"Mozilla/5.0 \
             (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\""
        ),
    );
}

fn apache_error(number: u64, out: &mut String) {
    let (second, micro, port) =
        (number / 1000 % 60, number * 7_919 % 1_000_000, number % 60_000 + 1);
    put(
        out,
        format_args!(
            "[Sun Nov 29 15:00:{second:02}.{micro:06} 2026] [proxy_fcgi:error] [pid 4711:tid 1403] \
             [client 72.15.99.187:{port}] AH01071: Got error 'Primary script unknown' for order \
             {number:010} of the shop, referer: https://shop.example.com/cart"
        ),
    );
}

fn syslog(number: u64, out: &mut String) {
    let (second, pid) = (number / 1000 % 60, number % 30_000 + 1);
    put(
        out,
        format_args!(
            "Nov 29 15:00:{second:02} web-17.example.com order-service[{pid}]: order {number:010} \
             was placed after the stock was checked by the warehouse in Hamburg, and the customer \
             got a message with the expected day of delivery"
        ),
    );
}

fn rfc3339(number: u64, out: &mut String) {
    let (second, micro, pid) = (number / 1000 % 60, number % 1_000_000, number % 30_000 + 1);
    put(
        out,
        format_args!(
            "2026-11-29T15:00:{second:02}.{micro:06}+01:00 web-17 order-service[{pid}]: order \
             {number:010} was placed after the stock was checked by the warehouse in Hamburg, and \
             the customer got a message with the expected day of delivery"
        ),
    );
}

fn csv(number: u64, out: &mut String) {
    let (second, total) = (number / 1000 % 60, number * 7_919 % 90_000);
    put(
        out,
        format_args!(
            "{number:010},2026-11-29T15:00:{second:02}Z,Smith and Sons of Hamburg,{total}.25,EUR,\
             Hamburg-Altona,the stock was checked by the warehouse and the customer got a message \
             with the expected day of delivery,placed"
        ),
    );
}
