//! From the mirror to the [`Config`]: the outermost map, and the order of the checks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostics::{Diagnostic, Findings, Kind, Report};
use super::file::TopLevelFile;
use super::flow::{CheckedFlow, flow};
use super::parse::{Document, Entry, Node, SyntaxError, Value, parse};
use super::source::Source;
use super::{Config, FlowConfig, JavaCheckpoints, json, network, observability, unknown};
use crate::tail::disk::MIN_FREE_PERCENT_DEFAULT;

/// The checkpoint database, if neither the file nor systemd says where.
pub const CHECKPOINT_FILE_DEFAULT: &str = "/var/lib/kinetail/checkpoints.db";

/// Where the Java agent keeps its checkpoints, if its configuration does not say otherwise.
pub const JAVA_CHECKPOINT_FILE_DEFAULT: &str = "/var/run/aws-kinesis-agent/checkpoints";

/// The checkpoint database's name in the directory that systemd gives.
const CHECKPOINT_FILE_NAME: &str = "checkpoints.db";

/// The longest time that can be asked for anywhere at the top level: a day.
const MILLIS_MAX: u64 = 24 * 60 * 60 * 1000;

/// The longest that checkpoints are kept: a hundred years.
const CHECKPOINT_DAYS_MAX: u64 = 36_500;

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// The memory that batches of all flows share, in bytes.
const MEMORY_BUDGET_BYTES_DEFAULT: u64 = 32 * 1024 * 1024;
const MEMORY_BUDGET_BYTES_MIN: u64 = 4 * 1024 * 1024;
const MEMORY_BUDGET_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// Whether inotify is used.
const NOTIFY: &[(&str, bool)] = &[("auto", true), ("off", false)];

/// A disk that is half empty is not nearly full.
const MIN_FREE_PERCENT_MAX: u64 = 50;

/// What the process's environment has to say. It comes in as a value, so that nothing here looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `STATE_DIRECTORY`, which systemd sets for a unit with `StateDirectory=`. It may be several
    /// directories with `:` between them; the first is used.
    pub state_directory: Option<OsString>,
}

/// Checks a configuration and turns it into types that cannot be wrong. The path is only shown.
///
/// Returns the configuration and the warnings.
///
/// # Errors
/// A report of everything that is wrong, if anything is; warnings are in it, too.
pub fn load(
    text: &str,
    path: &Path,
    environment: &Environment,
) -> Result<(Config, Vec<Diagnostic>), Report> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut findings = Findings::new(Source::new(text, path));
    let config = document(text, &mut findings)
        .and_then(|document| config(&document.root, environment, &mut findings));
    let path = findings.path();
    let diagnostics = findings.finish()?;
    // Without a configuration there was an error, and the report is out already.
    match config {
        Some(config) => Ok((config, diagnostics)),
        None => Err(Report { path, diagnostics }),
    }
}

fn document(text: &str, findings: &mut Findings<'_>) -> Option<Document> {
    let blanked = if json::looks_like_json(text) {
        match json::blank_comments(text) {
            Ok(blanked) => blanked,
            Err((error, span)) => {
                findings.error(Kind::Syntax, &span, error.to_string());
                return None;
            }
        }
    } else {
        text.into()
    };
    match parse(&blanked) {
        Ok(document) => {
            findings.source_mut().learn_secrets(&document);
            for duplicate in &document.duplicates {
                let message = format!("'{}' stands twice", duplicate.key);
                let finding = findings
                    .error(Kind::Duplicate, &duplicate.again, message)
                    .help("take one out; the Java agent would use the last one");
                if let Some(first) = &duplicate.first {
                    finding.related(first, "it stands here first");
                }
            }
            Some(document)
        }
        Err(SyntaxError { message, at }) => {
            let is_unclosed = message.starts_with("unclosed");
            let finding = findings.error(Kind::Syntax, &(at..at), message);
            if !is_unclosed && !json::looks_like_json(text) {
                finding.help(
                    "indent with blanks and no tabs, entries of one list or map alike; put a \
                     value that holds ': ' into quotes",
                );
            }
            None
        }
    }
}

