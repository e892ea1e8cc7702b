//! What the flows have to do with each other and with kinetail's own files: lines that would be
//! sent twice, and logs that would feed on themselves.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{own, service};
use crate::config::site::Site;
use crate::config::{AwsConfig, Config, Diagnostic, FlowConfig, Input, Kind, Place, Severity};
use crate::disk::{OsDisk, links};
use crate::tail::pattern::{Component, FilePattern};
use crate::tail::snapshot::Snapshot;

/// So many pairs of flows are compared; after that it is left at that.
const PAIRS_MAX: usize = 100_000;

/// So many findings of one sort are enough.
const FINDINGS_MAX: usize = 20;

/// Looks at all flows.
pub(super) fn look(config: &Config) -> Vec<Diagnostic> {
    let files: Vec<Files> = config.flows.iter().map(files_of).collect();
    let mut found = Vec::new();
    let flows = config.flows.iter().zip(&config.places.patterns).zip(&files);
    for ((flow, place), files) in flows.filter(|((flow, _), _)| flow.input == Input::Files) {
        found.extend(directory(flow, place));
        found.extend(feedback(config, flow, files, place));
    }
    found.extend(overlaps(config, &files));
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

/// A file of kinetail's own that the flow would follow, by whatever name.
fn feedback(
    config: &Config,
    flow: &FlowConfig,
    files: &Files,
    place: &Place,
) -> Option<Diagnostic> {
    let ground = Ground::of(&flow.pattern);
    let is_followed = |path: &Path| {
        flow.pattern.matches_path(path)
            || ground.has(&real_place(path))
            || identity(path).is_some_and(|own| files.contains_key(&own))
    };
    let own = own::files(config);
    let (what, path, where_it_is) = own.into_iter().find(|(_, path, _)| is_followed(path))?;
    let message = format!("'filePattern' matches {what}, {}", path.display());
    let found = Diagnostic::new(Severity::Broken, Kind::Conflict, place.clone(), message)
        .helped("kinetail would follow its own output; add it to excludePatterns, or move it");
    Some(match where_it_is {
        Some(place) => found.with_note_at("defined here", place.clone()),
        None => found,
    })
}

/// Flows that would send the same file to the same stream: first those that have one in common
/// now, whatever links lead there, then those whose patterns can meet.
fn overlaps(config: &Config, files: &[Files]) -> Vec<Diagnostic> {
    let mut streams: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let flows = config.flows.iter().enumerate();
    for (index, flow) in flows.filter(|(_, flow)| flow.input == Input::Files) {
        streams.entry(stream(flow, &config.aws)).or_default().push(index);
    }
    let mut pairs: BTreeMap<(usize, usize), PathBuf> = BTreeMap::new();
    for flows in streams.into_values().filter(|flows| flows.len() > 1) {
        sharing(&flows, files, &mut pairs);
        meeting(config, flows, &mut pairs);
    }
    pairs.into_iter().filter_map(|(pair, example)| overlap(config, pair, &example)).collect()
}

/// Pairs of flows that match one file now.
fn sharing(flows: &[usize], files: &[Files], pairs: &mut BTreeMap<(usize, usize), PathBuf>) {
    let mut owners: BTreeMap<Identity, usize> = BTreeMap::new();
    for flow in flows {
        for (file, path) in files.get(*flow).into_iter().flatten() {
            if pairs.len() >= FINDINGS_MAX {
                return;
            }
            let owner = *owners.entry(*file).or_insert(*flow);
            if owner != *flow {
                pairs.entry((owner, *flow)).or_insert_with(|| path.clone());
            }
        }
    }
}

/// Pairs of flows whose patterns match one path, with a file there or not.
fn meeting(config: &Config, flows: Vec<usize>, pairs: &mut BTreeMap<(usize, usize), PathBuf>) {
    let ground =
        |index: usize| config.flows.get(index).map(|flow| (index, Ground::of(&flow.pattern)));
    let mut grounds: Vec<(usize, Ground<'_>)> = flows.into_iter().filter_map(ground).collect();
    // Only patterns of which one's leading directories begin the other's can meet.
    grounds.sort_by(|(_, a), (_, b)| a.base.cmp(&b.base));
    let mut compared = 0;
    for (at, (first, a)) in grounds.iter().enumerate() {
        let rest = grounds.get(at + 1..).unwrap_or_default();
        for (second, b) in rest.iter().take_while(|(_, b)| b.base.starts_with(&a.base)) {
            compared += 1;
            if compared > PAIRS_MAX || pairs.len() >= FINDINGS_MAX {
                return;
            }
            let pair = (*first.min(second), *first.max(second));
            if !pairs.contains_key(&pair) {
                pairs.extend(witness(a, b).map(|path| (pair, path)));
            }
        }
    }
}

/// The stream that a flow ships to: its name, and where it is.
pub(super) fn stream(flow: &FlowConfig, aws: &AwsConfig) -> (String, String, String) {
    let site = Site::of(service(&flow.destination), aws, &flow.aws);
    let region = site.region.map(|(region, _)| region).unwrap_or_default();
    let endpoint = site.endpoint.unwrap_or_default();
    (flow.destination.to_string(), region.to_owned(), endpoint.to_owned())
}

/// A file, whatever its name: device and inode.
type Identity = (u64, u64);

/// The files that a flow follows now, by one of their names each.
type Files = BTreeMap<Identity, PathBuf>;

fn files_of(flow: &FlowConfig) -> Files {
    let entries = Snapshot::take(&OsDisk, &flow.pattern, 0).listing.entries;
    let follow = flow.pattern.follow_links();
    let followed = entries.iter().filter(|entry| links::check(&entry.path, follow).is_ok());
    followed.filter_map(|entry| Some((identity(&entry.path)?, entry.path.to_path_buf()))).collect()
}

fn identity(path: &Path) -> Option<Identity> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// Where a name really is, whatever links lead to its directory. The name itself, and directories
/// that are not there, are taken as they are.
pub(super) fn real_place(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real_directory(parent).join(name),
        _ => path.to_path_buf(),
    }
}

pub(super) fn real_directory(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| real_place(path))
}

