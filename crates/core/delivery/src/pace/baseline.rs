//! What is refused however little is sent, because others fill the destination or it refuses at
//! random. To send less for its sake would end in sending nothing.
//!
//! To send less by the part that was refused leaves hardly anything to refuse, if there is a limit.
//! If as much is refused after the rate was lowered, again and again, the limit is not ours.

/// If the rate fell to this part of what it was, and so much or less is refused on average, it is
/// not the rate that matters.
const FALLEN: (f64, f64) = (0.45, 0.25);

/// The same if more than that is refused, but of what was refused when the fall began at least this
/// part still is. Where others slow down as well it is less by then.
const FALLEN_IN_VAIN: (f64, f64) = (0.1, 0.6);
const IN_VAIN: f64 = 0.7;

/// The same, where more is refused. Many that are refused a lot are too many together, so such a
/// flow continues with what it usually sends, and not with what it once sent.
const FALLEN_FAR: (f64, f64) = (0.05, 0.97);

/// The same if so often more than this of what was refused was refused again after the rate was
/// lowered, less the times when it was not, and so much or less is refused on average.
const AGAIN: f64 = 0.5;
const AGAIN_MAX: u32 = 4;
const AGAIN_MEAN_MAX: f64 = 0.25;

/// Less than this is as good as nothing, ...
const NOTHING: f64 = 0.01;

/// ... but of fewer records than this it may be chance.
const JUDGED_RECORDS_MIN: f64 = 200.0;

/// What the newest look counts in the average.
const MEAN_WEIGHT: f64 = 0.3;

/// How fast the baseline follows when less is refused.
const FALL: f64 = 0.2;

/// What a flow knows of it.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    /// The part that does not count.
    part: f64,
    /// The rate when it last began to fall, and the part that is refused since then.
    high: f64,
    mean: f64,
    /// What is refused above the baseline, on average; and what that was when the fall began.
    more_mean: f64,
    more_at_high: Option<f64>,
    /// The part that was refused when the rate was lowered a look ago.
    lowered_at: Option<f64>,
    again: u32,
}

impl Baseline {
    /// Takes in that `part` of so many records was refused at this rate. Returns the part of the
    /// others that was.
    pub(super) fn on_look(&mut self, part: f64, rate: f64, records: f64) -> f64 {
        if part < self.part {
            self.part += (part - self.part) * FALL;
        }
        if let Some(before) = self.lowered_at.take() {
            let again = part >= before * AGAIN;
            self.again = if again { self.again + 1 } else { self.again.saturating_sub(1) };
        }
        let more = ((part - self.part) / (1.0 - self.part)).max(0.0);
        if part < NOTHING && records >= JUDGED_RECORDS_MIN {
            (self.high, self.mean, self.again) = (rate, part, 0);
            (self.more_mean, self.more_at_high) = (0.0, None);
            return more;
        }
        if rate > self.high {
            (self.high, self.more_at_high) = (rate, None);
        }
        self.mean = toward(self.mean, part);
        self.more_mean = toward(self.more_mean, more);
        more
    }

    /// Takes in that the rate is lowered because this part was refused.
    pub(super) fn on_lowered(&mut self, part: f64) {
        self.lowered_at = Some(part);
        self.more_at_high.get_or_insert(self.more_mean);
    }

    /// If it was in vain that the rate was lowered as far as this: takes what is refused for the
    /// baseline, and says what the rate was before, or what is usual.
    pub(super) fn adopt(&mut self, rate: f64, usual: f64) -> Option<f64> {
        let has_fallen = |(to, mean): (f64, f64)| rate < self.high * to && self.mean < mean;
        let again = self.again >= AGAIN_MAX && self.mean < AGAIN_MEAN_MAX;
        let is_as_much = self.more_at_high.is_some_and(|at| self.more_mean >= at * IN_VAIN);
        let in_vain = is_as_much && has_fallen(FALLEN_IN_VAIN);
        let before = match has_fallen(FALLEN) || in_vain || again {
            true => self.high,
            false if has_fallen(FALLEN_FAR) => self.high.min(usual.max(rate)),
            false => return None,
        };
        (self.part, self.mean, self.again) = (self.mean, 0.0, 0);
        (self.more_mean, self.more_at_high) = (0.0, None);
        Some(before)
    }
}

/// An average that follows what is seen, from the first on.
fn toward(mean: f64, seen: f64) -> f64 {
    let weight = if mean > 0.0 { MEAN_WEIGHT } else { 1.0 };
    mean + (seen - mean) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_at_every_rate_does_not_count() {
        let (mut baseline, mut rate) = (Baseline::default(), 1.0);
        for _ in 0..20 {
            if baseline.on_look(0.2, rate, 300.0) < 0.05 {
                break;
            }
            if let Some(before) = baseline.adopt(rate, 0.0) {
                rate = before;
            } else {
                rate *= 0.8;
                baseline.on_lowered(0.2);
            }
        }
        assert!(baseline.on_look(0.2, rate, 300.0) < 0.01);
        assert!(rate > 0.99, "it is what it was before");
        assert!(baseline.on_look(0.4, rate, 300.0) > 0.2, "more than that does");
    }

    #[test]
    fn a_limit_is_no_baseline() {
        let (mut baseline, mut rate) = (Baseline::default(), 1.0_f64);
        for _ in 0..1_000 {
            let refused = (1.0 - 0.7 / rate).max(0.0);
            let more = baseline.on_look(refused, rate, 300.0);
            assert!((more - refused).abs() < 1e-9);
            if more > 0.05 {
                assert_eq!(baseline.adopt(rate, 0.0), None);
                rate *= 1.0 - more;
                baseline.on_lowered(refused);
            } else {
                rate *= 1.05;
            }
        }
    }

    #[test]
    fn nothing_can_be_learned_from_a_destination_that_refuses_everything() {
        let (mut baseline, mut rate) = (Baseline::default(), 8.0);
        for _ in 0..100 {
            baseline.on_look(1.0, rate, 300.0);
            assert_eq!(baseline.adopt(rate, 0.0), None);
            baseline.on_lowered(1.0);
            rate = (rate / 2.0_f64).max(0.1);
        }
    }
}
