//! `kinetail check`: every mistake at once, what each flow would do, and with `--aws` whether AWS
//! lets it. Changes nothing: no file is written, no record is put.
//!
//! `files` looks at what a flow would follow, `access` says why a file cannot be read, `probe` asks
//! AWS.

mod access;
mod endpoint;
mod files;
mod probe;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::configuration::{self, ConfigArgs, Configuration};
use super::{CliError, output};
use crate::checkpoint::place;
use crate::config::site::{Service, Site};
use crate::config::{Destination, FlowConfig};
use crate::send::ambient::Ambient;
use crate::send::origin;
use crate::shown::{Escaped, shown};

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Ask AWS as well: whose the credentials are, whether the streams are there, and whether
    /// records may be put (by a dry run, so that none is).
    #[arg(long)]
    aws: bool,
    /// Name every file that matches, not only the first ten.
    #[arg(short, long)]
    verbose: bool,
}

/// Checks the configuration and says what it would do. Warnings about it are on standard error.
pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, CliError> {
    let configuration = configuration::load(&args.config)?;
    let mut out = output::stdout();
    describe_source(&configuration, &mut out)?;
    let user = access::User::of_process();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    let ambient = runtime.block_on(Box::pin(Ambient::load()));
    let mut failures = configuration.errors;
    for flow in &configuration.config.flows {
        writeln!(out, "\nflow {}", Escaped(&flow.id))?;
        describe_destination(&configuration, flow, &ambient, &mut out)?;
        failures += files::describe(flow, &user, args.verbose, &mut out)?;
    }
    if args.aws {
        writeln!(out)?;
        let asking = probe::all(&configuration.config, &ambient, &mut out);
        failures += runtime.block_on(Box::pin(asking))?;
    }
    writeln!(out, "\ncheckpoints in {}", shown(&configuration.config.checkpoint_file))?;
    let mut warnings = configuration.warnings;
    match place::examine(&configuration.config.checkpoint_file) {
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
        (0, warnings) => format!("no errors; {} above", plural(warnings, "warning")),
        (failures, _) => plural(failures, "error"),
    };
    writeln!(out, "{}: {found}", shown(&configuration.path))?;
    Ok(ExitCode::from(u8::from(failures > 0)))
}

fn describe_source(configuration: &Configuration, out: &mut dyn Write) -> io::Result<()> {
    let flows = plural(configuration.config.flows.len(), "flow");
    writeln!(out, "configuration {}: {flows}", shown(&configuration.path))?;
    for path in &configuration.flow_files {
        writeln!(out, "  with the flows of {}", shown(&path))?;
    }
    Ok(())
}

/// Where the records of a flow go, and as whom.
fn describe_destination(
    configuration: &Configuration,
    flow: &FlowConfig,
    ambient: &Ambient,
    out: &mut dyn Write,
) -> io::Result<()> {
    let aws = &configuration.config.aws;
    let service = service(&flow.destination);
    let site = Site::of(service, aws, &flow.aws);
    let variable = |name: &str| std::env::var(name).ok();
    writeln!(out, "  to {}", flow.destination)?;
    writeln!(out, "  region: {}", origin::region(service, &site, variable))?;
    if let Some(endpoint) = endpoint::of(flow, aws, ambient) {
        writeln!(out, "  endpoint: {} ({})", endpoint.shown(), endpoint.source)?;
    }
    let is_file = |path: &std::path::Path| path.is_file();
    writeln!(out, "  credentials: {}", origin::credentials(aws, variable, is_file))?;
    if let Some(role) = &flow.aws.role {
        let id = if role.external_id.is_some() { ", with an external id" } else { "" };
        writeln!(out, "  role: {}{id}", role.arn)?;
    }
    Ok(())
}

fn service(destination: &Destination) -> Service {
    match destination {
        Destination::Firehose { .. } => Service::Firehose,
        Destination::Kinesis { .. } => Service::Kinesis,
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
