//! The remote control of a running sandbox.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::fault::{Fault, FaultError, FaultPlan, Scope};
use super::lock;
use super::names::StreamId;
use super::shared::Shared;
use super::stats::Stats;
use super::store::StoredRecord;
use crate::SigningKeys;

/// Watches a sandbox and changes what goes wrong in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SandboxHandle {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl SandboxHandle {
    pub(super) fn new(address: SocketAddr, shared: Arc<Shared>) -> Self {
        Self { address, shared }
    }

    /// Where the sandbox listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for `kinesis.endpoint`, `firehose.endpoint` and `cloudwatch.endpoint`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was counted so far. One lock and a copy of a few numbers for each stream.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// What the memory store holds for `stream`, in the order of arrival; empty with other
    /// stores.
    #[must_use]
    pub fn records(&self, stream: &StreamId) -> Vec<StoredRecord> {
        self.records_from(stream, 0)
    }

    /// The same without the first `from` of them: requests wait while records are copied.
    #[must_use]
    pub fn records_from(&self, stream: &StreamId, from: usize) -> Vec<StoredRecord> {
        lock(&self.shared.streams).records(stream, from)
    }

    /// Puts `plan` in force for all streams that have none of their own.
    ///
    /// # Errors
    /// When its ratios make no sense.
    pub fn set_faults(&self, plan: FaultPlan) -> Result<(), FaultError> {
        lock(&self.shared.faults).set_plan(plan)
    }

    /// Puts `plan` in force for one stream, in the place of the general one.
    ///
    /// # Errors
    /// When its ratios make no sense.
    pub fn set_stream_faults(&self, stream: StreamId, plan: FaultPlan) -> Result<(), FaultError> {
        lock(&self.shared.faults).set_stream_plan(stream, plan)
    }

    /// Appends a fault to the script. Each happens once, in order, and comes before any plan.
    ///
    /// # Errors
    /// When too many are waiting.
    pub fn script(&self, scope: Scope, fault: Fault) -> Result<(), FaultError> {
        lock(&self.shared.faults).script(scope, fault)
    }

    /// How many scripted faults have not happened yet.
    #[must_use]
    pub fn scripted_faults_waiting(&self) -> usize {
        lock(&self.shared.faults).waiting()
    }

    /// From now on requests must be signed with `keys`; with `None` any well-formed signature
    /// will do.
    pub fn set_keys(&self, keys: Option<SigningKeys>) {
        *lock(&self.shared.keys) = keys;
    }

    /// Makes `stream` not found, until [`SandboxHandle::create_stream`]. Its records stay.
    pub fn remove_stream(&self, stream: &StreamId) {
        lock(&self.shared.streams).remove(stream);
    }

    /// Makes `stream`, or brings it back with new shards. Does nothing if it exists.
    pub fn create_stream(&self, stream: &StreamId, shards: u32) {
        let moment = self.shared.moment();
        let created = lock(&self.shared.streams).create(stream, shards, moment);
        if let Err(refusal) = created {
            tracing::debug!(%stream, message = refusal.message, "stream not created");
        }
    }

    /// Says whether `stream` distributes records itself (`RecordDistributionStrategy` AUTO). Makes
    /// it if it may be made.
    pub fn set_auto_distribution(&self, stream: &StreamId, auto: bool) {
        let moment = self.shared.moment();
        let found = lock(&self.shared.streams).find(stream, moment);
        if let Ok(stream) = found {
            lock(&stream).is_auto = auto;
        }
    }

    /// Splits a shard of `stream`: the second half begins with this hash key. Says whether that was
    /// possible.
    #[must_use]
    pub fn split_shard(&self, stream: &StreamId, shard_id: &str, at: u128) -> bool {
        let moment = self.shared.moment();
        let found = lock(&self.shared.streams).find(stream, moment);
        found.is_ok_and(|stream| lock(&stream).shards.split(shard_id, at, moment.now))
    }

    /// Waits until `reached` holds, and gives the counts for which it did. No polling: it looks
    /// when something was counted.
    ///
    /// # Errors
    /// When `timeout` passes first.
    pub async fn wait_until(
        &self,
        mut reached: impl FnMut(&Stats) -> bool,
        timeout: Duration,
    ) -> Result<Stats, WaitError> {
        let mut changes = self.shared.changes();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let stats = self.stats();
                if reached(&stats) {
                    return stats;
                }
                // The sender lives in `self.shared`, so this cannot fail.
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let waited = tokio::time::timeout(timeout, wait).await;
        waited.map_err(|_| WaitError { timeout, stats: Box::new(self.stats()) })
    }
}

/// The sandbox did not count what was awaited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not reached within {timeout:?}: {stats:?}")]
pub struct WaitError {
    timeout: Duration,
    stats: Box<Stats>,
}
