//! What becomes of the first lines that are there: the flow's header lines, its multi-line pattern
//! and its converters are tried on them, within limits.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use super::keys::Keys;
use crate::config::FlowConfig;
use crate::config::diagnostics::quote;
use crate::disk::links;
use crate::process::splitter::{Ending, Next};
use crate::process::{Chain, Converted, ConverterConfig};
use crate::shown::counted;

/// So many files are looked into.
const FILES_MAX: usize = 3;

/// So many bytes of each are read.
const BYTES_MAX: u64 = 256 * 1024;

/// So many lines are tried, of all files together.
const LINES_MAX: usize = 500;

/// What was tried.
#[derive(Debug, Default)]
struct Sample {
    lines: usize,
    header_lines: usize,
    /// Lines that begin a record.
    starts: usize,
    records: usize,
    converted: usize,
    /// The first record that is not converted: where, what and why.
    first_failure: Option<String>,
    /// Records that the flow skips by a rule.
    skipped: usize,
    /// How many files were looked into.
    files: u64,
    /// The first line of a file that may be a header.
    header: Option<String>,
    /// The partition keys of the records, if they come from a template.
    keys: Option<Keys>,
}

/// Tries the beginning of some files, the newest first, and tells what becomes of it. Gives how
/// many things cannot work.
pub(super) fn describe(
    flow: &FlowConfig,
    files: &[&Path],
    out: &mut dyn Write,
) -> io::Result<usize> {
    let mut sample = Sample { keys: Keys::of(flow), ..Sample::default() };
    let plain = flow.converters.is_empty() && flow.multi_line_start.is_none();
    if plain && flow.skip_header_lines == 0 && sample.keys.is_none() {
        return Ok(0);
    }
    let mut chain = Chain::new(&flow.converters);
    for path in files.iter().take(FILES_MAX) {
        // Why a file cannot be read is told elsewhere.
        if let Ok(bytes) = beginning(path, flow) {
            sample.take(flow, path, &bytes, &mut chain);
        }
    }
    sample.tell(flow, out)
}

/// The complete lines at the start of a file; a last line without an end only where it is all.
fn beginning(path: &Path, flow: &FlowConfig) -> io::Result<Vec<u8>> {
    let file: File = links::open(path, flow.pattern.follow_links())?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    let end = memchr::memrchr(b'\n', &bytes).map_or(bytes.len(), |newline| newline + 1);
    bytes.truncate(end);
    Ok(bytes)
}

