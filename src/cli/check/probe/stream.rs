//! What a stream of Kinesis says of itself, for `check --aws`. Pure.

use aws_sdk_kinesis::types::{RecordDistributionStrategy, StreamDescriptionSummary};

use super::CheckResult;

/// The key that AWS keeps for everybody in the account.
const AWS_OWN_KEY: &str = "alias/aws/kinesis";

/// All that matters to who sends records.
pub(super) fn describe(stream: &StreamDescriptionSummary, region: &str) -> Vec<CheckResult> {
    let parts = [
        Some(format!("{} open shards", stream.open_shard_count())),
        stream.stream_mode_details().map(|mode| format!("mode {}", mode.stream_mode().as_str())),
        stream.max_record_size_in_kib().map(|kib| format!("records of up to {kib} KiB")),
        stream
            .record_distribution_strategy()
            .map(|strategy| format!("RecordDistributionStrategy {}", strategy.as_str())),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let (name, status) = (stream.stream_name(), stream.stream_status().as_str());
    let text = format!("stream {name} in {region} is {status}, {}", parts.join(", "));
    let mut results = vec![CheckResult::Good(text)];
    if stream.record_distribution_strategy() == Some(&RecordDistributionStrategy::Auto) {
        results.push(CheckResult::Open(
            "the stream distributes records itself (AUTO): partition keys are ignored, and \
             consumers would drop aggregated records, so aggregation kpl sends them one by one"
                .to_owned(),
        ));
    }
    results.extend(key(stream));
    results
}

/// A dry run does not try the key that a stream is encrypted with.
fn key(stream: &StreamDescriptionSummary) -> Option<CheckResult> {
    let key = stream.key_id()?;
    let text = if key == AWS_OWN_KEY || key.ends_with(&format!(":{AWS_OWN_KEY}")) {
        format!("the stream is encrypted with AWS's own key ({key}), which needs no permission")
    } else {
        format!(
            "the stream is encrypted with {key}; kms:GenerateDataKey permission not checked, \
             because a dry run does not use it"
        )
    };
    Some(CheckResult::Open(text))
}
