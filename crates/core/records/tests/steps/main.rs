//! What each step does, in tables: what goes in, what comes out. And what holds of all of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail that way")]

mod containers;
mod every;
mod fields;
mod filters;
mod formats;
mod headers;
mod hidden;
mod json;
mod manuals;
mod nasty;
mod parsers;
mod properties;
mod redact;
mod secrets;
mod times;

use std::fmt::Write as _;

use kinetail_records::steps::Step;
use kinetail_records::{Chain, Converted, ConverterConfig, OnUnparsable, StepConfig};

/// 2026-11-29T14:00:00.500Z.
const NOW: i64 = 1_795_960_800_500;

/// One step that leaves alone what it cannot read.
fn one(step: impl Step + 'static) -> ConverterConfig {
    ConverterConfig::Step(StepConfig::new(step))
}

fn with(step: impl Step + 'static, on_unparsable: OnUnparsable) -> ConverterConfig {
    ConverterConfig::Step(StepConfig { step: Box::new(step), on_unparsable })
}

fn chain(configs: &[ConverterConfig]) -> Chain {
    let mut chain = Chain::new(configs);
    chain.set_time(NOW);
    chain.set_path(1, "/var/log/app/web.log");
    chain
}

/// What comes out: the text, or why there is none. Behind `?` stands why it could not be read.
fn run(chain: &mut Chain, input: &[u8]) -> String {
    let mut out = match chain.convert(input) {
        Converted::Record(record) => String::from_utf8_lossy(record).into_owned(),
        Converted::Raw { converter, reason, .. } => format!("raw: {converter}: {reason}"),
        Converted::DeadLetter { record, converter, reason, .. } => {
            let record = String::from_utf8_lossy(record);
            format!("dead letter: {}: {converter}: {reason}", record.trim_end())
        }
        Converted::Skipped { reason } => format!("skipped: {reason}"),
    };
    if let (1.., Some(reason)) = chain.take_unparsable() {
        let (_, why) = reason.split_once(": ").unwrap();
        write!(out, "? {why}").unwrap();
    }
    out
}

/// Each input gives its output; without line ends where they are all the same.
fn table(configs: &[ConverterConfig], cases: &[(&str, &str)]) {
    let mut chain = chain(configs);
    for (index, (input, want)) in cases.iter().enumerate() {
        let line = format!("{input}\n");
        let got = run(&mut chain, line.as_bytes());
        let (got, why) = got.split_once("? ").map_or((got.as_str(), None), |(a, b)| (a, Some(b)));
        let got = got.strip_suffix('\n').unwrap_or(got).to_owned();
        let got = why.map_or_else(|| got.clone(), |why| format!("{got} ? {why}"));
        assert_eq!(got, *want, "case {index}: {input:?}");
    }
}
