//! `kinetail checkpoints`: positions, listed, saved, set and forgotten. Through the socket while
//! kinetail runs, which drains the flow for that; else in the database, under its lock.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::control::{self, ControlError, SocketArgs};
use super::{CliError, configuration, output, reload};
use crate::admin::orders::Reply;
use crate::admin::socket::{self, Row};
use crate::checkpoint::edit::{self, Edit, To};
use crate::checkpoint::store::{Store, StoreOptions};
use crate::config::Config;
use crate::import::ImportError;
use crate::shown::{self, Escaped};

/// Options of `checkpoints`.
#[derive(Debug, Args)]
// Before and after what is to be done.
#[command(mut_arg("config", |arg| arg.global(true)), mut_arg("socket", |arg| arg.global(true)))]
pub(super) struct CheckpointsArgs {
    #[command(flatten)]
    socket: SocketArgs,
    #[command(subcommand)]
    command: CheckpointsCommand,
}

#[derive(Debug, Subcommand)]
enum CheckpointsCommand {
    /// Print all checkpoints as JSON.
    Export,
    /// Delete checkpoints of a flow; its files are re-read from the beginning.
    Forget {
        /// Flow ID, or a unique part of it.
        flow: String,
        /// One file [default: all files of the flow].
        file: Option<PathBuf>,
    },
    /// List flows, files and their delivered offsets.
    List {
        /// Only flows and files whose name contains this text.
        filter: Option<String>,
    },
    /// Set the offset from which a file is read.
    Set {
        /// Flow ID, or a unique part of it.
        flow: String,
        /// File path.
        file: PathBuf,
        /// Offset of the beginning of a line, or start or end.
        #[arg(value_parser = position)]
        position: To,
    },
}

fn position(text: &str) -> Result<To, String> {
    match text {
        "start" => Ok(To::Offset(0)),
        "end" => Ok(To::End),
        number => number
            .parse()
            .map(To::Offset)
            .map_err(|_| "write start, end, or the number of a byte".to_owned()),
    }
}

/// Runs the subcommand.
pub(super) fn run(args: &CheckpointsArgs) -> Result<ExitCode, CliError> {
    let config = || configuration::load(&args.socket.config).map(|loaded| loaded.config);
    let mut out = output::stdout();
    match &args.command {
        CheckpointsCommand::Export => {
            let rows = rows(&args.socket, &config()?)?;
            let json = serde_json::to_string_pretty(&rows)
                .map_err(|error| ControlError::Reply(error.to_string()))?;
            writeln!(out, "{}", shown::json(&json))?;
        }
        CheckpointsCommand::List { filter } => {
            let filter = filter.as_deref().unwrap_or_default();
            for row in rows(&args.socket, &config()?)? {
                if row.flow.contains(filter) || row.file.contains(filter) {
                    let Row { flow, file, offset, life, .. } = row;
                    writeln!(out, "{}  {}  {offset}  {life}", Escaped(flow), Escaped(file))?;
                }
            }
        }
        CheckpointsCommand::Forget { flow, file } => {
            return change(&args.socket, flow, file.clone(), To::Forget);
        }
        CheckpointsCommand::Set { flow, file, position } => {
            return change(&args.socket, flow, Some(file.clone()), *position);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All checkpoints, from the kinetail that runs or from its database.
pub(super) fn rows(socket: &SocketArgs, config: &Config) -> Result<Vec<Row>, CliError> {
    match control::get(socket, "/checkpoints") {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)
            .map_err(|error| ControlError::Reply(error.to_string()))?),
        Err(ControlError::NotThere(_) | ControlError::Refused { .. }) => stored(config),
        Err(error) => Err(error.into()),
    }
}

fn stored(config: &Config) -> Result<Vec<Row>, CliError> {
    with_store(config, |store| {
        let all = super::runtime()?.block_on(store.handle().all_async());
        Ok(socket::rows_of(&all.map_err(|_| ImportError::StoreClosed)?))
    })
}

/// Works on the database, which no other process has open meanwhile.
pub(super) fn with_store<T>(
    config: &Config,
    work: impl FnOnce(&Store) -> Result<T, CliError>,
) -> Result<T, CliError> {
    if config.checkpoint_file.try_exists().is_ok_and(|there| !there) {
        return Err(ImportError::NothingOwn { path: config.checkpoint_file.clone() }.into());
    }
    let flows = config.flows.iter().map(|flow| Arc::from(flow.id.as_str())).collect();
    let (store, _) = Store::open(&config.checkpoint_file, &StoreOptions { flows })?;
    let done = work(&store)?;
    store.close()?;
    Ok(done)
}

fn change(
    socket: &SocketArgs,
    flow: &str,
    file: Option<PathBuf>,
    to: To,
) -> Result<ExitCode, CliError> {
    let config = configuration::load(&socket.config)?.config;
    let rows = rows(socket, &config)?;
    let ids = config.flows.iter().map(|flow| flow.id.as_str());
    let flow = match only(flow, ids.chain(rows.iter().map(|row| row.flow.as_str()))) {
        Ok(flow) => flow,
        Err(text) => return reload::tell(&Reply::refused(text), "checkpoints"),
    };
    let cwd = std::env::current_dir().map_err(CliError::WorkingDirectory)?;
    let edit = Edit { flow, file: file.map(|file| cwd.join(file)), to };
    let body = serde_json::to_vec(&edit).map_err(|error| ControlError::Reply(error.to_string()))?;
    let response = match control::order(socket, "/checkpoints", &body) {
        Ok(response) => response,
        Err(ControlError::NotThere(_) | ControlError::Refused { .. }) => {
            let flow = config.flows.iter().find(|flow| flow.id == edit.flow);
            let follows = |path: &Path| flow.is_some_and(|flow| flow.pattern.matches_path(path));
            with_store(&config, |store| {
                Ok(Reply::of_edit(edit::edit(&store.handle(), &edit, &follows)))
            })?
        }
        Err(error) => return Err(error.into()),
    };
    reload::tell(&response, "checkpoints")
}

/// The one flow that is meant.
fn only<'a>(written: &str, ids: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let mut near: Vec<&str> = ids.filter(|id| id.contains(written)).collect();
    near.sort_unstable();
    near.dedup();
    match near.as_slice() {
        [] => Err(format!("no flow ID contains {written:?}")),
        [id] => Ok((*id).to_owned()),
        several if several.contains(&written) => Ok(written.to_owned()),
        several => Err(format!("several flows are meant: {}", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_meant_by_its_id_or_by_a_part_that_no_other_has() {
        let ids = ["kinesis:a:/x", "kinesis:a:/xy", "fh:b:/z", "fh:b:/z"];
        let only = |written: &str| only(written, ids.into_iter());
        assert_eq!(only("fh").as_deref(), Ok("fh:b:/z"));
        assert_eq!(only("kinesis:a:/x").as_deref(), Ok("kinesis:a:/x"));
        assert!(only("kinesis").unwrap_err().contains("several"));
        assert!(only("q").is_err());
    }

    #[test]
    fn positions_are_words_or_numbers() {
        assert_eq!(position("start"), Ok(To::Offset(0)));
        assert_eq!(position("end"), Ok(To::End));
        assert_eq!(position("17"), Ok(To::Offset(17)));
        assert!(position("-1").is_err());
    }
}
