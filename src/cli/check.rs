//! `kinetail check`: every mistake at once, and what each flow would do. Opens no log file and
//! no connection.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{CliError, ConfigArgs, load};
use crate::tail::snapshot::Snapshot;

/// Checks the configuration and lists the files that match now.
pub(super) fn run(args: &ConfigArgs) -> Result<ExitCode, CliError> {
    let config = load(args)?;
    let mut out = io::stdout().lock();
    for flow in &config.flows {
        writeln!(out, "flow {}", flow.id)?;
        writeln!(out, "  to {}", flow.destination)?;
        let snapshot = Snapshot::take(&flow.pattern, 0);
        let entries = &snapshot.listing.entries;
        writeln!(out, "  files that match now: {}", entries.len())?;
        for entry in entries {
            match crate::tail::file::open(&entry.path) {
                Ok(_) => writeln!(out, "    {}", entry.path.display())?,
                Err(error) => {
                    writeln!(out, "    {} (cannot be read: {error})", entry.path.display())?;
                }
            }
        }
        for problem in &snapshot.problems {
            writeln!(out, "    {} (left out: {})", problem.path.display(), problem.error)?;
        }
    }
    writeln!(out, "checkpoints in {}", config.checkpoint_file.display())?;
    writeln!(out, "{}: no errors", args.config.display())?;
    Ok(ExitCode::SUCCESS)
}
