//! What a sender says in the log, with destination and identity.

use std::time::Instant;

use tracing::field::{DisplayValue, display};

use super::Sender;
use crate::log_throttle::FailureLine;
use crate::metrics::destination::Place;
use crate::send::transport::Transport;
use crate::send::{DestinationHealth, SenderEvent};

impl<T: Transport> Sender<T> {
    pub(super) fn tell_health(&self, health: DestinationHealth, now: Instant) {
        self.destination().on_health(now);
        let flow = &self.config.flow;
        let paused = matches!(health, DestinationHealth::Paused { .. });
        self.config.metrics.destination_paused.set(f64::from(u8::from(paused)));
        let line = match &health {
            DestinationHealth::Paused { reason } => {
                let code = reason.split(':').next().unwrap_or_default();
                self.state.lock().pauses.on_failure(code, now)
            }
            DestinationHealth::Ok | DestinationHealth::Retrying { .. } => {
                self.state.lock().pauses.on_success(now)
            }
        };
        match (line, &health) {
            (
                Some(FailureLine::First | FailureLine::Summary { .. }),
                DestinationHealth::Paused { reason },
            ) => {
                let [endpoint, region, credentials] = self.place();
                tracing::error!(name: "delivery_paused",
                    %flow, %reason, endpoint, region, credentials,
                    "delivery paused: destination unavailable; probing, no data lost");
            }
            (Some(FailureLine::Brief { outages, kinds, over, .. }), _) => {
                let seconds = over.as_secs();
                tracing::error!(name: "delivery_pausing", %flow, times = outages, %kinds, seconds,
                    "delivery keeps pausing; probing, no data lost");
            }
            // That requests succeed again is told with how many failed.
            _ => {}
        }
        self.emit(SenderEvent::Health(health));
    }

    pub(super) fn log(&self, line: &FailureLine, code: &str, message: &str, alarm: bool) {
        let flow = &self.config.flow;
        let [endpoint, region, credentials] = self.place();
        match line {
            FailureLine::First if alarm => {
                tracing::error!(name: "response_unexpected",
                    %flow, %code, reason = %message, endpoint, region, credentials,
                    "unexpected response, possibly from a proxy; retrying");
            }
            FailureLine::First => {
                tracing::warn!(name: "request_failed",
                    %flow, %code, reason = %message, endpoint, region, credentials,
                    "request failed; retrying");
            }
            FailureLine::Brief { outages, failures, kinds, over } => {
                let seconds = over.as_secs();
                tracing::warn!(name: "requests_intermittent",
                    %flow, outages, failures, %kinds, seconds, endpoint, region,
                    credentials,
                    "requests failed intermittently; retried");
            }
            FailureLine::Recovered { failures, kinds, lasted } => {
                let seconds = lasted.as_secs();
                tracing::info!(name: "delivery_recovered",
                    %flow, failures, %kinds, seconds, endpoint,
                    "delivery recovered");
            }
            FailureLine::Summary { failures, kinds, over } => {
                let seconds = over.as_secs();
                tracing::warn!(name: "requests_failing",
                    %flow, failures, %kinds, seconds, endpoint, region, credentials,
                    "requests still failing; retrying");
            }
        }
    }

    /// Endpoint, region and credentials, as fields of a log line.
    fn place(&self) -> [Option<DisplayValue<&str>>; 3] {
        let place = self.destination().place();
        let field = |part: fn(&Place) -> &str| place.map(|place| display(part(place)));
        [field(|at| &at.endpoint), field(|at| &at.region), field(|at| &at.credentials)]
    }
}
