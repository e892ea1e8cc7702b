//! How far each file is acknowledged: the contiguous prefix, and nothing behind it.
//!
//! Batches are acknowledged in any order. A file's checkpoint moves only over spans that are all
//! acknowledged, so a later success never hides an earlier request that is still in flight. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{BatchId, Span};
use kinetail_base::identity::{FileKey, Position};

/// The spans of one flow that are not yet written down.
#[derive(Debug, Default)]
pub struct Ledger {
    files: BTreeMap<FileKey, VecDeque<Pending>>,
    batches: BTreeMap<BatchId, Open>,
}

#[derive(Debug)]
struct Pending {
    batch: BatchId,
    end: Position,
    acknowledged: bool,
}

/// A batch that is not settled: some of its spans are not part of an acknowledged prefix that is
/// written down.
#[derive(Debug)]
struct Open {
    acknowledged: bool,
    /// Files whose prefix does not cover this batch's span yet.
    uncovered: BTreeSet<FileKey>,
    /// Files whose prefix covers it and is not written down yet, and up to where it must be.
    unwritten: BTreeMap<FileKey, u64>,
}

impl Ledger {
    /// Notes a batch that was closed. Spans of one file must come in file order from batch to
    /// batch.
    pub fn open(&mut self, batch: BatchId, spans: &[Span]) {
        let mut uncovered = BTreeSet::new();
        for span in spans {
            let end = Position { offset: span.end, anchor: span.anchor };
            let pending = Pending { batch, end, acknowledged: false };
            self.files.entry(span.file).or_default().push_back(pending);
            uncovered.insert(span.file);
        }
        let open = Open { acknowledged: false, uncovered, unwritten: BTreeMap::new() };
        self.batches.insert(batch, open);
    }

    /// Notes that every record of a batch met its fate. Says which files are acknowledged further
    /// now, and to where; those positions are to be written down.
    pub fn acknowledge(&mut self, batch: BatchId) -> Vec<(FileKey, Position)> {
        let Some(open) = self.batches.get_mut(&batch) else { return Vec::new() };
        open.acknowledged = true;
        let files: Vec<FileKey> = open.uncovered.iter().copied().collect();
        let mut advanced = Vec::new();
        for file in files {
            advanced.extend(self.advance(file, batch).map(|end| (file, end)));
        }
        advanced
    }

    /// Notes that a file's prefix is written down up to `offset`.
    pub fn written(&mut self, file: FileKey, offset: u64) {
        for open in self.batches.values_mut() {
            if open.unwritten.get(&file).is_some_and(|needed| *needed <= offset) {
                open.unwritten.remove(&file);
            }
        }
    }

    /// Takes out the batches that are settled: acknowledged, covered and written down.
    pub fn take_settled(&mut self) -> Vec<BatchId> {
        let settled: Vec<BatchId> = self
            .batches
            .iter()
            .filter(|(_, open)| {
                open.acknowledged && open.uncovered.is_empty() && open.unwritten.is_empty()
            })
            .map(|(batch, _)| *batch)
            .collect();
        for batch in &settled {
            self.batches.remove(batch);
        }
        settled
    }

    /// The files whose spans of this batch are not covered yet, and where those spans end.
    #[must_use]
    pub fn spans_of(&self, batch: BatchId) -> Vec<(FileKey, u64)> {
        let files = self.batches.get(&batch).map(|open| &open.uncovered);
        files
            .into_iter()
            .flatten()
            .filter_map(|file| {
                let pending = self.files.get(file)?;
                let span = pending.iter().find(|entry| entry.batch == batch)?;
                Some((*file, span.end.offset))
            })
            .collect()
    }

