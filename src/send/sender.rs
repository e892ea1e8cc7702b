//! The sender of one flow: an async task that makes the calls which `delivery` asks for, when
//! `circuit` and `retry` allow, and tells the flow what became of each batch.
//!
//! It owns the clock, the calls and the log lines, and decides nothing. It holds at most
//! `max_in_flight` batches, retries indefinitely, and stops at once when its future is dropped;
//! what was in flight then is for the flow to send again after the next start.

mod lines;
mod state;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use self::state::State;
use super::circuit_breaker::Permit;
use super::classify::{BARE_TOO_LARGE, PAUSE_PROBE, Verdict, classify, label};
use super::deadline::Deadlines;
use super::delivery::{Delivery, Next, Progress, Request};
use super::rate::{Caps, Sent, Turn};
use super::response::PutResponse;
use super::retry;
use super::sdk_error::cut;
use super::survey::StreamFacts;
use super::transport::{CallError, Transport};
use super::{DestinationHealth, SenderEvent, Submission};
use crate::batch::BatchId;
use crate::config::RetryConfig;
use crate::metrics::FlowMetrics;
pub use crate::metrics::cloudwatch::RequestReport;
use crate::metrics::destination::DestinationState;

/// A call that is not over by then is given up, whatever the transport thinks.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(35);

/// Where the flow gets its events. It must not block.
pub type EventSink = Arc<dyn Fn(SenderEvent) + Send + Sync>;

/// Somebody who wants to know of each request.
pub trait Observer: Debug + Send + Sync {
    /// A request is over.
    fn on_request(&self, _report: RequestReport) {}

    /// An answer says that records failed, and names shards.
    fn on_answer(&self, _answer: &PutResponse) {}
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// What a sender needs to know.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// The flow's id, for the log.
    pub flow: String,
    /// The delays between attempts.
    pub retry: RetryConfig,
    /// Batches that it works on at a time, at most.
    pub max_in_flight: usize,
    /// What it sends in a second, at most.
    pub caps: Caps,
    /// What is known of the stream, if anybody asks.
    pub facts: Option<watch::Receiver<StreamFacts>>,
    /// For the jitter.
    pub seed: u64,
    /// Where requests, retries and duplicates are counted. What an outcome says is the flow's to
    /// count.
    pub metrics: FlowMetrics,
    /// Is told of each request.
    pub observer: Arc<dyn Observer>,
    /// Cancelled when the flow stops: from then on nothing waits for a destination that is paused.
    pub stopping: CancellationToken,
}

/// Delivers every batch that comes, and returns when `submissions` is closed and all are done.
pub async fn run(
    transport: impl Transport,
    mut submissions: Receiver<Submission>,
    events: EventSink,
    config: SenderConfig,
) {
    let max_in_flight = config.max_in_flight.max(1);
    let sender = Sender {
        transport,
        events,
        state: Mutex::new(State::new(config.seed, config.caps, Instant::now().into_std())),
        gate_changed: Notify::new(),
        deadlines: Deadlines::default(),
        config,
    };
    let mut deliveries = FuturesUnordered::new();
    let mut open = true;
    while open || !deliveries.is_empty() {
        tokio::select! {
            // In an order, so that what happens at one time of a virtual clock is always the same.
            biased;
            Some(()) = deliveries.next(), if !deliveries.is_empty() => {}
            submission = submissions.recv(), if open && deliveries.len() < max_in_flight => {
                match submission {
                    Some(submission) => deliveries.push(sender.deliver(submission)),
                    None => open = false,
                }
            }
        }
    }
}

struct Sender<T> {
    transport: T,
    events: EventSink,
    /// Consistent between any two statements, so a panic elsewhere does not spoil it.
    state: Mutex<State>,
    /// Wakes the batches that wait at the circuit, or for their turn.
    gate_changed: Notify,
    deadlines: Deadlines,
    config: SenderConfig,
}

