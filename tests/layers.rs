//! Who may use whom. Between packages Cargo sees to it that nothing goes in a circle; within the
//! main package a folder uses only those that come behind it in the list here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src`, from the top down.
const ROOMS: [&str; 14] = [
    "cli",
    "daemon",
    "admin",
    "import",
    "flow",
    "input",
    "send",
    "checkpoint",
    "budget",
    "ec2",
    "config",
    "dead_letters",
    "disk",
    "metrics",
];

/// Other packages under the name of a folder that they were.
const MOVED: [&str; 6] = ["batch", "process", "log_throttle", "sandbox", "shown", "tail"];

/// Arrows that go up and are to be cut. None may be added.
const TO_CUT: [(&str, &str); 1] = [("flow", "admin")];

/// The packages and which of ours they use.
const PACKAGES: [(&str, &[&str]); 5] = [
    ("base", &[]),
    ("delivery", &["base", "records"]),
    ("java-regex", &[]),
    ("records", &["base", "java-regex"]),
    ("tail", &["base", "records"]),
];

/// What no package of the core may depend on: each of them brings a clock, sockets or threads.
const NOT_IN_CORE: [&str; 7] =
    ["hyper", "metrics", "notify", "rusqlite", "rustix", "tokio", "tracing"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The folders that a file names, as `crate::folder`.
fn rooms_in(text: &str) -> BTreeSet<String> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let behind = code.flat_map(|line| line.split("crate::").skip(1));
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    behind.filter_map(|rest| rest.split(|char| !is_name(char)).next().map(str::to_owned)).collect()
}

/// Each arrow from folder to folder, with a file that has it.
fn arrows() -> BTreeMap<(String, String), PathBuf> {
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut arrows = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if matches!(room, "lib" | "main") {
            continue;
        }
        for used in rooms_in(&fs::read_to_string(&file).unwrap()) {
            if used != room && !MOVED.contains(&used.as_str()) {
                arrows.insert((room.to_owned(), used), inside.to_owned());
            }
        }
    }
    arrows
}

#[test]
fn folders_use_only_what_is_below_them() {
    let floor = |room: &str| {
        let floor = ROOMS.iter().position(|known| *known == room);
        floor.unwrap_or_else(|| panic!("{room} is not in the list"))
    };
    let arrows = arrows();
    let up: BTreeSet<(&str, &str)> = arrows
        .keys()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .filter(|(from, to)| floor(from) >= floor(to))
        .collect();
    let known = BTreeSet::from(TO_CUT);
    let new: Vec<_> = up
        .difference(&known)
        .map(|(from, to)| (from, to, &arrows[&((*from).to_owned(), (*to).to_owned())]))
        .collect();
    assert!(new.is_empty(), "these use what is above them: {new:?}");
    let cut: Vec<_> = known.difference(&up).collect();
    assert!(cut.is_empty(), "take these out of TO_CUT, they are cut: {cut:?}");
}

/// The names in a section of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let section = manifest.split_once("[dependencies]\n").map_or("", |(_, rest)| rest);
    let section = section.split("\n[").next().unwrap_or_default();
    let lines = section.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ').map(|(name, _)| name)).collect()
}

#[test]
fn packages_use_only_what_the_list_says() {
    let mut found = Vec::new();
    let core = root().join("crates/core");
    for entry in fs::read_dir(&core).unwrap() {
        let Ok(manifest) = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")) else {
            continue;
        };
        let name = manifest.split('"').nth(1).unwrap().trim_start_matches("kinetail-");
        let uses = dependencies(&manifest);
        for banned in NOT_IN_CORE {
            assert!(!uses.contains(banned), "{name} depends on {banned}");
        }
        let ours = uses.iter().filter_map(|name| name.strip_prefix("kinetail-"));
        found.push((name.to_owned(), ours.map(str::to_owned).collect::<Vec<_>>()));
    }
    found.sort();
    let wanted = PACKAGES.map(|(name, uses)| {
        (name.to_owned(), uses.iter().map(|used| (*used).to_owned()).collect::<Vec<_>>())
    });
    assert_eq!(found, wanted);
}
