//! What a flow learns of its stream while it runs: part of [`Flow`].

use tokio::sync::watch;

use super::Flow;
use crate::config::{Aggregation, Format};
use crate::send::survey::StreamFacts;
use crate::tail::disk::Disk;

/// What is known of a stream, and what was done about it.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Where news come from; nothing if nothing has to be known.
    facts: Option<watch::Receiver<StreamFacts>>,
    acted_on: StreamFacts,
}

impl<D: Disk> Flow<D> {
    /// Says where the flow learns about its stream. Until then, and by default, it assumes
    /// granted what its configuration says.
    pub(crate) fn know_stream(&mut self, facts: watch::Receiver<StreamFacts>) {
        if self.aggregates_for_kcl() {
            self.packer.allow_aggregates(false);
        }
        self.stream = Stream { facts: Some(facts), acted_on: StreamFacts::default() };
    }

    /// Acts on what is known of the stream, if there is news.
    pub(super) fn learn_of_stream(&mut self) {
        let Some(facts) = &mut self.stream.facts else { return };
        if !facts.has_changed().unwrap_or(false) {
            return;
        }
        let known = facts.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.stream.acted_on, known.clone());
        // Lines that are joined are for whoever reads lines.
        if self.aggregates_for_kcl() && before.takes_aggregates != known.takes_aggregates {
            self.packer.allow_aggregates(known.takes_aggregates);
        }
        if before.shards != known.shards {
            self.packer.set_shards(known.shards);
        }
        if let Some(bytes) = known.record_bytes_max.filter(|_| self.config.max_record_bytes_auto)
            && before.record_bytes_max != known.record_bytes_max
        {
            tracing::info!(name: "record_size_learned",
                flow = %self.config.id, bytes, "maximum record size learned");
            self.packer.set_record_bytes_max(bytes);
        }
    }

    /// Whether records are put together in a way that consumers of some streams drop.
    fn aggregates_for_kcl(&self) -> bool {
        let is_kpl = |aggregation: &Aggregation| aggregation.format == Format::Kpl;
        self.config.aggregation.as_ref().is_some_and(is_kpl)
    }

    /// Whether records would be cut that the stream may take whole: it was not asked yet.
    pub(super) fn waits_for_stream(&self) -> bool {
        let asks = self.stream.facts.is_some() && self.config.max_record_bytes_auto;
        asks && !self.stream.acted_on.asked
    }
}
