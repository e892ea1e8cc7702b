//! What the configuration of the Java agent makes of lines, case by case.
//!
//! Each case is a row of a table: the section of the reference that it comes from, a name, a
//! configuration, the bytes of a file, and the records or the mistake that must come out. A row
//! goes through the real loader, splitter, chain and packer; only the files and the network are
//! missing. Tables are text, which `table` reads; `records` has what does not fit into one.

mod answers;
mod configuration;
mod instance;
mod records;
mod table;

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use kinetail::batch::pack::{Packer, Source, Stop};
use kinetail::config::{Config, Environment, load};
use kinetail::tail::identity::FileKey;
use kinetail::tail::splitter::Ending;

use crate::support::world::records_of;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Where the behaviour is described.
    pub(crate) section: String,
    /// What is special about it. Section and name together are unique.
    pub(crate) name: String,
    pub(crate) given: Given,
    /// The content of the file, from its start to its final end.
    pub(crate) input: Vec<u8>,
    pub(crate) want: Want,
}

/// The configuration.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    /// The whole file.
    File(String),
    /// The members of the only flow, in JSON without the braces. A pattern and, unless there is
    /// a destination, a Kinesis stream come with it.
    Flow(String),
    /// The items of the only flow's `dataProcessingOptions`, in JSON without the brackets.
    Options(String),
}

/// What must come out.
#[derive(Debug, Clone)]
pub(crate) enum Want {
    /// These records, in order.
    Records(Vec<Vec<u8>>),
    /// The configuration is refused with this in one of the messages.
    Error(String),
    /// The configuration is taken with this in one of the warnings.
    Warning(String),
}

impl Case {
    fn configuration(&self) -> String {
        let members = match &self.given {
            Given::File(text) => return text.clone(),
            Given::Flow(members) => members.clone(),
            Given::Options(items) => format!("\"dataProcessingOptions\": [{items}]"),
        };
        let has = |key: &str| members.contains(&format!("\"{key}\""));
        let mut flow = String::new();
        if !has("filePattern") {
            flow.push_str("\"filePattern\": \"/tmp/app.log*\", ");
        }
        if !has("kinesisStream") && !has("deliveryStream") {
            flow.push_str("\"kinesisStream\": \"s\", ");
        }
        flow.push_str(&members);
        format!("{{\"flows\": [{{{}}}]}}", flow.trim_end_matches([',', ' ']))
    }

    /// What is wrong with the outcome, if anything is.
    fn failure(&self) -> Option<String> {
        let text = self.configuration();
        let loaded = load(&text, Path::new("agent.json"), &Environment::default());
        let told = match &loaded {
            Ok((_, warnings)) => messages(warnings),
            Err(report) => messages(&report.diagnostics),
        };
        match (&self.want, loaded) {
            (Want::Error(fragment), Err(_)) | (Want::Warning(fragment), Ok(_)) => {
                let found = told.iter().any(|message| message.contains(fragment.as_str()));
                (!found).then(|| format!("wanted the message {fragment:?}, got {told:?}"))
            }
            (Want::Error(fragment), Ok(_)) => Some(format!("taken, but wanted {fragment:?}")),
            (_, Err(_)) => Some(format!("refused: {told:?}")),
            (Want::Records(want), Ok((config, _))) => {
                differences(&records(&config, &self.input), want)
            }
        }
    }
}

fn messages(diagnostics: &[kinetail::config::Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

fn differences(got: &[Vec<u8>], want: &[Vec<u8>]) -> Option<String> {
    let show = |record: &[u8]| {
        let text = record.get(..record.len().min(400)).unwrap_or_default().escape_ascii();
        format!("{} bytes: {text}", record.len())
    };
    (got != want).then(|| {
        let got: Vec<String> = got.iter().map(|record| show(record)).collect();
        let want: Vec<String> = want.iter().map(|record| show(record)).collect();
        format!("\n    got  {got:#?}\n    want {want:#?}")
    })
}

/// The records that the first flow makes of a file with this content, in order.
pub(crate) fn records(config: &Config, input: &[u8]) -> Vec<Vec<u8>> {
    batches(config, input).iter().flat_map(|body| records_of(body)).collect()
}

/// The bodies of the requests that the first flow makes of a file with this content.
pub(crate) fn batches(config: &Config, input: &[u8]) -> Vec<Vec<u8>> {
    let mut packer = Packer::new(&config.flows[0].pack_options(), 1);
    let now = Instant::now();
    let mut bodies = Vec::new();
    let mut offset = 0;
    loop {
        let rest = &input[offset..];
        let source =
            Source { file: FileKey(1), offset: offset as u64, ending: Ending::Final, at_end: true };
        let taken = packer.take(source, rest, now);
        offset += taken.used;
        match taken.stop {
            Stop::NeedMore => break,
            Stop::BatchFull => {}
            // What stands behind the footer when it is found is left out by the flow.
            Stop::Footer => offset = input.len(),
            Stop::Overlong => panic!("a row is about records that fit into the reader"),
        }
        bodies.extend(packer.close().map(|(_, mut batch)| batch.body.finish().to_vec()));
    }
    assert_eq!(offset, input.len(), "every byte is accounted for");
    bodies.extend(packer.close().map(|(_, mut batch)| batch.body.finish().to_vec()));
    bodies
}

/// Runs the rows of a table and tells of every one that fails. Says how many rows there are.
pub(crate) fn run(text: &str) -> usize {
    let table = table::read(text);
    let mut names = HashSet::new();
    let failures: Vec<String> = table
        .iter()
        .filter_map(|case| {
            let is_new = names.insert((&case.section, &case.name));
            assert!(is_new, "{} {} stands twice", case.section, case.name);
            let failure = case.failure()?;
            Some(format!("  {} {}: {failure}", case.section, case.name))
        })
        .collect();
    let count = failures.len();
    assert!(failures.is_empty(), "{count} of {} fail:\n{}", table.len(), failures.join("\n"));
    table.len()
}

/// Every table, so that no row can get lost without notice.
#[test]
fn every_row_of_every_table_holds() {
    let rows: usize = [
        include_str!("chain.txt"),
        include_str!("csv_to_json.txt"),
        include_str!("line_starts.txt"),
        include_str!("log_to_json.txt"),
        include_str!("metadata.txt"),
        include_str!("patterns.txt"),
        include_str!("records.txt"),
        include_str!("rejected_patterns.txt"),
        include_str!("single_line.txt"),
    ]
    .into_iter()
    .map(run)
    .sum();
    assert!(rows >= 400, "{rows} rows");
}
