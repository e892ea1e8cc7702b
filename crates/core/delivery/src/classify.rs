//! From an error to what to do about it. Pure and in one table, so that a reader can check it
//! against the services' documentation.
//!
//! Codes are from the API references of `PutRecords` and `PutRecordBatch`, the list of common
//! errors of AWS JSON services, and the AWS SDK's own list of throttling codes, as of November
//! 2026. What is unknown is retried: waiting is cheap, a record that was given up is not.

use std::time::Duration;

use super::call::{CBOR_REFUSED, CallError, CredentialFault};

/// While a destination is paused, one real request is made this often.
pub const PAUSE_PROBE: Duration = Duration::from_mins(1);

/// The same where the fault is likely to pass by itself: credentials that are about to be
/// renewed, a clock that is about to be set.
pub const SHORT_PROBE: Duration = Duration::from_secs(5);

/// Failures in a row that [`Verdict::Fault`] forgives when credentials or clocks are at fault:
/// the next call often has new ones.
const PATIENCE: u32 = 3;

/// The label of codes that are not in the table: a metric must not get a series for whatever an
/// endpoint answers.
const LABEL_OTHER: &str = "other";

/// What to do about a request that failed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It cannot work without operator action: pause the destination and probe.
    Fault {
        /// How often to probe.
        probe: Duration,
        /// So many failures in a row are retried before the destination is paused.
        patience: u32,
    },
    /// Something in the request is unacceptable: find the record.
    Poison,
    /// Too much: back off.
    Throttled,
    /// It fails in a way that passes: back off.
    Transient {
        /// Whether the service may have taken the records all the same.
        ambiguous: bool,
        /// Whether it is unusual enough to be logged as an error.
        alarm: bool,
    },
}

/// The group of a code in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// It cannot work without operator action.
    Fault,
    /// The service failed; it may have taken the records all the same.
    Internal,
    /// It looks as if operator action were needed, and often passes by itself.
    Passing,
    /// A record of the request is what the service refuses.
    Poison,
    /// Too much at a time.
    Throttle,
}

const FAULTS: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    CBOR_REFUSED,
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAction",
    "InvalidKMSResourceException",
    "InvalidSourceException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "ResourceNotFoundException",
    "UnknownOperationException",
];

/// Faults of credentials and clocks.
const PASSING_FAULTS: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

const INTERNAL: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    "InternalServerException",
    "InternalServiceError",
    "RequestTimeout",
    "RequestTimeoutException",
];

const POISONS: &[&str] = &[
    "InvalidArgumentException",
    "RequestEntityTooLarge",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ValidationException",
];

const THROTTLES: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KMSThrottlingException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

const TABLE: [(&[&str], Group); 5] = [
    (FAULTS, Group::Fault),
    (INTERNAL, Group::Internal),
    (PASSING_FAULTS, Group::Passing),
    (POISONS, Group::Poison),
    (THROTTLES, Group::Throttle),
];

/// Says what to do about a request that failed as a whole.
#[must_use]
pub fn classify(error: &CallError) -> Verdict {
    match error {
        CallError::Credentials { fault, .. } => match fault {
            CredentialFault::Invalid => Verdict::Fault { probe: PAUSE_PROBE, patience: 0 },
            CredentialFault::Missing => Verdict::Fault { probe: SHORT_PROBE, patience: 0 },
            CredentialFault::Unavailable => {
                Verdict::Fault { probe: SHORT_PROBE, patience: PATIENCE }
            }
        },
        CallError::Deadline(_) | CallError::Lost { .. } => {
            Verdict::Transient { ambiguous: true, alarm: false }
        }
        // What was refused in CBOR is sent in JSON next.
        CallError::CborRefused { .. } | CallError::NotSent { .. } => {
            Verdict::Transient { ambiguous: false, alarm: false }
        }
        CallError::Service { status, code, .. } => classify_answer(*status, code),
        CallError::Unreadable(_) => Verdict::Transient { ambiguous: true, alarm: true },
    }
}

/// The group of a code, if it is known.
#[must_use]
pub fn group(code: &str) -> Option<Group> {
    lookup(code).map(|(_, group)| group)
}

fn classify_answer(status: u16, code: &str) -> Verdict {
    match lookup(code).map(|(_, group)| group) {
        Some(Group::Fault) => Verdict::Fault { probe: PAUSE_PROBE, patience: 0 },
        // Firehose says of server errors that the write may have happened all the same.
        Some(Group::Internal) => Verdict::Transient { ambiguous: true, alarm: false },
        Some(Group::Passing) => Verdict::Fault { probe: SHORT_PROBE, patience: PATIENCE },
        Some(Group::Poison) => Verdict::Poison,
        Some(Group::Throttle) => Verdict::Throttled,
        None => classify_status(status),
    }
}

/// For answers whose code says nothing, such as those of proxies and load balancers.
fn classify_status(status: u16) -> Verdict {
    match status {
        413 => Verdict::Poison,
        429 | 503 => Verdict::Throttled,
        401 | 403 => Verdict::Fault { probe: PAUSE_PROBE, patience: PATIENCE },
        500.. => Verdict::Transient { ambiguous: true, alarm: false },
        _ => Verdict::Transient { ambiguous: false, alarm: true },
    }
}

/// The code of an answer with status 413 that is not the service's: something in between gave it.
pub const BARE_TOO_LARGE: &str = "Http413";

/// Whether a record's error code means too much rather than broken.
#[must_use]
pub fn is_throttle(code: &str) -> bool {
    lookup(code).is_some_and(|(_, group)| group == Group::Throttle)
}

