//! What becomes of one flow: for each file that the Java agent knew, and for each that matches
//! now, where kinetail begins.
//!
//! That agent reads one file at a time, from the oldest to the newest, so its rows are a story: the
//! last one is where it was, the others are files that it had left. Files without a row are judged
//! by their time. `elsewhere` looks for a content that is not in its file any more.
//! `docs/migrating.md` has the rules for people.

mod copies;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::evidence::{Doubt, Rest, doubt, rest_of_older, was_passed};
use super::files::{Found, Listing, Opened};
use super::java::Row;
use crate::checkpoint::{Checkpoint, Life};
use crate::config::FlowConfig;
use crate::process::ConverterConfig;
use crate::tail::candidate::{end_position, position_at};
use crate::tail::holes::Holes;
use crate::tail::identity::{FileKey, Head, Inode, Position};

/// The first generation that kinetail has of a flow.
const FIRST_KEY: u64 = 1;

kinetail_base::labels! {
    /// What kinetail does with one file.
    pub enum Kind {
        /// The content is in a compressed file: it is continued there.
        Compressed = "compressed",
        /// The same file is continued at the Java agent's offset.
        Continued = "continued",
        /// The file was truncated, and is continued in a copy.
        Copy = "copy",
        /// The Java agent had read it to its end.
        Finished = "finished",
        /// The file is new: it is read from byte 0.
        New = "new",
        /// The file that the Java agent read last is nowhere to be found.
        NotFound = "NOT FOUND",
        /// A compressed file that came after what the Java agent read last. It is not read: only
        /// rests of known contents are read out of compressed files.
        NotRead = "NOT READ",
        /// It is older than the one that the Java agent read last, and there is no position of it:
        /// nothing of it is sent but what is written from now on.
        Passed = "skipped",
        /// It cannot be proven that it is the Java agent's file: it is read from byte 0.
        StartedOver = "STARTS OVER",
        /// It cannot be read now; if it can be later, it is read from byte 0.
        Unreadable = "UNREADABLE",
        /// A file that the Java agent had left is gone.
        Vanished = "vanished",
    }
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What kinetail does.
    pub kind: Kind,
    /// Where the file is, or was.
    pub path: PathBuf,
    /// Where reading begins.
    pub offset: u64,
    /// How large the file is now; 0 if it is not there, or compressed.
    pub size: u64,
    /// Why, in words.
    pub note: String,
}

/// What is imported for a flow.
#[derive(Debug, Default)]
pub struct FlowPlan {
    /// One line a file.
    pub lines: Vec<Line>,
    /// What is written to kinetail's own database. A file that is to be read from byte 0 needs no
    /// row there.
    pub checkpoints: Vec<Checkpoint>,
}

impl Line {
    /// Whether something that the Java agent had begun is not continued.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        matches!(self.kind, Kind::NotFound | Kind::NotRead | Kind::Unreadable)
    }
}

/// Decides for a flow with these rows, of which the last one was written last.
pub(super) fn plan(flow: &FlowConfig, rows: &[Row]) -> FlowPlan {
    let Some(last) = rows.last() else { return FlowPlan::default() };
    let mut planner = Planner {
        flow,
        last,
        listing: Listing::of(&flow.pattern, rows),
        settled: HashSet::new(),
        plan: FlowPlan::default(),
    };
    let history = newest_of_each_file(rows);
    planner.current();
    for row in history.iter().filter(|row| **row != last) {
        planner.older(row);
    }
    planner.others();
    planner.compressed_since();
    planner.plan
}

/// A file that was renamed has a row for each name; only the newest counts. The flow's last row is
/// not among them.
fn newest_of_each_file(rows: &[Row]) -> Vec<&Row> {
    let mut seen = HashSet::new();
    let newest_first = rows.iter().rev();
    newest_first.filter(|row| row.inode.is_some_and(|inode| seen.insert(inode))).collect()
}

/// Opens a file and says what speaks against its being the one of the row.
fn check(row: &Row, found: &Found) -> io::Result<Result<Opened, Doubt>> {
    let opened = Opened::open(&found.path)?;
    let facts = opened.facts(row.offset.unwrap_or(0))?;
    Ok(match doubt(row, &facts) {
        Some(reason) => Err(reason),
        None => Ok(opened),
    })
}

/// Where a file is taken up, and why.
struct Decision {
    kind: Kind,
    offset: u64,
    note: String,
}

struct Planner<'a> {
    flow: &'a FlowConfig,
    /// Where the Java agent was.
    last: &'a Row,
    listing: Listing,
    /// Files about which nothing is left to decide.
    settled: HashSet<Inode>,
    plan: FlowPlan,
}

