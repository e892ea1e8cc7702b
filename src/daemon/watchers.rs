//! What runs alongside the flows to tell of them: the periodic status lines and CloudWatch.
//!
//! Neither can reach the data path. At a stop the lines are written once more and what CloudWatch
//! has not got is sent, within a bound.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tracing::Level;

use super::status_lines::{self, StatusLine};
use crate::admin::status::{FlowFeed, FlowStatus};
use crate::config::{CloudWatchConfig, Config, StatusLines};
use crate::metrics::cloudwatch::{
    self, ExtraReport, FlowReport, PublisherOptions, Report, Reporter, instance,
};
use crate::metrics::totals::FlowTotals;
use crate::send::client::Aws;

/// The Java agent knew this region only, unless an endpoint was configured.
const REGION_OF_THE_JAVA_AGENT: &str = "us-east-1";

/// The last lines are a matter of microseconds.
const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(1);

/// What is waited for beyond the time that the last flush was given.
const LAST_FLUSH_GRACE: Duration = Duration::from_millis(100);

/// Where reports for CloudWatch come in.
pub(super) type Reports = mpsc::Receiver<Report>;

/// Tasks that run until [`Watchers::finish`].
#[derive(Debug)]
pub(super) struct Watchers {
    lines: (oneshot::Sender<()>, JoinSet<()>),
    cloudwatch: Option<(oneshot::Sender<Duration>, JoinSet<()>)>,
}

/// The two ends of the way to CloudWatch, if metrics are sent there.
pub(super) fn reporter(config: &CloudWatchConfig) -> Option<(Reporter, Reports)> {
    config.emit_metrics.then(|| Reporter::channel(config.queue_values_max))
}

impl Watchers {
    /// Starts to write lines and to publish.
    pub(super) async fn start(
        config: &Config,
        aws: &Aws,
        cloudwatch: Option<(Reporter, Reports)>,
        feeds: watch::Receiver<Vec<FlowFeed>>,
        started: Instant,
    ) -> Self {
        let (reporter, reports) = cloudwatch.unzip();
        let publisher = match reports {
            Some(reports) => Some(publish(&config.cloudwatch, aws, reports).await),
            None => None,
        };
        let lines = Lines {
            feeds,
            started,
            written: config.log.status_lines != StatusLines::Off,
            emit_internal: config.log.emit_internal_metrics,
            reporter,
            emit_extra: config.cloudwatch.emit_extra_metrics,
            before: HashMap::new(),
        };
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(lines.run(config.log.status_period, stopped));
        Self { lines: (stop, task), cloudwatch: publisher }
    }

    /// Writes the last lines and gives CloudWatch this long to take what is left.
    pub(super) async fn finish(self, time: Duration) {
        let (stop, mut task) = self.lines;
        let ended = timeout(LAST_LINES_TIME_MAX, task.join_next());
        if stop.send(()).is_err() || ended.await.is_err() {
            tracing::warn!(name: "status_lines_late", "cannot write final status report");
        }
        let Some((stop, mut task)) = self.cloudwatch else { return };
        let ended = timeout(time + LAST_FLUSH_GRACE, task.join_next());
        if stop.send(time).is_err() || ended.await.is_err() {
            tracing::warn!(name: "metrics_final_unpublished",
                "final metrics were not published to CloudWatch");
        }
    }
}

/// Starts to publish to CloudWatch. Whose metrics they are is found out meanwhile.
async fn publish(
    config: &CloudWatchConfig,
    aws: &Aws,
    reports: Reports,
) -> (oneshot::Sender<Duration>, JoinSet<()>) {
    let client = aws.cloudwatch().await;
    let region = client.config().region().map_or("unknown", AsRef::as_ref).to_owned();
    let (namespace, flush_interval) = (config.namespace.clone(), config.flush_interval);
    if region == REGION_OF_THE_JAVA_AGENT {
        tracing::info!(name: "metrics_publishing",
            %region, %namespace, "publishing metrics to CloudWatch");
    } else {
        tracing::info!(name: "metrics_publishing", %region, %namespace,
            "publishing metrics to CloudWatch; the Java agent used us-east-1: set \
             cloudwatch.region to keep that");
    }
    let tag_instance = config.tag_instance;
    let (stop, stopped) = oneshot::channel();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let (names, mut instance) = watch::channel(None);
        let options = PublisherOptions { namespace, flush_interval, instance: instance.clone() };
        // Without a daemon there is no time left.
        let shutdown = async { stopped.await.unwrap_or_default() };
        let publish = async {
            if tag_instance {
                // Some name comes at once or after the first question. Without any it continues.
                instance.changed().await.unwrap_or_default();
            }
            cloudwatch::run(client, options, reports, shutdown).await;
        };
        let find_out = async {
            if tag_instance {
                instance::find_out(names).await;
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = publish => {}
            () = find_out => {}
        }
    });
    (stop, task)
}

/// Writes the status lines, and reports the same figures to CloudWatch.
struct Lines {
    feeds: watch::Receiver<Vec<FlowFeed>>,
    started: Instant,
    /// Whether lines are written; CloudWatch gets its reports in any case.
    written: bool,
    emit_internal: bool,
    reporter: Option<Reporter>,
    emit_extra: bool,
    /// What each flow had done by the last report.
    before: HashMap<Arc<str>, FlowTotals>,
}

impl Lines {
    async fn run(mut self, period: Duration, mut stopped: oneshot::Receiver<()>) {
        let mut tick = interval_at(tokio::time::Instant::now() + period, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                _ = tick.tick() => self.tell(),
            }
        }
        self.tell();
    }

    fn tell(&mut self) {
        let feeds = self.feeds.borrow().clone();
        let flows: Vec<Arc<FlowStatus>> =
            feeds.iter().map(|feed| Arc::clone(&feed.borrow())).collect();
        for flow in &flows {
            if self.written {
                let figures = flow.emit_internal_metrics;
                status_lines::of_flow(flow, figures, self.emit_internal).iter().for_each(write);
            }
            self.report(flow);
        }
        self.before.retain(|known, _| flows.iter().any(|flow| flow.flow == *known));
        if !self.written {
            return;
        }
        let uptime = super::clock::now().instant.saturating_duration_since(self.started);
        let flows = flows.iter().map(AsRef::as_ref);
        status_lines::of_agent(&flows, uptime, self.emit_internal).iter().for_each(write);
    }

    fn report(&mut self, flow: &FlowStatus) {
        let Some(reporter) = &self.reporter else { return };
        let before = self.before.insert(Arc::clone(&flow.flow), flow.totals).unwrap_or_default();
        let lag = (flow.lag_bytes, flow.lag_seconds);
        let extra = self.emit_extra.then(|| ExtraReport::between(&before, &flow.totals, lag));
        let report = FlowReport { errors_in_a_row: flow.totals.errors_in_a_row, extra };
        reporter.report_flow(&Arc::from(flow.destination.as_str()), report);
    }
}

fn write(line: &StatusLine) {
    match line.level {
        Level::WARN => tracing::warn!(name: "status_line", "{}", line.text),
        Level::INFO => tracing::info!(name: "status_line", "{}", line.text),
        _ => tracing::debug!("{}", line.text),
    }
}
