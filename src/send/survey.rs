//! What a flow has to know of its Kinesis stream in addition to what answers to its puts say: how
//! the stream distributes records, how large they may be, and which shards it has.
//!
//! A task of the daemon asks, off the way of the records: when the flow starts, when an answer
//! names a shard that is not on the map, and now and then. What is not known stops nothing but
//! what depends on it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{RecordDistributionStrategy, ShardFilter, ShardFilterType};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use kinetail_base::limits::{KINESIS_LARGE_RECORD_BYTES_MAX, KINESIS_RECORD_BYTES_MAX};

use super::classify::is_throttle;
use super::response::{PutResponse, ShardNumber};
use super::sdk_error::call_error;
use super::sender::{Observer, RequestReport};
use super::transport::CallError;
use crate::batch::hash::{ShardMap, ShardRange};
use crate::config::{Aggregation, Destination, FlowConfig, Format, PartitionKey};

/// Shards are listed again after this long, more or less: unnoticed splits are found so.
const LIST_EVERY: Duration = Duration::from_mins(1);

/// Streams are described again after this long, more or less. An account may ask 20 times a second,
/// whatever the number of its hosts.
const DESCRIBE_EVERY: Duration = Duration::from_hours(1);

/// Nothing waits longer for a time to come.
const WAIT_MAX: Duration = Duration::from_hours(24);

/// After a failure the next attempt comes after this long at most, twice as long each time ...
const RETRY_FIRST: Duration = Duration::from_secs(2);

/// ... up to this.
const RETRY_MAX: Duration = Duration::from_mins(2);

/// Evidence that comes sooner after an answer waits for this.
const LIST_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Pages of a list of shards, at most: each has up to 1,000.
const PAGES_MAX: usize = 64;

/// Codes of who may not ask, and of endpoints that cannot be asked.
const NOT_ANSWERED: [&str; 5] = [
    "AccessDeniedException",
    "AccessDenied",
    "UnknownOperationException",
    "InvalidAction",
    "NotImplemented",
];

/// What is known of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// It was asked, whatever it said.
    pub asked: bool,
    /// Consumers find the records in aggregates of the Kinesis Producer Library.
    pub takes_aggregates: bool,
    /// The maximum length of a record with its key, in bytes.
    pub record_bytes_max: Option<usize>,
    /// The open shards.
    pub shards: Option<Arc<ShardMap>>,
}

/// What a flow wants to know.
#[derive(Debug, Clone)]
pub struct Survey {
    flow: String,
    stream: String,
    aggregates: bool,
    /// The stream is described at the start and now and then.
    described: bool,
    /// The shards are listed at the start. Otherwise that begins when one is found to be full.
    listed: bool,
}

impl Survey {
    /// What this flow wants to know; nothing of a delivery stream.
    #[must_use]
    pub fn of(flow: &FlowConfig) -> Option<Self> {
        let Destination::Kinesis { stream } = &flow.destination else { return None };
        let is_kpl = |aggregation: &Aggregation| aggregation.format == Format::Kpl;
        let aggregates = flow.aggregation.as_ref().is_some_and(is_kpl);
        let described = aggregates || flow.max_record_bytes_auto;
        let listed = aggregates && !matches!(flow.partition_key, PartitionKey::Random);
        Some(Self { flow: flow.id.clone(), stream: stream.clone(), aggregates, described, listed })
    }

    /// Asks and tells, again and again.
    pub(crate) async fn keep_up(
        self,
        client: Client,
        facts: watch::Sender<StreamFacts>,
        evidence: Arc<Notify>,
    ) {
        let mut asking =
            Asking { survey: self, client, described: Topic::default(), listed: Topic::default() };
        if !asking.survey.described {
            asking.described.due_in = Duration::MAX;
        }
        if !asking.survey.listed {
            asking.listed.due_in = Duration::MAX;
        }
        loop {
            let mut known = facts.borrow().clone();
            asking.ask(&mut known).await;
            known.asked = true;
            facts.send_if_modified(|before| {
                let changed = *before != known;
                *before = known;
                changed
            });
            let since = Instant::now();
            let is_told = timeout(asking.wait(), evidence.notified()).await.is_ok();
            if is_told {
                sleep(LIST_AGAIN_AFTER).await;
            }
            asking.pass(since.elapsed());
            // Who does not answer is not asked sooner for it.
            if is_told && asking.listed.failures == 0 {
                asking.listed.due_in = Duration::ZERO;
            }
        }
    }
}

