//! `input`: what a flow reads where that is no file, and which entries of the journal.

use std::path::{Path, PathBuf};

use super::diagnostics::{Findings, Kind};
use super::file::FlowFile;
use super::parse::Value;
use super::slot::Slot;
use crate::process::journal::Shape;
use crate::process::{Chain, ConverterConfig};
use crate::tail::pattern::FilePattern;

/// Where the program is that reads the journal, unless `journalCommand` says so.
const JOURNALCTL: &str = "/usr/bin/journalctl";

/// What `{path}` is of entries of the journal.
const JOURNAL_PATH: &str = "/journald";

/// What `{path}` is of lines of standard input.
const STDIN_PATH: &str = "/dev/stdin";

/// All fields of an entry.
const ALL_FIELDS: &str = "*";

/// The longest name of a field (`JOURNAL_FIELD_NAME_MAX` of systemd), in bytes.
const FIELD_NAME_BYTES_MAX: usize = 64;

const KINDS: &[(&str, Word)] =
    &[("files", Word::Files), ("journald", Word::Journald), ("stdin", Word::Stdin)];

/// By name, as syslog calls them.
const PRIORITIES: &[(&str, Option<&str>)] = &[
    ("emerg", Some("emerg")),
    ("alert", Some("alert")),
    ("crit", Some("crit")),
    ("err", Some("err")),
    ("warning", Some("warning")),
    ("notice", Some("notice")),
    ("info", Some("info")),
    ("debug", Some("debug")),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Files,
    Journald,
    Stdin,
}

/// What a flow reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Files that match its pattern.
    Files,
    /// Entries of the systemd journal.
    Journal(JournalConfig),
    /// Lines of standard input.
    Stdin,
}

/// Which entries of the journal, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalConfig {
    /// `journalCommand`: the program that reads it.
    pub command: PathBuf,
    /// `journalDirectory`: where it lies; `None` for this machine's.
    pub directory: Option<PathBuf>,
    /// `journalUnits`: of these units only; empty for all.
    pub units: Vec<String>,
    /// `journalIdentifiers`: with these identifiers only; empty for all.
    pub identifiers: Vec<String>,
    /// `journalPriority`: this urgent or more.
    pub priority: Option<&'static str>,
    /// `journalFields`.
    pub shape: Shape,
}

impl Input {
    /// The pattern that its path matches; nothing of files.
    #[must_use]
    pub fn pattern(&self) -> Option<FilePattern> {
        let path = match self {
            Self::Files => return None,
            Self::Journal(_) => JOURNAL_PATH,
            Self::Stdin => STDIN_PATH,
        };
        FilePattern::parse(path).ok()
    }

    /// Where a flow sees it; nothing of files.
    #[must_use]
    pub fn path(&self) -> Option<&'static Path> {
        match self {
            Self::Files => None,
            Self::Journal(_) => Some(Path::new(JOURNAL_PATH)),
            Self::Stdin => Some(Path::new(STDIN_PATH)),
        }
    }

    /// What is in the id of its flow; nothing of files.
    pub(super) fn id(&self) -> Option<String> {
        match self {
            Self::Files => None,
            Self::Journal(journal) => Some(journal.id()),
            Self::Stdin => Some("stdin".to_owned()),
        }
    }
}

impl JournalConfig {
    /// Which entries a flow follows is what it is, as the pattern is of files.
    fn id(&self) -> String {
        let units = self.units.iter().map(|unit| format!("unit={unit}"));
        let names = self.identifiers.iter().map(|name| format!("identifier={name}"));
        let directory = self.directory.iter().map(|dir| format!("directory={}", dir.display()));
        let mut parts: Vec<String> = units.chain(names).chain(directory).collect();
        parts.sort_unstable();
        if parts.is_empty() {
            "journald".to_owned()
        } else {
            format!("journald:{}", parts.join(","))
        }
    }
}

