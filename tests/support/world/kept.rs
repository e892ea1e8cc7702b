//! What a flow handed on and has no answer for yet.

use std::borrow::Cow;
use std::collections::VecDeque;

use base64_simd::STANDARD;
use kinetail::checkpoint::Change;
use kinetail::checkpoint::store::Refused;
use kinetail::flow::Outlet;
use kinetail::send::Submission;
use kinetail::tail::identity::FileKey;
use serde::Deserialize;

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

/// A request, in JSON.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'b> {
    #[serde(borrow)]
    records: Vec<Record<'b>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'b> {
    data: &'b str,
    partition_key: Option<Cow<'b, str>>,
}

/// The data of the records in a request body, and their partition keys, if they have any.
pub(super) fn records_and_keys_of(body: &[u8]) -> (Vec<Vec<u8>>, Vec<String>) {
    let request: Request<'_> = serde_json::from_slice(body).unwrap();
    let data = |record: &Record<'_>| STANDARD.decode_to_vec(record.data).unwrap();
    let data = request.records.iter().map(data).collect();
    let keys = request.records.into_iter().filter_map(|record| record.partition_key);
    (data, keys.map(Cow::into_owned).collect())
}

/// The data of the records in a request body.
pub fn records_of(body: &[u8]) -> Vec<Vec<u8>> {
    records_and_keys_of(body).0
}
