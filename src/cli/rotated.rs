//! Which files count as rotated ones of a log, for a person: what `rotatedNames` comes to on this
//! machine, now.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::config::FlowConfig;
use crate::disk::OsDisk;
use crate::shown::shown;
use crate::tail::rotated::RotatedNames;
use crate::tail::snapshot::Snapshot;

/// So many logs of a flow are looked at, and so many rotated files of each are named.
const LOGS_MAX: usize = 5;
const NAMES_MAX: usize = 5;

/// So many names of a directory are looked at.
const ENTRIES_MAX: usize = 10_000;

/// The names that count, in words.
pub(super) fn rule(names: &RotatedNames) -> &'static str {
    match names {
        RotatedNames::Common => "common naming schemes",
        RotatedNames::Off => "none, by rotatedNames",
        RotatedNames::Templates(_) => "rotatedNames templates",
    }
}

/// Says for the first logs of a flow which files and directories count.
pub(super) fn describe(flow: &FlowConfig, logs: &[&Path], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  rotated files: {}", rule(&flow.rotated_names))?;
    if matches!(flow.rotated_names, RotatedNames::Off) {
        return Ok(());
    }
    for log in logs.iter().take(LOGS_MAX) {
        writeln!(out, "    {}", Rotated::of(&flow.rotated_names, log).told(log))?;
    }
    Ok(())
}

/// The rotated files of a log.
#[derive(Debug)]
pub(super) struct Rotated {
    /// Where they are searched.
    directories: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Rotated {
    /// Looks for those of a log, by its name and by the one that links lead to.
    pub(super) fn of(names: &RotatedNames, log: &Path) -> Self {
        let real = log.canonicalize().ok();
        let (mut directories, mut files) = (BTreeSet::new(), BTreeSet::new());
        for log in [Some(log), real.as_deref()].into_iter().flatten() {
            let (Some(parent), Some(live)) = (log.parent(), log.file_name()) else { continue };
            for below in std::iter::once("").chain(names.directories()) {
                let directory = if below.is_empty() { parent.into() } else { parent.join(below) };
                let Ok(directory) = directory.canonicalize() else { continue };
                let is_rotated =
                    |name: &OsString| names.reading_of(live.as_bytes(), name.as_bytes()).is_some();
                let found = names_in(&directory).into_iter().filter(is_rotated);
                files.extend(found.map(|name| directory.join(name)));
                directories.insert(directory);
            }
        }
        // A log that has a name like a rotated one is itself all the same.
        files.retain(|file| Some(file) != real.as_ref());
        Self { directories, files }
    }

    /// The log, its rotated files, and where they are searched.
    pub(super) fn told(&self, log: &Path) -> String {
        let name = |path: &Path| shown(path.file_name().unwrap_or_default()).to_string();
        let mut names: Vec<String> = self.files.iter().take(NAMES_MAX).map(|f| name(f)).collect();
        let more = self.files.len() - names.len();
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let names = if names.is_empty() { "none now".to_owned() } else { names.join(", ") };
        let directories: Vec<String> =
            self.directories.iter().map(|directory| shown(directory).to_string()).collect();
        format!("of {}: {names}; searched in {}", name(log), directories.join(", "))
    }

    fn has(&self, file: &Path) -> bool {
        file.canonicalize().is_ok_and(|real| self.files.contains(&real))
    }
}

/// The log of this flow that a file is a rotated one of, if there is one now.
pub(super) fn log_of(flow: &FlowConfig, file: &Path) -> Option<PathBuf> {
    let entries = Snapshot::take(&OsDisk, &flow.pattern, 0).listing.entries;
    let mut logs = entries.iter().map(|entry| entry.path.as_ref()).filter(|log| *log != file);
    logs.find(|log| Rotated::of(&flow.rotated_names, log).has(file)).map(Path::to_path_buf)
}

fn names_in(directory: &Path) -> Vec<OsString> {
    // Why a directory cannot be read is told where its files are.
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.take(ENTRIES_MAX).flatten().map(|entry| entry.file_name()).collect()
}
