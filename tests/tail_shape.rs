//! The shape of `crates/core/tail`: small types, small files, and no calls in a circle between
//! files, so that a reader finds what a rotation rule touches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Fields of one type, at most.
const FIELDS_MAX: usize = 12;

/// Methods of one type, at most.
const METHODS_MAX: usize = 30;

/// Lines of one file, at most.
const LINES_MAX: usize = 400;

/// The files of the package, by module, and their code without tests and comments.
struct Sources {
    lines: BTreeMap<String, usize>,
    code: BTreeMap<String, Vec<String>>,
}

impl Sources {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/core/tail/src");
        let mut sources = Self { lines: BTreeMap::new(), code: BTreeMap::new() };
        for path in files(&root) {
            let text = fs::read_to_string(&path).unwrap();
            let module = path.strip_prefix(&root).unwrap().with_extension("");
            let module = module.to_str().unwrap().replace('/', "::");
            let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
            let code = code.map(|line| line.split("//").next().unwrap_or_default().to_owned());
            sources.lines.insert(module.clone(), text.lines().count());
            if !module.ends_with("::tests") {
                sources.code.insert(module, code.collect());
            }
        }
        sources
    }

    /// How many lines there are below each line that `begins`, up to the closing brace, of which
    /// `counts`; by what `begins` names.
    fn count(
        &self,
        begins: impl Fn(&str) -> Option<String>,
        counts: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for lines in self.code.values() {
            let mut name = None;
            for line in lines {
                if line.starts_with('}') {
                    name = None;
                } else if let Some(begun) = begins(line) {
                    name = Some(begun);
                } else if let Some(name) = name.as_ref().filter(|_| counts(line)) {
                    *found.entry(name.clone()).or_insert(0) += 1;
                }
            }
        }
        found
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The name at the beginning of a text.
fn name(text: &str) -> String {
    text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
}

/// Text behind a visibility.
fn visible(line: &str) -> &str {
    let line = line.strip_prefix("pub").unwrap_or(line);
    let line =
        line.strip_prefix("(crate)").or_else(|| line.strip_prefix("(super)")).unwrap_or(line);
    line.trim_start()
}

#[test]
fn no_type_of_the_tailer_has_many_fields() {
    let begins = |line: &str| {
        let rest = (!line.starts_with(' ')).then(|| visible(line))?.strip_prefix("struct ")?;
        line.ends_with('{').then(|| name(rest))
    };
    let is_field = |line: &str| {
        let field = line.strip_prefix("    ").filter(|line| !line.starts_with(' '));
        field.is_some_and(|field| {
            let field = visible(field);
            let name = name(field);
            !name.is_empty() && field.strip_prefix(&name).is_some_and(|rest| rest.starts_with(':'))
        })
    };
    let fields = Sources::read().count(begins, is_field);
    assert!(fields.contains_key("Tailer") && fields.len() > 50, "{fields:?}");
    let large: Vec<_> = fields.iter().filter(|(_, count)| **count > FIELDS_MAX).collect();
    assert!(large.is_empty(), "{large:?}");
}

#[test]
fn no_type_of_the_tailer_has_many_methods() {
    let begins = |line: &str| {
        let rest = line.strip_prefix("impl")?.split(" for ").last()?;
        // Behind the parameters of the implementation.
        let rest = rest
            .strip_prefix('<')
            .map_or(rest, |rest| rest.split_once("> ").map_or(rest, |(_, rest)| rest));
        Some(name(rest.trim_start()))
    };
    let is_method = |line: &str| {
        let method = line.strip_prefix("    ").filter(|line| !line.starts_with(' '));
        method.is_some_and(|line| {
            let line = visible(line);
            line.strip_prefix("const ").unwrap_or(line).starts_with("fn ")
        })
    };
    let methods = Sources::read().count(begins, is_method);
    assert!(methods.contains_key("Tailer") && methods.len() > 50, "{methods:?}");
    let large: Vec<_> = methods.iter().filter(|(_, count)| **count > METHODS_MAX).collect();
    assert!(large.is_empty(), "{large:?}");
}

#[test]
fn no_file_of_the_tailer_is_long() {
    let lines = Sources::read().lines;
    let long: Vec<_> = lines.iter().filter(|(_, count)| **count > LINES_MAX).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// The modules whose functions a module calls: `module::function(`, or the function by its name if
/// it is imported. What a type does is the type's, and no call between steps.
fn calls(sources: &Sources) -> BTreeMap<&str, BTreeSet<&str>> {
    let modules: BTreeMap<&str, &str> = sources
        .code
        .keys()
        .map(|module| (module.rsplit("::").next().unwrap_or_default(), module.as_str()))
        .collect();
    assert_eq!(modules.len(), sources.code.len(), "two modules have one name");
    let call = Regex::new(r"\b(\w+)::[a-z]\w*\(").unwrap();
    let import = Regex::new(r"use crate::([\w:]+?)::(\{[^}]*\}|\w+);").unwrap();
    let mut calls = BTreeMap::new();
    for (from, lines) in &sources.code {
        let code = lines.join("\n");
        let qualified = call.captures_iter(&code).map(|found| found.get(1).unwrap().as_str());
        let imported = import.captures_iter(&code).filter_map(|found| {
            let (module, items) = (found.get(1).unwrap().as_str(), found.get(2).unwrap().as_str());
            let mut items = items.trim_matches(['{', '}']).split(',').map(str::trim);
            let is_function = |item: &str| {
                item != "self"
                    && item.starts_with(|char: char| char.is_lowercase())
                    && !modules.contains_key(item)
            };
            items.any(is_function).then(|| module.rsplit("::").next().unwrap_or_default())
        });
        let called = qualified.chain(imported);
        let mut called: BTreeSet<&str> =
            called.filter_map(|module| modules.get(module)).copied().collect();
        called.remove(from.as_str());
        calls.insert(from.as_str(), called);
    }
    calls
}

#[test]
fn no_calls_between_files_of_the_tailer_go_in_a_circle() {
    let sources = Sources::read();
    let mut calls = calls(&sources);
    assert!(calls["poll"].contains("truncated") && calls["tailer"].contains("scan"), "{calls:?}");
    // Whoever calls only what is taken out already is taken out, too; a circle stays.
    loop {
        let left: BTreeSet<&str> = calls.keys().copied().collect();
        let ends = |called: &BTreeSet<&str>| called.is_disjoint(&left);
        let done: Vec<&str> =
            calls.iter().filter(|(_, called)| ends(called)).map(|(from, _)| *from).collect();
        if done.is_empty() {
            break;
        }
        calls.retain(|from, _| !done.contains(from));
    }
    let left: BTreeSet<&str> = calls.keys().copied().collect();
    let circle: Vec<(&&str, Vec<&&str>)> =
        calls.iter().map(|(from, to)| (from, to.intersection(&left).collect())).collect();
    assert!(circle.is_empty(), "{circle:?}");
}
