//! What a flow handed on and has no answer for yet.

use std::collections::VecDeque;

use kinetail::checkpoint::Change;
use kinetail::checkpoint::store::Refused;
use kinetail::flow::Outlet;
use kinetail::send::Submission;
use kinetail::tail::identity::FileKey;

/// What the flow submitted without an outcome yet.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) submissions: VecDeque<Submission>,
    pub(super) commits: VecDeque<(Vec<Change>, u64)>,
    pub(super) store: StoreState,
    /// How many batches there were at a time, at most.
    pub(super) most: usize,
}

/// Whether the store takes changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoreState {
    /// It does.
    #[default]
    Open,
    /// Its queue is full.
    Full,
    /// It has ended.
    Closed,
}

impl Outlet for Kept {
    fn submit(&mut self, submission: Submission) -> bool {
        self.submissions.push_back(submission);
        self.most = self.most.max(self.submissions.len());
        true
    }

    fn commit(&mut self, changes: Vec<Change>, token: u64) -> Result<(), Refused> {
        match self.store {
            StoreState::Open => self.commits.push_back((changes, token)),
            StoreState::Full => return Err(Refused::Full(changes)),
            StoreState::Closed => return Err(Refused::Closed(changes)),
        }
        Ok(())
    }

    fn purge(&mut self, _keep: Vec<FileKey>) -> bool {
        true
    }
}

/// The partition keys of the records in a request body.
pub(super) fn keys_of(body: &[u8]) -> Vec<String> {
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap();
    let records = parsed["Records"].as_array().unwrap().iter();
    records.filter_map(|record| Some(record["PartitionKey"].as_str()?.to_owned())).collect()
}

/// The data of the records in a request body.
pub fn records_of(body: &[u8]) -> Vec<Vec<u8>> {
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap();
    parsed["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let data = record["Data"].as_str().unwrap();
            base64_simd::STANDARD.decode_to_vec(data).unwrap()
        })
        .collect()
}
