//! What the configuration of the Java agent makes of lines, case by case.
//!
//! Each case is a row of a table: the section of the reference that it comes from, a name, a
//! configuration, the bytes of a file, and the records or the mistake that must come out. A row
//! goes through the real loader, splitter, chain and packer; only the files and the network are
//! missing.

mod converters;
mod patterns;
mod records;

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use kinetail::batch::pack::{Packer, Source, Stop};
use kinetail::config::{Config, Environment, load};
use kinetail::tail::identity::FileKey;
use kinetail::tail::splitter::Ending;

use crate::support::world::records_of;

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Where the behaviour is described.
    pub(crate) section: &'static str,
    /// What is special about it. Section and name together are unique.
    pub(crate) name: &'static str,
    pub(crate) given: Given,
    /// The content of the file, from its start to its final end.
    pub(crate) input: &'static [u8],
    pub(crate) want: Want,
}

/// The configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given {
    /// The whole file.
    File(&'static str),
    /// The members of the only flow, in JSON without the braces. A pattern and, unless there is
    /// a destination, a Kinesis stream come with it.
    Flow(&'static str),
    /// The items of the only flow's `dataProcessingOptions`, in JSON without the brackets.
    Options(&'static str),
}

/// What must come out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Want {
    /// These records, in order.
    Bytes(&'static [&'static [u8]]),
    /// The configuration is refused with this in one of the messages.
    Error(&'static str),
    /// These records, in order.
    Text(&'static [&'static str]),
    /// The configuration is taken with this in one of the warnings.
    Warning(&'static str),
}

impl Case {
    /// A row about converters.
    pub(crate) const fn options(
        section: &'static str,
        name: &'static str,
        options: &'static str,
        input: &'static str,
        want: &'static [&'static str],
    ) -> Self {
        let given = Given::Options(options);
        Self { section, name, given, input: input.as_bytes(), want: Want::Text(want) }
    }

    /// A row about the keys of a flow.
    pub(crate) const fn flow(
        section: &'static str,
        name: &'static str,
        flow: &'static str,
        input: &'static str,
        want: &'static [&'static str],
    ) -> Self {
        let given = Given::Flow(flow);
        Self { section, name, given, input: input.as_bytes(), want: Want::Text(want) }
    }

    /// A row about bytes that are not text.
    pub(crate) const fn bytes(
        section: &'static str,
        name: &'static str,
        given: Given,
        input: &'static [u8],
        want: &'static [&'static [u8]],
    ) -> Self {
        Self { section, name, given, input, want: Want::Bytes(want) }
    }

    /// A row about a configuration that must be refused.
    pub(crate) const fn error(
        section: &'static str,
        name: &'static str,
        given: Given,
        fragment: &'static str,
    ) -> Self {
        Self { section, name, given, input: b"", want: Want::Error(fragment) }
    }

    /// A row about a configuration that is taken with a warning.
    pub(crate) const fn warning(
        section: &'static str,
        name: &'static str,
        given: Given,
        fragment: &'static str,
    ) -> Self {
        Self { section, name, given, input: b"", want: Want::Warning(fragment) }
    }

    fn configuration(&self) -> String {
        let members = match self.given {
            Given::File(text) => return text.to_owned(),
            Given::Flow(members) => members.to_owned(),
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
        match (self.want, loaded) {
            (Want::Error(fragment), Err(_)) | (Want::Warning(fragment), Ok(_)) => {
                let found = told.iter().any(|message| message.contains(fragment));
                (!found).then(|| format!("wanted the message {fragment:?}, got {told:?}"))
            }
            (Want::Error(fragment), Ok(_)) => Some(format!("taken, but wanted {fragment:?}")),
            (_, Err(_)) => Some(format!("refused: {told:?}")),
            (Want::Text(want), Ok((config, _))) => {
                let want: Vec<&[u8]> = want.iter().map(|record| record.as_bytes()).collect();
                differences(&records(&config, self.input), &want)
            }
            (Want::Bytes(want), Ok((config, _))) => {
                differences(&records(&config, self.input), want)
            }
        }
    }
}

fn messages(diagnostics: &[kinetail::config::Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

fn differences(got: &[Vec<u8>], want: &[&[u8]]) -> Option<String> {
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
    let mut packer = Packer::new(&config.flows[0], 1);
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

/// Runs the rows of a table and tells of every one that fails.
pub(crate) fn run(table: &[Case]) {
    let mut names = HashSet::new();
    let failures: Vec<String> = table
        .iter()
        .filter_map(|case| {
            assert!(names.insert((case.section, case.name)), "{} stands twice", case.name);
            let failure = case.failure()?;
            Some(format!("  {} {}: {failure}", case.section, case.name))
        })
        .collect();
    let count = failures.len();
    assert!(failures.is_empty(), "{count} of {} fail:\n{}", table.len(), failures.join("\n"));
}
