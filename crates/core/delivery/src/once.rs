//! `ordering: strict`: no two records of one partition key in one batch. Pure.
//!
//! The services answer for each record of a request, and one that failed does not stop those behind
//! it, so two records of one key in one request can change places. With one of each key in a batch,
//! and one batch at a time, a record is sent only when the one before it of its key was taken, or
//! refused for good: whatever fails, is lost, or is sent again. A record of several lines is taken
//! or not as a whole.
//!
//! A random key is unique. Firehose knows no keys: there all records have the same one.

use std::collections::BTreeSet;

use crate::key::Key;

/// The keys of the records in one batch, where it matters which there are.
#[derive(Debug)]
pub(crate) struct Once {
    /// Whether the destination knows keys.
    keyed: bool,
    seen: BTreeSet<Box<str>>,
}

impl Once {
    pub(crate) fn new(keyed: bool) -> Self {
        Self { keyed, seen: BTreeSet::new() }
    }

    /// Whether a record with this key is the first of its key in the batch.
    pub(crate) fn admits(&self, key: &Key<'_>) -> bool {
        self.text(key).is_none_or(|text| !self.seen.contains(text))
    }

    /// A record with this key is in the batch. Says whether no further one can be.
    pub(crate) fn note(&mut self, key: &Key<'_>) -> bool {
        if let Some(text) = self.text(key).map(Box::from) {
            self.seen.insert(text);
        }
        !self.keyed
    }

    /// A new batch begins.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }

    fn text<'k>(&self, key: &'k Key<'_>) -> Option<&'k str> {
        match key {
            _ if !self.keyed => Some(""),
            Key::Random(_) => None,
            Key::OfData(_) | Key::Text(_) => Some(key.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
