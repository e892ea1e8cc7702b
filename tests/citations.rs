//! What is cited exists: sections of the page about the Java agent, files and headings that pages
//! link to, and each term of the glossary once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Citations of this page stand in these, with these endings.
const CITING: &[&str] = &["src", "crates", "tests", "docs"];
const ENDINGS: &[&str] = &["rs", "txt", "md"];

/// "RFC 8259, section 7" cites something else: no citation has it among so many characters before.
const RFC_CHARS: usize = 40;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(dir: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files(&path, endings, found);
        } else if path.extension().is_some_and(|end| endings.iter().any(|ending| end == *ending)) {
            found.push(path);
        }
    }
}

/// The forms in which a section is cited.
struct Forms {
    /// What is between the lines of a comment: a citation may continue in the next one.
    breaks: Regex,
    words: Regex,
    number: Regex,
    /// The heads of rows in tables, signs, and the rows of configurations.
    rows: [Regex; 3],
    names: Regex,
}

impl Forms {
    fn new() -> Self {
        let regex = |text: &str| Regex::new(text).unwrap();
        let number = r"[0-9]+(?:\.[0-9]+)*";
        Self {
            breaks: regex(r"\s*\n\s*(?://[/!]?|#)?\s*"),
            words: regex(&format!(r"(?i)\bsections? ({number}(?:(?:,| and| to|, and) {number})*)")),
            number: regex(number),
            rows: [
                regex(&format!(r"(?m)^== ({number}) ")),
                regex(&format!(r"§({number})")),
                regex(r#"\("([0-9]+\.[0-9]+)", (?:All|Top|Kinesis|Firehose)\("#),
            ],
            names: regex(r"\bfn section_([0-9]+)_([0-9]+)_"),
        }
    }

    /// The numbers of the sections that a text cites.
    fn cited(&self, text: &str) -> BTreeSet<String> {
        let joined = self.breaks.replace_all(text, " ");
        let mut numbers = BTreeSet::new();
        for found in self.words.captures_iter(&joined) {
            let before = joined.split_at(found.get(0).unwrap().start()).0;
            let before: String = before.chars().rev().take(RFC_CHARS).collect();
            if !before.contains("CFR") {
                let found = self.number.find_iter(&found[1]);
                numbers.extend(found.map(|number| number.as_str().to_owned()));
            }
        }
        for rows in &self.rows {
            numbers.extend(rows.captures_iter(text).map(|found| found[1].to_owned()));
        }
        let names = self.names.captures_iter(text);
        numbers.extend(names.map(|found| format!("{}.{}", &found[1], &found[2])));
        numbers
    }
}

/// The numbers in the headings of the page.
fn sections() -> BTreeSet<String> {
    let heading = Regex::new(r"(?m)^##+ ([0-9]+(?:\.[0-9]+)*) ").unwrap();
    let page = read(&root().join("docs/java-agent.md"));
    heading.captures_iter(&page).map(|found| found[1].to_owned()).collect()
}

#[test]
fn cited_sections_of_the_java_agent_exist() {
    let (sections, forms) = (sections(), Forms::new());
    let mut paths = Vec::new();
    for dir in CITING {
        files(&root().join(dir), ENDINGS, &mut paths);
    }
    let mut all = BTreeMap::<String, PathBuf>::new();
    for path in paths.into_iter().filter(|path| !path.ends_with("tests/citations.rs")) {
        for number in forms.cited(&read(&path)) {
            all.entry(number).or_insert_with(|| path.clone());
        }
    }
    assert!(all.len() > 15, "the citations were found: {all:?}");
    let missing: Vec<_> = all.iter().filter(|(number, _)| !sections.contains(*number)).collect();
    assert!(missing.is_empty(), "docs/java-agent.md has no section {missing:#?}");
}

#[test]
fn citations_are_found_in_every_form() {
    let text = "//! Sections 2.3, 2.4 and 10: x\n/// as §1.2 says, or\n/// section\n/// 4.1 does \
                (RFC 1, section 77)\nfn section_2_6_x() {}\n(\"1.3\", Top(\"\"))";
    let want = ["1.2", "1.3", "10", "2.3", "2.4", "2.6", "4.1"];
    let forms = Forms::new();
    assert_eq!(forms.cited(text), want.map(str::to_owned).into());
    assert_eq!(forms.cited("== 3.8 a name\n"), ["3.8".to_owned()].into());
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The pages that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    files(&root().join("docs"), &["md"], &mut pages);
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(top.filter(|path| path.extension().is_some_and(|end| end == "md")));
    pages
}

/// Links of a page that lead nowhere.
fn broken_links(page: &Path, link: &Regex) -> Vec<String> {
    let text = read(page);
    let targets = link.captures_iter(&text).map(|found| found[1].to_owned());
    targets
        .filter(|target| !target.contains("://"))
        .filter(|target| {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.to_owned() } else { page.with_file_name(file) };
            if heading.is_empty() {
                return !path.try_exists().unwrap();
            }
            let linked = fs::read_to_string(&path).unwrap_or_default();
            let named = linked.contains(&format!("<a id=\"{heading}\">"));
            !named && !linked.lines().any(|line| line.starts_with('#') && anchor(line) == heading)
        })
        .collect()
}

#[test]
fn links_between_pages_lead_to_files_and_headings() {
    let pages = pages();
    assert!(pages.len() > 8, "the pages were found: {pages:?}");
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let broken: Vec<_> = pages
        .iter()
        .flat_map(|page| broken_links(page, &link).into_iter().map(move |link| (page, link)))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_glossary_has_each_term_once() {
    let page = read(&root().join("docs/glossary.md"));
    let term = Regex::new(r"(?m)^\| \*\*([^*]+)\*\*").unwrap();
    let mut terms: Vec<String> =
        term.captures_iter(&page).map(|found| found[1].to_lowercase()).collect();
    assert!(terms.len() > 40, "the terms were found: {terms:?}");
    terms.sort();
    let twice: Vec<_> = terms.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