/// Something that is asked again and again.
#[derive(Debug, Default)]
struct Topic {
    /// When it is asked next, from now.
    due_in: Duration,
    /// Failures since the last answer.
    failures: u32,
    /// What was reported of missing responses: whether there will be none.
    told: Option<bool>,
    /// The newest problem with what was answered.
    problem: Option<&'static str>,
}

impl Topic {
    /// A question was answered.
    fn answered(&mut self, every: Duration) {
        (self.failures, self.told) = (0, None);
        self.due_in = some_of(every / 2) + every / 2;
    }

    /// It was not.
    fn failed(&mut self) {
        let bound = RETRY_FIRST.saturating_mul(1 << self.failures.min(10)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.due_in = some_of(bound);
    }

    /// Whether this problem is news.
    fn is_news(&mut self, problem: Option<&'static str>) -> bool {
        std::mem::replace(&mut self.problem, problem) != problem && problem.is_some()
    }
}

struct Asking {
    survey: Survey,
    client: Client,
    described: Topic,
    listed: Topic,
}

impl Asking {
    async fn ask(&mut self, facts: &mut StreamFacts) {
        if self.described.due_in.is_zero() {
            self.describe(facts).await;
        }
        if self.listed.due_in.is_zero() {
            self.list(facts).await;
        }
    }

    /// How long nothing is to be asked.
    fn wait(&self) -> Duration {
        self.listed.due_in.min(self.described.due_in).min(WAIT_MAX)
    }

    fn pass(&mut self, time: Duration) {
        for topic in [&mut self.described, &mut self.listed] {
            if topic.due_in != Duration::MAX {
                topic.due_in = topic.due_in.saturating_sub(time);
            }
        }
    }

    async fn describe(&mut self, facts: &mut StreamFacts) {
        let call = self.client.describe_stream_summary().stream_name(&self.survey.stream);
        let output = match call.send().await.map_err(call_error) {
            Ok(output) => output,
            Err(error) => {
                let unknown = self.not_described(&error);
                // What was found out before counts for more than a missing response now.
                facts.takes_aggregates |= unknown && self.described.problem.is_none();
                return;
            }
        };
        self.described.answered(DESCRIBE_EVERY);
        let Some(summary) = output.stream_description_summary() else {
            self.described.due_in = RETRY_MAX;
            tracing::warn!(name: "stream_description_empty",
                flow = %self.survey.flow, stream = %self.survey.stream,
                "stream description is empty; retrying");
            return;
        };
        let is_auto =
            summary.record_distribution_strategy() == Some(&RecordDistributionStrategy::Auto);
        facts.takes_aggregates = !is_auto;
        let kib = summary.max_record_size_in_kib().and_then(|kib| usize::try_from(kib).ok());
        let range = KINESIS_RECORD_BYTES_MAX..=KINESIS_LARGE_RECORD_BYTES_MAX;
        let bytes = kib.and_then(|kib| kib.checked_mul(1024));
        facts.record_bytes_max = bytes.filter(|bytes| range.contains(bytes));
        let problem = (is_auto && self.survey.aggregates).then_some("AUTO");
        if self.described.is_news(problem) {
            tracing::error!(name: "aggregation_rejected",
                flow = %self.survey.flow, stream = %self.survey.stream,
                "aggregation kpl rejected: the stream has RecordDistributionStrategy AUTO, and \
                 consumers would drop aggregated records; sending them one by one; set aggregation \
                 to newline or none, or the stream to another strategy");
        }
    }

    /// Takes in a failure; `true` if there will be no response, so that it continues without.
    fn not_described(&mut self, error: &CallError) -> bool {
        self.described.failed();
        let code = error.code();
        let unknown = NOT_ANSWERED.contains(&code);
        if self.described.told.replace(unknown) != Some(unknown) {
            let (flow, stream, reason) = (&self.survey.flow, &self.survey.stream, error.message());
            if unknown {
                self.described.due_in = DESCRIBE_EVERY;
                tracing::warn!(name: "stream_unchecked", %flow, %stream, %code, %reason,
                    "cannot describe the stream; not checked: RecordDistributionStrategy, with \
                     which consumers may drop aggregated records, and the record size; allow \
                     kinesis:DescribeStreamSummary");
            } else {
                tracing::warn!(name: "stream_undescribed", %flow, %stream, %code, %reason,
                    "cannot describe the stream; retrying");
            }
        } else if unknown {
            self.described.due_in = DESCRIBE_EVERY;
        }
        unknown
    }

