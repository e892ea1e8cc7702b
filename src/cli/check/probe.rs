//! `kinetail check --aws`: asks AWS what can be asked without changing anything.
//!
//! Whose the credentials are (STS `GetCallerIdentity`, which needs no permission), whether the
//! streams are there (`DescribeStreamSummary`, `DescribeDeliveryStream`), and whether records may
//! be put. Kinesis results that to a `PutRecords` with `DryRun`, which puts nothing. Firehose has
//! no such flag; it gets a batch without records, which cannot be put either: if it is refused as
//! forbidden that is an result, if it is refused as empty it is not quite one, and that is said.
//!
//! What is not AWS's own may not know the flag and put the record: such an endpoint is not asked,
//! whoever names it. Each stream is asked about once for each role and region, because AWS allows
//! one dry run a second, and what is throttled is asked again.

mod stream;

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, Write};
use std::time::Duration;

use aws_sdk_firehose::types::DeliveryStreamType;
use aws_sdk_kinesis::operation::RequestId as _;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use super::endpoint::{self, Endpoint};
use super::{CliError, service};
use crate::config::site::{Service, Site, is_endpoint_of};
use crate::config::{Config, Destination, FlowConfig, RoleConfig};
use crate::sandbox;
use crate::send::ambient::{Ambient, OnlyToKinesis};
use crate::send::classify::{Verdict, classify};
use crate::send::client::Aws;
use crate::send::sdk_error::call_error;
use crate::send::transport::CallError;
use crate::shown::Escaped;

/// AWS allows one dry run a second for each stream, and few descriptions for each account.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(1_100);

/// So often a question is asked that is throttled.
const ASKS_MAX: usize = 4;

/// The response of Kinesis to a dry run that would have worked.
const DRY_RUN_OK: &str = "DryRunOperationException";

/// One thing that AWS was asked.
enum CheckResult {
    Good(String),
    /// Nothing to worry about, but not a result either.
    Open(String),
    Bad(String),
}

/// What the results depend on: credentials, endpoint and stream.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    role: Option<RoleConfig>,
    destination: String,
    region: Option<String>,
    endpoint: Option<String>,
    /// FIPS and dual-stack.
    variants: [Option<bool>; 2],
}

/// Asks for every flow. Gives the number of results that mean that records would not arrive.
pub(super) async fn all(
    config: &Config,
    ambient: &Ambient,
    out: &mut dyn Write,
) -> Result<usize, CliError> {
    let aws = Aws::load_for_check(&config.aws).await?;
    let mut identities = BTreeMap::new();
    let mut asked = BTreeMap::new();
    let mut failures = 0;
    for flow in &config.flows {
        let site = Site::of(service(&flow.destination), &config.aws, &flow.aws);
        let endpoint = endpoint::of(flow, &config.aws, ambient);
        let subject = Subject {
            role: flow.aws.role.clone(),
            destination: flow.destination.to_string(),
            region: site.region.map(|(region, _)| region.to_owned()),
            endpoint: endpoint.as_ref().map(|endpoint| endpoint.url.clone()),
            variants: [site.fips, site.dual_stack],
        };
        writeln!(out, "checking {} with AWS", Escaped(&flow.id))?;
        if let Some(first) = asked.get(&subject) {
            writeln!(out, "  as for {}: the same stream, endpoint and role", Escaped(first))?;
            continue;
        }
        asked.insert(subject, flow.id.clone());
        if !identities.contains_key(&flow.aws.role) {
            let result = Box::pin(identity(&aws, config, ambient, flow)).await;
            identities.insert(flow.aws.role.clone(), result);
        }
        if let Some(result) = identities.get(&flow.aws.role) {
            failures += show(result, out)?;
        }
        let results = match &flow.destination {
            Destination::Firehose { delivery_stream } => {
                Box::pin(firehose(&aws, flow, delivery_stream)).await
            }
            Destination::Kinesis { stream } => {
                Box::pin(kinesis(&aws, endpoint.as_ref(), flow, stream)).await
            }
        };
        for result in &results {
            failures += show(result, out)?;
        }
    }
    Ok(failures)
}

