//! The log: every line has the stable name of its event. The tables of events and of log lines
//! (`src/log_events.rs`, `docs/operations.md`) have every line that the code can write, and no
//! other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kinetail::log_events::EVENTS;
use regex::Regex;

/// Lines that are made of parts: what they say has rows of its own, or a table elsewhere.
const MADE_OF_PARTS: &[&str] = &["{}", "{detail}", "{text}"];

/// Rows that no call of `tracing` writes with these words: the words that the sources have.
const OTHERS: &[(&str, &str)] = &[
    ("kinetail: cannot …", "cannot start: {0}"),
    ("… has AWS keys and mode …", "has AWS keys and mode {mode:04o}"),
    ("… warning: …", "warning: "),
    ("any user can replace files in …", "any user can replace files in {shown}"),
    (
        "uid … owns … and can replace the checkpoint directory; …",
        "uid {owner} owns {shown} and can replace the checkpoint directory; ",
    ),
    ("FileTailer[<flow id>]: Tailer …", "Tailer Progress: Tailer has parsed"),
    ("Agent: Progress: …", "Agent: Progress: {parsed}"),
    ("Agent: Tailing is …", "Agent: Tailing is"),
    ("… kind=\"…\"", "{detail}"),
    ("kinetail: cannot write log file …", "cannot write log file"),
    ("kinetail: log file … is writable again", "log file {path} is writable again"),
    ("kinetail: log file … was unwritable for a short time, N times", "for a short time"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != "target" {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs")
            && name != "tests.rs"
            && name != "wire_tests.rs"
        {
            found.push(path);
        }
    }
}

/// The code of all packages without their tests.
fn code() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for dir in ["src", "crates"] {
        sources(&root().join(dir), &mut paths);
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (path, code)
    };
    paths.into_iter().map(read).collect()
}

/// The arguments of a macro that is called here, up to the parenthesis that closes it.
fn arguments(text: &str) -> &str {
    let (mut depth, mut in_text, mut escaped) = (1, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '(' if !in_text => depth += 1,
            ')' if !in_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.split_at(at).0;
        }
    }
    panic!("it is never closed: {text}");
}

/// The message among the arguments of a log line: the last text that is no value of a field.
fn message(arguments: &str) -> Option<String> {
    let texts = Regex::new(r#"(?s)(=\s*%?\s*|\(\s*)?"((?:[^"\\]|\\.)*)""#).unwrap();
    let broken_line = Regex::new(r"\\\n\s*").unwrap();
    let messages = texts.captures_iter(arguments).filter(|found| found.get(1).is_none());
    messages.last().map(|found| broken_line.replace_all(&found[2], "").into_owned())
}

/// A log line in the code.
#[derive(Debug)]
struct Line {
    message: String,
    level: String,
    /// The name of its event, if it has one.
    event: Option<String>,
    path: String,
}

/// Every line that the code can log.
fn logged(levels: &str) -> Vec<Line> {
    let call = Regex::new(&format!(r"tracing::({levels})!\(")).unwrap();
    let name = Regex::new(r#"^\s*name: "([a-z0-9_]+)","#).unwrap();
    let mut found = Vec::new();
    for (path, code) in code() {
        for at in call.captures_iter(&code) {
            let arguments = arguments(code.split_at(at.get(0).unwrap().end()).1);
            let event = name.captures(arguments).map(|found| found[1].to_owned());
            let rest = name.replace(arguments, "");
            let message = message(&rest)
                .unwrap_or_else(|| panic!("{}: no message in {arguments}", path.display()));
            let (level, path) = (at[1].to_owned(), path.display().to_string());
            found.push(Line { message, level, event, path });
        }
    }
    found
}

/// The lines that say the same whatever happened.
fn with_a_message_of_their_own(levels: &str) -> Vec<Line> {
    let mut lines = logged(levels);
    lines.retain(|line| !MADE_OF_PARTS.contains(&line.message.as_str()));
    lines
}

/// The rows of the table of the page: its messages, its levels, its events.
fn rows() -> Vec<[Vec<String>; 3]> {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, section) = page.split_once("\n## Log lines\n").unwrap();
    let code = Regex::new("`([^`]*)`").unwrap();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ").filter(|row| row.starts_with('`')));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let quoted = |cell: &str| code.captures_iter(cell).map(|text| text[1].to_owned()).collect();
        [quoted(cells[0]), cells[1].split(", ").map(str::to_owned).collect(), quoted(cells[2])]
    })
    .collect()
}

