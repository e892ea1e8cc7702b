//! What steps cost: chains alone on one core, in memory, and the whole path with them next to the
//! bare loop, which has no steps.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kinetail::config::{self, Environment};
use kinetail::process::{Chain, Converted};
use kinetail::sandbox::SandboxHandle;
use serde_json::{Value, json};

use super::error::BenchError;
use super::hardest;
use super::print;
use super::settings::Settings;
use super::subject::{Figures, Subject};
use super::throughput::float;

/// A chain, the lines that it is for, and how fast it is to be, in MB/s.
struct Case {
    name: &'static str,
    steps: Value,
    line: fn(u64, &mut String),
    goal: u64,
}

/// The whole path may cost so many times what the bare loop does.
const WHOLE_PATH_GOAL: f64 = 3.0;

fn cases() -> [Case; 4] {
    let kinds = json!(["awsKey", "bearer", "card", "email", "ip", "privateKey"]);
    let fields = json!({"team": "shop", "file": "{file}", "offset": "{offset}"});
    [
        Case {
            name: "json",
            steps: json!([
                {"optionName": "PARSEJSON"},
                {"optionName": "ADDFIELDS", "fields": fields},
                {"optionName": "FILTER", "exclude": {"field": "level", "equals": "debug"}},
            ]),
            line: json_line,
            goal: 500,
        },
        Case { name: "cri", steps: json!([{"optionName": "PARSECRI"}]), line: cri_line, goal: 800 },
        Case {
            name: "redact-json",
            steps: json!([{"optionName": "REDACT", "kinds": kinds}]),
            line: json_line,
            goal: 200,
        },
        Case {
            name: "redact-text",
            steps: json!([{"optionName": "REDACT", "kinds": kinds}]),
            line: text_line,
            goal: 200,
        },
    ]
}

pub(crate) async fn run(settings: &Settings, sandbox: &SandboxHandle) -> Result<(), BenchError> {
    print(&format!(
        "\nsteps: chains alone on one core, and the whole path next to the bare loop; {} MB, {} \
         rounds",
        settings.steps_megabytes, settings.rounds
    ))?;
    print(&format!(
        "{:<14} {:>8} {:>8} {:>10} {:>10} {:>9} {:>6}",
        "", "MB/s", "goal", "CPU s/GB", "bare s/GB", "to bare", "goal"
    ))?;
    for case in cases() {
        let path = lines(&case, settings)?;
        let text = fs::read(&path).map_err(BenchError::io("read the lines"))?;
        let mut chain = chain_of(&case.steps)?;
        let (mut seconds, mut sent) = (Vec::new(), 0);
        for _ in 0..settings.rounds {
            let begin = Instant::now();
            sent = convert(&mut chain, &text);
            seconds.push(begin.elapsed().as_secs_f64());
        }
        let (mut whole, mut bare) = (Vec::new(), Vec::new());
        let all = u64::try_from(memchr::memchr_iter(b'\n', &text).count()).unwrap_or(u64::MAX);
        for round in 1..=settings.rounds {
            let name = format!("steps-{}-{round}", case.name);
            let directory = &settings.directory;
            let subject = Subject::bare(&format!("bare-{name}"), directory, &path, sandbox)?;
            bare.push(cpu(subject, all, sandbox).await?);
            let keys = json!({"dataProcessingOptions": case.steps});
            let subject = Subject::agent_with(&name, directory, &path, sandbox, &keys)?;
            whole.push(cpu(subject, sent, sandbox).await?);
        }
        let bytes = float(u64::try_from(text.len()).unwrap_or(u64::MAX));
        let (whole, bare) = (median(&mut whole) / bytes * 1e9, median(&mut bare) / bytes * 1e9);
        print(&format!(
            "{:<14} {:>8.0} {:>8} {whole:>10.2} {bare:>10.2} {:>9.2} {WHOLE_PATH_GOAL:>6.1}",
            case.name,
            bytes / 1e6 / median(&mut seconds),
            case.goal,
            whole / bare,
        ))?;
    }
    hardest::run(settings)
}

