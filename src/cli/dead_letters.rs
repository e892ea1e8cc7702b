//! `kinetail dead-letters`: what could not be delivered, listed, shown, sent again and removed.
//!
//! It works on files that no flow writes to right now, whether kinetail runs or not: see
//! [`crate::dead_letters`].

mod resend;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::configuration::{self, ConfigArgs};
use super::{CliError, output};
use crate::batch::dead_letter::{Letter, LetterFileName, Reason};
use crate::config::{Config, FlowConfig};
use crate::dead_letters::{DeadLetterError, Directory, Letters, Listed};
use crate::shown::{self, Escaped, counted, shown};

/// The exit code if letters that were meant are still there.
const SOME_ARE_LEFT: u8 = 2;

/// Options of `dead-letters`.
#[derive(Debug, Args)]
// Before and after what is to be done.
#[command(mut_arg("config", |arg| arg.global(true)))]
pub(super) struct DeadLettersArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// List dead letter files with count, reason, flow and log files.
    List(Selection),
    /// Delete dead letters without sending them.
    Purge {
        #[command(flatten)]
        selection: Selection,
        /// Delete all. Otherwise select letters with --flow, --reason or --file.
        #[arg(long)]
        all: bool,
    },
    /// Send dead letters to their flow's destination and delete those that are accepted.
    ///
    /// Log lines run through the flow's current converters first. Interrupted requests are sent
    /// again the next time.
    Resend(Selection),
    /// Print dead letters as stored, as JSON lines.
    Show {
        #[command(flatten)]
        selection: Selection,
        /// Print only the original bytes of the records.
        #[arg(long)]
        raw: bool,
    },
}

/// Which letters are meant; all without an option.
#[derive(Debug, Clone, Default, Args)]
struct Selection {
    /// Only flows whose ID contains this text.
    #[arg(long, value_name = "TEXT")]
    flow: Option<String>,
    /// Only this reason, as printed by 'list'.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: Option<Reason>,
    /// Only this dead letter file, as printed by 'list'.
    #[arg(long, value_name = "NAME", value_parser = file_name)]
    file: Option<LetterFileName>,
}

fn reason(text: &str) -> Result<Reason, String> {
    let known = Reason::ALL.into_iter().find(|reason| reason.label() == text);
    known.ok_or_else(|| {
        let labels = Reason::ALL.map(Reason::label);
        format!("expected one of {}", labels.join(", "))
    })
}

fn file_name(text: &str) -> Result<LetterFileName, String> {
    let name = Path::new(text).file_name().unwrap_or_default();
    LetterFileName::parse(name.as_encoded_bytes())
        .ok_or_else(|| "expected a file name as printed by `dead-letters list`".to_owned())
}

impl Selection {
    fn is_all(&self) -> bool {
        self.flow.is_none() && self.reason.is_none() && self.file.is_none()
    }

    fn takes(&self, letter: &Letter) -> bool {
        self.flow.as_ref().is_none_or(|flow| letter.flow.contains(flow))
            && self.reason.is_none_or(|reason| letter.reason == reason)
    }

    /// The files in which such letters can be.
    fn files(&self, directory: &Directory) -> Result<Vec<Listed>, DeadLetterError> {
        let mut files = directory.list()?;
        files.retain(|file| self.file.as_ref().is_none_or(|name| *name == file.name));
        files.sort_by_key(|file| (file.name.unix_millis, file.name.number));
        Ok(files)
    }
}

