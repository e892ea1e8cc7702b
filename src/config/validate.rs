//! From the mirror to the [`Config`]: the outermost map, and the order of the checks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostics::{Diagnostic, Findings, Kind, Report, Severity};
use super::document::{document, missing_blank};
use super::file::{IGNORED_TOP_LEVEL, TopLevelFile};
use super::file_pattern::FOLLOW_LINKS;
use super::flow::{CheckedFlows, FlowDefaults, flow};
use super::parse::{Entry, Node, Span, Value};
use super::slot::Slot;
use super::source::Source;
use super::{
    Config, Input, JavaCheckpoints, Places, Variables, dead_letters, drop_in, emptied, expand,
    ignored, network, observability, unexpanded, unknown,
};
use crate::tail::links::FollowLinks;
use crate::tail::space::MIN_FREE_PERCENT_DEFAULT;

/// The checkpoint database, if neither the file nor systemd says where.
const CHECKPOINT_FILE_DEFAULT: &str = "/var/lib/kinetail/checkpoints.db";

/// Where the Java agent keeps its checkpoints, if its configuration does not say otherwise.
pub(crate) const JAVA_CHECKPOINT_FILE_DEFAULT: &str = "/var/run/aws-kinesis-agent/checkpoints";

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
    /// Where files lie whose flows are added; [`super::FLOW_DIRECTORY`] but in tests.
    pub flow_directory: Option<PathBuf>,
    /// The variables that `expandEnvironment: true` and `{env.NAME}` in a template take values
    /// from.
    pub variables: Variables,
    /// What this host is called: `{host}` in a template.
    pub host: Option<String>,
}

/// The text of a file. The path is only shown.
#[derive(Debug, Clone, Copy)]
pub struct SourceText<'t> {
    /// Where it was read.
    pub path: &'t Path,
    /// All of it.
    pub text: &'t str,
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
    load_all(SourceText { path, text }, &[], environment)
}

/// As [`load`], with the flows of other files added to those of the main one, in this order.
///
/// # Errors
/// As [`load`].
pub(super) fn load_all(
    main: SourceText<'_>,
    drop_ins: &[SourceText<'_>],
    environment: &Environment,
) -> Result<(Config, Vec<Diagnostic>), Report> {
    let text = without_mark(main.text);
    let mut findings = Findings::new(Source::new(text, main.path));
    let mut document = document(text, &mut findings);
    let mut variables = None;
    if let Some(document) = &mut document
        && expand::is_wanted(&document.root)
    {
        variables = Some(&environment.variables);
        expand::expand(&mut document.root, &environment.variables, &mut findings);
    }
    let mut checked = CheckedFlows::default();
    let alone = drop_ins.is_empty();
    let config = document.as_ref().and_then(|document| {
        config(&document.root, alone, environment, &mut checked, &mut findings)
    });
    let defaults = FlowDefaults {
        environment,
        aws: config.as_ref().map(|config| &config.aws),
        follow_links: config
            .as_ref()
            .map_or_else(FollowLinks::default, |config| config.follow_links),
        variables,
    };
    let mut elsewhere = Vec::new();
    for file in drop_ins {
        let file = SourceText { text: without_mark(file.text), ..*file };
        elsewhere.extend(drop_in::add(&file, defaults, &mut checked));
    }
    let fails = |found: &Diagnostic| found.severity == Severity::Error;
    if checked.flows.is_empty() && !findings.has_errors() && !elsewhere.iter().any(fails) {
        no_flows(&(0..0), "no flows configured", &mut findings);
    }
    let path = findings.path();
    let mut diagnostics = findings.finish();
    diagnostics.append(&mut elsewhere);
    diagnostics.append(&mut dead_letters::feedback(&checked.flows));
    match config {
        Some(config) if !diagnostics.iter().any(fails) => {
            Ok((with_flows(config, checked), diagnostics))
        }
        Some(_) | None => Err(Report { path, diagnostics }),
    }
}

/// The byte order mark that some editors put first is no part of the text.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn with_flows(mut config: Config, checked: CheckedFlows) -> Config {
    config.places.patterns = checked.flows.iter().map(|flow| flow.pattern_place.clone()).collect();
    config.places.written = checked.flows.iter().map(|flow| flow.written.clone()).collect();
    config.flows = checked.flows.into_iter().map(|flow| flow.config).collect();
    config.aws.flow_region = config.flows.iter().find_map(|flow| flow.aws.region.clone());
    config
}

