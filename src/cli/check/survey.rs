//! What the flows have to do with each other and with kinetail's own files: lines that would be
//! sent twice, and logs that would feed on themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{service, state};
use crate::config::site::Site;
use crate::config::{AwsConfig, Config, Diagnostic, FlowConfig, Input, Kind, Place, Severity};
use crate::disk::OsDisk;
use crate::tail::pattern::{Component, FilePattern};
use crate::tail::snapshot::Snapshot;

/// So many pairs of flows are compared; after that it is left at that.
const PAIRS_MAX: usize = 100_000;

/// So many findings of one sort are enough to see what is wrong.
const FINDINGS_MAX: usize = 20;

/// Looks at all flows.
pub(super) fn look(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let flows = config.flows.iter().zip(&config.places.patterns);
    for (flow, place) in flows.filter(|(flow, _)| flow.input == Input::Files) {
        found.extend(directory(flow, place));
        found.extend(feedback(config, flow, place));
    }
    found.extend(overlaps(config));
    found
}

/// A pattern that is the name of a directory.
fn directory(flow: &FlowConfig, place: &Place) -> Option<Diagnostic> {
    let path = literal(&flow.pattern)?;
    path.is_dir().then(|| {
        let message = format!("'filePattern' {} is a directory", path.display());
        Diagnostic::new(Severity::Broken, Kind::Invalid, place.clone(), message).helped(format!(
            "write {0}/* for the files in it, {0}/** for those below it as well",
            flow.pattern.text().trim_end_matches('/')
        ))
    })
}

/// The path, if the pattern has no wildcards.
fn literal(pattern: &FilePattern) -> Option<PathBuf> {
    let names = pattern.components().iter().map(|component| match component {
        Component::Literal(name) => Some(name),
        Component::AnyDepth | Component::Glob(_) => None,
    });
    let mut path = pattern.base_dir().to_path_buf();
    for name in names {
        path.push(name?);
    }
    Some(path)
}

/// A file of kinetail's own that the flow would follow.
fn feedback(config: &Config, flow: &FlowConfig, place: &Place) -> Option<Diagnostic> {
    let own = state::own_files(config);
    let (what, path, where_it_is) =
        own.into_iter().find(|(_, path, _)| flow.pattern.matches_path(path))?;
    let message = format!("'filePattern' matches {what}, {}", path.display());
    let found = Diagnostic::new(Severity::Broken, Kind::Conflict, place.clone(), message).helped(
        "what is written because of a line would be a line again: add it to excludePatterns, or \
         put it elsewhere",
    );
    Some(match where_it_is {
        Some(place) => found.beside("it is named here", place.clone()),
        None => found,
    })
}

/// Flows that would send the same file to the same stream.
fn overlaps(config: &Config) -> Vec<Diagnostic> {
    let mut streams: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let flows = config.flows.iter().enumerate();
    for (index, flow) in flows.filter(|(_, flow)| flow.input == Input::Files) {
        streams.entry(stream(flow, &config.aws)).or_default().push(index);
    }
    let mut found = Vec::new();
    let mut pairs = 0;
    for mut flows in streams.into_values().filter(|flows| flows.len() > 1) {
        // Only patterns of which one's leading directories begin the other's can meet.
        let base = |index: &usize| config.flows.get(*index).map(|flow| flow.pattern.base_dir());
        flows.sort_by(|a, b| base(a).cmp(&base(b)));
        let mut seen = Seen::default();
        for (at, first) in flows.iter().enumerate() {
            let rest = flows.get(at + 1..).unwrap_or_default();
            let below = |second: &&usize| {
                base(second)
                    .zip(base(first))
                    .is_some_and(|(second, first)| second.starts_with(first))
            };
            for second in rest.iter().take_while(below) {
                pairs += 1;
                if pairs > PAIRS_MAX || found.len() >= FINDINGS_MAX {
                    return found;
                }
                found.extend(overlap(config, *first.min(second), *first.max(second), &mut seen));
            }
        }
    }
    found
}

/// The stream that a flow ships to: its name, and where it is.
fn stream(flow: &FlowConfig, aws: &AwsConfig) -> (String, String, String) {
    let site = Site::of(service(&flow.destination), aws, &flow.aws);
    let region = site.region.map(|(region, _)| region).unwrap_or_default();
    let endpoint = site.endpoint.unwrap_or_default();
    (flow.destination.to_string(), region.to_owned(), endpoint.to_owned())
}

/// The files that flows match now, each listed once.
#[derive(Default)]
struct Seen(BTreeMap<usize, BTreeSet<PathBuf>>);

