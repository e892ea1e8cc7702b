//! What a person does about a failure, by its code. Pure; the table of codes is `classify`'s.

use kinetail_delivery::call::CBOR_REFUSED;

use super::classify::{Group, group};

/// What helps against failures with this code.
#[must_use]
pub fn fix(code: &str) -> &'static str {
    match code {
        "ResponseLost" | "Deadline" => {
            "check the network, proxy (or HTTPS_PROXY) and the endpoint; retrying"
        }
        "CannotConnect" => {
            "check the network, name resolution, proxy (or HTTPS_PROXY), caFile and the endpoint; \
             retrying"
        }
        CBOR_REFUSED => "set wire of the flow to auto or json: the endpoint does not support CBOR",
        "Credentials" => {
            "attach a role to the host, or correct the profile, the keys or the role to assume"
        }
        "ResourceNotFoundException" => {
            "create the stream, or correct its name or the region; no restart is needed"
        }
        code if code.starts_with("KMS") => {
            "enable the stream's key and allow these credentials to use it \
             (kms:GenerateDataKey)"
        }
        code => match group(code) {
            Some(Group::Fault) => {
                "allow these credentials kinesis:PutRecords or firehose:PutRecordBatch on the \
                 stream"
            }
            Some(Group::Passing) => "renew the credentials, and check the clock of this host",
            Some(Group::Throttle) => {
                "if the lag grows: more shards, on-demand mode or a higher quota; if it is always \
                 the same shard, other partition keys"
            }
            Some(Group::Internal) => "wait; see the AWS Health Dashboard",
            Some(Group::Poison) => "see the log: a record or the complete request is rejected",
            None => "check whether a proxy or another service responds at the endpoint",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_something_to_do() {
        let cases = [
            ("CannotConnect", "endpoint"),
            ("CborRefused", "json"),
            ("Deadline", "endpoint"),
            ("Credentials", "role"),
            ("ResourceNotFoundException", "create the stream"),
            ("KMSDisabledException", "key"),
            ("AccessDeniedException", "allow"),
            ("ExpiredTokenException", "clock"),
            ("ProvisionedThroughputExceededException", "shards"),
            ("InternalFailure", "wait"),
            ("ValidationException", "rejected"),
            ("Http302", "proxy"),
        ];
        for (code, words) in cases {
            assert!(fix(code).contains(words), "{code}: {}", fix(code));
        }
    }
}
