//! Whether a flow's destination takes requests: open, or paused with one probe at a time. Pure;
//! time is an argument.
//!
//! All batches of a flow share one circuit. It also keeps what `delivery` needs to judge a refusal:
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
enum CircuitState {
    Closed,
    Open { every: Duration, next_probe: Instant, probing: Option<BatchId> },
}

/// The health that was last reported, without the words.
#[derive(Debug, PartialEq, Eq)]
enum Reported {
    Ok,
    Paused(String),
    Retrying(String),
}

/// The state of one flow's destination.
#[derive(Debug)]
pub struct CircuitBreaker {
    state: CircuitState,
    reported: Reported,
    /// Failures in a row that are faults, for the patience of [`Verdict::Fault`].
    faults: u32,
    /// Requests of which the service took at least one record.
    accepted: u64,
    /// Whether it took one since a record was last condemned without other evidence.
    credit: bool,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            state: CircuitState::Closed,
            reported: Reported::Ok,
            faults: 0,
            accepted: 0,
            credit: false,
        }
    }
}

impl CircuitBreaker {
    /// Asks for leave to make one request. [`Permit::Go`] while paused makes this batch the
    /// probe until it reports how that went.
    pub fn permit(&mut self, batch: BatchId, now: Instant) -> Permit {
        match &mut self.state {
            CircuitState::Closed => Permit::Go,
            CircuitState::Open { probing: Some(prober), .. } if *prober != batch => {
                Permit::WaitForProbe
            }
            CircuitState::Open { next_probe, .. } if now < *next_probe => {
                Permit::WaitUntil(*next_probe)
            }
            CircuitState::Open { probing, .. } => {
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
        self.state = CircuitState::Closed;
        self.report(Reported::Ok, "")
    }

    /// A request failed as a whole, in a way that is not the batch's fault. Says whether the
    /// destination is paused now.
    pub fn on_failure(
        &mut self,
        verdict: Verdict,
        code: &str,
        message: &str,
        now: Instant,
    ) -> (bool, Option<DestinationHealth>) {
        if let Verdict::Fault { probe, patience } = verdict {
            self.faults = self.faults.saturating_add(1);
            if self.is_paused() || self.faults > patience {
                return (true, self.pause(probe, code, message, now));
            }
        }
        match (&mut self.state, verdict) {
            // A probe that did not get through says nothing about the fault.
            (CircuitState::Open { every, next_probe, probing }, Verdict::Transient { .. }) => {
                (*next_probe, *probing) = (now + *every, None);
                (true, None)
            }
            // Throttling means that the request was let in.
            (CircuitState::Closed | CircuitState::Open { .. }, _) => {
                self.state = CircuitState::Closed;
                (false, self.report(Reported::Retrying(code.to_owned()), message))
            }
        }
    }

    /// Stops all requests but one probe now and then.
    pub fn pause(
        &mut self,
        every: Duration,
        code: &str,
        message: &str,
        now: Instant,
    ) -> Option<DestinationHealth> {
        self.state = CircuitState::Open { every, next_probe: now + every, probing: None };
        self.report(Reported::Paused(code.to_owned()), message)
    }

    /// The service refused this request's records but would have taken others: whatever the
    /// destination was paused for does not show any more.
    pub fn on_refused(&mut self) {
        self.faults = 0;
        self.state = CircuitState::Closed;
    }

    /// Call it after a request whose records were refused: the health to tell if the destination
    /// is told to be paused and is not any more.
    pub fn reopened(&mut self) -> Option<DestinationHealth> {
        let reported_paused = matches!(self.reported, Reported::Paused(_));
        if self.is_paused() || !reported_paused {
            return None;
        }
        let message = "requests succeed again, but their records are rejected";
        self.report(Reported::Retrying("Refused".to_owned()), message)
    }

    /// Whether requests are held back.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.state, CircuitState::Open { .. })
    }

    /// Requests of which the service took at least one record.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// One record may be condemned for each time that the service takes something: see
    /// `delivery`.
    pub(crate) fn take_credit(&mut self) -> bool {
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
            Reported::Paused(code) => {
                DestinationHealth::Paused { reason: format!("{code}: {message}") }
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
    use crate::classify::{PAUSE_PROBE, SHORT_PROBE};

    const DENIED: Verdict = Verdict::Fault { probe: PAUSE_PROBE, patience: 0 };
    const EXPIRED: Verdict = Verdict::Fault { probe: SHORT_PROBE, patience: 3 };
    const BROKEN: Verdict = Verdict::Transient { ambiguous: true, alarm: false };

    fn paused(now: Instant) -> CircuitBreaker {
        let mut circuit = CircuitBreaker::default();
        let (paused, health) = circuit.on_failure(DENIED, "AccessDenied", "no", now);
        let reason = "AccessDenied: no".to_owned();
        assert_eq!((paused, health), (true, Some(DestinationHealth::Paused { reason })));
        circuit
    }

    #[test]
    fn a_paused_destination_gets_one_probe_at_a_time() {
        let now = some_time();
        let mut circuit = paused(now);
        let later = now + PAUSE_PROBE;
        assert_eq!(circuit.permit(1, now), Permit::WaitUntil(later));
        assert_eq!(circuit.permit(1, later), Permit::Go);
        assert_eq!(circuit.permit(2, later), Permit::WaitForProbe);
        assert_eq!(circuit.permit(1, later), Permit::Go, "the prober may ask again");

        assert_eq!(circuit.on_failure(DENIED, "AccessDenied", "no", later), (true, None));
        assert_eq!(circuit.permit(2, later), Permit::WaitUntil(later + PAUSE_PROBE));
    }

    #[test]
    fn success_and_throttling_open_it_and_a_broken_probe_does_not() {
        let now = some_time();
        let mut circuit = paused(now);
        assert_eq!(circuit.on_accepted(), Some(DestinationHealth::Ok));
        assert_eq!(circuit.permit(1, now), Permit::Go);

        let mut circuit = paused(now);
        let (paused_now, health) = circuit.on_failure(Verdict::Throttled, "SlowDown", "", now);
        assert!(!paused_now && matches!(health, Some(DestinationHealth::Retrying { .. })));

        let mut circuit = paused(now);
        let later = now + PAUSE_PROBE;
        assert_eq!(circuit.permit(1, later), Permit::Go);
        assert_eq!(circuit.on_failure(BROKEN, "CannotConnect", "", later), (true, None));
        assert_eq!(circuit.permit(2, later), Permit::WaitUntil(later + PAUSE_PROBE));
    }

    #[test]
    fn expired_credentials_are_forgiven_a_few_times_in_a_row() {
        let now = some_time();
        let mut circuit = CircuitBreaker::default();
        let fail =
            |circuit: &mut CircuitBreaker| circuit.on_failure(EXPIRED, "ExpiredToken", "", now).0;
        assert!(!fail(&mut circuit) && !fail(&mut circuit) && !fail(&mut circuit));
        assert!(circuit.on_accepted().is_some());
        assert!(!fail(&mut circuit) && !fail(&mut circuit) && !fail(&mut circuit));
        assert!(fail(&mut circuit), "the fourth in a row");
        assert_eq!(circuit.permit(1, now), Permit::WaitUntil(now + SHORT_PROBE));
    }

    #[test]
    fn health_is_told_only_when_it_changes() {
        let now = some_time();
        let mut circuit = CircuitBreaker::default();
        assert_eq!(circuit.on_accepted(), None);
        let fail = |circuit: &mut CircuitBreaker, code| {
            circuit.on_failure(BROKEN, code, "m", now).1.is_some()
        };
        assert!(fail(&mut circuit, "A"));
        assert!(!fail(&mut circuit, "A"));
        assert!(fail(&mut circuit, "B"));
        assert_eq!(circuit.on_accepted(), Some(DestinationHealth::Ok));
        assert_eq!(circuit.on_accepted(), None);
    }

    #[test]
    fn each_acceptance_gives_one_credit_and_no_more() {
        let mut circuit = CircuitBreaker::default();
        assert!(!circuit.take_credit());
        circuit.on_accepted();
        circuit.on_accepted();
        assert_eq!(circuit.accepted(), 2);
        assert!(circuit.take_credit());
        assert!(!circuit.take_credit());
    }

    #[test]
    fn a_probe_that_is_let_in_ends_the_alarm_even_if_its_record_is_refused() {
        let now = some_time();
        let mut circuit = paused(now);
        assert_eq!(circuit.reopened(), None, "still paused");
        circuit.on_refused();
        let Some(DestinationHealth::Retrying { reason }) = circuit.reopened() else {
            panic!("the health must report that it is no longer paused");
        };
        assert!(reason.contains("succeed again"), "{reason}");
        assert_eq!(circuit.reopened(), None, "once");
        assert_eq!(circuit.on_accepted(), Some(DestinationHealth::Ok));
    }

    #[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
    fn some_time() -> Instant {
        Instant::now()
    }
}