/// The messages in the table of the page.
fn documented() -> Vec<String> {
    rows().into_iter().flat_map(|[messages, ..]| messages).collect()
}

/// What a message of the page stands for: `…`, `<…>`, `N`, `PATH` and `OFFSET` are anything.
fn pattern(documented: &str) -> Regex {
    let anything = Regex::new(r"…|<[^>]*>|\b(?:N|PATH|OFFSET)\b").unwrap();
    let parts: Vec<String> = anything.split(documented).map(regex::escape).collect();
    let pattern = format!("(?s)^{}$", parts.join(".*"));
    Regex::new(&pattern).unwrap()
}

#[test]
fn every_log_line_of_the_code_stands_in_the_table_of_operations() {
    let lines = with_a_message_of_their_own("error|warn|info");
    assert!(lines.len() > 60, "the lines were found: {lines:?}");
    let table: Vec<Regex> = documented().iter().map(|text| pattern(text)).collect();
    let missing: Vec<_> = lines
        .iter()
        .filter(|line| !table.iter().any(|pattern| pattern.is_match(&line.message)))
        .collect();
    assert!(missing.is_empty(), "docs/operations.md does not have: {missing:#?}");
}

#[test]
fn every_row_of_the_table_of_operations_is_a_line_that_the_code_writes() {
    let lines = with_a_message_of_their_own("error|warn|info|debug");
    let code: Vec<String> = code().into_iter().map(|(_, text)| text).collect();
    let rows = documented();
    assert!(rows.len() > 60, "the rows were found: {rows:?}");
    let stale: Vec<&String> = rows
        .iter()
        .filter(|row| match OTHERS.iter().find(|(other, _)| other == row) {
            Some((_, words)) => !code.iter().any(|text| text.contains(words)),
            None => !lines.iter().any(|line| pattern(row).is_match(&line.message)),
        })
        .collect();
    assert!(stale.is_empty(), "no code writes: {stale:#?}");
}

#[test]
fn every_log_line_has_an_event_of_the_table_with_its_level() {
    let mut levels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in logged("error|warn|info") {
        let event = line.event.clone().unwrap_or_else(|| panic!("no event: {line:?}"));
        levels.entry(event).or_default().insert(line.level);
    }
    // Lines for developers need none; one that has one is in the table.
    for line in logged("debug|trace") {
        levels.extend(line.event.map(|event| (event, BTreeSet::from([line.level]))));
    }
    // It is written where there is no log.
    levels.insert("start_failed".to_owned(), BTreeSet::from(["error".to_owned()]));
    let table: BTreeMap<String, BTreeSet<String>> = EVENTS
        .iter()
        .map(|(name, levels)| {
            (String::from(*name), levels.split(", ").map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(levels, table, "src/log_events.rs");
    let names: Vec<&str> = EVENTS.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "by name, each once");
}

#[test]
fn every_event_stands_in_one_row_of_the_table_of_operations_with_its_lines_and_levels() {
    let rows = rows();
    let mut homes: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, [messages, levels, events]) in rows.iter().enumerate() {
        let is_logged = levels != &["on standard error"];
        assert_eq!(is_logged, !events.is_empty(), "no event: {messages:?}");
        for event in events {
            let before = homes.insert(event, at);
            assert_eq!(before, None, "{event} is in two rows: it would mean two things");
        }
    }
    let known: BTreeSet<&str> = EVENTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(homes.keys().copied().collect::<BTreeSet<_>>(), known);
    for line in with_a_message_of_their_own("error|warn|info") {
        let Some(event) = &line.event else { panic!("no event: {line:?}") };
        let [messages, levels, _] = &rows[homes[event.as_str()]];
        let is_there = messages.iter().any(|text| pattern(text).is_match(&line.message));
        assert!(is_there, "{line:?} is not in the row of its event: {messages:?}");
        assert!(levels.contains(&line.level), "{}: {line:?}: {levels:?}", line.path);
    }
}
