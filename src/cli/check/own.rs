//! kinetail's own files: which there are, so that no flow follows one, and whether two keys name
//! the same one: what one part writes, another would take for its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::survey::real_place;
use crate::config::{
    AdminSocket, Config, Diagnostic, JavaCheckpoints, Kind, Place, Severity, dead_letter_example,
};

/// What lies alongside the checkpoint database, sooner or later.
const BESIDE_DATABASE: [&str; 7] = ["", "-wal", "-shm", "-journal", ".lock", ".new", ".building"];

/// What follows the name of a log that was moved aside: by logrotate, by kinetail.
const BESIDE_LOG: [&str; 3] = ["", ".1", ".20261120-101530"];

/// A path, the key that it comes from, and the place of that key.
struct Used<'c> {
    key: &'static str,
    path: PathBuf,
    place: Option<&'c Place>,
}

fn sidecar(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The files of the checkpoint database, `log.file` with names that it gets when it is moved aside,
/// and dead letters: each with what it is called and where that is said.
pub(super) fn files(config: &Config) -> Vec<(&'static str, PathBuf, Option<&Place>)> {
    let mut files = Vec::new();
    for ending in ["", "-wal"] {
        let path = sidecar(&config.checkpoint_file, ending);
        files.push(("the checkpoint database", path, config.places.checkpoint_file.as_ref()));
    }
    if let Some(log) = &config.log.file {
        for ending in BESIDE_LOG {
            let path = sidecar(&log.path, ending);
            files.push(("kinetail's own log", path, config.places.log_file.as_ref()));
        }
    }
    for flow in &config.flows {
        if let Some(letters) = &flow.dead_letters {
            let path = dead_letter_example(&letters.directory, &flow.id);
            files.push(("dead letters", path, None));
        }
    }
    files
}

/// Two keys that name one file, or a file that belongs to what the other one names.
pub(super) fn clashes(config: &Config) -> Vec<Diagnostic> {
    let used = used(config);
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (index, one) in used.iter().enumerate() {
        for other in used.iter().take(index) {
            if one.key != other.key && one.path == other.path && told.insert((other.key, one.key)) {
                found.push(clash(config, other, one));
            }
        }
    }
    found
}

/// Every path, as far as links to its directory can be resolved.
fn used(config: &Config) -> Vec<Used<'_>> {
    let places = &config.places;
    let mut used = Vec::new();
    let mut add = |key, path: PathBuf, place| {
        let path = std::path::absolute(&path).unwrap_or(path);
        used.push(Used { key, path: real_place(&path), place });
    };
    add("the configuration", places.file.path.to_path_buf(), None);
    for ending in BESIDE_DATABASE {
        let path = sidecar(&config.checkpoint_file, ending);
        add("'checkpointFile'", path, places.checkpoint_file.as_ref());
    }
    if let JavaCheckpoints::At(path) = &config.java_checkpoints {
        add("'javaCheckpointFile'", path.clone(), None);
    }
    if let Some(log) = &config.log.file {
        add("'log.file'", log.path.clone(), places.log_file.as_ref());
    }
    if let AdminSocket::At(path) = &config.admin_socket {
        add("'admin.socket'", path.clone(), places.admin_socket.as_ref());
    }
    if let Some(path) = &config.aws.ca_file {
        add("'caFile'", path.clone(), None);
    }
    for letters in config.flows.iter().filter_map(|flow| flow.dead_letters.as_ref()) {
        add("'deadLetterDirectory'", letters.directory.clone(), None);
    }
    used
}

fn clash(config: &Config, one: &Used<'_>, other: &Used<'_>) -> Diagnostic {
    let message =
        format!("{} and {} use the same file, {}", one.key, other.key, other.path.display());
    let place = other.place.or(one.place).unwrap_or(&config.places.file);
    let found = Diagnostic::new(Severity::Broken, Kind::Conflict, place.clone(), message)
        .helped("each destroys what the other one has there; use another path for one of them");
    match one.place.filter(|_| other.place.is_some()) {
        Some(place) => found.with_note_at("the other one", place.clone()),
        None => found,
    }
}
