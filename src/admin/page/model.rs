//! What `/status` says: rendered by the admin endpoint, read by `kinetail status` and `explain`. A
//! page of another version may have fewer keys.

use std::num::NonZero;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Page {
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) user: u32,
    pub(crate) uptime_seconds: u64,
    pub(crate) healthy: bool,
    pub(crate) ready: bool,
    pub(crate) problems: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reload: Option<Reload>,
    pub(crate) memory: Memory,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) flows: Vec<Flow>,
}

/// What the last reload of the configuration came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Reload {
    pub(crate) time: String,
    pub(crate) outcome: String,
    pub(crate) lines: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    pub(crate) used_bytes: u64,
    pub(crate) budget_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Checkpoints {
    pub(crate) file: String,
    pub(crate) health: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Flow {
    #[serde(rename = "flow")]
    pub(crate) id: String,
    pub(crate) destination: String,
    pub(crate) health: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
    pub(crate) since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_probe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_try: Option<String>,
    #[serde(flatten)]
    pub(crate) place: Option<Where>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<Failure>,
    pub(crate) alive: bool,
    /// It was told to deliver what it read and to end, because the configuration changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) draining: bool,
    /// It waits for something that does not answer, such as its disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hung: Option<String>,
    pub(crate) scanned_once: bool,
    pub(crate) seconds_since_step: f64,
    pub(crate) restarts: u64,
    pub(crate) in_flight_batches: usize,
    /// Records that are to be written to the dead letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letters_waiting: Option<NonZero<u64>>,
    /// Bytes of dead letters on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letters_bytes: Option<NonZero<u64>>,
    pub(crate) lag_bytes: u64,
    pub(crate) lag_seconds: Option<f64>,
    /// Since when the oldest of it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oldest_unacknowledged: Option<String>,
    pub(crate) records_per_second: f64,
    pub(crate) bytes_per_second: f64,
    pub(crate) totals: Totals,
    /// `rotatedNames`: which files count as rotated ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rotated_names: Option<String>,
    pub(crate) files_total: usize,
    pub(crate) files_open: usize,
    pub(crate) problems_total: usize,
    pub(crate) problems: Vec<Trouble>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<Step>,
    pub(crate) files_omitted: usize,
    pub(crate) files: Vec<File>,
}

/// What a flow did since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Totals {
    pub(crate) records_delivered: u64,
    pub(crate) bytes_delivered: u64,
    pub(crate) records_skipped: u64,
    pub(crate) records_refused: u64,
    pub(crate) dead_letters: u64,
    pub(crate) dead_letters_dropped: u64,
    pub(crate) bytes_lost: u64,
    pub(crate) retries: u64,
}

/// What a converter did with records since the flow was started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    /// Its place in `dataProcessingOptions`, from 1.
    #[serde(rename = "step")]
    pub(crate) place: usize,
    pub(crate) name: String,
    pub(crate) skipped: u64,
    pub(crate) unparsable: u64,
}

/// Where requests go, and with which identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Where {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) credentials: String,
}

/// The last request or record that failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) time: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// What is in the way of a file, a directory or a pattern.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Trouble {
    pub(crate) file: String,
    pub(crate) reason: String,
    pub(crate) what: String,
    pub(crate) since: String,
    pub(crate) fix: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct File {
    pub(crate) path: String,
    /// The name that it has now, if that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name_now: Option<String>,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) state: String,
    pub(crate) size_bytes: u64,
    pub(crate) read_offset: u64,
    pub(crate) acked_offset: u64,
    pub(crate) lag_bytes: u64,
    pub(crate) lag_seconds: Option<f64>,
    /// Since when all that is missing is the end of its last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) half_line_since: Option<String>,
}