/// Reads `input` and what belongs to it.
pub(super) fn of(
    file: &FlowFile<'_>,
    converters: &[ConverterConfig],
    findings: &mut Findings<'_>,
) -> Input {
    let slot = file.input;
    let word = slot.choice(findings, KINDS, Word::Files);
    let journal = journal(file, findings);
    if word != Word::Journald {
        for slot in journal_keys(file).into_iter().filter(|slot| slot.is_given()) {
            let message = format!("'{}' is ignored without 'input: journald'", slot.name());
            slot.warn(findings, Kind::NoEffect, message).help("add it, or remove this key");
        }
    }
    let input = match word {
        Word::Files => return Input::Files,
        Word::Journald => Input::Journal(journal),
        Word::Stdin => Input::Stdin,
    };
    refuse_keys_of_files(file, word, findings);
    if Chain::new(converters).framing().is_some() {
        let message =
            "'PARSECRI', 'PARSEDOCKER' and 'newlines' of PARSECSV are for files".to_owned();
        slot.error(findings, Kind::Unsupported, message).help("remove the converter or 'input'");
    }
    input
}

fn journal_keys<'a>(file: &FlowFile<'a>) -> [Slot<'a>; 6] {
    [
        file.journal_command,
        file.journal_directory,
        file.journal_fields,
        file.journal_identifiers,
        file.journal_priority,
        file.journal_units,
    ]
}

fn refuse_keys_of_files(file: &FlowFile<'_>, word: Word, findings: &mut Findings<'_>) {
    let of_files = [
        file.file_pattern,
        file.exclude_patterns,
        file.file_footer_pattern,
        file.follow_links,
        file.rotated_names,
        file.skip_header_lines,
        file.when_done,
        file.when_done_quiet_millis,
    ];
    let position = Some(file.initial_position).filter(|_| word == Word::Stdin);
    for slot in of_files.into_iter().chain(position).filter(|slot| slot.is_given()) {
        let message = format!("'{}' cannot be used with this 'input'", slot.name());
        slot.error(findings, Kind::Conflict, message).help("it applies to files only: remove it");
    }
}

fn journal(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> JournalConfig {
    let command = absolute(file.journal_command, findings);
    JournalConfig {
        command: command.unwrap_or_else(|| PathBuf::from(JOURNALCTL)),
        directory: absolute(file.journal_directory, findings),
        units: words(file.journal_units, findings),
        identifiers: words(file.journal_identifiers, findings),
        priority: file.journal_priority.choice(findings, PRIORITIES, None),
        shape: shape(file.journal_fields, findings),
    }
}

fn absolute(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let text = slot.text_not_empty(findings)?;
    if !text.starts_with('/') || text.contains('\0') {
        let message =
            format!("'{}': {} is not an absolute path", slot.name(), slot.quoted(findings));
        slot.error(findings, Kind::Invalid, message).help("begin it with a slash");
        return None;
    }
    Some(PathBuf::from(text))
}

/// A list of texts, none of them empty.
fn words(slot: Slot<'_>, findings: &mut Findings<'_>) -> Vec<String> {
    let mut words = Vec::new();
    for item in slot.list(findings).unwrap_or_default() {
        match &item.value {
            Value::Scalar(text) if !text.is_empty() && !text.contains('\0') => {
                words.push(text.clone());
            }
            _ => {
                let quoted = findings.quote(item);
                let message =
                    format!("an item of '{}': expected a name, found {quoted}", slot.name());
                findings.error(Kind::WrongType, &item.span, message).help("write one name each");
            }
        }
    }
    words
}

fn shape(slot: Slot<'_>, findings: &mut Findings<'_>) -> Shape {
    let names = words(slot, findings);
    if names.iter().any(|name| name == ALL_FIELDS) {
        return Shape::AllFields;
    }
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    for name in &names {
        if name.len() > FIELD_NAME_BYTES_MAX || !name.bytes().all(legal) {
            let message = format!("'{}': invalid field name \"{name}\"", slot.name());
            slot.error(findings, Kind::Invalid, message).help(
                "names consist of A to Z, 0 to 9 and _, such as MESSAGE; \"*\" means all \
                     fields",
            );
        }
    }
    if names.is_empty() { Shape::Message } else { Shape::Fields(names) }
}
