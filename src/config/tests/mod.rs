//! The configuration as a whole: text in, configuration or report out.

mod aggregation;
mod converters;
mod cookbook;
mod dead_letters;
mod documents;
mod flow_files;
mod flows;
mod fuzz;
mod inputs;
mod network;
mod partition_key;
mod places;
mod rotated;
mod secrets;
mod shipped;
mod steps;
mod syntax;
mod top_level;
mod unknown_keys;
mod when_done;

use std::path::Path;

use super::{Config, Diagnostic, Environment, FlowConfig, Kind, Report, Severity, load};

/// A flow that is right.
const FLOW: &str = r#"{"filePattern": "/tmp/a.log", "kinesisStream": "s"}"#;

fn try_load(text: &str) -> Result<(Config, Vec<Diagnostic>), Report> {
    load(text, Path::new("agent.json"), &Environment::default())
}

/// Loads what has to load without any warning.
fn loaded(text: &str) -> Config {
    let (config, warnings) = try_load(text).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(warnings, [], "{text}");
    config
}

fn warnings(text: &str) -> Vec<Diagnostic> {
    let (_, warnings) = try_load(text).unwrap_or_else(|report| panic!("{report}"));
    assert!(warnings.iter().all(|warning| warning.severity != Severity::Error));
    warnings
}

fn report(text: &str) -> Report {
    match try_load(text) {
        Ok(_) => panic!("taken: {text}"),
        Err(report) => report,
    }
}

/// The only diagnostic of a text that is wrong: kind, message and help.
fn error(text: &str) -> (Kind, String, String) {
    let report = report(text);
    let [diagnostic] = report.diagnostics.as_slice() else {
        panic!("not one diagnostic: {report}");
    };
    assert_eq!(diagnostic.severity, Severity::Error);
    (diagnostic.kind, diagnostic.message.clone(), diagnostic.help.clone().unwrap_or_default())
}

/// The only warning.
fn warning(text: &str) -> (Kind, String, String) {
    let warnings = warnings(text);
    let [diagnostic] = warnings.as_slice() else {
        panic!("not one warning: {warnings:?}");
    };
    (diagnostic.kind, diagnostic.message.clone(), diagnostic.help.clone().unwrap_or_default())
}

/// A file with top-level entries alongside a flow that is right.
fn top(entries: &str) -> String {
    format!("{{{entries}, \"flows\": [{FLOW}]}}")
}

/// A file with one Kinesis flow that has some more entries.
fn kinesis(entries: &str) -> String {
    let flow = format!("\"filePattern\": \"/tmp/a.log\", \"kinesisStream\": \"s\", {entries}");
    format!("{{\"flows\": [{{{flow}}}]}}")
}

/// A file with one Firehose flow that has some more entries.
fn firehose(entries: &str) -> String {
    let flow = format!("\"filePattern\": \"/tmp/a.log\", \"deliveryStream\": \"s\", {entries}");
    format!("{{\"flows\": [{{{flow}}}]}}")
}

fn flow(text: &str) -> FlowConfig {
    loaded(text).flows.into_iter().next().unwrap()
}