/// Everything but the flows, which go to `checked`.
fn config(
    root: &Node,
    alone: bool,
    environment: &Environment,
    checked: &mut CheckedFlows,
    findings: &mut Findings<'_>,
) -> Option<Config> {
    let entries = match &root.value {
        Value::Map(entries) => entries,
        Value::Null => {
            findings
                .error(Kind::Missing, &root.span, "the file is empty".to_owned())
                .help("see config/kinetail.reference.yaml for all keys");
            return None;
        }
        Value::List(_) | Value::Scalar(_) => {
            let message = "expected a map at the top level".to_owned();
            let help = missing_blank(root, findings)
                .unwrap_or_else(|| "begin with \"flows:\" in YAML, with '{' in JSON".to_owned());
            findings.error(Kind::WrongType, &root.span, message).help(help);
            return None;
        }
    };
    unknown::warn(entries, &unknown::TOP_LEVEL, findings);
    ignored::check(entries, IGNORED_TOP_LEVEL, findings);
    let file = TopLevelFile::of(entries);
    // Whether it is true was looked at before the values were.
    file.expand_environment.boolean(findings, false);
    let aws = network::aws(&file, findings);
    let follow_links = file.follow_links.choice(findings, FOLLOW_LINKS, FollowLinks::default());
    if let Some(items) = flow_items(&file, entries, alone, findings) {
        let defaults = FlowDefaults { environment, aws: Some(&aws), follow_links, variables: None };
        add_flows(items, defaults, checked, findings);
    }
    let days = file.checkpoint_time_to_live_days;
    let config = Config {
        flows: Vec::new(),
        follow_links,
        checkpoint_file: checkpoint_file(&file, environment, findings),
        checkpoint_file_default: checkpoint_file_default(environment),
        java_checkpoints: match file.java_checkpoint_file.text_not_empty(findings) {
            None | Some(JAVA_CHECKPOINT_FILE_DEFAULT) => JavaCheckpoints::Usual,
            Some("off") => JavaCheckpoints::Off,
            Some(path) => JavaCheckpoints::At(PathBuf::from(path)),
        },
        checkpoint_ttl: Duration::from_secs(
            days.nearest_integer(findings, 1..=CHECKPOINT_DAYS_MAX, 7)
                .saturating_mul(SECONDS_A_DAY),
        ),
        aws,
        sandbox: false,
        cloudwatch: observability::cloudwatch(&file, findings),
        shutdown_timeout: file.shutdown_timeout_millis.late().nearest_millis(
            findings,
            0..=MILLIS_MAX,
            10_000,
        ),
        admin: network::admin(&file, findings),
        admin_socket: network::admin_socket(&file, findings),
        memory_budget_bytes: file.memory_budget_bytes.count(
            findings,
            MEMORY_BUDGET_BYTES_MIN..=MEMORY_BUDGET_BYTES_MAX,
            MEMORY_BUDGET_BYTES_DEFAULT,
        ),
        min_free_disk_percent: min_free_disk_percent(&file, findings),
        notify: file.notify.choice(findings, NOTIFY, true),
        log: observability::log(&file, findings),
        places: places(&file, findings),
    };
    unexpanded::check(entries, findings);
    emptied::check(entries, findings);
    Some(config)
}

fn places(file: &TopLevelFile<'_>, findings: &Findings<'_>) -> Places {
    let place = |slot: Slot<'_>| slot.span().map(|span| findings.place(span));
    Places {
        patterns: Vec::new(),
        written: Vec::new(),
        checkpoint_file: place(file.checkpoint_file),
        admin_socket: place(file.admin_socket),
        log_file: place(file.log_file),
        file: findings.place(&(0..0)),
    }
}

/// The items of `flows`. A file that is not alone may go without.
fn flow_items<'a>(
    file: &TopLevelFile<'a>,
    entries: &[Entry],
    alone: bool,
    findings: &mut Findings<'_>,
) -> Option<&'a [Node]> {
    let slot = file.flows;
    let Some(items) = slot.list(findings) else {
        // A value of the wrong type was reported already.
        if slot.node().is_none() && (alone || slot.is_null()) {
            let span = slot.span().or_else(|| entries.first().map(|entry| &entry.key_span));
            let span = span.cloned().unwrap_or(0..0);
            no_flows(&span, "required list missing: 'flows'", findings);
        }
        return None;
    };
    if items.is_empty() && alone {
        let span = slot.span().cloned().unwrap_or(0..0);
        no_flows(&span, "no flows configured in 'flows'", findings);
    }
    Some(items)
}

fn no_flows(at: &Span, message: &str, findings: &mut Findings<'_>) {
    findings
        .error(Kind::Missing, at, message.to_owned())
        .help("a flow requires \"filePattern\" and \"kinesisStream\" or \"deliveryStream\"");
}

/// Checks flows and adds those that have an id to `checked`, each id once.
pub(super) fn add_flows(
    items: &[Node],
    defaults: FlowDefaults<'_>,
    checked: &mut CheckedFlows,
    findings: &mut Findings<'_>,
) {
    for item in items {
        let Some(flow) = flow(item, defaults, findings) else {
            continue;
        };
        if flow.config.input == Input::Stdin
            && let Some(first) = checked.of_stdin()
        {
            let message = "a second flow of standard input".to_owned();
            findings
                .error(Kind::Duplicate, &flow.pattern_span, message)
                .related_place(first.pattern_place.clone(), "the first one")
                .help("standard input can be used by one flow only");
            continue;
        }
        match checked.with_id(&flow.config.id) {
            Some(first) => {
                let message = format!("duplicate flow: {}", flow.config.id);
                let label = "first defined here";
                let span = flow.pattern_span;
                findings
                    .error(Kind::Duplicate, &span, message)
                    .related_place(first.pattern_place.clone(), label)
                    .help("remove one, or every line will be delivered twice");
            }
            None => checked.push(flow),
        }
    }
}

fn checkpoint_file(
    file: &TopLevelFile<'_>,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> PathBuf {
    if let Some(text) = file.checkpoint_file.text_not_empty(findings) {
        file.checkpoint_file.refuse_odd_path(text, findings);
        if text.ends_with('/') {
            let message = format!(
                "'checkpointFile' {} is a directory",
                file.checkpoint_file.quoted(findings)
            );
            file.checkpoint_file
                .tolerated(findings, Kind::Invalid, message)
                .help("append a file name, e.g. checkpoints.db");
        }
        // A slash at the end means nothing to Java.
        let trimmed = text.trim_end_matches('/');
        return PathBuf::from(if trimmed.is_empty() { text } else { trimmed });
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
