//! `kinetail explain FILE`: what becomes of one file: which flows follow it and why or why not, who
//! can read it, how far it is delivered, and what comes next.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::check::access::User;
use super::control::{self, SocketArgs};
use super::rotated::{self, Rotated};
use super::{CliError, checkpoints, configuration, output};
use crate::admin::page::model::{Checkpoints, File, Flow, Page, Where};
use crate::admin::socket::Row;
use crate::config::{FlowConfig, InitialPosition};
use crate::disk::links;
use crate::shown::{Escaped, counted, shown};
use crate::tail::pattern::{FilePattern, is_compressed_name};

/// So many of the next bytes are shown.
const NEXT_BYTES_MAX: usize = 160;

/// No flow follows it, or it cannot be read.
const EXIT_NOT_FOLLOWED: u8 = 2;

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    socket: SocketArgs,
    /// File to explain.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Tells all that is known about a file. Exits with 2 if no flow follows it.
pub(super) fn run(args: &ExplainArgs) -> Result<ExitCode, CliError> {
    let config = configuration::load(&args.socket.config)?.config;
    let cwd = std::env::current_dir().map_err(CliError::WorkingDirectory)?;
    let path = cwd.join(&args.file);
    let mut out = output::stdout();
    writeln!(out, "{}", shown(&path))?;
    let meta = describe(&path, &mut out)?;
    let page = control::get(&args.socket, "/status")
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Page>(&bytes).ok());
    match &page {
        Some(page) => {
            let user = User::of_process().name_of(page.user);
            writeln!(out, "  kinetail runs, as {user} with process id {}", page.pid)?;
            tell_checkpoints(&page.checkpoints, &mut out)?;
        }
        None => writeln!(out, "  kinetail does not respond; the following is from its files")?,
    }
    let rows = checkpoints::rows(&args.socket, &config);
    let mut followed = false;
    for flow in &config.flows {
        writeln!(out, "  flow {}", Escaped(&flow.id))?;
        let about = About { flow, path: &path, meta: meta.as_ref() };
        followed |= about.tell(page.as_ref(), rows.as_deref().ok(), &mut out)?;
    }
    if let Err(error) = &rows {
        writeln!(out, "  cannot read checkpoints: {}", super::in_full(error))?;
    }
    if !followed {
        writeln!(out, "  no flow follows it")?;
        return Ok(ExitCode::from(EXIT_NOT_FOLLOWED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Why delivered lines of it may be sent again.
fn tell_checkpoints(checkpoints: &Checkpoints, out: &mut dyn Write) -> io::Result<()> {
    if let Checkpoints { file, reason: Some(reason), since: Some(since), fix, .. } = checkpoints {
        let (file, reason) = (Escaped(file), Escaped(reason));
        writeln!(out, "  cannot write checkpoints to {file}: {reason}, since {since}")?;
        writeln!(out, "  fix: {}", fix.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

/// What is there, and whether this user can read it.
fn describe(path: &Path, out: &mut dyn Write) -> io::Result<Option<Metadata>> {
    let user = User::of_process();
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => {
            let why = user.explain(path, &error);
            writeln!(out, "  cannot examine: {}", Escaped(why))?;
            return Ok(None);
        }
    };
    let (bytes, owner) = (meta.len(), user.owner_of(&meta));
    if meta.is_file() {
        writeln!(out, "  a regular file of {}, {owner}", counted(bytes, "byte"))?;
    } else if meta.is_dir() {
        writeln!(out, "  a directory, {owner}; directories are not followed")?;
    } else {
        writeln!(out, "  not a regular file, {owner}; only regular files are followed")?;
    }
    writeln!(out, "  identity: device {}, inode {}", meta.dev(), meta.ino())?;
    if let Ok(target) = fs::canonicalize(path)
        && target != path
    {
        writeln!(out, "  it is {}, through a link", shown(&target))?;
    }
    if meta.is_file() {
        match fs::File::open(path) {
            Ok(_) => writeln!(out, "  {} can read it", user.name())?,
            Err(error) => writeln!(out, "  {}", Escaped(user.explain(path, &error)))?,
        }
    }
    Ok(Some(meta))
}

/// One flow and the file.
struct About<'a> {
    flow: &'a FlowConfig,
    path: &'a Path,
    meta: Option<&'a Metadata>,
}

impl About<'_> {
    /// Whether the flow follows it.
    fn tell(
        &self,
        page: Option<&Page>,
        rows: Option<&[Row]>,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        let status = page.and_then(|page| page.flows.iter().find(|flow| flow.id == self.flow.id));
        let row = rows.and_then(|rows| self.row(rows));
        let matches = self.flow.pattern.matches_path(self.path);
        match why_not(&self.flow.pattern, self.path) {
            None if matches => writeln!(out, "    its pattern matches")?,
            None => writeln!(out, "    its pattern does not match: the directory is another")?,
            Some(why) => writeln!(out, "    its pattern does not match: {}", Escaped(why))?,
        }
        self.tell_rotated(matches, out)?;
        if matches && let Err(error) = links::check(self.path, self.flow.pattern.follow_links()) {
            writeln!(out, "    it is not followed: {}", Escaped(error))?;
        }
        let known = self.tell_status(status, out)?;
        let Some(row) = row else {
            if matches && !known {
                let begins = match self.flow.initial_position {
                    InitialPosition::EndOfFile => {
                        "read from its end if the flow never ran, else from byte 0"
                    }
                    InitialPosition::StartOfFile => "it will be read from byte 0",
                };
                writeln!(out, "    no checkpoint: {begins}")?;
            }
            return Ok(matches || known);
        };
        writeln!(
            out,
            "    checkpoint: delivered to offset {} ({}, generation {})",
            row.offset, row.life, row.generation
        )?;
        self.tell_next(row.offset, out)?;
        Ok(true)
    }

    /// The rotated files of a log, or the log of a rotated file.
    fn tell_rotated(&self, matches: bool, out: &mut dyn Write) -> io::Result<()> {
        let names = &self.flow.rotated_names;
        if matches {
            let found = Rotated::of(names, self.path).told(self.path);
            writeln!(out, "    rotated files: {}; {found}", rotated::rule(names))?;
        } else if let Some(log) = rotated::log_of(self.flow, self.path) {
            writeln!(
                out,
                "    a rotated file of {} (rotatedNames); only lines that were not delivered \
                 before its rotation are read from it",
                shown(&log)
            )?;
        }
        Ok(())
    }

    /// The row of this file, by its identity, or by its name.
    fn row<'r>(&self, rows: &'r [Row]) -> Option<&'r Row> {
        let own = || rows.iter().filter(|row| row.flow == self.flow.id);
        let same = |row: &&Row| {
            self.meta.is_some_and(|meta| (meta.dev(), meta.ino()) == (row.device, row.inode))
        };
        own().find(same).or_else(|| own().find(|row| Path::new(&row.file) == self.path))
    }

    fn tell_status(&self, status: Option<&Flow>, out: &mut dyn Write) -> io::Result<bool> {
        let Some(status) = status else { return Ok(false) };
        let name = self.path.to_string_lossy();
        let health = status.health.as_str();
        if health != "ok" {
            let reason = Escaped(status.reason.as_deref().unwrap_or_default());
            writeln!(out, "    the flow is {health}: {reason}, since {}", status.since)?;
            if let Some(fix) = &status.fix {
                writeln!(out, "    fix: {}", Escaped(fix))?;
            }
            let is_far = ["paused", "retrying", "waiting"].contains(&health);
            if let (true, Some(Where { endpoint, region, credentials })) = (is_far, &status.place) {
                let (endpoint, credentials) = (Escaped(endpoint), Escaped(credentials));
                writeln!(out, "    at {endpoint} in {region}; credentials: {credentials}")?;
            }
        }
        if let Some(problem) = status.problems.iter().find(|problem| problem.file == name) {
            let (what, since) = (Escaped(&problem.what), &problem.since);
            writeln!(out, "    cannot follow: {what}, since {since}")?;
            writeln!(out, "    fix: {}", Escaped(&problem.fix))?;
        }
        let Some(file) = self.file_of(&status.files, &name) else { return Ok(false) };
        writeln!(
            out,
            "    followed: {}, read to offset {}, delivered to offset {} of {}, lag {}",
            file.state,
            file.read_offset,
            file.acked_offset,
            file.size_bytes,
            counted(file.lag_bytes, "byte")
        )?;
        if let Some(since) = &file.half_line_since {
            writeln!(
                out,
                "    its last line has no end since {since}, so it is not sent; see what its \
                 writer waits for, or set partialLineMillis"
            )?;
        }
        Ok(true)
    }

    /// What is told of this file: after a rotation an older one may still be known by its name.
    fn file_of<'f>(&self, files: &'f [File], name: &str) -> Option<&'f File> {
        let is_same = |file: &&File| {
            self.meta.is_some_and(|meta| (file.device, file.inode) == (meta.dev(), meta.ino()))
        };
        let is_named = |file: &&File| file.path == name && file.state == "live";
        files.iter().find(is_same).or_else(|| files.iter().find(is_named))
    }

    fn tell_next(&self, offset: u64, out: &mut dyn Write) -> io::Result<()> {
        let Some(meta) = self.meta.filter(|meta| meta.is_file()) else { return Ok(()) };
        if self.path.file_name().is_some_and(is_compressed_name) {
            return writeln!(out, "    next: its content is compressed");
        }
        if offset >= meta.len() {
            return writeln!(out, "    next: only data written from now on");
        }
        let mut bytes = vec![0; NEXT_BYTES_MAX];
        let Ok(file) = fs::File::open(self.path) else { return Ok(()) };
        let count = file.read_at(&mut bytes, offset).unwrap_or_default();
        let line = bytes.get(..count).unwrap_or_default();
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        writeln!(out, "    next: {}", Escaped(String::from_utf8_lossy(line)))
    }
}

