//! Access logs of AWS's load balancers and of S3, by the order of their columns in the manuals.
//! Columns that a newer version adds are kept under their number.

use super::super::parse::Fields;
use super::tokens::{Found, Tokens, put, put_request};

/// "Access logs for your Application Load Balancer" in the user guide.
const ALB: &[&str] = &[
    "type",
    "time",
    "elb",
    "client",
    "target",
    "requestProcessingTime",
    "targetProcessingTime",
    "responseProcessingTime",
    "status",
    "targetStatus",
    "receivedBytes",
    "sentBytes",
    "request",
    "agent",
    "sslCipher",
    "sslProtocol",
    "targetGroupArn",
    "traceId",
    "domainName",
    "chosenCertArn",
    "matchedRulePriority",
    "requestCreationTime",
    "actionsExecuted",
    "redirectUrl",
    "errorReason",
    "targetPortList",
    "targetStatusList",
    "classification",
    "classificationReason",
    "connectionTraceId",
];

/// So many of them were there from the start.
const ALB_COLUMNS_MIN: usize = 17;

pub(super) const ALB_NUMBERS: &[&str] = &[
    "requestProcessingTime",
    "targetProcessingTime",
    "responseProcessingTime",
    "status",
    "targetStatus",
    "receivedBytes",
    "sentBytes",
];

/// "Amazon S3 server access log format" in the user guide.
const S3: &[&str] = &[
    "bucketOwner",
    "bucket",
    "time",
    "client",
    "requester",
    "requestId",
    "operation",
    "key",
    "request",
    "status",
    "errorCode",
    "bytes",
    "objectSize",
    "totalTime",
    "turnAroundTime",
    "referer",
    "agent",
    "versionId",
    "hostId",
    "signatureVersion",
    "cipherSuite",
    "authenticationType",
    "hostHeader",
    "tlsVersion",
    "accessPointArn",
    "aclRequired",
];

const S3_COLUMNS_MIN: usize = 17;

pub(super) const S3_NUMBERS: &[&str] =
    &["status", "bytes", "objectSize", "totalTime", "turnAroundTime"];

pub(super) fn load_balancer(line: &str, into: &mut Fields) -> Found<()> {
    // Quotes in quotes are escaped: one that begins a column within another column shows that the
    // first was not closed.
    columns(line, ALB, ALB_COLUMNS_MIN, into, |value| !value.contains(" \""))
}

pub(super) fn s3(line: &str, into: &mut Fields) -> Found<()> {
    columns(line, S3, S3_COLUMNS_MIN, into, |_| true)
}

/// Whether a column can be what its name says. If a quote is not closed, the columns behind it
/// have the values of others.
fn fits(name: &str, value: &str) -> bool {
    let begins_with = |starts: &[&str]| starts.iter().any(|start| value.starts_with(start));
    match name {
        "status"
        | "time"
        | "targetStatus"
        | "requestProcessingTime"
        | "targetProcessingTime"
        | "responseProcessingTime"
        | "receivedBytes"
        | "sentBytes"
        | "requestCreationTime" => {
            value.starts_with(|char: char| char.is_ascii_digit() || char == '-')
        }
        "sslProtocol" => value == "-" || begins_with(&["TLS", "SSL"]),
        "targetGroupArn" => value == "-" || begins_with(&["arn:"]),
        "signatureVersion" => value == "-" || begins_with(&["Sig"]),
        _ => true,
    }
}

fn columns(
    line: &str,
    names: &[&str],
    least: usize,
    into: &mut Fields,
    is_closed: fn(&str) -> bool,
) -> Found<()> {
    let mut tokens = Tokens::new(line);
    let mut column = 0;
    while !tokens.is_empty() {
        let at = tokens;
        let value = match names.get(column) {
            Some(&"time") if tokens.rest.starts_with('[') => tokens.bracketed()?,
            _ => tokens.any()?,
        };
        if !is_closed(value) || names.get(column).is_some_and(|name| !fits(name, value)) {
            return Err(at.error());
        }
        match names.get(column) {
            Some(&"request") => put_request(into, value)?,
            Some(name) => put(into, name, value)?,
            None => put(into, &format!("column{}", column + 1), value)?,
        }
        column += 1;
    }
    if column < least { Err(tokens.error()) } else { Ok(()) }
}