fn config(root: &Node, environment: &Environment, findings: &mut Findings<'_>) -> Option<Config> {
    let entries = match &root.value {
        Value::Map(entries) => entries,
        Value::Null => {
            findings
                .error(Kind::Missing, &root.span, "the file is empty".to_owned())
                .help("config/kinetail.reference.yaml shows what can be in it");
            return None;
        }
        Value::List(_) | Value::Scalar(_) => {
            let message = "the file has to hold a map of keys and values".to_owned();
            findings
                .error(Kind::WrongType, &root.span, message)
                .help("begin with \"flows:\" in YAML, with '{' in JSON");
            return None;
        }
    };
    unknown::warn(entries, &unknown::TOP_LEVEL, findings);
    let file = TopLevelFile::of(entries);
    let flows = flows(&file, entries, findings);
    let days = file.checkpoint_time_to_live_days;
    Some(Config {
        flows,
        checkpoint_file: checkpoint_file(&file, environment, findings),
        checkpoint_file_default: checkpoint_file_default(environment),
        java_checkpoints: match file.java_checkpoint_file.text_not_empty(findings) {
            None | Some(JAVA_CHECKPOINT_FILE_DEFAULT) => JavaCheckpoints::Usual,
            Some("off") => JavaCheckpoints::Off,
            Some(path) => JavaCheckpoints::At(PathBuf::from(path)),
        },
        checkpoint_ttl: Duration::from_secs(
            days.integer(findings, 1..=CHECKPOINT_DAYS_MAX, 7).saturating_mul(SECONDS_A_DAY),
        ),
        aws: network::aws(&file, findings),
        cloudwatch: observability::cloudwatch(&file, findings),
        shutdown_timeout: file.shutdown_timeout_millis.millis(findings, 0..=MILLIS_MAX, 10_000),
        admin: network::admin(&file, findings),
        memory_budget_bytes: file.memory_budget_bytes.count(
            findings,
            MEMORY_BUDGET_BYTES_MIN..=MEMORY_BUDGET_BYTES_MAX,
            MEMORY_BUDGET_BYTES_DEFAULT,
        ),
        min_free_disk_percent: min_free_disk_percent(&file, findings),
        notify: file.notify.choice(findings, NOTIFY, true),
        log: observability::log(&file, findings),
    })
}

fn flows(
    file: &TopLevelFile<'_>,
    entries: &[Entry],
    findings: &mut Findings<'_>,
) -> Vec<FlowConfig> {
    let slot = file.flows;
    let Some(items) = slot.list(findings) else {
        // A value of the wrong type was reported already.
        if slot.node().is_none() {
            let span = slot.span().or_else(|| entries.first().map(|entry| &entry.key_span));
            let span = span.cloned().unwrap_or(0..0);
            findings
                .error(Kind::Missing, &span, "required list missing: 'flows'".to_owned())
                .help("a flow needs \"filePattern\" and \"kinesisStream\" or \"deliveryStream\"");
        }
        return Vec::new();
    };
    if items.is_empty() {
        slot.error(findings, Kind::Missing, "there are no flows in 'flows'".to_owned())
            .help("a flow needs \"filePattern\" and \"kinesisStream\" or \"deliveryStream\"");
    }
    let mut checked: Vec<CheckedFlow> = Vec::new();
    for item in items {
        let Some(flow) = flow(item, findings) else {
            continue;
        };
        match checked.iter().find(|other| other.config.id == flow.config.id) {
            Some(first) => {
                findings
                    .error(
                        Kind::Duplicate,
                        &flow.pattern_span,
                        format!("duplicate flow: {}", flow.config.id),
                    )
                    .related(&first.pattern_span, "the same pattern and stream stand here first")
                    .help("take one out; every line would be delivered twice");
            }
            None => checked.push(flow),
        }
    }
    checked.into_iter().map(|flow| flow.config).collect()
}

fn checkpoint_file(
    file: &TopLevelFile<'_>,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> PathBuf {
    if let Some(text) = file.checkpoint_file.text_not_empty(findings) {
        if text.ends_with('/') {
            let message = format!(
                "'checkpointFile' {} is a directory",
                file.checkpoint_file.quoted(findings)
            );
            file.checkpoint_file
                .error(findings, Kind::Invalid, message)
                .help("add the name of the database, for example checkpoints.db");
        }
        return PathBuf::from(text);
    }
    checkpoint_file_default(environment)
}

fn checkpoint_file_default(environment: &Environment) -> PathBuf {
    let first = environment
        .state_directory
        .as_deref()
        .and_then(|directories| std::env::split_paths(directories).next())
        .filter(|directory| !directory.as_os_str().is_empty());
    first.map_or_else(
        || PathBuf::from(CHECKPOINT_FILE_DEFAULT),
        |directory| directory.join(CHECKPOINT_FILE_NAME),
    )
}

fn min_free_disk_percent(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> u8 {
    let default = u64::from(MIN_FREE_PERCENT_DEFAULT);
    let percent = file.min_free_disk_percent.integer(findings, 0..=MIN_FREE_PERCENT_MAX, default);
    u8::try_from(percent).unwrap_or(MIN_FREE_PERCENT_DEFAULT)
}
