//! What a sender says in the log, with where it ships and as whom.

use std::time::Instant;

use tracing::field::{DisplayValue, display};

use super::Sender;
use crate::metrics::destination::Place;
use crate::repeats::Line;
use crate::send::transport::Transport;
use crate::send::{DestinationHealth, SenderEvent};

impl<T: Transport> Sender<T> {
    pub(super) fn tell_health(&self, health: DestinationHealth, now: Instant) {
        self.destination().on_health(now);
        let flow = &self.config.flow;
        let parked = matches!(health, DestinationHealth::Parked { .. });
        self.config.metrics.destination_parked.set(f64::from(u8::from(parked)));
        let line = match &health {
            DestinationHealth::Parked { reason } => {
                let code = reason.split(':').next().unwrap_or_default();
                self.lock().parks.on_failure(code, now)
            }
            DestinationHealth::Ok | DestinationHealth::Retrying { .. } => {
                self.lock().parks.on_success(now)
            }
        };
        match (line, &health) {
            (Some(Line::First | Line::Summary { .. }), DestinationHealth::Parked { reason }) => {
                let [endpoint, region, credentials] = self.place();
                tracing::error!(%flow, %reason, endpoint, region, credentials,
                    "destination parked; nothing is lost, it is probed");
            }
            (Some(Line::Brief { outages, kinds, over, .. }), _) => {
                let seconds = over.as_secs();
                tracing::error!(%flow, times = outages, %kinds, seconds,
                    "destination parked again and again; nothing is lost, it is probed");
            }
            // That requests succeed again is told with how many failed.
            _ => {}
        }
        self.emit(SenderEvent::Health(health));
    }

    pub(super) fn log(&self, line: &Line, code: &str, message: &str, alarm: bool) {
        let flow = &self.config.flow;
        let [endpoint, region, credentials] = self.place();
        match line {
            Line::First if alarm => {
                tracing::error!(%flow, %code, reason = %message, endpoint, region, credentials,
                    "unexpected answer; retrying");
            }
            Line::First => {
                tracing::warn!(%flow, %code, reason = %message, endpoint, region, credentials,
                    "request failed; retrying");
            }
            Line::Brief { outages, failures, kinds, over } => {
                let seconds = over.as_secs();
                tracing::warn!(%flow, outages, failures, %kinds, seconds, endpoint, region,
                    credentials,
                    "requests failed now and then; retried");
            }
            Line::Recovered { failures, kinds, lasted } => {
                let seconds = lasted.as_secs();
                tracing::info!(%flow, failures, %kinds, seconds, endpoint,
                    "requests succeed again");
            }
            Line::Summary { failures, kinds, over } => {
                let seconds = over.as_secs();
                tracing::warn!(%flow, failures, %kinds, seconds, endpoint, region, credentials,
                    "requests still fail; retrying");
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
