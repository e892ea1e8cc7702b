//! Whether a flow's destination takes requests: open, or parked with one probe at a time. Pure;
//! time is an argument.
//!
//! All batches of a flow share one gate. It also keeps what `delivery` needs to judge a refusal:
//! how often the destination took anything.

use std::time::{Duration, Instant};

use super::DestinationHealth;
use super::classify::Verdict;
use crate::BatchId;

/// Whether a batch may make its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Now.
    Go,
    /// Ask again at this time, or when something changes.
    WaitUntil(Instant),
    /// Another batch is probing: ask again when something changes.
    WaitForProbe,
}

#[derive(Debug)]
enum State {
    Open,
    Parked { every: Duration, next_probe: Instant, probing: Option<BatchId> },
}

/// The health that was last reported, without the words.
#[derive(Debug, PartialEq, Eq)]
enum Reported {
    Ok,
    Parked(String),
    Retrying(String),
}

/// The state of one flow's destination.
#[derive(Debug)]
pub struct Gate {
    state: State,
    reported: Reported,
    /// Failures in a row that are faults, for the patience of [`Verdict::Fault`].
    faults: u32,
    /// Requests of which the service took at least one record.
    accepted: u64,
    /// Whether it took one since a record was last condemned without other evidence.
    credit: bool,
}

impl Default for Gate {
    fn default() -> Self {
        Self { state: State::Open, reported: Reported::Ok, faults: 0, accepted: 0, credit: false }
    }
}

impl Gate {
    /// Asks for leave to make one request. [`Permit::Go`] while parked makes this batch the
    /// probe until it reports how that went.
    pub fn permit(&mut self, batch: BatchId, now: Instant) -> Permit {
        match &mut self.state {
            State::Open => Permit::Go,
            State::Parked { probing: Some(prober), .. } if *prober != batch => Permit::WaitForProbe,
            State::Parked { next_probe, .. } if now < *next_probe => Permit::WaitUntil(*next_probe),
            State::Parked { probing, .. } => {
                *probing = Some(batch);
                Permit::Go
            }
        }
    }

    /// The service took at least one record of a request.
    pub fn on_accepted(&mut self) -> Option<DestinationHealth> {
        self.accepted += 1;
        self.credit = true;
        self.faults = 0;
        self.state = State::Open;
        self.report(Reported::Ok, "")
    }

    /// A request failed as a whole, in a way that is not the batch's fault. Says whether the
    /// destination is parked now.
    pub fn on_failure(
        &mut self,
        verdict: Verdict,
        code: &str,
        message: &str,
        now: Instant,
    ) -> (bool, Option<DestinationHealth>) {
        if let Verdict::Fault { probe, patience } = verdict {
            self.faults = self.faults.saturating_add(1);
            if self.is_parked() || self.faults > patience {
                return (true, self.park(probe, code, message, now));
            }
        }
        match (&mut self.state, verdict) {
            // A probe that did not get through says nothing about the fault.
            (State::Parked { every, next_probe, probing }, Verdict::Transient { .. }) => {
                (*next_probe, *probing) = (now + *every, None);
                (true, None)
            }
            // Throttling means that the request was let in.
            (State::Open | State::Parked { .. }, _) => {
                self.state = State::Open;
                (false, self.report(Reported::Retrying(code.to_owned()), message))
            }
        }
    }

    /// Stops all requests but one probe now and then.
    pub fn park(
        &mut self,
        every: Duration,
        code: &str,
        message: &str,
        now: Instant,
    ) -> Option<DestinationHealth> {
        self.state = State::Parked { every, next_probe: now + every, probing: None };
        self.report(Reported::Parked(code.to_owned()), message)
    }

    /// The service refused this request's records but would have taken others: whatever the
    /// destination was parked for does not show any more.
    pub fn on_refused(&mut self) {
        self.faults = 0;
        self.state = State::Open;
    }

    /// Call it after a request whose records were refused: the health to tell if the destination
    /// is told to be parked and is not any more.
    pub fn reopened(&mut self) -> Option<DestinationHealth> {
        let reported_parked = matches!(self.reported, Reported::Parked(_));
        if self.is_parked() || !reported_parked {
            return None;
        }
        let message = "requests are let in again, records in them are refused";
        self.report(Reported::Retrying("Refused".to_owned()), message)
    }