impl<T: Transport> Sender<T> {
    async fn deliver(&self, submission: Submission) {
        let mut delivery = Delivery::new(submission);
        let mut first_attempt = None;
        while !delivery.is_done() {
            if !self.wait_for_permit(&delivery).await || !self.wait_turn(&mut delivery).await {
                self.forget(delivery.batch());
                return self.emit(SenderEvent::GivenUp(delivery.batch()));
            }
            let Some(request) = delivery.request() else { break };
            let made_at = Instant::now();
            first_attempt.get_or_insert(made_at);
            delivery.on_attempt();
            if request.again {
                self.config.metrics.records_retried.increment(request.records as u64);
            }
            let batch = delivery.batch();
            self.destination().on_request(batch, made_at.into_std());
            let call = self.transport.put(request.body.clone(), request.records);
            let result = self.deadlines.within(CALL_DEADLINE, call).await;
            let result = result.unwrap_or(Err(CallError::Deadline(CALL_DEADLINE)));
            self.destination().on_end(batch);
            let retry_after = result.as_ref().err().and_then(CallError::retry_after);
            match self.absorb(&mut delivery, request, made_at, result) {
                Next::Backoff(failures) => self.back_off(batch, failures, retry_after).await,
                Next::Done | Next::Doubt { .. } | Next::Now => {}
            }
        }
        self.forget(delivery.batch());
        let took = first_attempt.map_or(Duration::ZERO, |start| start.elapsed());
        self.emit(SenderEvent::Outcome(delivery.into_outcome(took)));
    }

    /// Whoever waits for this batch waits no more.
    fn forget(&self, batch: BatchId) {
        self.state.lock().rate.forget(batch);
        self.destination().forget(batch);
        self.gate_changed.notify_waiters();
    }

    /// Returns when the circuit lets this batch make one request; `false` if the destination is
    /// paused, there is no probe, and the flow stops.
    async fn wait_for_permit(&self, delivery: &Delivery) -> bool {
        loop {
            // Made before the look at the circuit, so that no change is missed in between.
            let changed = self.gate_changed.notified();
            let now = Instant::now().into_std();
            let permit = self.state.lock().circuit.permit(delivery.batch(), now);
            match permit {
                Permit::Go => return true,
                Permit::WaitUntil(_) if self.config.stopping.is_cancelled() => return false,
                // Either end of the wait leads to another look.
                Permit::WaitUntil(at) => {
                    self.destination().on_wait(delivery.batch(), at);
                    let probe_is_due = timeout_at(Instant::from_std(at), changed);
                    tokio::select! {
                        biased;
                        _ = probe_is_due => {}
                        () = self.config.stopping.cancelled() => {}
                    }
                }
                Permit::WaitForProbe => changed.await,
            }
        }
    }

    /// Returns when a request is not too much for the destination, and made the next one small
    /// enough; `false` as [`Self::wait_for_permit`].
    async fn wait_turn(&self, delivery: &mut Delivery) -> bool {
        if self.state.lock().rate.is_free(Instant::now().into_std()) {
            return true;
        }
        loop {
            // Made before the look at the turn, so that no change is missed in between.
            let changed = self.gate_changed.notified();
            let turn = self.state.lock().take_turn(delivery, Instant::now().into_std());
            match turn {
                Turn::AfterAnother => changed.await,
                // Either end of the wait leads to another look.
                Turn::At(at) => {
                    self.destination().on_wait(delivery.batch(), at);
                    drop(timeout_at(Instant::from_std(at), changed).await);
                }
                Turn::Now => break,
            }
        }
        self.gate_changed.notify_waiters();
        self.wait_for_permit(delivery).await
    }

    async fn back_off(&self, batch: BatchId, failures: u32, retry_after: Option<Duration>) {
        let retry = self.config.retry;
        let delay = retry::delay(retry, failures, retry_after, &mut self.state.lock().rng);
        self.destination().on_wait(batch, (Instant::now() + delay).into_std());
        sleep(delay).await;
    }

    fn destination(&self) -> &DestinationState {
        &self.config.metrics.destination
    }

    /// Takes in how a call went: counts, logs, moves the circuit and the delivery on.
    fn absorb(
        &self,
        delivery: &mut Delivery,
        request: Request,
        made_at: Instant,
        result: Result<PutResponse, CallError>,
    ) -> Next {
        let now = Instant::now().into_std();
        let Request { records, bytes, .. } = request;
        let sent = Sent { at: made_at.into_std(), records, bytes };
        // The body's buffer can be used again only if the bytes are no longer held.
        drop(request);
        let mut state = self.state.lock();
        self.learn_of_shards(&mut state, now);
        let health = match result {
            Ok(answer) => {
                if !answer.failed.is_empty() {
                    self.config.observer.on_answer(&answer);
                }
                let progress = state.learn(delivery, &answer, sent, now);
                self.count_answer(records, progress);
                self.absorb_answer(&mut state, &answer, progress, now)
            }
            Err(error) => {
                self.count_error(records, &error);
                state.rate.learn_from_error(&error, sent, now);
                self.absorb_error(&mut state, delivery, &error, now)
            }
        };
        let mut next = delivery.next(&mut state.circuit);
        if state.circuit.is_paused() && matches!(next, Next::Backoff(_)) {
            // The circuit's probes have their own rhythm.
            next = Next::Now;
        }
        let doubt = match &next {
            Next::Doubt { code, message } => state.circuit.pause(PAUSE_PROBE, code, message, now),
            Next::Backoff(_) | Next::Done | Next::Now => None,
        };
        let reopened = state.circuit.reopened();
        drop(state);
        self.gate_changed.notify_waiters();
        for health in health.into_iter().chain(doubt).chain(reopened) {
            self.tell_health(health, now);
        }
        next
    }

