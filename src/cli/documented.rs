//! Every command of kinetail that a page shows is one that the command line takes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use super::Cli;

/// What stands before a command in a shell.
const BEFORE: [&str; 5] = ["sudo", "-u", "kinetail", "exec", "--"];

/// How the program is called.
const PROGRAMS: [&str; 3] = ["kinetail", "target/release/kinetail", "/usr/bin/kinetail"];

/// A command on a page.
struct Shown {
    page: PathBuf,
    text: String,
    /// It stands in a sentence, which may name half a command.
    in_a_sentence: bool,
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.is_file()).collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "config/quickstart.yaml"].map(|p| root.join(p)));
    pages.sort();
    pages
}

/// The commands of a page: lines of examples, and text in backticks in a sentence.
fn shown(page: &Path) -> Vec<Shown> {
    let text = fs::read_to_string(page).unwrap().replace("\\\n", " ");
    let mut found = Vec::new();
    let mut is_fenced = false;
    let mut add = |text: &str, in_a_sentence| {
        // The shell puts the home there.
        let text = text.trim_start_matches(['#', ' ']).trim().replace(" ~/", " /home/you/");
        found.push(Shown { page: page.to_owned(), text, in_a_sentence });
    };
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || line.starts_with("    ") || line.starts_with("#     ") {
            add(line, false);
        } else {
            line.split('`').skip(1).step_by(2).for_each(|code| add(code, true));
        }
    }
    found
}

/// The words of a shell's command up to a pipe, a redirection or a comment.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quote = None;
    let mut is_new = true;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '|' | '>' | '<' | ';' | '&') => break,
            (None, '#') if is_new => break,
            (None, ' ') => {
                is_new = true;
                continue;
            }
            _ => {}
        }
        if is_new {
            words.push(String::new());
        }
        is_new = false;
        if !matches!(character, '\'' | '"')
            && let Some(word) = words.last_mut()
        {
            word.push(character);
        }
    }
    words
}

/// The arguments, if it is a command of kinetail.
fn arguments(text: &str) -> Option<Vec<String>> {
    let words = words(text);
    let mut rest = words.as_slice();
    while let [first, next, ..] = rest {
        let is_user = first == "kinetail" && next == "kinetail";
        if !is_user && (!BEFORE.contains(&first.as_str()) || first == "kinetail") {
            break;
        }
        rest = &rest[1..];
    }
    let (program, arguments) = rest.split_first()?;
    // Text in brackets, or omitted, is not a command yet.
    let is_it = PROGRAMS.contains(&program.as_str()) && text.is_ascii() && !text.contains('[');
    is_it.then(|| arguments.to_vec())
}

#[test]
fn every_command_on_a_page_is_taken() {
    let mut examples = 0;
    let mut wrong = Vec::new();
    for shown in pages().iter().flat_map(|page| shown(page)) {
        let Some(arguments) = arguments(&shown.text) else { continue };
        let parsed = Cli::try_parse_from(std::iter::once("kinetail".to_owned()).chain(arguments));
        examples += usize::from(!shown.in_a_sentence);
        match parsed.map_err(|error| error.kind()) {
            Ok(_) | Err(ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {}
            Err(
                ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::ValueValidation
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ) if shown.in_a_sentence => {}
            Err(kind) => wrong.push(format!("{}: {}: {kind}", shown.page.display(), shown.text)),
        }
    }
    assert!(examples > 20, "the examples were found: {examples}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_configuration_is_named_before_or_after_what_is_to_be_done() {
    for command in [
        "checkpoints -c f list",
        "checkpoints list -c f",
        "checkpoints set -c f a b end",
        "checkpoints set a b end --socket s",
        "dead-letters -c f list",
        "dead-letters list -c f",
    ] {
        let words = command.split(' ');
        let parsed = Cli::try_parse_from(std::iter::once("kinetail").chain(words));
        assert!(parsed.is_ok(), "{command}: {parsed:?}");
        assert!(format!("{parsed:?}").contains("\"f\"") || command.contains("--socket"));
    }
}