/// A pattern and where its leading directories really are.
pub(super) struct Ground<'p> {
    pattern: &'p FilePattern,
    base: PathBuf,
}

impl<'p> Ground<'p> {
    pub(super) fn of(pattern: &'p FilePattern) -> Self {
        Self { pattern, base: real_directory(pattern.base_dir()) }
    }

    /// Whether the pattern matches this path, which has no links in it.
    pub(super) fn has(&self, place: &Path) -> bool {
        let below = place.strip_prefix(&self.base);
        below.is_ok_and(|rest| self.pattern.matches_path(&self.pattern.base_dir().join(rest)))
    }
}

fn overlap(config: &Config, (first, second): (usize, usize), example: &Path) -> Option<Diagnostic> {
    let (a, b) = (config.flows.get(first)?, config.flows.get(second)?);
    let place = config.places.patterns.get(second)?;
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
        Some(other) => found.with_note_at("the other flow", other.clone()),
        None => found,
    })
}

/// A path that both match, if one is easily found: what either matches with its wildcards filled
/// in simply.
fn witness(a: &Ground<'_>, b: &Ground<'_>) -> Option<PathBuf> {
    let candidates = samples(a, b.pattern).into_iter().chain(samples(b, a.pattern));
    candidates.into_iter().find(|path| a.has(path) && b.has(path))
}

/// Paths that a pattern matches: its stars are nothing, a letter, a digit, or what the other
/// pattern has between its own.
pub(super) fn samples(ground: &Ground<'_>, other: &FilePattern) -> Vec<PathBuf> {
    let pattern = ground.pattern;
    let other = fill(other.name_text(), "").to_string_lossy().into_owned();
    let fillings = ["", "x", "1", other.as_str()];
    let mut samples = Vec::new();
    for filling in fillings {
        let mut path = ground.base.clone();
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

/// How many parts of the text follow the leading directories.
fn parts(pattern: &FilePattern) -> usize {
    let remainder = pattern.components().len();
    // `**` at the end stands for two.
    if pattern.name_text() == "**" { remainder - 1 } else { remainder }
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
            let (first, second) = (pattern(a), pattern(b));
            let (first, second) = (Ground::of(&first), Ground::of(&second));
            let found = witness(&first, &second);
            assert_eq!(found.as_deref(), path.map(Path::new), "{a} {b}");
            assert_eq!(witness(&second, &first).is_some(), path.is_some(), "{b} {a}");
        }
    }
}
