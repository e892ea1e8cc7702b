//! Records of a batch that are sent together.

use super::Delivery;
use crate::body::{Body, RandomKey};
use crate::call::Payload;

/// Records that are sent together.
#[derive(Debug)]
pub(super) struct Part {
    /// Their places in the batch.
    pub(super) indexes: Indexes,
    /// Bytes of their data.
    pub(super) bytes: usize,
    /// The random keys that are others than the first; empty if none is.
    pub(super) keys: Vec<Option<RandomKey>>,
    /// Hashes of the keys, once they were requested.
    pub(super) hashes: Vec<u64>,
    /// Made when it is needed.
    pub(super) body: Option<Payload>,
}

#[derive(Debug)]
pub(super) enum Indexes {
    /// From 0 to the count.
    All(usize),
    Some(Vec<usize>),
}

impl Indexes {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(count) => *count,
            Self::Some(indexes) => indexes.len(),
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<usize> {
        match self {
            Self::All(count) => (place < *count).then_some(place),
            Self::Some(indexes) => indexes.get(place).copied(),
        }
    }

    pub(super) fn into_vec(self) -> Vec<usize> {
        match self {
            Self::All(count) => (0..count).collect(),
            Self::Some(indexes) => indexes,
        }
    }
}

impl Delivery {
    pub(super) fn part(&self, indexes: Vec<usize>) -> Part {
        self.part_with(indexes, Vec::new())
    }

    pub(super) fn part_with(&self, indexes: Vec<usize>, mut keys: Vec<Option<RandomKey>>) -> Part {
        if keys.iter().all(Option::is_none) {
            keys.clear();
        }
        let bytes = indexes.iter().map(|index| self.body.record_data_bytes(*index)).sum();
        Part { indexes: Indexes::Some(indexes), bytes, keys, hashes: Vec::new(), body: None }
    }
}

/// All of a body, with what is known of it.
pub(super) fn whole(body: &mut Body) -> Payload {
    let encoding = body.encoding();
    Payload { bytes: body.finish(), encoding, sha256: body.sha256().cloned() }
}

/// A part of a body, with the keys that are new.
pub(super) fn copy(body: &Body, part: &Part) -> Payload {
    let all: Vec<usize>;
    let indexes = match &part.indexes {
        Indexes::Some(indexes) => indexes.as_slice(),
        Indexes::All(count) => {
            all = (0..*count).collect();
            &all
        }
    };
    let bytes = body.subset_with(indexes, |place| part.keys.get(place).copied().flatten());
    Payload { encoding: body.encoding(), ..bytes.into() }
}