/// The metric label for a code: the code itself if it is known, `other` if not.
#[must_use]
pub fn label(code: &str) -> &'static str {
    const OURS: [&str; 5] =
        ["ResponseLost", "CannotConnect", "Credentials", "Deadline", "UnreadableResponse"];
    let ours = || OURS.into_iter().find(|known| *known == code);
    lookup(code).map(|(known, _)| known).or_else(ours).unwrap_or(LABEL_OTHER)
}

fn lookup(code: &str) -> Option<(&'static str, Group)> {
    TABLE.iter().find_map(|(codes, group)| {
        let found = codes.iter().find(|known| **known == code)?;
        Some((*found, *group))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::PutResponseError;

    fn service(status: u16, code: &str) -> CallError {
        CallError::Service {
            status,
            code: code.to_owned(),
            message: String::new(),
            retry_after: None,
        }
    }

    const FAULT: Verdict = Verdict::Fault { probe: PAUSE_PROBE, patience: 0 };
    const PASSING: Verdict = Verdict::Fault { probe: SHORT_PROBE, patience: PATIENCE };
    const LOST: Verdict = Verdict::Transient { ambiguous: true, alarm: false };

    /// Every code that the two operations, and the gateway before them, are documented to answer.
    #[test]
    fn every_documented_code_has_its_verdict() {
        let cases = [
            (400, "ProvisionedThroughputExceededException", Verdict::Throttled),
            (400, "ThrottlingException", Verdict::Throttled),
            (400, "LimitExceededException", Verdict::Throttled),
            (400, "KMSThrottlingException", Verdict::Throttled),
            (503, "SlowDown", Verdict::Throttled),
            (503, "ServiceUnavailableException", Verdict::Throttled),
            (503, "ServiceUnavailable", Verdict::Throttled),
            (503, "RequestLimitExceeded", Verdict::Throttled),
            (500, "InternalFailure", LOST),
            (500, "InternalFailureException", LOST),
            (400, "RequestTimeoutException", LOST),
            (400, "ResourceNotFoundException", FAULT),
            (400, "AccessDeniedException", FAULT),
            (403, "AccessDenied", FAULT),
            (400, "KMSDisabledException", FAULT),
            (400, "KMSInvalidStateException", FAULT),
            (400, "KMSAccessDeniedException", FAULT),
            (400, "KMSNotFoundException", FAULT),
            (400, "KMSOptInRequired", FAULT),
            (400, "InvalidKMSResourceException", FAULT),
            (400, "InvalidSourceException", FAULT),
            (403, "MissingAuthenticationToken", FAULT),
            (400, "MissingAuthenticationTokenException", FAULT),
            (400, "IncompleteSignature", FAULT),
            (400, "UnknownOperationException", FAULT),
            (400, "OptInRequired", FAULT),
            (400, "UnrecognizedClientException", PASSING),
            (400, "InvalidSignatureException", PASSING),
            (400, "ExpiredTokenException", PASSING),
            (400, "RequestExpired", PASSING),
            (400, "ValidationException", Verdict::Poison),
            (400, "InvalidArgumentException", Verdict::Poison),
            (400, "SerializationException", Verdict::Poison),
            (413, "RequestEntityTooLargeException", Verdict::Poison),
        ];
        for (status, code, verdict) in cases {
            assert_eq!(classify(&service(status, code)), verdict, "{code}");
            assert_eq!(label(code), code);
        }
    }

    #[test]
    fn an_unknown_code_is_judged_by_its_status_and_never_given_up() {
        let odd = Verdict::Transient { ambiguous: false, alarm: true };
        let denied = Verdict::Fault { probe: PAUSE_PROBE, patience: PATIENCE };
        let cases = [
            (400, odd),
            (404, odd),
            (302, odd),
            (401, denied),
            (403, denied),
            (413, Verdict::Poison),
            (429, Verdict::Throttled),
            (500, LOST),
            (502, LOST),
            (503, Verdict::Throttled),
            (504, LOST),
            (599, LOST),
        ];
        for (status, verdict) in cases {
            assert_eq!(classify(&service(status, "Brand.New")), verdict, "{status}");
        }
        assert_eq!(label("Brand.New"), LABEL_OTHER);
    }

    #[test]
    fn failures_without_an_answer_are_ambiguous_only_if_something_was_sent() {
        let reason = String::new;
        let credentials = |fault| CallError::Credentials { fault, reason: reason() };
        let safe = Verdict::Transient { ambiguous: false, alarm: false };
        let cases = [
            (CallError::NotSent { reason: reason() }, safe),
            (CallError::Lost { reason: reason() }, LOST),
            (CallError::Deadline(Duration::from_secs(1)), LOST),
            (
                CallError::Unreadable(PutResponseError::Count { answered: 0, sent: 1 }),
                Verdict::Transient { ambiguous: true, alarm: true },
            ),
            (credentials(CredentialFault::Unavailable), PASSING),
            (credentials(CredentialFault::Invalid), FAULT),
            (
                credentials(CredentialFault::Missing),
                Verdict::Fault { probe: SHORT_PROBE, patience: 0 },
            ),
        ];
        for (error, verdict) in cases {
            assert_eq!(classify(&error), verdict, "{error}");
            assert_eq!(label(error.code()), error.code());
        }
    }

    #[test]
    fn no_code_stands_in_two_groups() {
        let all: Vec<_> = TABLE.iter().flat_map(|(codes, _)| codes.iter()).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), distinct.len());
    }

    #[test]
    fn a_record_is_throttled_or_merely_failed() {
        assert!(is_throttle("ProvisionedThroughputExceededException"));
        assert!(is_throttle("ServiceUnavailableException"));
        assert!(!is_throttle("InternalFailure"));
        assert!(!is_throttle("Unknown"));
    }
}
