//! What a flow would follow if it started now: how many files, which, what is in the way, and, by
//! `sample`, what becomes of their first lines.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;

use super::access::User;
use super::{inputs, nothing, sample};
use crate::cli::{progress, rotated};
use crate::config::{FlowConfig, Input};
use crate::disk::{OsDisk, links};
use crate::shown::{Escaped, counted, shown};
use crate::tail::links::FollowLinks;
use crate::tail::snapshot::Snapshot;

/// How many files are listed by default.
const NAMES_MAX: usize = 10;

/// A file that matches and can be read.
struct Found<'s> {
    path: &'s Path,
    bytes: u64,
    modified: Option<Timestamp>,
}

/// Lists the files that match now. Gives how many files and directories are there and cannot be
/// read: data in them is not sent, and is reported nowhere else.
pub(super) fn describe(
    flow: &FlowConfig,
    user: &User,
    verbose: bool,
    out: &mut dyn Write,
) -> io::Result<usize> {
    if flow.input != Input::Files {
        return inputs::describe(&flow.input, out);
    }
    let snapshot = Snapshot::take(&OsDisk, &flow.pattern, 0);
    let mut found = Vec::new();
    let mut refused = Vec::new();
    for entry in &snapshot.listing.entries {
        match look(&entry.path, flow.pattern.follow_links()) {
            Ok(file) => found.push(file),
            Err(error) => refused.push((entry.path.as_ref(), error)),
        }
    }
    let others = refused.len() + snapshot.problems.len();
    summarize(&found, others, out)?;
    let named = if verbose { found.len() } else { NAMES_MAX };
    for file in found.iter().take(named) {
        writeln!(out, "    {} ({})", shown(&file.path), progress::bytes(file.bytes))?;
    }
    if found.len() > named {
        writeln!(out, "    and {} more (--verbose lists all)", found.len() - named)?;
    }
    let problems = snapshot.problems.iter();
    let problems = problems.map(|problem| (problem.path.as_path(), problem.error.clone().into()));
    let mut unreadable = 0;
    for (path, error) in refused.into_iter().chain(problems) {
        unreadable += usize::from(hides_lines(&error));
        writeln!(out, "    cannot read {}: {}", shown(&path), Escaped(user.explain(path, &error)))?;
    }
    // What `**` enters is a directory.
    let is_deep = flow.pattern.name_text() == "**";
    if found.is_empty() && others > 0 && unreadable == 0 && !is_deep {
        writeln!(
            out,
            "    error: nothing that matches is a file; of a directory write DIRECTORY/*, of a \
             link the path that it should lead to"
        )?;
        unreadable = 1;
    }
    if snapshot.listing.entries.is_empty() && snapshot.problems.is_empty() {
        nothing::explain(flow, out)?;
        return Ok(unreadable);
    }
    for path in
        snapshot.directories.iter().filter_map(|(path, seen)| seen.is_none().then_some(path))
    {
        writeln!(
            out,
            "    directory {} does not exist (yet); will be picked up when created",
            shown(&path)
        )?;
    }
    found.sort_by_key(|file| std::cmp::Reverse(file.modified));
    let newest: Vec<&Path> = found.iter().map(|file| file.path).collect();
    rotated::describe(flow, &newest, out)?;
    Ok(unreadable + sample::describe(flow, &newest, out)?)
}

/// Whether there may be unreadable lines. A link that leads nowhere, a file that was
/// deleted meanwhile and non-regular files have none; one that is not followed may.
fn hides_lines(error: &io::Error) -> bool {
    links::is_refusal(error)
        || !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput)
}

fn look(path: &Path, follow: FollowLinks) -> io::Result<Found<'_>> {
    let file = links::open(path, follow)?;
    let metadata = file.metadata()?;
    let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    Ok(Found { path, bytes: metadata.len(), modified })
}

fn summarize(found: &[Found<'_>], others: usize, out: &mut dyn Write) -> io::Result<()> {
    let bytes = found.iter().map(|file| file.bytes).sum();
    let count = counted(found.len(), "file");
    let newest = found.iter().max_by_key(|file| file.modified);
    match newest {
        None if others == 0 => writeln!(out, "  matching files: none"),
        None => writeln!(out, "  matching files: none readable"),
        Some(newest) => {
            let when = newest.modified.map(|time| time.strftime(", %F %T UTC").to_string());
            writeln!(
                out,
                "  matching files: {count}, {}; newest {}{}",
                progress::bytes(bytes),
                shown(&newest.path),
                when.unwrap_or_default()
            )
        }
    }
}
