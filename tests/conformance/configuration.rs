//! Section 1 of the reference: what the configuration of the Java agent means, row by row. Each
//! case is a configuration and what must come of it: a value, a warning or an error.

mod documents;
mod flows;
mod literal;
mod starts;
mod top_level;

use std::path::Path;

use kinetail::config::{Config, Diagnostic, Environment, FlowConfig, Severity, load};

/// What must come of a configuration.
enum Want {
    /// It is taken without a word, and this value comes out.
    Value(fn(&Config) -> String, &'static str),
    /// It is taken, and the only finding says this, whether or not `check` fails for it.
    Warning(&'static str),
    /// The daemon starts with it, and `check` fails: the only finding is an error and says this.
    Broken(&'static str),
    /// It is refused, and some message says this.
    Error(&'static str),
}

/// Section, configuration, outcome.
type Case = (&'static str, Given, Want);

/// What a configuration is made of.
enum Given {
    /// All of it.
    All(&'static str),
    /// Members of the top level, beside a good flow.
    Top(&'static str),
    /// Members of a Kinesis flow.
    Kinesis(&'static str),
    /// Members of a Firehose flow.
    Firehose(&'static str),
}

impl Given {
    fn text(&self) -> String {
        match self {
            Self::All(text) => (*text).to_owned(),
            Self::Top(members) => format!(
                "{{{members}, \"flows\": [{{\"filePattern\": \"/tmp/a.log*\", \
                 \"kinesisStream\": \"s\"}}]}}"
            ),
            Self::Kinesis(members) => format!(
                "{{\"flows\": [{{\"filePattern\": \"/tmp/a.log*\", \"kinesisStream\": \"s\", \
                 {members}}}]}}"
            ),
            Self::Firehose(members) => format!(
                "{{\"flows\": [{{\"filePattern\": \"/tmp/a.log*\", \"deliveryStream\": \"d\", \
                 {members}}}]}}"
            ),
        }
    }
}

fn run(cases: &[Case]) {
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(section, given, want)| {
            let text = given.text();
            let failure = failure(&text, want)?;
            Some(format!("§{section} {text}\n    {failure}"))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn failure(text: &str, want: &Want) -> Option<String> {
    let loaded = load(text, Path::new("agent.json"), &Environment::default());
    match (want, loaded) {
        (Want::Error(wanted), Err(report)) => {
            let found = report.to_string();
            (!found.contains(wanted)).then(|| format!("no {wanted:?} in: {found}"))
        }
        (Want::Error(wanted), Ok(_)) => Some(format!("taken, but should be refused: {wanted}")),
        (_, Err(report)) => Some(format!("refused: {report}")),
        (Want::Value(value, wanted), Ok((config, warnings))) => {
            let found = value(&config);
            // That a name is out of a sample is told, and the start goes on as the Java agent's.
            let is_told = |found: &Diagnostic| !found.message.ends_with(" is a placeholder");
            (found != *wanted || warnings.iter().any(is_told))
                .then(|| format!("{found:?} for {wanted:?}, warnings {warnings:?}"))
        }
        (Want::Warning(wanted), Ok((_, found))) => not_the_only(&found, None, wanted),
        (Want::Broken(wanted), Ok((_, found))) => {
            not_the_only(&found, Some(Severity::Broken), wanted)
        }
    }
}

/// What is there in the place of the one finding that is wanted; of this severity, if one is given.
fn not_the_only(found: &[Diagnostic], severity: Option<Severity>, wanted: &str) -> Option<String> {
    let right = |only: &Diagnostic| {
        severity.is_none_or(|severity| only.severity == severity)
            && only.to_string().contains(wanted)
    };
    let found_it = matches!(found, [only] if right(only));
    let found = || found.iter().map(ToString::to_string).collect::<Vec<_>>();
    (!found_it).then(|| format!("no single {severity:?} {wanted:?} in {:?}", found()))
}

fn first(config: &Config) -> &FlowConfig {
    config.flows.first().unwrap()
}

fn stop_millis(config: &Config) -> String {
    config.shutdown_timeout.as_millis().to_string()
}

fn emits(config: &Config) -> String {
    config.cloudwatch.emit_metrics.to_string()
}

fn records(config: &Config) -> String {
    first(config).max_buffer_records.to_string()
}

fn bytes(config: &Config) -> String {
    first(config).max_buffer_bytes.to_string()
}

fn age_millis(config: &Config) -> String {
    first(config).max_buffer_age.as_millis().to_string()
}

fn position(config: &Config) -> String {
    format!("{:?}", first(config).initial_position)
}

fn partition_key(config: &Config) -> String {
    format!("{:?}", first(config).partition_key)
}

fn id(config: &Config) -> String {
    first(config).id.clone()
}

fn ids(config: &Config) -> String {
    config.flows.iter().map(|flow| flow.id.as_str()).collect::<Vec<_>>().join(" ")
}

fn retry(config: &Config) -> String {
    let retry = first(config).retry;
    format!("{} {}", retry.initial.as_millis(), retry.max.as_millis())
}

fn header_lines(config: &Config) -> String {
    first(config).skip_header_lines.to_string()
}

fn terminator(config: &Config) -> String {
    String::from_utf8(first(config).truncated_record_terminator.clone()).unwrap()
}

fn is_multi_line(config: &Config) -> String {
    first(config).multi_line_start.is_some().to_string()
}

fn converters(config: &Config) -> String {
    first(config).converters.len().to_string()
}

fn keys(config: &Config) -> String {
    config.aws.static_keys.is_some().to_string()
}

fn role(config: &Config) -> String {
    let role = first(config).aws.role.clone();
    role.map(|role| format!("{} {:?}", role.arn, role.external_id)).unwrap_or_default()
}

fn endpoints(config: &Config) -> String {
    let aws = &config.aws;
    let all = [
        &aws.kinesis_endpoint,
        &aws.firehose_endpoint,
        &aws.cloudwatch_endpoint,
        &aws.sts_endpoint,
    ];
    all.map(|url| url.clone().unwrap_or_else(|| "-".to_owned())).join(" ")
}

fn kinesis_region(config: &Config) -> String {
    config.aws.kinesis_region.clone().unwrap_or_default()
}

fn checkpoints(config: &Config) -> String {
    let days = config.checkpoint_ttl.as_secs() / (24 * 60 * 60);
    format!("{} {days}", config.checkpoint_file.display())
}

fn cloudwatch(config: &Config) -> String {
    let config = &config.cloudwatch;
    format!("{} {}", config.namespace, config.flush_interval.as_millis())
}

fn user_agent(config: &Config) -> String {
    format!("{:?}", config.aws.user_agent)
}