    /// Whether requests are held back.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        matches!(self.state, State::Parked { .. })
    }

    /// Requests of which the service took at least one record.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// One record may be condemned for each time that the service takes something: see
    /// `delivery`.
    pub fn take_credit(&mut self) -> bool {
        std::mem::take(&mut self.credit)
    }

    /// The health to tell, if it differs from what was told last.
    fn report(&mut self, reported: Reported, message: &str) -> Option<DestinationHealth> {
        if reported == self.reported {
            return None;
        }
        self.reported = reported;
        Some(match &self.reported {
            Reported::Ok => DestinationHealth::Ok,
            Reported::Parked(code) => {
                DestinationHealth::Parked { reason: format!("{code}: {message}") }
            }
            Reported::Retrying(code) => {
                DestinationHealth::Retrying { reason: format!("{code}: {message}") }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{PARK_PROBE, SHORT_PROBE};

    const DENIED: Verdict = Verdict::Fault { probe: PARK_PROBE, patience: 0 };
    const EXPIRED: Verdict = Verdict::Fault { probe: SHORT_PROBE, patience: 3 };
    const BROKEN: Verdict = Verdict::Transient { ambiguous: true, alarm: false };

    fn parked(now: Instant) -> Gate {
        let mut gate = Gate::default();
        let (parked, health) = gate.on_failure(DENIED, "AccessDenied", "no", now);
        let reason = "AccessDenied: no".to_owned();
        assert_eq!((parked, health), (true, Some(DestinationHealth::Parked { reason })));
        gate
    }

    #[test]
    fn a_parked_destination_gets_one_probe_at_a_time() {
        let now = some_time();
        let mut gate = parked(now);
        let later = now + PARK_PROBE;
        assert_eq!(gate.permit(1, now), Permit::WaitUntil(later));
        assert_eq!(gate.permit(1, later), Permit::Go);
        assert_eq!(gate.permit(2, later), Permit::WaitForProbe);
        assert_eq!(gate.permit(1, later), Permit::Go, "the prober may ask again");

        assert_eq!(gate.on_failure(DENIED, "AccessDenied", "no", later), (true, None));
        assert_eq!(gate.permit(2, later), Permit::WaitUntil(later + PARK_PROBE));
    }

    #[test]
    fn success_and_throttling_open_it_and_a_broken_probe_does_not() {
        let now = some_time();
        let mut gate = parked(now);
        assert_eq!(gate.on_accepted(), Some(DestinationHealth::Ok));
        assert_eq!(gate.permit(1, now), Permit::Go);

        let mut gate = parked(now);
        let (parked_now, health) = gate.on_failure(Verdict::Throttled, "SlowDown", "", now);
        assert!(!parked_now && matches!(health, Some(DestinationHealth::Retrying { .. })));

        let mut gate = parked(now);
        let later = now + PARK_PROBE;
        assert_eq!(gate.permit(1, later), Permit::Go);
        assert_eq!(gate.on_failure(BROKEN, "CannotConnect", "", later), (true, None));
        assert_eq!(gate.permit(2, later), Permit::WaitUntil(later + PARK_PROBE));
    }

    #[test]
    fn expired_credentials_are_forgiven_a_few_times_in_a_row() {
        let now = some_time();
        let mut gate = Gate::default();
        let fail = |gate: &mut Gate| gate.on_failure(EXPIRED, "ExpiredToken", "", now).0;
        assert!(!fail(&mut gate) && !fail(&mut gate) && !fail(&mut gate));
        assert!(gate.on_accepted().is_some());
        assert!(!fail(&mut gate) && !fail(&mut gate) && !fail(&mut gate));
        assert!(fail(&mut gate), "the fourth in a row");
        assert_eq!(gate.permit(1, now), Permit::WaitUntil(now + SHORT_PROBE));
    }

    #[test]
    fn health_is_told_only_when_it_changes() {
        let now = some_time();
        let mut gate = Gate::default();
        assert_eq!(gate.on_accepted(), None);
        let fail = |gate: &mut Gate, code| gate.on_failure(BROKEN, code, "m", now).1.is_some();
        assert!(fail(&mut gate, "A"));
        assert!(!fail(&mut gate, "A"));
        assert!(fail(&mut gate, "B"));
        assert_eq!(gate.on_accepted(), Some(DestinationHealth::Ok));
        assert_eq!(gate.on_accepted(), None);
    }

    #[test]
    fn each_acceptance_gives_one_credit_and_no_more() {
        let mut gate = Gate::default();
        assert!(!gate.take_credit());
        gate.on_accepted();
        gate.on_accepted();
        assert_eq!(gate.accepted(), 2);
        assert!(gate.take_credit());
        assert!(!gate.take_credit());
    }

    #[test]
    fn a_probe_that_is_let_in_ends_the_alarm_even_if_its_record_is_refused() {
        let now = some_time();
        let mut gate = parked(now);
        assert_eq!(gate.reopened(), None, "still parked");
        gate.on_refused();
        let Some(DestinationHealth::Retrying { reason }) = gate.reopened() else {
            panic!("somebody has to hear that it is not parked any more");
        };
        assert!(reason.contains("let in again"), "{reason}");
        assert_eq!(gate.reopened(), None, "once");
        assert_eq!(gate.on_accepted(), Some(DestinationHealth::Ok));
    }

    #[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
    fn some_time() -> Instant {
        Instant::now()
    }
}