/// Asks, and asks again for as long as that is throttled.
async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    for _ in 1..ASKS_MAX {
        match ask().await {
            Err(error) if is_throttled(&error) => tokio::time::sleep(ASK_AGAIN_AFTER).await,
            result => return result,
        }
    }
    ask().await
}

fn is_throttled(error: &CallError) -> bool {
    matches!(error, CallError::Service { .. }) && classify(error) == Verdict::Throttled
}

fn show(result: &CheckResult, out: &mut dyn Write) -> io::Result<usize> {
    let (word, text) = match result {
        CheckResult::Good(text) => ("ok", text),
        CheckResult::Open(text) => ("note", text),
        CheckResult::Bad(text) => ("error", text),
    };
    writeln!(out, "  {word}: {}", Escaped(text))?;
    Ok(usize::from(matches!(result, CheckResult::Bad(_))))
}

/// Whose the credentials are.
async fn identity(aws: &Aws, config: &Config, ambient: &Ambient, flow: &FlowConfig) -> CheckResult {
    let is_custom =
        endpoint::of(flow, &config.aws, ambient).is_some_and(|endpoint| endpoint.is_custom());
    let named = config.aws.sts_endpoint.is_some() || ambient.sts_endpoint().is_some();
    if is_custom && !named {
        let text = "caller identity not checked: custom endpoint; set sts.endpoint to check it";
        return CheckResult::Open(text.to_owned());
    }
    match aws.sts(&flow.aws).await.get_caller_identity().send().await {
        Ok(identity) => {
            CheckResult::Good(format!("caller identity: {}", identity.arn().unwrap_or("?")))
        }
        Err(error) => {
            let error = call_error(error);
            match error {
                CallError::Credentials { .. } => CheckResult::Bad(error.to_string()),
                // Shipping does not need STS to be within reach unless a role is assumed.
                error => CheckResult::Open(format!(
                    "cannot determine caller identity (sts:GetCallerIdentity): {error}"
                )),
            }
        }
    }
}

async fn kinesis(
    aws: &Aws,
    endpoint: Option<&Endpoint>,
    flow: &FlowConfig,
    stream: &str,
) -> Vec<CheckResult> {
    let client = match aws.kinesis(&flow.aws).await {
        Ok(client) => client,
        Err(error) => return vec![CheckResult::Bad(error.to_string())],
    };
    let region = region_text(client.config().region());
    let describe = || async {
        client.describe_stream_summary().stream_name(stream).send().await.map_err(call_error)
    };
    // Whatever a response of AWS's own endpoints looks like, it is not the sandbox's.
    let is_custom =
        endpoint.is_some_and(|endpoint| !is_endpoint_of(&endpoint.url, Service::Kinesis));
    let mut is_sandbox = false;
    let mut results = Vec::new();
    match patiently(describe).await {
        Ok(output) => {
            // Only who wrote its address into the configuration can mean the sandbox.
            is_sandbox = is_custom
                && endpoint.is_some_and(|endpoint| !endpoint.is_ambient)
                && output.request_id().is_some_and(sandbox::is_request_id);
            let Some(summary) = output.stream_description_summary() else {
                return vec![CheckResult::Bad(format!(
                    "{region}: response contains no stream description"
                ))];
            };
            results.extend(stream::describe(summary, &region));
        }
        Err(error) => {
            let result = undescribed("kinesis:DescribeStreamSummary", &region, &error);
            let ends = matches!(result, CheckResult::Bad(_));
            results.push(result);
            if ends {
                return results;
            }
        }
    }
    if is_custom && !is_sandbox {
        let text = "write permission not checked: a custom endpoint might not support DryRun";
        results.push(CheckResult::Open(text.to_owned()));
        return results;
    }
    results.push(dry_run(&client, stream, is_sandbox).await);
    if !is_sandbox {
        let text = "AWS bills a dry run like a write";
        results.push(CheckResult::Open(text.to_owned()));
    }
    results
}