impl Seen {
    fn files(&mut self, index: usize, flow: &FlowConfig) -> &BTreeSet<PathBuf> {
        self.0.entry(index).or_insert_with(|| {
            let entries = Snapshot::take(&OsDisk, &flow.pattern, 0).listing.entries;
            entries.iter().map(|entry| resolved(&entry.path)).collect()
        })
    }
}

/// Where a file lies, whatever links lead there.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn overlap(config: &Config, first: usize, second: usize, seen: &mut Seen) -> Option<Diagnostic> {
    let (a, b) = (config.flows.get(first)?, config.flows.get(second)?);
    let place = config.places.patterns.get(second)?;
    let shared = seen.files(first, a).clone();
    let now = shared.intersection(seen.files(second, b)).next().cloned();
    let example = now.or_else(|| witness(&a.pattern, &b.pattern))?;
    // Who sends a line in two shapes may mean it.
    let same = format!("{:?}", a.converters) == format!("{:?}", b.converters);
    let severity = if same { Severity::Broken } else { Severity::Warning };
    let message = format!(
        "two flows to {} match the same file, for example {}",
        b.destination,
        example.display()
    );
    let found = Diagnostic::new(severity, Kind::Conflict, place.clone(), message)
        .helped("its lines would be sent twice; narrow a pattern, or use excludePatterns");
    Some(match config.places.patterns.get(first) {
        Some(other) => found.beside("the other flow", other.clone()),
        None => found,
    })
}

/// A path that both match, if one is easily found: what either matches with its wildcards filled
/// in simply.
fn witness(a: &FilePattern, b: &FilePattern) -> Option<PathBuf> {
    let candidates = samples(a, b).into_iter().chain(samples(b, a));
    candidates.into_iter().find(|path| a.matches_path(path) && b.matches_path(path))
}

/// Paths that a pattern matches: its stars are nothing, a letter, a digit, or what the other
/// pattern has between its own.
fn samples(pattern: &FilePattern, other: &FilePattern) -> Vec<PathBuf> {
    let other = fill(other.name_text(), "").to_string_lossy().into_owned();
    let fillings = ["", "x", "1", other.as_str()];
    let directories = pattern.base_dir().to_path_buf();
    let mut samples = Vec::new();
    for filling in fillings {
        let mut path = directories.clone();
        let text: Vec<&str> = pattern.text().split('/').filter(|part| !part.is_empty()).collect();
        let skip = text.len().saturating_sub(parts(pattern));
        for part in text.into_iter().skip(skip).filter(|part| *part != ".") {
            let filled = if part == "**" { "x".into() } else { fill(part, filling) };
            path.push(filled);
        }
        samples.push(path);
    }
    samples
}

/// How many parts of the text stand behind the leading directories.
fn parts(pattern: &FilePattern) -> usize {
    let behind = pattern.components().len();
    // `**` at the end stands for two.
    if pattern.name_text() == "**" { behind - 1 } else { behind }
}

/// A name that the glob matches, with its stars filled in.
fn fill(glob: &str, star: &str) -> OsString {
    let mut name = String::new();
    let mut chars = glob.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '*' => name.push_str(star),
            '?' => name.push('x'),
            '\\' => name.extend(chars.next()),
            '[' => {
                let first = chars.next();
                name.push(first.filter(|first| *first != '!').unwrap_or('x'));
                chars.by_ref().find(|char| *char == ']');
            }
            '{' => {
                let group: String = chars.by_ref().take_while(|char| *char != '}').collect();
                let first = group.split(',').next().unwrap_or_default();
                name.push_str(&first.replace('*', star));
            }
            char => name.push(char),
        }
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_two_patterns_match_is_found() {
        let pattern = |text: &str| FilePattern::parse(text).unwrap();
        for (a, b, path) in [
            ("/l/app.log", "/l/*.log", Some("/l/app.log")),
            ("/l/app.log*", "/l/*.log", Some("/l/app.log")),
            ("/l/app*.log", "/l/a*", Some("/l/app.log")),
            ("/l/**", "/l/a/b.log", Some("/l/a/b.log")),
            ("/l/*/b.log", "/l/a/b.log", Some("/l/a/b.log")),
            ("/l/{a,b}.log", "/l/*.log", Some("/l/a.log")),
            ("/l//a.log", "/l/a.log", Some("/l/a.log")),
            ("/l/app*", "/l/*.log", Some("/l/app.log")),
            ("/l/a*", "/l/b*", None),
            ("/l/a.log", "/m/a.log", None),
            ("/l/*.log", "/l/*.txt", None),
        ] {
            let found = witness(&pattern(a), &pattern(b));
            assert_eq!(found.as_deref(), path.map(Path::new), "{a} {b}");
            assert_eq!(witness(&pattern(b), &pattern(a)).is_some(), path.is_some(), "{b} {a}");
        }
    }
}