    /// Takes in a new map of the shards, if there is one.
    fn learn_of_shards(&self, state: &mut State, now: std::time::Instant) {
        let Some(facts) = &self.config.facts else { return };
        let facts = facts.borrow();
        let Some(map) = &facts.shards else { return };
        if state.map.as_ref().is_none_or(|before| !Arc::ptr_eq(before, map)) {
            state.rate.set_map(map, now);
            state.map = Some(Arc::clone(map));
        }
    }

    fn absorb_answer(
        &self,
        state: &mut State,
        answer: &PutResponse,
        progress: Progress,
        now: std::time::Instant,
    ) -> Option<DestinationHealth> {
        // The request was let in, whatever became of its records.
        if let Some(line) = state.failures.on_success(now) {
            self.log(&line, "", "", false);
        }
        let Some(first) = answer.failed.first() else {
            self.destination().on_success(now);
            if let Some(line) = state.records.on_success(now) {
                self.log(&line, "", "", false);
            }
            return state.circuit.on_accepted();
        };
        let (code, message) = (cut(&first.code), cut(&first.message));
        self.destination().on_record_errors(&code, &message, now);
        if let Some(line) = state.records.on_failure(&code, now) {
            self.log(&line, &code, &message, false);
        }
        if progress.delivered > 0 {
            state.circuit.on_accepted()
        } else {
            // However its records failed, the request was let in.
            state.circuit.on_failure(Verdict::Throttled, &code, &message, now).1
        }
    }

    fn absorb_error(
        &self,
        state: &mut State,
        delivery: &mut Delivery,
        error: &CallError,
        now: std::time::Instant,
    ) -> Option<DestinationHealth> {
        let (code, message) = (error.code(), error.message());
        let verdict = match classify(error) {
            // A proxy that answers so to a few kilobytes is broken, and the record is not.
            Verdict::Poison if code == BARE_TOO_LARGE && delivery.is_small() => {
                Verdict::Transient { ambiguous: false, alarm: true }
            }
            verdict => verdict,
        };
        self.destination().on_error(code, &message, now);
        if let Some(line) = state.failures.on_failure(code, now) {
            let alarm = matches!(verdict, Verdict::Transient { alarm: true, .. });
            self.log(&line, code, &message, alarm);
        }
        if verdict == Verdict::Poison {
            delivery.on_refusal(code, &message, &state.circuit);
            state.circuit.on_refused();
            return None;
        }
        if matches!(error, CallError::CborRefused { .. }) {
            delivery.speak_json();
        }
        let doubtful = delivery.on_failure(verdict);
        self.config.metrics.records_maybe_duplicated.increment(doubtful as u64);
        state.circuit.on_failure(verdict, code, &message, now).1
    }

    fn count_answer(&self, records: usize, progress: Progress) {
        let outcome = if progress.failed == 0 { "ok" } else { "partial" };
        self.config.metrics.request(outcome);
        self.report_request(RequestReport {
            records_attempted: records as u64,
            records_sent: progress.delivered as u64,
            record_errors: progress.failed as u64,
            bytes_sent: progress.bytes as u64,
            service_error: false,
        });
    }

    fn count_error(&self, records: usize, error: &CallError) {
        self.config.metrics.request(label(error.code()));
        self.report_request(RequestReport {
            records_attempted: records as u64,
            service_error: true,
            ..RequestReport::default()
        });
    }

    fn report_request(&self, report: RequestReport) {
        self.config.metrics.requests.add(&report);
        self.config.observer.on_request(report);
    }

    fn emit(&self, event: SenderEvent) {
        (self.events)(event);
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod throttle_tests;