impl Sample {
    fn take(&mut self, flow: &FlowConfig, path: &Path, bytes: &[u8], chain: &mut Chain) {
        let skip = usize::try_from(flow.skip_header_lines).unwrap_or(usize::MAX);
        if let Some(keys) = &mut self.keys {
            keys.begin(path);
        }
        chain.set_path(self.files, &path.to_string_lossy());
        self.files += 1;
        let mut shown = 0;
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if self.lines >= LINES_MAX {
                break;
            }
            self.lines += 1;
            shown += line.len();
            if index < skip {
                self.header_lines += 1;
                continue;
            }
            if index == 0 && is_header(flow, line) {
                self.header = Some(format!("{}: {}", quote(&path.to_string_lossy()), text(line)));
            }
            let start = flow.multi_line_start.as_ref();
            self.starts += usize::from(start.is_some_and(|start| start.matches(line) == Ok(true)));
        }
        self.records_of(flow, path, bytes.get(..shown).unwrap_or(bytes), chain);
    }

    /// Tries the records after the header lines.
    fn records_of(&mut self, flow: &FlowConfig, path: &Path, bytes: &[u8], chain: &mut Chain) {
        let splitter = flow.splitter();
        let header = usize::try_from(flow.skip_header_lines).unwrap_or(usize::MAX);
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(header);
        let (mut at, mut line) = lines.fold((0, 1), |(at, line), text| (at + text.len(), line + 1));
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let length = match splitter.next(rest, Ending::Final) {
                Next::Record { len } | Next::Long { len } | Next::Piece { len } => len,
                Next::NeedMore | Next::Overlong => rest.len(),
            };
            let lines = rest.get(..length.max(1)).unwrap_or(rest);
            for (start, record) in splitter.records(lines) {
                self.convert((path, line, (at + start) as u64), &record, chain);
            }
            line += memchr::memchr_iter(b'\n', lines).count();
            at += lines.len();
        }
    }

    fn convert(
        &mut self,
        (path, at, offset): (&Path, usize, u64),
        record: &[u8],
        chain: &mut Chain,
    ) {
        if record.is_empty() {
            return;
        }
        let mut take_key = |data: &[u8]| self.keys.iter_mut().for_each(|keys| keys.take(data));
        if chain.is_empty() {
            return take_key(record);
        }
        self.records += 1;
        chain.set_offset(offset);
        let why = match chain.convert(record) {
            Converted::Record(data) => {
                take_key(data);
                let (1.., Some(reason)) = chain.take_unparsable() else {
                    self.converted += 1;
                    return;
                };
                reason
            }
            // That is what these steps are for.
            Converted::Skipped { reason } if reason.is_by_rule() => {
                self.skipped += 1;
                return;
            }
            Converted::Raw { record, converter, reason } => {
                take_key(record);
                format!("{converter}: {reason}")
            }
            Converted::DeadLetter { converter, reason, .. } => {
                format!("it would be a dead letter ({converter}: {reason})")
            }
            Converted::Skipped { reason } => format!("it would be skipped ({reason})"),
        };
        if self.first_failure.is_none() {
            let place = quote(&path.to_string_lossy());
            self.first_failure = Some(format!("line {at} of {place}, {}; {why}", text(record)));
        }
    }

    fn tell(&self, flow: &FlowConfig, out: &mut dyn Write) -> io::Result<usize> {
        let mut failures = 0;
        if self.lines == 0 {
            return Ok(0);
        }
        if self.header_lines == self.lines {
            let lines = self.lines;
            let lines = counted(lines, "line");
            writeln!(out, "  skipHeaderLines skips all of the first {lines}")?;
        }
        if flow.multi_line_start.is_some() && self.header_lines < self.lines {
            let (starts, lines) = (self.starts, self.lines - self.header_lines);
            if starts == 0 {
                failures += 1;
                writeln!(
                    out,
                    "  error: no line of {lines} matches multiLineStartPattern: they would be one \
                     record; it is compared with the start of a line"
                )?;
            } else {
                writeln!(
                    out,
                    "  multiLineStartPattern matched {starts} of {}",
                    counted(lines, "line")
                )?;
            }
        }
        if self.records > 0 {
            let (converted, records) = (self.converted, self.records);
            let nothing = converted == 0 && self.skipped < records;
            let word = if nothing { "  error: converters" } else { "  converters" };
            failures += usize::from(nothing);
            write!(out, "{word} matched {converted} of {records}")?;
            match &self.first_failure {
                Some(first) => writeln!(out, ", first that did not: {first}")?,
                None => writeln!(out)?,
            }
            if self.skipped > 0 {
                let skipped = self.skipped;
                writeln!(out, "  filters and rules would skip {skipped} of {records}")?;
            }
        }
        if let Some(keys) = &self.keys {
            failures += keys.tell(out)?;
        }
        if let Some(header) = &self.header {
            writeln!(
                out,
                "  the first line looks like a header; set skipHeaderLines: 1; {header}"
            )?;
        }
        Ok(failures)
    }
}

/// Whether a first line has the names that its columns are to get.
fn is_header(flow: &FlowConfig, line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).to_lowercase();
    let names = flow.converters.iter().find_map(|converter| match converter {
        ConverterConfig::CsvToJson { field_names, .. } => Some(field_names),
        _ => None,
    });
    names.is_some_and(|names| {
        names.len() > 1 && names.iter().all(|name| text.contains(&name.to_lowercase()))
    })
}

/// A record for people: short, in quotes, and with everything escaped that does more than show.
fn text(record: &[u8]) -> String {
    quote(String::from_utf8_lossy(record).trim_end_matches(['\r', '\n']))
}