/// Why a pattern does not match, if it is not for the directory.
fn why_not(pattern: &FilePattern, path: &Path) -> Option<String> {
    let name = path.file_name()?;
    if pattern.excludes(path) {
        return Some("excludePatterns leaves it out".to_owned());
    }
    if is_compressed_name(name) {
        return Some(
            "compressed files are read only to complete a rotated file (.gz, .zst, .bz2)"
                .to_owned(),
        );
    }
    let last = pattern.components().last()?;
    let exact = pattern.exact_path().is_some_and(|exact| exact.file_name() == Some(name));
    (!exact && !last.matches(name)).then(|| format!("its name is not {}", pattern.name_text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, load};

    #[test]
    fn a_pattern_says_why_it_does_not_match() {
        let text = "flows: [{filePattern: /l/app*.log, kinesisStream: s, excludePatterns: \
                    ['app-x*']}]";
        let (config, _) = load(text, Path::new("a.yaml"), &Environment::default()).unwrap();
        let pattern = &config.flows[0].pattern;
        let why = |path: &str| why_not(pattern, Path::new(path));
        assert_eq!(why("/l/app.log"), None);
        assert!(why("/l/other.log").unwrap().contains("app*.log"));
        assert!(why("/l/app-x1.log").unwrap().contains("excludePatterns"));
        assert!(why("/l/app.log.gz").unwrap().contains("compressed"));
        assert_eq!(why("/elsewhere/app.log"), None, "it is for the directory");
        assert!(pattern.matches_path(Path::new("/l/app.log")));
        assert!(!pattern.matches_path(Path::new("/elsewhere/app.log")));
    }
}