impl Planner<'_> {
    /// The file that the Java agent was reading.
    fn current(&mut self) {
        let last = self.last;
        let Some(found) = self.listing.at(last).cloned() else {
            return self.find_elsewhere(None);
        };
        match check(last, &found) {
            Ok(Ok(opened)) => {
                let offset = last.offset.unwrap_or(0);
                let decision = Decision { kind: Kind::Continued, offset, note: String::new() };
                self.continue_with(last, &opened, decision);
            }
            Ok(Err(reason)) => {
                self.find_elsewhere(Some(reason));
                if self.settled.insert(found.inode) {
                    self.start_over(&found, reason);
                }
            }
            Err(error) => self.unreadable(&found, &error),
        }
    }

    /// Another content lies in the file that the Java agent was reading. Outside of the pattern
    /// that is a different file's, unless it was truncated and then rotated.
    fn start_over(&mut self, found: &Found, reason: Doubt) {
        if !found.matches {
            let rotated =
                self.listing.descendants_of(self.last).iter().any(|f| f.path == found.path);
            if reason != Doubt::Shorter || !rotated {
                return;
            }
            let start = Opened::open(&found.path).and_then(|opened| {
                Ok((position_at(&opened.candidate.handle, 0, &Holes::NONE)?, opened))
            });
            match start {
                Ok((start, opened)) => self.keep(&opened, start, true),
                Err(error) => return self.unreadable(found, &error),
            }
        }
        self.line(Kind::StartedOver, &found.path, 0, &reason.to_string());
    }

    /// A file that the Java agent had left for another one.
    fn older(&mut self, row: &Row) {
        let Some(found) = self.listing.at(row).cloned() else {
            let note = "the Java agent had moved on to a newer file";
            return self.line(Kind::Vanished, &row.path, row.offset.unwrap_or(0), note);
        };
        if self.settled.contains(&found.inode) {
            return;
        }
        match check(row, &found) {
            Ok(Ok(opened)) => self.rest_of(row, &opened),
            // Its inode number is used again: judged by its time with the others.
            Ok(Err(_)) => {}
            Err(error) => self.unreadable(&found, &error),
        }
    }

    fn rest_of(&mut self, row: &Row, opened: &Opened) {
        let offset = row.offset.unwrap_or(0);
        let facts = opened.facts(offset);
        let rest = facts.map_or(Rest::Open, |facts| rest_of_older(&facts, self.last));
        let decision = if offset == opened.size() {
            Decision { kind: Kind::Finished, offset, note: String::new() }
        } else if rest == Rest::Sent {
            let end = end_position(&opened.candidate, 0).map_or(offset, |end| end.offset);
            let note = "its tail was already sent together with the next file".to_owned();
            Decision { kind: Kind::Finished, offset: end.max(offset), note }
        } else {
            let note = "the Java agent may have sent part of the rest; resending it".to_owned();
            Decision { kind: Kind::Continued, offset, note }
        };
        self.continue_with(row, opened, decision);
    }

    /// The files that match and have no row that fits.
    fn others(&mut self) {
        for found in self.listing.matching().cloned().collect::<Vec<_>>() {
            if !self.settled.insert(found.inode) {
                continue;
            }
            let looked = Opened::open(&found.path).and_then(|opened| {
                let passed = was_passed(&opened.facts(0)?, self.last);
                Ok((passed, end_position(&opened.candidate, 0)?, opened))
            });
            match looked {
                Ok((true, end, opened)) => {
                    let note = "older than the last file the Java agent read";
                    self.keep(&opened, end, false);
                    self.line(Kind::Passed, &found.path, end.offset, note);
                }
                Ok((false, _, opened)) => {
                    let note = if opened.size() == 0 { "empty" } else { "" };
                    self.line(Kind::New, &found.path, 0, note);
                }
                Err(error) => self.unreadable(&found, &error),
            }
        }
    }

    /// Takes a position over.
    fn continue_with(&mut self, row: &Row, opened: &Opened, decision: Decision) {
        let Decision { kind, offset, note } = decision;
        let path = opened.candidate.path.to_path_buf();
        self.settled.insert(opened.candidate.inode);
        let behind = self.behind_sent_record(opened, offset);
        let at = |offset| {
            position_at(&opened.candidate.handle, offset, &Holes::NONE).map_err(io::Error::from)
        };
        match behind.and_then(at) {
            Ok(position) => {
                let moved = path != row.path;
                // Outside of the pattern only existing files are considered.
                let matches = self.flow.pattern.matches_path(&path);
                if matches || position.offset < opened.size() {
                    self.keep(opened, position, moved);
                }
                let note = if moved && note.is_empty() {
                    format!("was {}", row.path.display())
                } else {
                    note
                };
                self.line(kind, &path, position.offset, &note);
            }
            Err(error) => {
                let inode = opened.candidate.inode;
                self.unreadable(&Found { path, inode, matches: true }, &error);
            }
        }
    }

    /// The Java agent's offset is the beginning of the last record that it sent, and not its end,
    /// if its first converter was ADDBRACKETS. Where a record is a line its end can be found.
    fn behind_sent_record(&self, opened: &Opened, offset: u64) -> io::Result<u64> {
        let brackets = matches!(self.flow.converters.first(), Some(ConverterConfig::AddBrackets));
        if brackets && self.flow.multi_line_start.is_none() {
            return Ok(opened.line_end_after(offset)?.unwrap_or(offset));
        }
        Ok(offset)
    }

    fn keep(&mut self, opened: &Opened, position: Position, rotated: bool) {
        let row = Checkpoint {
            file: self.next_key(),
            inode: opened.candidate.inode,
            path: opened.candidate.path.to_path_buf(),
            real: opened.candidate.real.as_deref().map(Path::to_path_buf),
            head: Head::of(&opened.candidate.head),
            offset: position.offset,
            anchor: position.anchor,
            life: Life::of_rotated(rotated),
            holes: Holes::NONE,
            places: Vec::new(),
            cursor: None,
        };
        self.plan.checkpoints.push(row);
    }

    fn next_key(&self) -> FileKey {
        FileKey(FIRST_KEY + self.plan.checkpoints.len() as u64)
    }

    fn unreadable(&mut self, found: &Found, error: &io::Error) {
        self.settled.insert(found.inode);
        let note = format!("{error}; once readable, it will be read from the beginning");
        self.line(Kind::Unreadable, &found.path, 0, &note);
    }

    fn line(&mut self, kind: Kind, path: &Path, offset: u64, note: &str) {
        let size = match kind {
            Kind::NotFound | Kind::Vanished | Kind::Compressed => 0,
            _ => std::fs::metadata(path).map_or(0, |meta| meta.len()),
        };
        let path = path.to_path_buf();
        self.plan.lines.push(Line { kind, path, offset, size, note: note.to_owned() });
    }
}
