//! Where `whenDone` moves files that are delivered: whether that can be done, and whether a flow
//! would find them there, and send them again.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::Access;

use super::access::User;
use super::state::{may, refused};
use super::survey::{Ground, real_directory, samples, stream};
use crate::config::{Config, Diagnostic, FlowConfig, Input, Kind, Severity};
use crate::disk::disposal::Disposal;

/// Looks at all flows.
pub(super) fn look(config: &Config, user: &User) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (flow, place) in config.flows.iter().zip(&config.places.patterns) {
        let Some(Disposal::Move(directory)) = flow.when_done.as_ref().map(|done| &done.disposal)
        else {
            continue;
        };
        let finding = obstacle(directory, flow, user)
            .map(|(what, help)| {
                (Kind::Invalid, format!("'whenDone' cannot move files: {what}"), help)
            })
            .or_else(|| {
                again(config, flow, directory).map(|(what, help)| (Kind::Conflict, what, help))
            });
        found.extend(finding.map(|(kind, message, help)| {
            Diagnostic::new(Severity::Broken, kind, place.clone(), message).helped(help)
        }));
    }
    found
}

/// What is in the way of moving files into a directory.
fn obstacle(directory: &Path, flow: &FlowConfig, user: &User) -> Option<(String, String)> {
    let shown = directory.display();
    let there = match fs::metadata(directory) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let help = "create it, on the file system of the logs; it is not created".to_owned();
            return Some((format!("the directory {shown} does not exist"), help));
        }
        Err(error) => {
            let help = "use another directory, or let kinetail's user in".to_owned();
            return Some((user.explain(directory, &error), help));
        }
    };
    if !there.is_dir() {
        let help = "use a directory on the file system of the logs".to_owned();
        return Some((format!("{shown} is not a directory"), help));
    }
    if !may(directory, Access::WRITE_OK | Access::EXEC_OK) {
        return Some(refused(directory, "make a file in", user));
    }
    let base = flow.pattern.base_dir();
    let here = fs::metadata(base).ok()?;
    (here.dev() != there.dev()).then(|| {
        let what = format!("{shown} is on another file system than {}", base.display());
        (what, "use a directory on the file system of the logs".to_owned())
    })
}

/// A flow that matches the moved files: this one, or another one to the same stream.
fn again(config: &Config, flow: &FlowConfig, directory: &Path) -> Option<(String, String)> {
    let (shown, real) = (directory.display(), real_directory(directory));
    let examples = samples(&Ground::of(&flow.pattern), &flow.pattern);
    let finds = |other: &FlowConfig| {
        let ground = Ground::of(&other.pattern);
        let mut names = examples.iter().filter_map(|path| path.file_name());
        names.any(|name| {
            ground.has(&real.join(name)) || other.pattern.matches_path(&directory.join(name))
        })
    };
    if finds(flow) {
        let what = format!("'whenDone' moves files to {shown}, where 'filePattern' matches them");
        let help = "use another directory, or add it to excludePatterns".to_owned();
        return Some((what, help));
    }
    let same_stream = stream(flow, &config.aws);
    let mut others = config.flows.iter().filter(|other| {
        other.input == Input::Files
            && other.id != flow.id
            && stream(other, &config.aws) == same_stream
    });
    others.find(|other| finds(other)).map(|other| {
        let what = format!(
            "'whenDone' moves files to {shown}, where another flow to {} matches them, {}",
            flow.destination,
            other.pattern.text()
        );
        (what, "their lines would be sent twice; use another directory".to_owned())
    })
}
