//! What must arrive and what may arrive again, line by line.

use std::collections::HashMap;

/// Lines that did not arrive.
const MISSING: &str = "did not arrive";
/// Lines that arrived more often than they may.
const REPEATED: &str = "came too often";
/// What was never written.
const INVENTED: &str = "arrived and were never written";

/// What kind of fault a complaint is about, if it is one about lines.
pub fn kind(complaint: &str) -> Option<&'static str> {
    [MISSING, REPEATED, INVENTED].into_iter().find(|kind| complaint.contains(kind))
}

/// Every line that was written, and how often it has to arrive and may.
#[derive(Default)]
pub struct Judge {
    lines: HashMap<Vec<u8>, Wanted>,
}

#[derive(Default)]
struct Wanted {
    written: usize,
    repeats_allowed: usize,
    losses_allowed: usize,
}

impl Judge {
    /// These lines were written once more.
    pub fn wrote(&mut self, bytes: &[u8]) {
        for line in lines_of(bytes) {
            self.lines.entry(line.to_vec()).or_default().written += 1;
        }
    }

    /// These lines may arrive once more than they were written.
    pub fn allow_again(&mut self, bytes: &[u8]) {
        for line in lines_of(bytes) {
            self.lines.entry(line.to_vec()).or_default().repeats_allowed += 1;
        }
    }

    /// These lines were destroyed before they had to be read: each may be missing once.
    pub fn need_not_arrive(&mut self, bytes: &[u8]) {
        for line in lines_of(bytes) {
            self.lines.entry(line.to_vec()).or_default().losses_allowed += 1;
        }
    }

    /// Compares with what arrived. `Err` says what is wrong.
    pub fn judge(&self, stream: &[Vec<u8>]) -> Result<(), String> {
        let mut arrived: HashMap<&[u8], usize> = HashMap::new();
        for line in stream.iter().flat_map(|record| lines_of(record)) {
            *arrived.entry(line).or_default() += 1;
        }
        let times = |line: &[u8]| arrived.get(line).copied().unwrap_or(0);
        complain(MISSING, self.lines.iter(), |line, wanted| {
            times(line) + wanted.losses_allowed < wanted.written
        })?;
        complain(REPEATED, self.lines.iter(), |line, wanted| {
            times(line) > wanted.written + wanted.repeats_allowed
        })?;
        complain(INVENTED, arrived.iter(), |line, _| {
            self.lines.get(*line).is_none_or(|wanted| wanted.written == 0)
        })
    }
}

/// Lines with their line ends; the last one may lack it.
pub fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

fn complain<'l, L: AsRef<[u8]> + 'l, W: 'l>(
    what: &str,
    lines: impl Iterator<Item = (&'l L, &'l W)>,
    is_wrong: impl Fn(&L, &W) -> bool,
) -> Result<(), String> {
    let wrong = lines.filter(|(line, wanted)| is_wrong(line, wanted));
    let mut wrong: Vec<_> = wrong.map(|(line, _)| String::from_utf8_lossy(line.as_ref())).collect();
    wrong.sort();
    match wrong.first() {
        Some(first) => Err(format!("{} lines {what}, one is {:?}", wrong.len(), first.trim_end())),
        None => Ok(()),
    }
}
