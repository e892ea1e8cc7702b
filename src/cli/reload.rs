//! `kinetail reload`: a running kinetail reads its configuration again, and says what came of it.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::control::{self, SocketArgs};
use super::{CliError, output};
use crate::admin::orders::{Outcome, Reply};
use crate::shown::Escaped;

/// Options of `reload`.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

/// Gives the order and waits for the response.
pub(super) fn run(args: &ReloadArgs) -> Result<ExitCode, CliError> {
    tell(&control::order(&args.socket, "/reload", &[])?, "reload")
}

/// Shows the response to an order.
pub(super) fn tell(response: &Reply, what: &str) -> Result<ExitCode, CliError> {
    let mut out = output::stdout();
    for line in &response.lines {
        writeln!(out, "{}", Escaped(line))?;
    }
    let verdict = match response.outcome {
        Outcome::Done => "done",
        Outcome::Partly => "done in part; see above",
        Outcome::Refused => "rejected; nothing was changed",
    };
    writeln!(out, "{what}: {verdict}")?;
    Ok(ExitCode::from(control::exit_code(response)))
}