/// Runs the subcommand.
pub(super) fn run(args: &DeadLettersArgs) -> Result<ExitCode, CliError> {
    let config = configuration::load(&args.config)?.config;
    let places = directories(&config)?;
    let mut out = output::stdout();
    match &args.command {
        DeadLettersCommand::List(selection) => list(&places, selection, &mut out)?,
        DeadLettersCommand::Purge { selection, all } => {
            if selection.is_all() && !all {
                return Err(CliError::PurgeWhat);
            }
            return purge(&places, selection, &mut out);
        }
        DeadLettersCommand::Resend(selection) => {
            return resend::run(&config, &places, selection, &mut out);
        }
        DeadLettersCommand::Show { selection, raw } => show(&places, selection, *raw, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The directories of all flows that are there.
fn directories(config: &Config) -> Result<Vec<Directory>, CliError> {
    let named = config.flows.iter().filter_map(|flow| flow.dead_letters.as_ref());
    let paths: BTreeSet<&Path> = named.map(|letters| letters.directory.as_path()).collect();
    if paths.is_empty() {
        return Err(CliError::NoDeadLetters);
    }
    let mut directories = Vec::new();
    for path in paths {
        match Directory::open(path) {
            Ok(directory) => directories.push(directory),
            Err(DeadLetterError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(directories)
}

/// The flow whose letters lie in a file.
fn flow_of<'c>(config: &'c Config, name: &LetterFileName) -> Option<&'c FlowConfig> {
    config.flows.iter().find(|flow| LetterFileName::tag_of(&flow.id) == name.tag)
}

fn list(places: &[Directory], selection: &Selection, out: &mut dyn Write) -> Result<(), CliError> {
    let (mut total, mut bytes) = (0, 0);
    for directory in places {
        writeln!(out, "{}", shown(directory.path()))?;
        for file in selection.files(directory)? {
            let letters = directory.read(&file.name)?;
            let summary = Summary::of(&letters, selection);
            if summary.letters == 0 {
                continue;
            }
            total += summary.letters;
            bytes += file.bytes;
            summary.write(&file, out)?;
        }
    }
    let (total, bytes) = (counted(total, "dead letter"), counted(bytes, "byte"));
    writeln!(out, "{total} in files of {bytes}")?;
    Ok(())
}

/// What a file holds, for people.
#[derive(Debug, Default)]
struct Summary {
    letters: u64,
    flows: BTreeSet<String>,
    reasons: BTreeMap<&'static str, u64>,
    sources: BTreeSet<Vec<u8>>,
    first: Option<String>,
}

impl Summary {
    fn of(letters: &Letters, selection: &Selection) -> Self {
        let mut summary = Self::default();
        let read = letters.lines.iter().filter_map(|line| line.letter.as_ref().ok());
        for letter in read.filter(|letter| selection.takes(letter)) {
            summary.letters += 1;
            summary.flows.insert(letter.flow.clone());
            *summary.reasons.entry(letter.reason.label()).or_default() += 1;
            summary.sources.insert(letter.file.clone());
            summary.first.get_or_insert_with(|| letter.time.clone());
        }
        summary
    }

    fn write(&self, file: &Listed, out: &mut dyn Write) -> io::Result<()> {
        use std::os::unix::ffi::OsStrExt as _;

        let Self { letters, flows, reasons, sources, first } = self;
        let first = first.as_deref().unwrap_or_default();
        let letters = counted(*letters, "letter");
        writeln!(out, "  {}: {letters} since {}", file.name, Escaped(first))?;
        for flow in flows {
            writeln!(out, "    flow {}", Escaped(flow))?;
        }
        for (reason, count) in reasons {
            writeln!(out, "    {count} {reason}")?;
        }
        for source in sources {
            writeln!(out, "    from {}", shown(std::ffi::OsStr::from_bytes(source)))?;
        }
        Ok(())
    }
}

fn show(
    places: &[Directory],
    selection: &Selection,
    raw: bool,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    for directory in places {
        for file in selection.files(directory)? {
            for line in directory.read(&file.name)?.lines {
                let Ok(letter) = &line.letter else { continue };
                if !selection.takes(letter) {
                    continue;
                }
                if raw {
                    // Bytes, and not text for a terminal.
                    output::or_closed(io::stdout().lock().write_all(&letter.data))?;
                } else {
                    let text = String::from_utf8_lossy(&line.bytes);
                    out.write_all(shown::json(&text).as_bytes())?;
                }
            }
        }
    }
    Ok(())
}

fn purge(
    places: &[Directory],
    selection: &Selection,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let (mut removed, mut busy) = (0, 0);
    for directory in places {
        for file in selection.files(directory)? {
            let Some(mut locked) = directory.lock(&file.name)? else {
                busy += 1;
                tell_of_busy(directory, &file, out)?;
                continue;
            };
            let letters = locked.read(directory)?;
            let goes = |line: &&crate::dead_letters::Line| match &line.letter {
                Ok(letter) => selection.takes(letter),
                Err(_) => selection.is_all(),
            };
            let going = letters.lines.iter().filter(goes).count();
            let kept: Vec<&[u8]> = (letters.lines.iter())
                .filter(|line| !goes(line))
                .map(|line| line.bytes.as_slice())
                .collect();
            if going > 0 || letters.lines.is_empty() {
                locked.keep(directory, &kept)?;
            }
            removed += going;
        }
    }
    writeln!(out, "removed {}; not sent", counted(removed, "dead letter"))?;
    Ok(ExitCode::from(if busy > 0 { SOME_ARE_LEFT } else { 0 }))
}

fn tell_of_busy(directory: &Directory, file: &Listed, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: in use by kinetail, which releases it within 10 s; try again then",
        shown(&directory.path_of(&file.name))
    )
}