    /// How many batches keep a request: they are not acknowledged, or one before them is not.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.batches
            .values()
            .filter(|open| !open.acknowledged || !open.uncovered.is_empty())
            .count()
    }

    /// How many batches are not settled.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.batches.len()
    }

    /// Whether spans of this file are not acknowledged yet.
    #[must_use]
    pub fn is_pending(&self, file: FileKey) -> bool {
        self.files.contains_key(&file)
    }

    /// Marks the file's span of this batch and moves the prefix as far as it goes.
    fn advance(&mut self, file: FileKey, batch: BatchId) -> Option<Position> {
        let pending = self.files.get_mut(&file)?;
        for entry in pending.iter_mut().filter(|entry| entry.batch == batch) {
            entry.acknowledged = true;
        }
        let mut end = None;
        while pending.front().is_some_and(|entry| entry.acknowledged) {
            let Some(covered) = pending.pop_front() else { break };
            end = Some(covered.end);
            if let Some(open) = self.batches.get_mut(&covered.batch) {
                open.uncovered.remove(&file);
                open.unwritten.insert(file, covered.end.offset);
            }
        }
        if pending.is_empty() {
            self.files.remove(&file);
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use kinetail_base::identity::Anchor;

    const A: FileKey = FileKey(1);
    const B: FileKey = FileKey(2);

    fn span(file: FileKey, start: u64, end: u64) -> Span {
        Span { file, start, end, anchor: Anchor::default() }
    }

    fn offsets(advanced: &[(FileKey, Position)]) -> Vec<(FileKey, u64)> {
        advanced.iter().map(|(file, position)| (*file, position.offset)).collect()
    }

    #[test]
    fn a_later_success_never_passes_an_earlier_batch() {
        let mut ledger = Ledger::default();
        ledger.open(1, &[span(A, 0, 10)]);
        ledger.open(2, &[span(A, 10, 20)]);
        assert_eq!(offsets(&ledger.acknowledge(2)), []);
        assert_eq!(offsets(&ledger.acknowledge(1)), [(A, 20)]);
    }

    #[test]
    fn a_batch_is_in_flight_until_those_before_it_are_acknowledged_as_well() {
        let mut ledger = Ledger::default();
        ledger.open(1, &[span(A, 0, 10)]);
        ledger.open(2, &[span(A, 10, 20)]);
        ledger.acknowledge(2);
        assert_eq!((ledger.in_flight(), ledger.unsettled()), (2, 2));
        ledger.acknowledge(1);
        assert_eq!((ledger.in_flight(), ledger.unsettled()), (0, 2));
        ledger.written(A, 20);
        ledger.take_settled();
        assert_eq!((ledger.in_flight(), ledger.unsettled()), (0, 0));
    }

    #[test]
    fn files_do_not_wait_for_each_other() {
        let mut ledger = Ledger::default();
        ledger.open(1, &[span(A, 0, 10)]);
        ledger.open(2, &[span(A, 10, 20), span(B, 0, 5)]);
        assert_eq!(offsets(&ledger.acknowledge(2)), [(B, 5)]);
    }

    #[test]
    fn a_batch_is_settled_when_it_is_covered_and_written_down() {
        let mut ledger = Ledger::default();
        ledger.open(1, &[span(A, 0, 10)]);
        ledger.open(2, &[span(A, 10, 20)]);
        ledger.acknowledge(2);
        assert!(ledger.take_settled().is_empty(), "batch 1 is before it");
        ledger.acknowledge(1);
        assert!(ledger.take_settled().is_empty(), "nothing is written down");
        ledger.written(A, 10);
        assert_eq!(ledger.take_settled(), [1]);
        ledger.written(A, 20);
        assert_eq!(ledger.take_settled(), [2]);
        assert_eq!(ledger.unsettled(), 0);
        assert!(!ledger.is_pending(A));
    }

    #[test]
    fn a_batch_without_spans_is_settled_by_its_acknowledgement() {
        let mut ledger = Ledger::default();
        ledger.open(1, &[]);
        assert!(ledger.take_settled().is_empty());
        ledger.acknowledge(1);
        assert_eq!(ledger.take_settled(), [1]);
    }

    proptest! {
        /// For every order of acknowledgements: what is acknowledged of a file is exactly the
        /// longest prefix of batches that are all acknowledged.
        #[test]
        fn the_prefix_is_contiguous(order in Just((0u64..20).collect::<Vec<_>>()).prop_shuffle()) {
            let mut ledger = Ledger::default();
            for batch in 0..20 {
                ledger.open(batch, &[span(A, batch * 10, batch * 10 + 10)]);
            }
            let mut done = BTreeSet::new();
            let mut reached = 0;
            for batch in order {
                for (_, end) in ledger.acknowledge(batch) {
                    reached = end.offset;
                }
                done.insert(batch);
                let prefix = (0..20).take_while(|batch| done.contains(batch)).count() as u64;
                prop_assert_eq!(reached, prefix * 10);
            }
        }
    }
}