/// The sandbox knows the flag; everything else but AWS is not spoken to, whatever was thought of
/// the endpoint.
async fn dry_run(client: &aws_sdk_kinesis::Client, stream: &str, is_sandbox: bool) -> CheckResult {
    let record = PutRecordsRequestEntry::builder()
        .data(Blob::new("kinetail check\n"))
        .partition_key("kinetail-check")
        .build();
    let record = match record {
        Ok(record) => record,
        Err(error) => return CheckResult::Bad(error.to_string()),
    };
    let ask = || async {
        let call = client.put_records().stream_name(stream).records(record.clone()).dry_run(true);
        if is_sandbox {
            return call.send().await.map_err(call_error);
        }
        call.customize().interceptor(OnlyToKinesis).send().await.map_err(call_error)
    };
    let may =
        || CheckResult::Good("write permission verified (kinesis:PutRecords, dry run)".to_owned());
    match patiently(ask).await {
        Ok(_) => may(),
        Err(CallError::Service { code, .. }) if code == DRY_RUN_OK => may(),
        Err(error) if is_throttled(&error) => throttled("kinesis:PutRecords", &error),
        Err(error) => {
            CheckResult::Bad(format!("write permission missing (kinesis:PutRecords): {error}"))
        }
    }
}

/// AWS did not say, however often it was asked.
fn throttled(action: &str, error: &CallError) -> CheckResult {
    CheckResult::Open(format!(
        "write permission not checked ({action}): AWS throttled {ASKS_MAX} requests ({error}); try \
         again later"
    ))
}

async fn firehose(aws: &Aws, flow: &FlowConfig, stream: &str) -> Vec<CheckResult> {
    let client = aws.firehose(&flow.aws).await;
    let region = region_text(client.config().region());
    let mut results = Vec::new();
    let describe = || async {
        let call = client.describe_delivery_stream().delivery_stream_name(stream);
        call.send().await.map_err(call_error)
    };
    match patiently(describe).await {
        Ok(output) => {
            let Some(found) = output.delivery_stream_description() else {
                return vec![CheckResult::Bad(format!(
                    "{region}: response contains no stream description"
                ))];
            };
            let status = found.delivery_stream_status().as_str();
            results.push(CheckResult::Good(format!(
                "delivery stream {stream} in {region} is {status}"
            )));
            if *found.delivery_stream_type() != DeliveryStreamType::DirectPut {
                let kind = found.delivery_stream_type().as_str();
                let text =
                    format!("delivery stream does not accept direct puts: its source is {kind}");
                results.push(CheckResult::Bad(text));
            }
        }
        Err(error) => {
            let result = undescribed("firehose:DescribeDeliveryStream", &region, &error);
            let ends = matches!(result, CheckResult::Bad(_));
            results.push(result);
            if ends {
                return results;
            }
        }
    }
    results.push(empty_batch(&client, stream).await);
    results
}

async fn empty_batch(client: &aws_sdk_firehose::Client, stream: &str) -> CheckResult {
    let ask = || async {
        let call = client.put_record_batch().delivery_stream_name(stream);
        call.set_records(Some(Vec::new())).send().await.map_err(call_error)
    };
    let action = "firehose:PutRecordBatch";
    let error = match patiently(ask).await {
        Ok(_) => return CheckResult::Good(format!("write permission verified ({action})")),
        Err(error) if is_throttled(&error) => return throttled(action, &error),
        Err(error) => error,
    };
    match classify(&error) {
        Verdict::Poison => CheckResult::Open(format!(
            "write permission is likely ({action}): an empty batch was rejected as empty, not as \
             forbidden"
        )),
        Verdict::Fault { .. } | Verdict::Throttled | Verdict::Transient { .. } => {
            CheckResult::Bad(format!("write permission missing ({action}): {error}"))
        }
    }
}

/// A stream that cannot be described can still accept records.
fn undescribed(action: &str, region: &str, error: &CallError) -> CheckResult {
    match error {
        CallError::Service { code, .. } if code.starts_with("AccessDenied") => {
            CheckResult::Open(format!(
                "cannot describe the stream in {region}: no {action} permission (not needed for \
                 delivery)"
            ))
        }
        error if is_throttled(error) => {
            CheckResult::Open(format!("{region}: throttled by AWS ({action}): {error}"))
        }
        error => CheckResult::Bad(format!("in {region}: {error}")),
    }
}

fn region_text(region: Option<&impl AsRef<str>>) -> String {
    region.map_or("no region", |region| region.as_ref()).to_owned()
}
