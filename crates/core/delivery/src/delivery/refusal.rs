//! A request that is refused.
//!
//! Both services refuse a whole request for one unacceptable record, so a refused part is halved
//! until single records remain that are refused alone: the suspects. Whether a suspect is at
//! fault, or the stream refuses everything, the answer does not say, and dropping a whole file
//! over a misconfigured stream would be a loss. So a suspect is condemned, which
//! is to say reported as rejected and never sent again, only on evidence:
//!
//! 1. The destination took some other record, of this batch or another, after this batch was
//!    first refused: then all suspects are condemned.
//! 2. Nothing else of the batch is left to try, and the destination took something since it was
//!    last used as an excuse: then one suspect is. This is the lone bad line in a quiet log.
//! 3. [`DOUBT_PROBES`] probes in a row were refused: then one suspect is, so that no record
//!    blocks its file indefinitely.
//!
//! Otherwise the batch is in doubt after [`SUSPECTS_MAX`] suspects, or when nothing is left to
//! try: the destination is paused, and each probe is one single record, an untried one if there
//! is any. As soon as anything is taken, the suspects get one more chance together. A destination
//! that refuses everything thus costs at most one record each ten minutes, said aloud, and one
//! bad record costs itself.

use super::Delivery;
use crate::RejectedRecord;
use crate::circuit_breaker::CircuitBreaker;

/// Suspects without evidence against them after which the whole destination is in doubt.
pub const SUSPECTS_MAX: usize = 8;

/// Refused probes in a row after which one suspect is condemned.
pub const DOUBT_PROBES: u32 = 10;

/// What to do after a call.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait as after this many failures since the last success, then continue.
    Backoff(u32),
    /// Every record is accounted for.
    Done,
    /// Park the destination: nothing of the batch is accepted, for this reason.
    Doubt {
        /// The service's code.
        code: String,
        /// The service's words.
        message: String,
    },
    /// Go on at once.
    Now,
}

impl Delivery {
    /// The service refused the records of the call.
    pub fn on_refusal(&mut self, code: &str, message: &str, circuit: &CircuitBreaker) {
        self.refused_at.get_or_insert_with(|| circuit.accepted());
        let Some(part) = self.parts.pop() else { return };
        let mut indexes = part.indexes.into_vec();
        if let [index] = indexes.as_slice() {
            let (code, message) = (code.to_owned(), message.to_owned());
            let (index, records) = (*index, self.body.records_in(*index));
            let (origins, data) = (Vec::new(), Vec::new());
            self.suspects.push_back(RejectedRecord {
                index,
                records,
                code,
                message,
                origins,
                data,
            });
            self.doubt = self.doubt.map(|probes| probes + 1);
            return;
        }
        let second = indexes.split_off(indexes.len() / 2);
        for half in [second, indexes] {
            let half = self.part(half);
            self.parts.push(half);
        }
    }

    /// Judges the suspects and says how to continue after a call.
    pub fn next(&mut self, circuit: &mut CircuitBreaker) -> Next {
        self.judge(circuit);
        if self.parts.is_empty() && self.suspects.is_empty() {
            return Next::Done;
        }
        let in_doubt =
            self.doubt.is_some() || self.suspects.len() >= SUSPECTS_MAX || self.parts.is_empty();
        match self.suspects.back() {
            Some(suspect) if in_doubt => {
                self.doubt.get_or_insert(0);
                Next::Doubt { code: suspect.code.clone(), message: suspect.message.clone() }
            }
            _ if self.failures > 0 => Next::Backoff(self.failures),
            _ => Next::Now,
        }
    }

    /// Applies the three rules of the module's head.
    fn judge(&mut self, circuit: &mut CircuitBreaker) {
        let evidence = self.refused_at.is_some_and(|count| circuit.accepted() > count);
        if evidence && self.doubt.take().is_some() {
            let suspects: Vec<usize> = self.suspects.drain(..).map(|s| s.index).collect();
            if !suspects.is_empty() {
                let suspects = self.part(suspects);
                self.parts.push(suspects);
            }
        } else if evidence {
            self.rejected.extend(self.suspects.drain(..));
        } else if self.doubt.is_some_and(|probes| probes >= DOUBT_PROBES) {
            self.doubt = Some(0);
            self.rejected.extend(self.suspects.pop_front());
        } else if self.parts.is_empty() && !self.suspects.is_empty() && circuit.take_credit() {
            self.rejected.extend(self.suspects.pop_front());
        }
    }

    /// Puts one single record next: the first of the next part, or else the oldest suspect.
    pub(super) fn narrow_to_one(&mut self) {
        match self.parts.pop() {
            None => {
                if let Some(suspect) = self.suspects.pop_front() {
                    let suspect = self.part(vec![suspect.index]);
                    self.parts.push(suspect);
                }
            }
            Some(part) if part.indexes.len() > 1 => {
                let mut first = part.indexes.into_vec();
                let rest = first.split_off(1);
                for part in [rest, first] {
                    let part = self.part(part);
                    self.parts.push(part);
                }
            }
            Some(part) => self.parts.push(part),
        }
    }
}
