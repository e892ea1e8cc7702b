//! The task that asks about the stream of a flow, and who hears what it finds out.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::DaemonError;
use crate::config::FlowConfig;
use crate::flow::Flow;
use crate::send::client::Aws;
use crate::send::sender::SenderConfig;
use crate::send::survey::{ShardWatcher, StreamFacts, Survey};
use crate::tail::disk::Disk;

/// A survey of a stream; of most flows' streams nothing has to be known.
#[derive(Debug)]
pub(super) struct Surveying(Option<Running>);

#[derive(Debug)]
struct Running {
    task: AbortHandle,
    facts: watch::Receiver<StreamFacts>,
    /// Tells it that what it found out may not be true any more.
    evidence: Arc<Notify>,
}

impl Surveying {
    /// Starts asking, if the flow has to know anything.
    pub(super) async fn start(
        aws: &Aws,
        flow: &FlowConfig,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, DaemonError> {
        let Some(survey) = Survey::of(flow) else { return Ok(Self(None)) };
        let client = aws.kinesis(&flow.aws).await?;
        let (tell, facts) = watch::channel(StreamFacts::default());
        let evidence: Arc<Notify> = Arc::default();
        let task = tasks.spawn(survey.keep_up(client, tell, Arc::clone(&evidence)));
        Ok(Self(Some(Running { task, facts, evidence })))
    }

    /// Lets the sender look for shards that are not known.
    pub(super) fn watch(&self, config: SenderConfig) -> SenderConfig {
        let Some(running) = &self.0 else { return config };
        let watcher = ShardWatcher {
            others: Arc::clone(&config.observer),
            facts: running.facts.clone(),
            evidence: Arc::clone(&running.evidence),
        };
        SenderConfig { observer: Arc::new(watcher), facts: Some(running.facts.clone()), ..config }
    }

    /// Tells the flow where it learns of its stream.
    pub(super) fn inform<D: Disk>(&self, flow: &mut Flow<D>) {
        if let Some(running) = &self.0 {
            flow.know_stream(running.facts.clone());
        }
    }

    /// Nobody asks any more.
    pub(super) fn abort(&self) {
        if let Some(running) = &self.0 {
            running.task.abort();
        }
    }
}

impl Drop for Surveying {
    /// A flow that could not be started has no stream to ask for.
    fn drop(&mut self) {
        self.abort();
    }
}
