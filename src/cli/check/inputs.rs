//! What a flow would read that follows no files.

use std::io::{self, Write};

use rustix::fs::{Access, access};

use crate::config::{Input, JournalConfig};
use crate::process::journal::Shape;
use crate::shown::{Escaped, shown};

/// Tells of it. Gives how many things are in the way.
pub(super) fn describe(input: &Input, out: &mut dyn Write) -> io::Result<usize> {
    match input {
        Input::Files => Ok(0),
        Input::Journal(journal) => describe_journal(journal, out),
        Input::Stdin => {
            writeln!(out, "  input: standard input, to its end")?;
            writeln!(out, "    a crash or kill loses lines that were read and not delivered")?;
            Ok(0)
        }
    }
}

fn describe_journal(journal: &JournalConfig, out: &mut dyn Write) -> io::Result<usize> {
    writeln!(out, "  input: the systemd journal, through {}", shown(&journal.command))?;
    if let Some(directory) = &journal.directory {
        writeln!(out, "    directory: {}", shown(directory))?;
    }
    let lists = [("units", &journal.units), ("identifiers", &journal.identifiers)];
    for (name, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        writeln!(out, "    {name}: {}", Escaped(values.join(", ")))?;
    }
    if let Some(priority) = journal.priority {
        writeln!(out, "    priority: {priority} and more urgent")?;
    }
    match &journal.shape {
        Shape::Message => writeln!(out, "    record: the message")?,
        Shape::AllFields => writeln!(out, "    record: an object of all fields")?,
        Shape::Fields(names) => writeln!(out, "    record: an object of {}", names.join(", "))?,
    }
    let mut failures = 0;
    if let Err(error) = access(&journal.command, Access::EXEC_OK) {
        failures += 1;
        let command = shown(&journal.command);
        writeln!(out, "    error: cannot run {command}: {error}; set journalCommand")?;
    }
    if let Some(directory) = &journal.directory
        && let Err(error) = access(directory, Access::READ_OK | Access::EXEC_OK)
    {
        failures += 1;
        let directory = shown(directory);
        writeln!(out, "    error: cannot read {directory}: {error}; set journalDirectory")?;
    }
    writeln!(
        out,
        "    users other than root and the packaged unit need the group systemd-journal"
    )?;
    Ok(failures)
}