async fn cpu(
    mut subject: Subject,
    records: u64,
    sandbox: &SandboxHandle,
) -> Result<f64, BenchError> {
    let seconds = subject.deliver(records, sandbox).await?;
    let figures: Figures = subject.finish(seconds, records, sandbox).await?;
    Ok(figures.cpu.total())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The chain of a flow with these steps.
pub(crate) fn chain_of(steps: &Value) -> Result<Chain, BenchError> {
    let flow = json!({
        "filePattern": "/var/log/app/web.log",
        "kinesisStream": "s",
        "dataProcessingOptions": steps,
    });
    let text = json!({"flows": [flow]}).to_string();
    let loaded = config::load(&text, Path::new("bench.json"), &Environment::default());
    let (config, _) = loaded.map_err(|_| BenchError::Answer("a chain of the bench is wrong"))?;
    let flow = config.flows.first().ok_or(BenchError::Answer("a chain of the bench is empty"))?;
    let mut chain = Chain::new(&flow.converters);
    chain.set_path(1, "/var/log/app/web.log");
    Ok(chain)
}

/// Runs each line through the chain. Gives how many records come out.
pub(crate) fn convert(chain: &mut Chain, text: &[u8]) -> u64 {
    let (mut start, mut sent) = (0, 0);
    for end in memchr::memchr_iter(b'\n', text) {
        chain.set_offset(start as u64);
        let line = text.get(start..=end).unwrap_or_default();
        let converted = chain.convert(line);
        sent += u64::from(matches!(converted, Converted::Record(_)));
        std::hint::black_box(&converted);
        start = end + 1;
    }
    sent
}

/// Makes the file, or finds the one of an earlier run.
fn lines(case: &Case, settings: &Settings) -> Result<PathBuf, BenchError> {
    let folder = settings.directory.join("steps");
    fs::create_dir_all(&folder).map_err(BenchError::io("make a directory"))?;
    let megabytes = settings.steps_megabytes;
    let path = folder.join(format!("{}-{megabytes}.log", case.name));
    if fs::metadata(&path).is_ok() {
        return Ok(path);
    }
    let bytes = usize::try_from(megabytes).unwrap_or(usize::MAX).saturating_mul(1_000_000);
    let mut text = String::with_capacity(bytes + 1000);
    let mut number = 0;
    while text.len() < bytes {
        (case.line)(number, &mut text);
        number += 1;
    }
    fs::write(&path, text).map_err(BenchError::io("write the lines"))?;
    Ok(path)
}

/// What a service logs; each tenth line is of a level that is not sent.
pub(crate) fn json_line(number: u64, out: &mut String) {
    let level = if number.is_multiple_of(10) { "debug" } else { "info" };
    writeln!(
        out,
        "{{\"time\":\"2026-11-29T14:00:{:02}.{:03}Z\",\"level\":\"{level}\",\"logger\":\
         \"com.example.shop.OrderService\",\"thread\":\"http-nio-8080-exec-{}\",\"message\":\
         \"order placed after the stock was checked\",\"order\":{number},\"user\":\"u{:06}\",\
         \"took\":{}.25}}",
        number / 1000 % 60,
        number % 1000,
        number % 16,
        number * 7919 % 1_000_000,
        number % 300,
    )
    .unwrap_or_default();
}

fn cri_line(number: u64, out: &mut String) {
    write!(out, "2026-11-29T14:00:{:02}.{:09}Z stdout F ", number / 1000 % 60, number)
        .unwrap_or_default();
    json_line(number, out);
}

/// A line of an access log, of whose clients nothing is to be seen.
fn text_line(number: u64, out: &mut String) {
    writeln!(
        out,
        "10.{}.{}.{} - - [29/Nov/2026:15:00:{:02} +0000] \"GET /api/v1/orders?id={number}&q=blue%20\
         shoes HTTP/1.1\" 200 {} \"https://shop.example.com/cart\" \"Mozilla/5.0 (X11; Linux \
         x86_64) Gecko/20100101 Firefox/140.0\"",
        number % 256,
        number / 256 % 256,
        number / 65_536 % 256,
        number / 1000 % 60,
        number * 7919 % 90_000,
    )
    .unwrap_or_default();
}
