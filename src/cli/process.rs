//! `kinetail process`: what a flow makes of lines on standard input. Reads no file of the flow and
//! sends nothing.
//!
//! Records go to standard output as they would be sent; what is skipped and what could not be read
//! is told on standard error, with the number of its line.

use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;

use clap::Args;

use super::configuration::{self, ConfigArgs};
use super::{CliError, output};
use crate::config::FlowConfig;
use crate::process::splitter::{Ending, Next, Splitter};
use crate::process::{Chain, Converted, StepCount};
use crate::shown::{Escaped, counted};

/// So many bytes are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// So many characters of a record are shown after a step.
const SHOWN_CHARS_MAX: usize = 2_000;

/// Options of `process`.
#[derive(Debug, Args)]
pub(super) struct ProcessArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Flow whose steps to run: its number in the configuration (from 1), its ID, or a part of it.
    #[arg(short, long, value_name = "FLOW", default_value = "1")]
    flow: String,
    /// Print the result of each step for each record on standard error.
    #[arg(long)]
    explain: bool,
    /// File path to assume for the lines.
    #[arg(long, value_name = "PATH", default_value = "/dev/stdin")]
    path: String,
}

/// Takes lines from standard input and writes records.
pub(super) fn run(args: &ProcessArgs) -> Result<ExitCode, CliError> {
    let config = configuration::load(&args.config)?.config;
    let flow = find(&config.flows, &args.flow)?;
    let mut process = Process::new(flow, args);
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut notes = io::stderr().lock();
    let result = process.all(&mut input, &mut out, &mut notes).and_then(|()| out.flush());
    output::or_closed(result)?;
    output::or_closed(process.sum_up(&mut notes))?;
    Ok(ExitCode::SUCCESS)
}

/// The flow with this number or id, or the only one whose id has this in it.
fn find<'c>(flows: &'c [FlowConfig], wanted: &str) -> Result<&'c FlowConfig, CliError> {
    if let Some(flow) = flows.iter().find(|flow| flow.id == wanted) {
        return Ok(flow);
    }
    let number = wanted.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    if let Some(flow) = number.and_then(|place| flows.get(place)) {
        return Ok(flow);
    }
    let mut like = flows.iter().filter(|flow| flow.id.contains(wanted));
    match (like.next(), like.next()) {
        (Some(flow), None) => Ok(flow),
        (None, _) => Err(CliError::Flow { wanted: wanted.to_owned(), found: "no flow" }),
        (Some(_), Some(_)) => {
            Err(CliError::Flow { wanted: wanted.to_owned(), found: "more than one flow" })
        }
    }
}

struct Process {
    chain: Chain,
    splitter: Splitter,
    names: Vec<&'static str>,
    explain: bool,
    /// The number of the line that the next record begins with.
    line: u64,
    offset: u64,
    skip_lines: u64,
    records: u64,
    written: u64,
    /// What each step did with records, but for the last one.
    counts: Vec<StepCount>,
    /// How many records of each step are dead letters. They count as skipped, too.
    dead_letters: Vec<u64>,
}

impl Process {
    fn new(flow: &FlowConfig, args: &ProcessArgs) -> Self {
        let mut chain = Chain::new(&flow.converters);
        chain.set_path(0, &args.path);
        let now = jiff::Timestamp::now().as_millisecond();
        chain.set_time(now);
        let names: Vec<&'static str> = chain.names().collect();
        Self {
            counts: vec![StepCount::default(); names.len()],
            dead_letters: vec![0; names.len()],
            names,
            splitter: flow.splitter(),
            chain,
            explain: args.explain,
            line: 1,
            offset: 0,
            skip_lines: flow.skip_header_lines,
            records: 0,
            written: 0,
        }
    }

    fn all(
        &mut self,
        input: &mut dyn Read,
        out: &mut dyn Write,
        notes: &mut dyn Write,
    ) -> io::Result<()> {
        let (mut held, mut start) = (Vec::new(), 0);
        loop {
            let before = held.len();
            held.resize(before + READ_BYTES, 0);
            let read = input.read(held.get_mut(before..).unwrap_or_default())?;
            held.truncate(before + read);
            let ending = if read == 0 { Ending::Final } else { Ending::Open };
            loop {
                let rest = held.get(start..).unwrap_or_default();
                let length = match self.splitter.next(rest, ending) {
                    Next::Record { len } | Next::Long { len } | Next::Piece { len } => len,
                    Next::Overlong if read == 0 => rest.len(),
                    Next::NeedMore | Next::Overlong => break,
                };
                let record = rest.get(..length).unwrap_or_default();
                if self.line <= self.skip_lines {
                    writeln!(notes, "line {}: skipped (header)", self.line)?;
                } else {
                    for (at, record) in self.splitter.records(record) {
                        self.chain.set_offset(self.offset + at as u64);
                        self.one(&record, out, notes)?;
                    }
                }
                self.line += memchr::memchr_iter(b'\n', record).count() as u64;
                self.offset += length as u64;
                start += length;
            }
            held.drain(..start);
            start = 0;
            if read == 0 {
                return Ok(());
            }
        }
    }

