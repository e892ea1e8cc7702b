//! The batches that the sender has, and the memory of those that are done, for the next ones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::batch::BatchId;
use crate::batch::body::Body;

/// A batch that the sender has.
#[derive(Debug)]
pub(super) struct Submitted {
    /// Memory that it holds.
    pub(super) bytes: usize,
    /// How long the flow had worked by then.
    pub(super) worked: Duration,
    /// When that was.
    pub(super) at: Instant,
}

/// Batches under way, and empty bodies. It counts their bytes: it is asked for them all the time.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    batches: BTreeMap<BatchId, Submitted>,
    spare: Vec<Body>,
    held_bytes: usize,
}

impl UnderWay {
    pub(super) fn insert(&mut self, id: BatchId, batch: Submitted) {
        self.held_bytes += batch.bytes;
        self.batches.insert(id, batch);
    }

    pub(super) fn remove(&mut self, id: BatchId) -> Option<Submitted> {
        let batch = self.batches.remove(&id)?;
        self.held_bytes -= batch.bytes;
        Some(batch)
    }

    /// Whether no batch is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Keeps an empty body.
    pub(super) fn keep(&mut self, spare: Body) {
        self.held_bytes += spare.held_bytes();
        self.spare.push(spare);
    }

    /// The body that was kept last.
    pub(super) fn take_spare(&mut self) -> Option<Body> {
        let spare = self.spare.pop()?;
        self.held_bytes -= spare.held_bytes();
        Some(spare)
    }

    /// Gives all spare memory back.
    pub(super) fn drop_spare(&mut self) {
        self.held_bytes -= self.spare.drain(..).map(|spare| spare.held_bytes()).sum::<usize>();
    }

    /// Memory of all of them, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::body::Envelope;

    #[test]
    fn what_is_held_is_what_is_there() {
        let mut under_way = UnderWay::default();
        let batch = |bytes| Submitted { bytes, worked: Duration::ZERO, at: Instant::now() };
        under_way.insert(1, batch(10));
        under_way.insert(2, batch(20));
        let body = || Body::new(&Envelope::kinesis("s"));
        let each = body().held_bytes();
        (0..3).for_each(|_| under_way.keep(body()));
        assert_eq!(under_way.held_bytes(), 30 + 3 * each);
        assert!(under_way.take_spare().is_some());
        assert_eq!(under_way.remove(1).map(|batch| batch.bytes), Some(10));
        assert!(under_way.remove(1).is_none());
        assert_eq!(under_way.held_bytes(), 20 + 2 * each);
        under_way.drop_spare();
        assert!(under_way.take_spare().is_none() && !under_way.is_empty());
        assert_eq!(under_way.held_bytes(), 20);
    }
}
