//! How far each file is acknowledged: the contiguous prefix, and nothing behind it.
//!
//! Batches are acknowledged in any order. A file's checkpoint moves only over spans that are all
//! acknowledged, so a later success never hides an earlier request that is still in flight. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{BatchId, Span};
use kinetail_base::identity::{FileKey, Position};

/// The spans of one flow that are not yet checkpointed.
#[derive(Debug, Default)]
pub struct Ledger {
    files: BTreeMap<FileKey, VecDeque<Pending>>,
    batches: BTreeMap<BatchId, Open>,
    /// Records of a batch that begin in an older generation and end in a younger one: by the older
    /// one, the younger one.
    joins: BTreeMap<(BatchId, FileKey), FileKey>,
    /// How many batches keep a request.
    in_flight: usize,
    /// Batches that are settled and not taken out yet.
    settled: Vec<BatchId>,
}

#[derive(Debug)]
struct Pending {
    batch: BatchId,
    end: Position,
    acknowledged: bool,
}

/// A batch that is not settled: some of its spans are not part of an acknowledged prefix that is
/// checkpointed.
#[derive(Debug)]
struct Open {
    acknowledged: bool,
    /// Files whose prefix does not cover this batch's span yet.
    uncovered: BTreeSet<FileKey>,
    /// Files whose prefix covers it and is not checkpointed yet, and up to where it must be.
    unwritten: BTreeMap<FileKey, u64>,
}

