//! `kinetail status`: how a kinetail that runs is, at a glance, once or again and again.

mod model;
mod screen;
mod text;
mod watch;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::control::{self, ControlError, SocketArgs};
use super::{CliError, output, terminal};
use crate::admin::page::model::Page;
use crate::shown::{self, Escaped};

/// It runs, and something is wrong.
const EXIT_NOT_WELL: u8 = 2;

/// The width of a table that goes to no terminal.
const COLUMNS_DEFAULT: usize = 120;

/// Options of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    socket: SocketArgs,
    /// Only flows and files whose name contains this text.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// Also list files without lag.
    #[arg(long, short)]
    files: bool,
    /// Print JSON, as in /status.
    #[arg(long, conflicts_with_all = ["watch", "files", "filter"])]
    json: bool,
    /// Update the screen continuously, like top; press q to quit.
    #[arg(long, short)]
    watch: bool,
}

/// Shows it. Fails if kinetail cannot be reached; exits with 2 if something is wrong.
pub(super) fn run(args: &StatusArgs) -> Result<ExitCode, CliError> {
    if args.watch && std::io::stdout().is_terminal() {
        watch::run(&args.socket, args.filter.clone().unwrap_or_default())?;
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = control::get(&args.socket, "/status")?;
    let page = parse(&bytes)?;
    let mut out = output::stdout();
    if args.json {
        out.write_all(shown::json(&String::from_utf8_lossy(&bytes)).as_bytes())?;
    } else {
        let columns = terminal::columns().unwrap_or(COLUMNS_DEFAULT);
        let filter = args.filter.as_deref().unwrap_or_default();
        for line in text::lines(&page, filter, args.files, columns) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(if page.is_well() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_WELL) })
}

/// The page, with every text in it as it may be shown: names of files are what others chose.
fn parse(bytes: &[u8]) -> Result<Page, CliError> {
    let page = serde_json::from_slice(bytes).map(escaped).and_then(serde_json::from_value);
    page.map_err(|error| ControlError::Reply(error.to_string()).into())
}

fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => Escaped(text).to_string().into(),
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(keys) => keys.into_iter().map(|(key, item)| (key, escaped(item))).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}
