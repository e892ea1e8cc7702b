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
    columns(line, ALB, ALB_COLUMNS_MIN, into)
}

pub(super) fn s3(line: &str, into: &mut Fields) -> Found<()> {
    columns(line, S3, S3_COLUMNS_MIN, into)
}

fn columns(line: &str, names: &[&str], least: usize, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(line);
    let mut column = 0;
    while !tokens.is_empty() {
        let at = tokens;
        let value = match names.get(column) {
            Some(&"time") if tokens.rest.starts_with('[') => tokens.bracketed()?,
            _ => tokens.any()?,
        };
        match names.get(column) {
            Some(&"request") => put_request(into, value)?,
            Some(&("status" | "time"))
                if !value.starts_with(|c: char| c.is_ascii_digit() || c == '-') =>
            {
                return Err(at.error());
            }
            Some(name) => put(into, name, value)?,
            None => put(into, &format!("column{}", column + 1), value)?,
        }
        column += 1;
    }
    if column < least { Err(tokens.error()) } else { Ok(()) }
}
