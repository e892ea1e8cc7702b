//! A body of some records of another: their slices are copied, and random keys may be new.

use bytes::Bytes;

use super::key::KeyKind;
use super::{Body, Encoding, RandomKey, cbor, json};
use crate::aggregate::kpl;

impl Body {
    /// As [`Self::subset_with`], with the keys that the records have.
    #[cfg(test)]
    pub(crate) fn subset(&self, indexes: &[usize]) -> Bytes {
        self.subset_with(indexes, |_| None)
    }

    /// A complete body of only these records, in this order, by copying their slices. Indexes
    /// that do not exist are skipped. Records that have a random key get the one that is given for
    /// their place in the copy, if one is. Other keys stay.
    pub(crate) fn subset_with(
        &self,
        indexes: &[usize],
        new_key: impl Fn(usize) -> Option<RandomKey>,
    ) -> Bytes {
        let bytes = self.bytes();
        let chosen = || indexes.iter().filter_map(|index| self.entries.get(*index));
        let entry_bytes: usize = chosen().map(|entry| entry.len as usize + 1).sum();
        let (prefix, encoding) = (&self.envelope.0.prefix, self.encoding());
        let suffix = encoding.suffix();
        let mut subset = Vec::with_capacity(prefix.len() + entry_bytes + suffix.len());
        subset.extend_from_slice(prefix);
        for (place, entry) in chosen().enumerate() {
            if place > 0 {
                subset.extend_from_slice(encoding.between());
            }
            let record = bytes.get(entry.range()).unwrap_or_default();
            let key = new_key(place).filter(|_| entry.key != KeyKind::Fixed);
            match key {
                Some(key) if entry.key == KeyKind::RandomOfAll => {
                    push_aggregate(&mut subset, encoding, record, key);
                }
                Some(key) => {
                    subset.extend_from_slice(record);
                    let old = encoding.key_range(subset.len());
                    subset.get_mut(old).into_iter().for_each(|old| old.copy_from_slice(&key.0));
                }
                None => subset.extend_from_slice(record),
            }
        }
        subset.extend_from_slice(suffix);
        Bytes::from(subset)
    }
}

/// Appends an aggregate that was written here, with another key for all of its records.
fn push_aggregate(out: &mut Vec<u8>, encoding: Encoding, record: &[u8], key: RandomKey) {
    // What was written here can be read.
    match encoding {
        Encoding::Cbor => {
            let mut data = cbor::record(record).unwrap_or_default().0.into_owned();
            kpl::rekey(&mut data, key.as_str());
            cbor::push_record(out, &data, &key.0);
        }
        Encoding::Json => {
            let mut data = json::data(record);
            kpl::rekey(&mut data, key.as_str());
            json::push_record(out, &data, Some(key.as_str()));
        }
    }
}
