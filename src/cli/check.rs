//! `kinetail check`: every mistake at once, what each flow would do, and with `--aws` whether AWS
//! lets it. Changes nothing: no file is written, no record is put.
//!
//! `files` looks at what a flow would follow, `nothing` says why there is nothing, `sample` tries
//! the first lines, `access` says why a file cannot be read, `state` whether kinetail's own can be
//! written (`own` which those are, `socket` and `moved` what else is created), `survey` what flows
//! have to do with each other, `endpoint` where requests go, `network` how they leave this host,
//! `probe` asks AWS.

pub(super) mod access;
mod endpoint;
mod files;
mod inputs;
mod keys;
mod moved;
mod network;
mod nothing;
mod own;
mod probe;
mod sample;
mod socket;
mod state;
mod survey;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::configuration::{self, ConfigArgs, Configuration};
use super::terminal::{self, Stream};
use super::{CliError, output};
use crate::checkpoint::locate;
use crate::config::site::{Service, Site};
use crate::config::{Config, Destination, Diagnostic, FlowConfig, Kind, Place, Severity};
use crate::send::ambient::Ambient;
use crate::send::client::ClientError;
use crate::send::wire::Operation;
use crate::send::{named_files, origin};
use crate::shown::{Escaped, counted, shown};

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Also verify credentials, streams and write permission with AWS; sends no records.
    #[arg(long)]
    aws: bool,
    /// List all matching files, not just the first ten.
    #[arg(short, long)]
    verbose: bool,
}

/// Checks the configuration and says what it would do. Warnings about it are on standard error.
pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, CliError> {
    let configuration = configuration::load(&args.config)?;
    let mut out = output::stdout();
    describe_source(&configuration, &mut out)?;
    let user = access::User::of_process();
    let config = &configuration.config;
    let mut found = state::look(config, &user);
    found.extend(survey::look(config));
    // What the SDK reads for every flow; whoever cannot read it says nothing about the flows.
    if let Err(error) = named_files::refuse() {
        tell(&distinct(found))?;
        return Err(ClientError::from(error).into());
    }
    let runtime = super::runtime()?;
    let ambient = runtime.block_on(Box::pin(Ambient::load()));
    let mut failures = configuration.errors;
    for (flow, place) in config.flows.iter().zip(&config.places.patterns) {
        writeln!(out, "\nflow {}", Escaped(&flow.id))?;
        found.extend(describe_destination(config, flow, place, &ambient, &mut out)?);
        let both = (flow, place);
        found.extend(network::describe_endpoint(&runtime, config, both, &ambient, &mut out)?);
        if let Some(letters) = &flow.dead_letters {
            writeln!(out, "  dead letters in {}", shown(&letters.directory))?;
        }
        failures += files::describe(flow, &user, args.verbose, &mut out)?;
    }
    if args.aws {
        writeln!(out)?;
        let asking = probe::all(config, &ambient, &mut out);
        failures += runtime.block_on(Box::pin(asking))?;
    }
    writeln!(out)?;
    failures += network::describe(&config.aws, &mut out)?;
    writeln!(out, "checkpoint database: {}", shown(&config.checkpoint_file))?;
    let found = distinct(found);
    tell(&found)?;
    failures += found.iter().filter(|found| found.is_error()).count();
    let mut warnings = configuration.warnings
        + configuration.exposed.len()
        + found.iter().filter(|found| !found.is_error()).count();
    for text in &configuration.exposed {
        writeln!(out, "warning: {text}")?;
    }
    match locate::examine(&config.checkpoint_file) {
        Ok(unsafe_about_it) => {
            for text in &unsafe_about_it {
                writeln!(out, "  warning: {text}")?;
            }
            warnings += unsafe_about_it.len();
        }
        Err(error) => {
            failures += 1;
            writeln!(out, "  error: cannot {}", Escaped(error))?;
        }
    }
    let found = match (failures, warnings) {
        (0, 0) => "no errors".to_owned(),
        (0, warnings) => format!("no errors; {} above", counted(warnings, "warning")),
        (failures, _) => counted(failures, "error"),
    };
    writeln!(out, "{}: {found}", shown(&configuration.path))?;
    Ok(ExitCode::from(u8::from(failures > 0)))
}

/// What is the same for several flows is told once.
fn distinct(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    found.into_iter().filter(|found| seen.insert(found.message.clone())).collect()
}

/// Writes findings to standard error, next to the errors of the file.
fn tell(found: &[Diagnostic]) -> io::Result<()> {
    let text: Vec<String> = found.iter().map(|found| format!("{found}\n\n")).collect();
    let text = text.concat();
    output::or_closed(terminal::write(Stream::Stderr, text.as_bytes()))
}

fn describe_source(configuration: &Configuration, out: &mut dyn Write) -> io::Result<()> {
    let flows = counted(configuration.config.flows.len(), "flow");
    writeln!(out, "configuration {}: {flows}", shown(&configuration.path))?;
    for path in &configuration.flow_files {
        writeln!(out, "  flows from {}", shown(&path))?;
    }
    Ok(())
}

/// Where the records of a flow go, and with which identity.
fn describe_destination(
    config: &Config,
    flow: &FlowConfig,
    place: &Place,
    ambient: &Ambient,
    out: &mut dyn Write,
) -> io::Result<Vec<Diagnostic>> {
    let aws = &config.aws;
    let service = service(&flow.destination);
    let site = Site::of(service, aws, &flow.aws);
    let variable = |name: &str| std::env::var(name).ok();
    writeln!(out, "  destination: {}", flow.destination)?;
    let profile = ambient.profile_region();
    writeln!(out, "  region: {}", origin::region(service, &site, profile, variable))?;
    let endpoint = endpoint::of(flow, aws, ambient);
    if let Some(endpoint) = &endpoint {
        writeln!(out, "  endpoint: {} ({})", Escaped(endpoint.shown()), endpoint.source)?;
    }
    let is_file = |path: &std::path::Path| path.is_file();
    let has_keys = ambient.profile_has_keys();
    let credentials = origin::credentials(aws, has_keys, variable, is_file);
    writeln!(out, "  credentials: {credentials}")?;
    if let Some(role) = &flow.aws.role {
        let id = if role.external_id.is_some() { ", with external ID" } else { "" };
        writeln!(out, "  role: {}{id}", role.arn)?;
    }
    let is_custom = endpoint.is_some_and(|endpoint| endpoint.is_custom());
    let no_region = origin::no_region(service, &site, is_custom, profile, variable);
    let missing = no_region.into_iter().chain(origin::no_credentials(&credentials));
    let found = missing.map(|missing| {
        let severity = if missing.may_work { Severity::Warning } else { Severity::Broken };
        Diagnostic::new(severity, Kind::Missing, place.clone(), missing.message)
            .helped(missing.help)
    });
    Ok(found.collect())
}

fn service(destination: &Destination) -> Service {
    Operation::of(destination).service()
}