impl Open {
    /// Whether it is acknowledged, and everything before it is.
    fn is_covered(&self) -> bool {
        self.acknowledged && self.uncovered.is_empty()
    }
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
        self.in_flight += 1;
    }

    /// Notes that a record of an open batch begins in the older generation and ends in the younger
    /// one. The younger one is not acknowledged over it before the older one is: else only
    /// the end of the record would be there after a crash.
    pub fn join(&mut self, batch: BatchId, older: FileKey, younger: FileKey) {
        self.joins.insert((batch, older), younger);
    }

    /// Notes that every record of a batch met its fate. Says which files are acknowledged further
    /// now, and to where; those positions are to be checkpointed.
    pub fn acknowledge(&mut self, batch: BatchId) -> Vec<(FileKey, Position)> {
        let Some(open) = self.batches.get_mut(&batch) else { return Vec::new() };
        if std::mem::replace(&mut open.acknowledged, true) {
            return Vec::new();
        }
        let mut files: VecDeque<FileKey> = open.uncovered.iter().copied().collect();
        let mut advanced = Vec::new();
        if files.is_empty() {
            self.in_flight -= 1;
            self.settled.push(batch);
        }
        for file in &files {
            self.mark(*file, batch);
        }
        while let Some(file) = files.pop_front() {
            let (end, younger) = self.advance(file);
            advanced.extend(end.map(|end| (file, end)));
            files.extend(younger);
        }
        advanced
    }

    /// Notes that a file's prefix is checkpointed up to `offset`.
    pub fn written(&mut self, file: FileKey, offset: u64) {
        for (batch, open) in &mut self.batches {
            if open.unwritten.get(&file).is_some_and(|needed| *needed <= offset) {
                open.unwritten.remove(&file);
                if open.is_covered() && open.unwritten.is_empty() {
                    self.settled.push(*batch);
                }
            }
        }
    }

    /// Takes out the batches that are settled: acknowledged, covered and checkpointed.
    pub fn take_settled(&mut self) -> Vec<BatchId> {
        let mut settled = std::mem::take(&mut self.settled);
        settled.sort_unstable();
        for batch in &settled {
            self.batches.remove(batch);
            self.joins.retain(|(joined, _), _| joined != batch);
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
        self.in_flight
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

    /// Marks the file's spans of this batch.
    fn mark(&mut self, file: FileKey, batch: BatchId) {
        let pending = self.files.get_mut(&file).into_iter().flatten();
        for entry in pending.filter(|entry| entry.batch == batch) {
            entry.acknowledged = true;
        }
    }

    /// Moves the file's prefix as far as it goes. Says as well which younger generations may have
    /// waited for that.
    fn advance(&mut self, file: FileKey) -> (Option<Position>, Vec<FileKey>) {
        let (mut end, mut younger) = (None, Vec::new());
        while let Some(front) = self.files.get(&file).and_then(VecDeque::front) {
            if !front.acknowledged || self.waits(front.batch, file) {
                break;
            }
            let (batch, position) = (front.batch, front.end);
            end = Some(position);
            let pending = self.files.entry(file).or_default();
            pending.pop_front();
            if pending.is_empty() {
                self.files.remove(&file);
            }
            if let Some(open) = self.batches.get_mut(&batch) {
                let is_covered_now = open.uncovered.remove(&file) && open.is_covered();
                open.unwritten.insert(file, position.offset);
                self.in_flight -= usize::from(is_covered_now);
            }
            if !self.is_pending_in(file, batch) {
                younger.extend(self.joins.remove(&(batch, file)));
            }
        }
        (end, younger)
    }

    /// Whether an older generation has to be acknowledged over this batch first.
    fn waits(&self, batch: BatchId, file: FileKey) -> bool {
        let joins = self.joins.range((batch, FileKey(0))..=(batch, FileKey(u64::MAX)));
        joins
            .filter(|(_, younger)| **younger == file)
            .any(|((_, older), _)| self.is_pending_in(*older, batch))
    }

    fn is_pending_in(&self, file: FileKey, batch: BatchId) -> bool {
        let mut pending = self.files.get(&file).into_iter().flatten();
        pending.any(|entry| entry.batch == batch)
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
    fn a_batch_is_settled_when_it_is_covered_and_checkpointed() {
        let mut ledger = Ledger::default();
        ledger.open(1, &[span(A, 0, 10)]);
        ledger.open(2, &[span(A, 10, 20)]);
        ledger.acknowledge(2);
        assert!(ledger.take_settled().is_empty(), "batch 1 is before it");
        ledger.acknowledge(1);
        assert!(ledger.take_settled().is_empty(), "nothing is checkpointed");
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

    #[test]
    fn the_end_of_a_record_is_not_acknowledged_before_its_beginning() {
        let mut ledger = Ledger::default();
        let c = FileKey(3);
        ledger.open(1, &[span(A, 0, 10)]);
        ledger.open(2, &[span(A, 10, 20), span(B, 0, 10), span(c, 0, 5)]);
        ledger.join(2, A, B);
        ledger.join(2, B, c);
        ledger.open(3, &[span(c, 5, 9)]);
        assert_eq!(offsets(&ledger.acknowledge(2)), []);
        assert_eq!(offsets(&ledger.acknowledge(3)), []);
        assert_eq!(offsets(&ledger.acknowledge(1)), [(A, 20), (B, 10), (c, 9)]);
        for (file, offset) in [(A, 20), (B, 10), (c, 9)] {
            ledger.written(file, offset);
        }
        assert_eq!(ledger.take_settled(), [1, 2, 3]);
        assert!(ledger.joins.is_empty());
    }

    impl Ledger {
        /// The batches that keep a request, and those that are settled, by looking at all.
        fn counted(&self) -> (usize, Vec<BatchId>) {
            let settled = |open: &Open| open.is_covered() && open.unwritten.is_empty();
            let in_flight = self.batches.values().filter(|open| !open.is_covered()).count();
            let settled = self.batches.iter().filter(|(_, open)| settled(open));
            (in_flight, settled.map(|(batch, _)| *batch).collect())
        }
    }

    proptest! {
        /// For every history what is counted along the way is what there is.
        #[test]
        fn counts_are_right(history in prop::collection::vec((0_u8..4, 0_u64..12), 0..80)) {
            let (mut ledger, mut opened) = (Ledger::default(), 0);
            for (what, number) in history {
                let files = [A, B].into_iter().enumerate();
                let files = files.filter(|(place, _)| (number >> place) & 1 == 1);
                match what {
                    0 => {
                        let at = opened * 10;
                        let spans: Vec<Span> =
                            files.map(|(_, file)| span(file, at, at + 10)).collect();
                        ledger.open(opened, &spans);
                        if spans.len() == 2 && number > 7 {
                            ledger.join(opened, A, B);
                        }
                        opened += 1;
                    }
                    1 => drop(ledger.acknowledge(number)),
                    2 => files.for_each(|(_, file)| ledger.written(file, number * 10)),
                    _ => {
                        let (_, settled) = ledger.counted();
                        prop_assert_eq!(ledger.take_settled(), settled);
                    }
                }
                prop_assert_eq!(ledger.in_flight(), ledger.counted().0);
            }
        }

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
