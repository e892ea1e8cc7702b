//! Records that were sent raw, cut or left out: counted at once, logged at once the first time and
//! then less and less often, with how many there were.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::batch::pack::Counts;
use crate::repeats::{Pace, Turn};

/// What can happen to a record. The reasons are the packer's, so there are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Oversize(&'static str),
    Raw,
    Skipped(&'static str),
    Truncated,
}

/// What happened since the last line about it.
#[derive(Debug, Default)]
struct Trouble {
    records: u64,
    pace: Pace,
}

/// What happened to the records of a flow.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    kinds: BTreeMap<Kind, Trouble>,
    raw_reason: Option<String>,
    /// Where the newest overlong line begins.
    oversize_at: Option<(Arc<Path>, u64)>,
}

impl Troubles {
    /// Adds what happened in one step.
    pub(super) fn add(&mut self, counts: &Counts) {
        let skipped = counts.skipped.iter().map(|(reason, count)| (Kind::Skipped(reason), *count));
        for (kind, records) in [(Kind::Raw, counts.raw), (Kind::Truncated, counts.truncated)]
            .into_iter()
            .chain(skipped)
        {
            if records > 0 {
                self.kinds.entry(kind).or_default().records += records;
            }
        }
        if counts.raw_reason.is_some() {
            self.raw_reason.clone_from(&counts.raw_reason);
        }
    }

    /// Adds what was longer than a line may be, and where the newest of it begins.
    pub(super) fn add_oversize(
        &mut self,
        count: u64,
        policy: &'static str,
        at: Option<(Arc<Path>, u64)>,
    ) {
        self.kinds.entry(Kind::Oversize(policy)).or_default().records += count;
        self.oversize_at = at;
    }

    /// Says what happened since the last line; for the end of a flow.
    pub(super) fn log_rest(&mut self, flow: &str) {
        for (kind, records) in self.take(|_| true) {
            self.write(flow, kind, records);
        }
    }

    /// Says what happened, if anything did and the last line about it is long enough ago.
    pub(super) fn log(&mut self, flow: &str, now: Instant) {
        for (kind, records) in self.take(|pace| pace.turn(now) != Turn::Same) {
            self.write(flow, kind, records);
        }
    }

    fn take(&mut self, mut is_due: impl FnMut(&mut Pace) -> bool) -> Vec<(Kind, u64)> {
        let waiting = self.kinds.iter_mut().filter(|(_, trouble)| trouble.records > 0);
        waiting
            .filter_map(|(kind, trouble)| {
                let due = is_due(&mut trouble.pace);
                due.then(|| (*kind, std::mem::take(&mut trouble.records)))
            })
            .collect()
    }

    fn write(&self, flow: &str, kind: Kind, records: u64) {
        match kind {
            Kind::Oversize(policy) => {
                let newest = self.oversize_at.as_ref();
                let file = newest.map_or_else(String::new, |(path, _)| path.display().to_string());
                let offset = newest.map_or(0, |(_, offset)| *offset);
                tracing::warn!(%flow, %file, offset, policy, lines = records,
                    "longer than maxLineBytes; file and offset are those of the newest");
            }
            Kind::Raw => {
                let reason = self.raw_reason.as_deref().unwrap_or_default();
                tracing::warn!(
                    %flow,
                    records,
                    "sent as they were, because a converter could not \
                    read them; the newest reason: {reason}"
                );
            }
            Kind::Skipped(reason) => tracing::info!(%flow, records, reason, "left out"),
            Kind::Truncated => {
                tracing::warn!(%flow, records, "cut to the service's greatest record size");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_hour_of_bad_records_is_a_few_lines_that_count_them_all() {
        let (start, mut troubles) = (Instant::now(), Troubles::default());
        let counts = Counts {
            raw: 1,
            truncated: 2,
            skipped: vec![("no_match", 3), ("header", 0)],
            ..Counts::default()
        };
        let (mut lines, mut told) = (0, 0);
        for second in 0..3_600 {
            troubles.add(&counts);
            let now = start + Duration::from_secs(second);
            for (_, records) in troubles.take(|pace| pace.turn(now) != Turn::Same) {
                (lines, told) = (lines + 1, told + records);
            }
        }
        assert_eq!(lines, 3 * 10, "ten for each kind");
        let rest: u64 = troubles.take(|_| true).iter().map(|(_, records)| records).sum();
        assert_eq!(told + rest, 6 * 3_600);
    }
}
