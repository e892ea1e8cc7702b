//! `kinetail import`: imports the checkpoints of the Java agent, or shows what it would import.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::configuration::{self, ConfigArgs};
use super::{CliError, output};
use crate::checkpoint::locate;
use crate::checkpoint::store::{Store, StoreOptions};
use crate::config::Config;
use crate::import::{self, Import, ImportError};
use crate::shown::Escaped;

/// Positions were imported, and some could not be.
const EXIT_WITH_GAPS: u8 = 2;

/// Options of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Path to the Java agent's checkpoint database [default: from the configuration, else in
    /// /var/run/aws-kinesis-agent].
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// Show what would be imported without writing anything.
    #[arg(long)]
    dry_run: bool,
}

/// Imports what can be imported and reports it.
pub(super) fn run(args: &ImportArgs) -> Result<ExitCode, CliError> {
    let config = configuration::load(&args.config)?.config;
    let databases = match &args.from {
        Some(path) => vec![path.clone()],
        None => import::candidates(&config),
    };
    let import =
        if args.dry_run { look(&config, &databases)? } else { adopt(&config, &databases)? };
    let mut out = output::stdout();
    write!(out, "{}", import::table(&import, args.dry_run))?;
    if args.dry_run
        && let Err(error) = import::refuse_users(&import)
    {
        writeln!(out, "importing now would fail: cannot {}", Escaped(error))?;
    }
    Ok(if import.has_gaps() { ExitCode::from(EXIT_WITH_GAPS) } else { ExitCode::SUCCESS })
}

/// What an import would do. Touches neither database.
fn look(config: &Config, databases: &[PathBuf]) -> Result<Import, CliError> {
    locate::refuse_user(&config.checkpoint_file)?;
    let known = locate::known_flows(&config.checkpoint_file, &import::scratch(config))
        .map_err(ImportError::from)?;
    Ok(import::prepare(config, databases, &known, &|_| ())?)
}

fn adopt(config: &Config, databases: &[PathBuf]) -> Result<Import, CliError> {
    let flows: Vec<Arc<str>> =
        config.flows.iter().map(|flow| Arc::from(flow.id.as_str())).collect();
    let (store, _) = Store::open(&config.checkpoint_file, &StoreOptions { flows: flows.clone() })?;
    let mut known = BTreeSet::new();
    for flow in &flows {
        if store.load(flow).map_err(|_| ImportError::StoreClosed)?.known_flow {
            known.insert(flow.to_string());
        }
    }
    let taken = import::prepare(config, databases, &known, &|_| ())
        .and_then(|import| import::commit(&import, &store.handle()).map(|()| import));
    store.close()?;
    Ok(taken?)
}
