//! The sender of a flow: made with what it needs, and watched for `CloudWatch` and the log.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::DaemonError;
use super::flow_thread::Shared;
use crate::config::FlowConfig;
use crate::flow::{Mailbox, Message};
use crate::metrics::FlowMetrics;
use crate::metrics::cloudwatch::Reporter;
use crate::send::sender::{EventSink, NoObserver, Observer, RequestReport, SenderConfig};
use crate::send::wire::{Operation, Wire};

/// The way of the flow's records to its service.
pub(super) async fn wire_for(
    shared: &Shared,
    flow: &FlowConfig,
    metrics: &FlowMetrics,
) -> Result<Wire, DaemonError> {
    let operation = Operation::of(&flow.destination);
    let place = shared.aws.place(operation.service(), &flow.aws).await;
    metrics.destination.set_place(place);
    Ok(shared.aws.wire(operation, &flow.aws, flow.wire).await?)
}

/// What the sender has to say goes to the flow's mailbox.
pub(super) fn events(mailbox: Mailbox) -> EventSink {
    Arc::new(move |event| mailbox.send(Message::Sender(event)))
}

pub(super) fn sender_config(
    shared: &Shared,
    config: &FlowConfig,
    metrics: FlowMetrics,
) -> SenderConfig {
    SenderConfig {
        flow: config.id.clone(),
        retry: config.retry,
        max_in_flight: config.max_in_flight_requests,
        caps: config.caps,
        facts: None,
        seed: fastrand::u64(..),
        metrics,
        observer: observer(shared, config),
        stopping: CancellationToken::new(),
    }
}

/// Passes what requests came to on to CloudWatch, and to the log if that is asked for.
#[derive(Debug)]
struct Witness {
    flow: String,
    destination: Arc<str>,
    reporter: Option<Reporter>,
    log: bool,
}

impl Observer for Witness {
    fn on_request(&self, report: RequestReport) {
        if let Some(reporter) = &self.reporter {
            reporter.report(&self.destination, report);
        }
        if self.log {
            tracing::debug!(
                name: "request",
                flow = %self.flow,
                RecordSendAttempts = report.records_attempted,
                RecordsSent = report.records_sent,
                RecordSendErrors = report.record_errors,
                BytesSent = report.bytes_sent,
                ServiceErrors = u8::from(report.service_error),
                "request"
            );
        }
    }
}

fn observer(shared: &Shared, config: &FlowConfig) -> Arc<dyn Observer> {
    if shared.cloudwatch.is_none() && !shared.log_requests {
        return Arc::new(NoObserver);
    }
    Arc::new(Witness {
        flow: config.id.clone(),
        destination: Arc::from(config.destination.to_string()),
        reporter: shared.cloudwatch.clone(),
        log: shared.log_requests,
    })
}