    async fn list(&mut self, facts: &mut StreamFacts) {
        match list_shards(&self.client, &self.survey.stream).await {
            Ok(Some(map)) => {
                self.listed.answered(LIST_EVERY);
                self.listed.problem = None;
                if facts.shards.as_deref() != Some(&map) {
                    tracing::info!(name: "shard_map_updated",
                        flow = %self.survey.flow, stream = %self.survey.stream,
                        shards = map.len(), "shard map updated");
                    facts.shards = Some(Arc::new(map));
                }
            }
            // As while it is resharded: the old map is better than none.
            Ok(None) => {
                self.listed.failed();
                if self.listed.is_news(Some("no map")) {
                    tracing::warn!(name: "shards_inconsistent",
                        flow = %self.survey.flow, stream = %self.survey.stream,
                        "listed shards overlap or have gaps; using the previous shard map, \
                         retrying");
                }
            }
            Err(error) => {
                self.listed.failed();
                let code = error.code();
                let is_denied = NOT_ANSWERED.contains(&code);
                if is_denied {
                    self.listed.due_in = DESCRIBE_EVERY;
                }
                if self.listed.told.replace(is_denied) != Some(is_denied) {
                    if !self.survey.listed {
                        tracing::info!(name: "shards_unlisted",
                            flow = %self.survey.flow, stream = %self.survey.stream,
                            %code, reason = %error.message(),
                            "cannot list shards; their rates go by responses alone");
                        return;
                    }
                    let advice = if is_denied { "allow kinesis:ListShards" } else { "retrying" };
                    tracing::warn!(name: "shards_unlisted_aggregation",
                        flow = %self.survey.flow, stream = %self.survey.stream, %code,
                        reason = %error.message(), advice,
                        "cannot list shards; only records with one partition key are aggregated");
                }
            }
        }
    }
}

/// A random part of a time.
fn some_of(time: Duration) -> Duration {
    time.mul_f64(fastrand::f64())
}

/// The open shards; nothing if the answer is no map.
async fn list_shards(client: &Client, stream: &str) -> Result<Option<ShardMap>, CallError> {
    let mut ranges = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let call = client.list_shards();
        let call = match next.take() {
            // A token stands for the stream and the filter.
            Some(token) => call.next_token(token),
            None => call.stream_name(stream).set_shard_filter(
                ShardFilter::builder().r#type(ShardFilterType::AtLatest).build().ok(),
            ),
        };
        let output = call.send().await.map_err(call_error)?;
        for shard in output.shards() {
            // Endpoints that do not know the filter name closed shards as well.
            let range = shard.sequence_number_range();
            let closed = range.is_some_and(|range| range.ending_sequence_number().is_some());
            let Some(keys) = shard.hash_key_range().filter(|_| !closed) else { continue };
            let number = ShardNumber::find_in(shard.shard_id());
            let bound = |text: &str| text.parse::<u128>().ok();
            let bounds = (bound(keys.starting_hash_key()), bound(keys.ending_hash_key()));
            if let (Some(number), (Some(start), Some(end))) = (number, bounds) {
                ranges.push(ShardRange { start, end, number });
            }
        }
        match output.next_token() {
            Some(token) => next = Some(token.to_owned()),
            None => return Ok(ShardMap::new(ranges).ok()),
        }
    }
    Ok(None)
}

/// Looks at answers for shards that are not on the map.
#[derive(Debug)]
pub struct ShardWatcher {
    /// Who else looks at requests.
    pub others: Arc<dyn Observer>,
    /// What is known.
    pub facts: watch::Receiver<StreamFacts>,
    /// Is notified.
    pub evidence: Arc<Notify>,
}

impl Observer for ShardWatcher {
    fn on_request(&self, report: RequestReport) {
        self.others.on_request(report);
    }

    fn on_answer(&self, answer: &PutResponse) {
        let facts = self.facts.borrow();
        let Some(map) = &facts.shards else {
            if answer.failed.iter().any(|entry| is_throttle(&entry.code)) {
                self.evidence.notify_one();
            }
            return;
        };
        let refused = answer.failed.iter().filter_map(|f| ShardNumber::find_in(&f.message));
        let mut named = answer.shards.iter().map(|(_, number)| *number).chain(refused);
        let is_known = |number| map.ranges().iter().any(|range| range.number == number);
        if named.any(|number| !is_known(number)) {
            self.evidence.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
