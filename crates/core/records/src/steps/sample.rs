//! `SAMPLE`: sends a part of the records. There is no chance in it: the same record of the same
//! place is always decided in the same way, so that one that is read again after a crash is not
//! decided again.

use super::{Condition, Context, Step, Stop};
use crate::record::Record;
use crate::scan_json;
use crate::skip::Skip;

/// The step.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `rate`, as a part of 2^64.
    pub threshold: u64,
    /// `key`: records with one value of this member are all sent, or none is.
    pub key: Option<String>,
    /// `keep`: records for which one of these is true are all sent.
    pub keep: Vec<Condition>,
}

impl Step for Sample {
    fn name(&self) -> &'static str {
        "SAMPLE"
    }

    fn apply(&mut self, record: &mut Record, context: &Context) -> Result<(), Stop> {
        if self.keep.iter_mut().any(|condition| condition.holds(record) != Some(false)) {
            return Ok(());
        }
        let hash = match &self.key {
            None => {
                let origin = &context.origin;
                let place = hash(SEED, origin.path().as_bytes());
                hash(hash(place, &origin.offset.to_le_bytes()), record.render())
            }
            Some(key) => {
                // A record without the member is sent: nothing says which others it belongs to.
                if record.parse().is_err() {
                    return Ok(());
                }
                let Some(value) = record.get(key) else { return Ok(()) };
                // What it says counts, and not how that is written.
                match value.first() {
                    Some(b'"') => hash(SEED, &scan_json::text_of(value)),
                    _ => hash(SEED, value),
                }
            }
        };
        if mix(hash) <= self.threshold { Ok(()) } else { Err(Stop::Skip(Skip::Sampled)) }
    }
}

/// FNV-1a, 64 bits, over words of eight bytes and what is left of them.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;

fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let (words, rest) = bytes.as_chunks::<8>();
    let step = |hash: u64, word: u64| mix(hash ^ word).wrapping_mul(PRIME);
    let hash = words.iter().fold(seed, |hash, word| step(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| step(hash, u64::from(*byte)))
}

/// Spreads what is alike over all numbers.
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
