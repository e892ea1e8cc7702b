//! `kinetail export`: hands kinetail's positions to the Java agent, for the way back to it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;

use super::configuration::{self, ConfigArgs};
use super::{CliError, checkpoints, output};
use crate::config::{Config, FlowConfig};
use crate::import::back::{self, Position};
use crate::import::{self, ImportError};
use crate::shown::{counted, shown};

/// Positions were handed over, and something that was not delivered will not be read.
const EXIT_WITH_GAPS: u8 = 2;

/// Options of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Path to the Java agent's checkpoint database [default: from the configuration, else in
    /// /var/run/aws-kinesis-agent].
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
    /// Show what would be exported without writing anything.
    #[arg(long)]
    dry_run: bool,
}

/// Hands over what can be handed over and tells about it.
pub(super) fn run(args: &ExportArgs) -> Result<ExitCode, CliError> {
    let config = configuration::load(&args.config)?.config;
    let database = args.to.clone().or_else(|| import::candidates(&config).into_iter().next());
    let database = database.ok_or(ImportError::NoTarget)?;
    back::refuse(&database, &import::scratch(&config))?;
    let flows = positions(&config)?;
    if !args.dry_run {
        back::write(&database, &flows, SystemTime::now())?;
    }
    let mut out = output::stdout();
    let would = if args.dry_run { "would resume" } else { "resumes" };
    let mut gaps = false;
    for (flow, positions) in &flows {
        let Some((last, older)) = positions.split_last() else {
            writeln!(out, "{flow}: no checkpoint of an existing file")?;
            continue;
        };
        let (path, offset, size) = (shown(&last.path), last.offset, last.size);
        writeln!(out, "{flow}: the Java agent {would} in {path} at offset {offset} of {size}")?;
        for at in older.iter().filter(|at| at.offset < at.size) {
            gaps = true;
            let (path, left) = (shown(&at.path), at.size - at.offset);
            let (left, are) = match left {
                1 => ("byte".to_owned(), "is"),
                _ => (counted(left, "byte"), "are"),
            };
            writeln!(
                out,
                "{flow}: the last {left} of {path} {are} not delivered; the Java \
                           agent does not read them"
            )?;
        }
    }
    writeln!(out, "{}: {}", shown(&database), if args.dry_run { "unchanged" } else { "written" })?;
    Ok(if gaps { ExitCode::from(EXIT_WITH_GAPS) } else { ExitCode::SUCCESS })
}

/// Each configured flow with its positions.
fn positions(config: &Config) -> Result<Vec<(String, Vec<Position>)>, CliError> {
    checkpoints::with_store(config, |store| {
        let load = |flow: &FlowConfig| {
            let loaded = store.load(&Arc::from(flow.id.as_str()));
            let loaded = loaded.map_err(|_| ImportError::StoreClosed)?;
            Ok((flow.id.clone(), back::positions(&loaded.rows)))
        };
        config.flows.iter().map(load).collect()
    })
}
