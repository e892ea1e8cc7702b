//! An aggregate under construction: which records it is for, and what is in it.

use super::kpl::Kpl;
use super::{Aggregation, Format};
use crate::dead_letter::Origin;

/// Which records go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucket {
    /// All of them.
    Any,
    /// Those with the key of the aggregate.
    Key,
    /// Those of a shard, by its place in the map.
    Shard(usize),
}

/// An aggregate under construction.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) bucket: Bucket,
    /// The key of its first record, or its own.
    pub(super) key: String,
    /// Bytes of the key that it is sent with.
    pub(super) key_bytes: usize,
    pub(super) content: Content,
    /// Where its records are from, if anybody asks.
    pub(super) origins: Vec<Origin>,
}

#[derive(Debug)]
pub(super) enum Content {
    Kpl(Kpl),
    Lines { data: Vec<u8>, records: usize },
}

impl Open {
    pub(super) fn new(format: Format) -> Self {
        let content = match format {
            Format::Kpl => Content::Kpl(Kpl::default()),
            Format::Newline => Content::Lines { data: Vec::new(), records: 0 },
        };
        let origins = Vec::new();
        Self { bucket: Bucket::Any, key: String::new(), key_bytes: 0, content, origins }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.content.held_bytes() + self.origins.capacity() * size_of::<Origin>()
    }

    /// Whether it may take one more record, which makes it this long.
    pub(super) fn takes(&self, len: usize, options: &Aggregation) -> bool {
        self.content.records() < options.records_max && len <= options.bytes_max
    }
}

impl Content {
    pub(super) fn records(&self) -> usize {
        match self {
            Self::Kpl(kpl) => kpl.count(),
            Self::Lines { records, .. } => *records,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Kpl(kpl) => kpl.len(),
            Self::Lines { data, .. } => data.len(),
        }
    }

    /// Its length if a record were added.
    pub(super) fn len_with(&self, key: &str, record: &[u8]) -> usize {
        match self {
            Self::Kpl(kpl) => kpl.len_with(key, record),
            Self::Lines { data, .. } => data.len() + usize::from(lacks_end(data)) + record.len(),
        }
    }

    pub(super) fn push(&mut self, key: &str, record: &[u8]) {
        match self {
            Self::Kpl(kpl) => kpl.push(key, record),
            Self::Lines { data, records } => {
                if lacks_end(data) {
                    data.push(b'\n');
                }
                data.extend_from_slice(record);
                *records += 1;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Kpl(kpl) => kpl.clear(),
            Self::Lines { data, records } => {
                data.clear();
                *records = 0;
            }
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Kpl(kpl) => kpl.held_bytes(),
            Self::Lines { data, .. } => data.capacity(),
        }
    }
}

/// Whether what is there needs a line end before more comes behind it.
fn lacks_end(data: &[u8]) -> bool {
    data.last().is_some_and(|last| *last != b'\n')
}
