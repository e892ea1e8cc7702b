//! The longest time that each step takes for a record of 1 MiB: of words over and over, and of
//! what a seed makes of them.

use std::time::{Duration, Instant};

use fastrand::Rng;
use kinetail::process::Chain;
use serde_json::{Value, json};

use super::error::BenchError;
use super::settings::Settings;
use super::steps::chain_of;
use super::{nasty, print};

/// What a step may take, in milliseconds.
const GOAL_MILLIS: u64 = 10;

const BYTES: usize = 1024 * 1024;

/// Records from seeds, in addition to one for each word.
const SEEDS: u64 = 100;

fn steps() -> Vec<(&'static str, Value)> {
    let kinds = json!(["awsKey", "bearer", "card", "email", "ip", "privateKey"]);
    let fields = json!({"a": "{path} {offset}", "z": "{time}"});
    let mut all = vec![
        ("PARSEJSON", json!({})),
        ("PARSEJSON", json!({"field": "a"})),
        ("PARSEREGEX", json!({"pattern": "(?<a>\\w+)\\W*(?<b>.*)"})),
        ("PARSELOGFMT", json!({})),
        ("PARSECSV", json!({"names": ["a", "b"]})),
        ("PARSECRI", json!({"fields": true})),
        ("PARSEDOCKER", json!({})),
        ("ADDFIELDS", json!({"fields": fields})),
        ("RENAMEFIELDS", json!({"fields": {"a": "b", "b.c": "a"}})),
        ("DROPFIELDS", json!({"fields": ["a", "b.c"]})),
        ("KEEPFIELDS", json!({"fields": ["a", "b.c"]})),
        ("TIMESTAMP", json!({"field": "a", "otherwise": "remove"})),
        ("FILTER", json!({"include": ["a+b", {"field": "b.c", "above": 3}]})),
        (
            "SAMPLE",
            json!({"rate": 0.5, "key": "a", "keep": {"severityAtLeast": "warn", "field": "a"}}),
        ),
        ("REDACT", json!({"kinds": kinds})),
        ("REDACT", json!({"kinds": kinds, "with": "mask", "keepLast": 2})),
    ];
    for format in [
        "alb",
        "apache",
        "apacheError",
        "cloudFront",
        "haproxy",
        "journalExport",
        "nginx",
        "nginxError",
        "s3",
        "syslog",
        "syslog5424",
        "w3c",
    ] {
        all.push(("PARSELOG", json!({"format": format})));
    }
    all
}

pub(crate) fn run(settings: &Settings) -> Result<(), BenchError> {
    // A small run, as in a test, shows that it works.
    let (bytes, seeds) = match settings.steps_megabytes {
        ..10 => (BYTES / 64, 3),
        _ => (BYTES, SEEDS),
    };
    let mut records: Vec<Vec<u8>> =
        (0..seeds).map(|seed| nasty::record(&mut Rng::with_seed(seed), bytes)).collect();
    for word in nasty::WORDS {
        let mut text = Vec::with_capacity(bytes);
        nasty::fill(&mut text, word, bytes);
        records.push(text);
    }
    print(&format!(
        "\nhardest: the longest time of a step for a record of {bytes} bytes, of {} records",
        records.len()
    ))?;
    print(&format!("{:<40} {:>8} {:>6}  record", "", "ms", "goal"))?;
    for (name, keys) in steps() {
        let mut step = keys.clone();
        step["optionName"] = json!(name);
        let mut chain = chain_of(&json!([step]))?;
        let (time, record) = records
            .iter()
            .map(|record| (time(&mut chain, record), record))
            .max_by_key(|(time, _)| *time)
            .ok_or(BenchError::Answer("there is no hard record"))?;
        let shown = String::from_utf8_lossy(record.get(..24).unwrap_or(record)).into_owned();
        let keys: String = keys.to_string().chars().take(28).collect();
        print(&format!(
            "{:<40} {:>8.2} {GOAL_MILLIS:>6}  {shown:?}",
            format!("{name} {keys}"),
            time.as_secs_f64() * 1000.0,
        ))?;
    }
    Ok(())
}

/// The best of three: the machine is not what is measured.
fn time(chain: &mut Chain, record: &[u8]) -> Duration {
    let once = |_| {
        let begin = Instant::now();
        let converted = chain.convert(record);
        std::hint::black_box(&converted);
        begin.elapsed()
    };
    (0..3).map(once).min().unwrap_or_default()
}