    fn one(&mut self, record: &[u8], out: &mut dyn Write, notes: &mut dyn Write) -> io::Result<()> {
        let (line, names) = (self.line, &self.names);
        self.records += 1;
        self.chain.take_step_counts(&mut self.counts);
        let mut steps = Vec::new();
        let mut before = record.to_vec();
        let mut watch = |place: usize, after: &[u8]| {
            let name = names.get(place).copied().unwrap_or_default();
            let what = if after == before { "as it was".to_owned() } else { text(after) };
            steps.push(format!("  {} {name}: {what}", place + 1));
            before = after.to_vec();
        };
        let converted = if self.explain {
            writeln!(notes, "line {line}: {}", text(record))?;
            self.chain.explain(record, &mut watch)
        } else {
            self.chain.convert(record)
        };
        let mut is_dead_letter = false;
        let said = match converted {
            Converted::Record(record) => {
                write_line(out, record)?;
                self.written += 1;
                None
            }
            Converted::Raw { record, converter, reason } => {
                write_line(out, record)?;
                self.written += 1;
                Some(format!("sent as it was: {converter}: {reason}"))
            }
            Converted::DeadLetter { converter, reason, .. } => {
                is_dead_letter = true;
                Some(format!("dead letter ({converter}: {reason})"))
            }
            Converted::Skipped { reason } => Some(format!("skipped ({reason})")),
        };
        if is_dead_letter {
            self.count_dead_letter();
        }
        for step in steps {
            writeln!(notes, "{step}")?;
        }
        let said = said.or_else(|| {
            let (count, reason) = self.chain.take_unparsable();
            reason.filter(|_| count > 0).map(|reason| format!("not parsed: {reason}"))
        });
        match said {
            Some(said) if self.explain => writeln!(notes, "  {said}"),
            Some(said) => writeln!(notes, "line {line}: {said}"),
            None => Ok(()),
        }
    }

    /// The step that skipped the last record turned it into a dead letter.
    fn count_dead_letter(&mut self) {
        let mut last = vec![StepCount::default(); self.names.len()];
        self.chain.take_step_counts(&mut last);
        let all = self.counts.iter_mut().zip(&mut self.dead_letters);
        for (last, (count, dead_letters)) in last.into_iter().zip(all) {
            *dead_letters += last.skipped;
            count.add(last);
        }
    }

    /// What each step did.
    fn sum_up(&mut self, notes: &mut dyn Write) -> io::Result<()> {
        self.chain.take_step_counts(&mut self.counts);
        let (records, written) = (counted(self.records, "record"), self.written);
        let total: u64 = self.dead_letters.iter().sum();
        write!(notes, "{records} read, {written} written")?;
        if total > 0 {
            write!(notes, ", {}", counted(total, "dead letter"))?;
        }
        writeln!(notes)?;
        let steps = self.names.iter().zip(&self.counts).zip(&self.dead_letters);
        for (place, ((name, count), dead)) in steps.enumerate() {
            if *count == StepCount::default() {
                continue;
            }
            let (place, skipped) = (place + 1, count.skipped - dead);
            write!(notes, "  {place} {name}: {skipped} skipped, {} not parsed", count.unparsable)?;
            if *dead > 0 {
                write!(notes, ", {}", counted(*dead, "dead letter"))?;
            }
            writeln!(notes)?;
        }
        Ok(())
    }
}

/// A record is a line here, whatever it ends with.
fn write_line(out: &mut dyn Write, record: &[u8]) -> io::Result<()> {
    out.write_all(record)?;
    if record.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\n") }
}

/// A record for people.
fn text(record: &[u8]) -> String {
    let text = String::from_utf8_lossy(record);
    let text = text.trim_end_matches(['\r', '\n']);
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", Escaped(text.get(..end).unwrap_or_default())),
        None => Escaped(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Environment, load};

    /// What is written for a flow with these keys, and what is told.
    fn processed(keys: &str, explain: bool, text: &[u8]) -> (String, String) {
        let flow = format!(
            "{{\"flows\": [{{\"filePattern\": \"/a\", \"kinesisStream\": \"s\", {keys}}}]}}"
        );
        let (config, _) = load(&flow, Path::new("a.json"), &Environment::default()).unwrap();
        let args = ProcessArgs {
            config: ConfigArgs::default(),
            flow: "1".to_owned(),
            explain,
            path: "/var/log/a.log".to_owned(),
        };
        let mut process = Process::new(&config.flows[0], &args);
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        process.all(&mut &*text, &mut out, &mut notes).unwrap();
        process.sum_up(&mut notes).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap())
    }

    #[test]
    fn explain_shows_what_each_step_makes_of_a_record() {
        let keys = r#""dataProcessingOptions": [{"optionName": "PARSEJSON"},
            {"optionName": "FILTER", "exclude": {"field": "l", "equals": "debug"}},
            {"optionName": "DROPFIELDS", "fields": "x"}]"#;
        let text = b"{\"l\":\"info\",\"x\":1}\nno\x1b\n{\"l\":\"debug\"}\n";
        let (out, notes) = processed(keys, true, text);
        assert_eq!(out, "{\"l\":\"info\"}\nno\x1b\n");
        let want = [
            "line 1: {\"l\":\"info\",\"x\":1}",
            "  1 PARSEJSON: as it was",
            "  2 FILTER: as it was",
            "  3 DROPFIELDS: {\"l\":\"info\"}",
            "line 2: no\\u{1b}",
            "  1 PARSEJSON: as it was",
            "  2 FILTER: as it was",
            "  3 DROPFIELDS: as it was",
            "  not parsed: PARSEJSON: invalid JSON at byte 0",
            "line 3: {\"l\":\"debug\"}",
            "  1 PARSEJSON: as it was",
            "  skipped (filtered)",
            "3 records read, 2 written",
            "  1 PARSEJSON: 0 skipped, 1 not parsed",
            "  2 FILTER: 1 skipped, 0 not parsed",
            "  3 DROPFIELDS: 0 skipped, 1 not parsed",
        ];
        assert_eq!(notes.lines().collect::<Vec<_>>(), want);
    }

    #[test]
    fn dead_letters_are_told_apart_from_skipped_records() {
        let keys = r#""deadLetterDirectory": "/d", "dataProcessingOptions": [
            {"optionName": "PARSEJSON", "onUnparsable": "deadLetter"},
            {"optionName": "FILTER", "exclude": {"field": "l", "equals": "debug"}},
            {"optionName": "PARSEJSON", "field": "in", "onUnparsable": "deadLetter"}]"#;
        let text = b"no\n{\"l\":\"debug\"}\n{\"in\":\"{}\"}\n{\"in\":\"x\"}\nno\n";
        let (out, notes) = processed(keys, false, text);
        assert_eq!(out.lines().count(), 1, "{out}{notes}");
        let summary: Vec<&str> = notes.lines().skip_while(|line| !line.contains("read")).collect();
        let want = [
            "5 records read, 1 written, 3 dead letters",
            "  1 PARSEJSON: 0 skipped, 0 not parsed, 2 dead letters",
            "  2 FILTER: 1 skipped, 0 not parsed",
            "  3 PARSEJSON: 0 skipped, 0 not parsed, 1 dead letter",
        ];
        assert_eq!(summary, want, "{notes}");
    }

    #[test]
    fn mixed_entries_of_containers_are_records_of_their_own() {
        let keys = r#""dataProcessingOptions": [{"optionName": "PARSECRI", "fields": true},
            {"optionName": "DROPFIELDS", "fields": "time"}]"#;
        let lines = |lines: &[&str]| {
            let line = |line: &&str| format!("2026-11-29T14:00:00.1Z {line}\n");
            lines.iter().map(line).collect::<Vec<_>>().concat()
        };
        let text = lines(&["stdout P a", "stderr P x", "stdout F b", "stderr F y", "stdout F c"]);
        let (out, notes) = processed(keys, false, text.as_bytes());
        assert_eq!(
            out,
            concat!(
                r#"{"stream":"stdout","message":"ab"}"#,
                "\n",
                r#"{"stream":"stderr","message":"xy"}"#,
                "\n",
                r#"{"stream":"stdout","message":"c"}"#,
                "\n"
            )
        );
        assert!(notes.starts_with("3 records read, 3 written"), "{notes}");
        // A line of the other stream continues no record of this one.
        let keys = format!("\"multiline\": \"java\", {keys}");
        let text = lines(&[
            "stdout F ERROR",
            "stdout F \tat a",
            "stderr P o",
            "stdout F \tat b",
            "stderr F ne",
            "stderr F \tat c",
            "stdout F end",
        ]);
        let (out, _) = processed(&keys, false, text.as_bytes());
        let messages: Vec<&str> =
            out.lines().filter_map(|line| line.split("\"message\":").nth(1)).collect();
        assert_eq!(
            messages,
            ["\"ERROR\\n\\tat a\"}", "\"\\tat b\"}", "\"one\\n\\tat c\"}", "\"end\"}",]
        );
    }

    #[test]
    fn text_is_cut_and_escaped() {
        assert_eq!(text(b"a\x1b[1m\r\n"), Escaped("a\x1b[1m").to_string());
        let long = "x".repeat(SHOWN_CHARS_MAX + 1);
        assert_eq!(text(long.as_bytes()).chars().count(), SHOWN_CHARS_MAX + 1);
    }
}
