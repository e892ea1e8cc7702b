//! `kinetail check --aws`: asks AWS what can be asked without changing anything.
//!
//! Whose the credentials are (STS `GetCallerIdentity`, which needs no permission), whether the
//! streams are there (`DescribeStreamSummary`, `DescribeDeliveryStream`), and whether records may
//! be put. Kinesis answers that to a `PutRecords` with `DryRun`, which puts nothing. Firehose has
//! no such flag; it gets a batch without records, which cannot be put either: if it is refused as
//! forbidden that is an answer, if it is refused as empty it is not quite one, and that is said.

use std::collections::BTreeMap;
use std::io::{self, Write};

use aws_sdk_firehose::types::DeliveryStreamType;
use aws_sdk_kinesis::operation::RequestId as _;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use super::{CliError, service};
use crate::config::site::{Service, Site};
use crate::config::{Config, Destination, FlowConfig};
use crate::sandbox;
use crate::send::classify::{Verdict, classify};
use crate::send::client::Aws;
use crate::send::sdk_error::call_error;
use crate::send::transport::CallError;
use crate::shown::Escaped;

/// What Kinesis answers to a dry run that would have worked.
const DRY_RUN_OK: &str = "DryRunOperationException";

/// STS is asked elsewhere than at AWS if one of these is set.
const STS_VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];

/// One thing that AWS was asked.
enum Answer {
    Good(String),
    /// Nothing to worry about, but not an answer either.
    Open(String),
    Bad(String),
}

/// Asks for every flow. Gives the number of answers that mean that records would not arrive.
pub(super) async fn all(config: &Config, out: &mut dyn Write) -> Result<usize, CliError> {
    let aws = Aws::load(&config.aws).await?;
    let mut identities = BTreeMap::new();
    let mut failures = 0;
    for flow in &config.flows {
        writeln!(out, "asking AWS about {}", flow.id)?;
        if !identities.contains_key(&flow.aws.role) {
            let answer = Box::pin(identity(&aws, config, flow)).await;
            identities.insert(flow.aws.role.clone(), answer);
        }
        if let Some(answer) = identities.get(&flow.aws.role) {
            failures += show(answer, out)?;
        }
        let answers = match &flow.destination {
            Destination::Firehose { delivery_stream } => {
                Box::pin(firehose(&aws, flow, delivery_stream)).await
            }
            Destination::Kinesis { stream } => Box::pin(kinesis(&aws, config, flow, stream)).await,
        };
        for answer in &answers {
            failures += show(answer, out)?;
        }
    }
    Ok(failures)
}

fn show(answer: &Answer, out: &mut dyn Write) -> io::Result<usize> {
    let (word, text) = match answer {
        Answer::Good(text) => ("ok", text),
        Answer::Open(text) => ("note", text),
        Answer::Bad(text) => ("error", text),
    };
    writeln!(out, "  {word}: {}", Escaped(text))?;
    Ok(usize::from(matches!(answer, Answer::Bad(_))))
}

/// Whose the credentials are.
async fn identity(aws: &Aws, config: &Config, flow: &FlowConfig) -> Answer {
    let site = Site::of(service(&flow.destination), &config.aws, &flow.aws);
    let named = config.aws.sts_endpoint.is_some()
        || STS_VARIABLES.iter().any(|name| std::env::var_os(name).is_some());
    if site.is_custom() && !named {
        let text = "whose the credentials are was not asked: the endpoint is not AWS's own; set \
                    sts.endpoint to ask there";
        return Answer::Open(text.to_owned());
    }
    match aws.sts(&flow.aws).await.get_caller_identity().send().await {
        Ok(identity) => {
            Answer::Good(format!("the credentials are those of {}", identity.arn().unwrap_or("?")))
        }
        Err(error) => {
            let error = call_error(error);
            match error {
                CallError::Credentials { .. } => Answer::Bad(error.to_string()),
                // Shipping does not need STS to be within reach unless a role is assumed.
                error => {
                    Answer::Open(format!("STS does not say whose the credentials are: {error}"))
                }
            }
        }
    }
}

async fn kinesis(aws: &Aws, config: &Config, flow: &FlowConfig, stream: &str) -> Vec<Answer> {
    let client = match aws.kinesis(&flow.aws).await {
        Ok(client) => client,
        Err(error) => return vec![Answer::Bad(error.to_string())],
    };
    let region = region_text(client.config().region());
    let described = client.describe_stream_summary().stream_name(stream).send().await;
    let mut is_sandbox = false;
    let mut answers = Vec::new();
    match described {
        Ok(output) => {
            is_sandbox = output.request_id().is_some_and(sandbox::is_request_id);
            let Some(summary) = output.stream_description_summary() else {
                return vec![Answer::Bad(format!("{region}: an answer without a stream"))];
            };
            answers.push(Answer::Good(format!(
                "stream {stream} in {region} is {}, {} open shards",
                summary.stream_status().as_str(),
                summary.open_shard_count()
            )));
        }
        Err(error) => {
            let answer = undescribed("kinesis:DescribeStreamSummary", &region, &call_error(error));
            let ends = matches!(answer, Answer::Bad(_));
            answers.push(answer);
            if ends {
                return answers;
            }
        }
    }
    // What is not AWS's own may not know the flag, and would put the record.
    let site = Site::of(Service::Kinesis, &config.aws, &flow.aws);
    if site.is_custom() && !is_sandbox {
        let text = "whether records may be put was not asked: the endpoint is not AWS's own, and \
                    might not know what a dry run is";
        answers.push(Answer::Open(text.to_owned()));
        return answers;
    }
    answers.push(dry_run(&client, stream).await);
    answers
}

async fn dry_run(client: &aws_sdk_kinesis::Client, stream: &str) -> Answer {
    let record = PutRecordsRequestEntry::builder()
        .data(Blob::new("kinetail check\n"))
        .partition_key("kinetail-check")
        .build();
    let record = match record {
        Ok(record) => record,
        Err(error) => return Answer::Bad(error.to_string()),
    };
    let call = client.put_records().stream_name(stream).records(record).dry_run(true);
    let may = || Answer::Good("records may be put (kinesis:PutRecords, dry run)".to_owned());
    match call.send().await {
        Ok(_) => may(),
        Err(error) => match call_error(error) {
            CallError::Service { code, .. } if code == DRY_RUN_OK => may(),
            error => Answer::Bad(format!("records may not be put (kinesis:PutRecords): {error}")),
        },
    }
}

async fn firehose(aws: &Aws, flow: &FlowConfig, stream: &str) -> Vec<Answer> {
    let client = aws.firehose(&flow.aws).await;
    let region = region_text(client.config().region());
    let mut answers = Vec::new();
    match client.describe_delivery_stream().delivery_stream_name(stream).send().await {
        Ok(output) => {
            let Some(found) = output.delivery_stream_description() else {
                return vec![Answer::Bad(format!("{region}: an answer without a stream"))];
            };
            let status = found.delivery_stream_status().as_str();
            answers.push(Answer::Good(format!("delivery stream {stream} in {region} is {status}")));
            if *found.delivery_stream_type() != DeliveryStreamType::DirectPut {
                let kind = found.delivery_stream_type().as_str();
                let text = format!("it takes no records from here: its source is {kind}");
                answers.push(Answer::Bad(text));
            }
        }
        Err(error) => {
            let error = call_error(error);
            let answer = undescribed("firehose:DescribeDeliveryStream", &region, &error);
            let ends = matches!(answer, Answer::Bad(_));
            answers.push(answer);
            if ends {
                return answers;
            }
        }
    }
    answers.push(empty_batch(&client, stream).await);
    answers
}

async fn empty_batch(client: &aws_sdk_firehose::Client, stream: &str) -> Answer {
    let call = client.put_record_batch().delivery_stream_name(stream).set_records(Some(Vec::new()));
    let action = "firehose:PutRecordBatch";
    let error = match call.send().await {
        Ok(_) => return Answer::Good(format!("records may be put ({action})")),
        Err(error) => call_error(error),
    };
    match classify(&error) {
        Verdict::Poison => Answer::Open(format!(
            "an empty batch was refused as empty and not as forbidden ({action}); more cannot be \
             asked without putting a record"
        )),
        Verdict::Fault { .. } | Verdict::Throttled | Verdict::Transient { .. } => {
            Answer::Bad(format!("records may not be put ({action}): {error}"))
        }
    }
}

/// A stream that may not be described may be put to all the same.
fn undescribed(action: &str, region: &str, error: &CallError) -> Answer {
    match error {
        CallError::Service { code, .. } if code.starts_with("AccessDenied") => {
            Answer::Open(format!(
                "in {region} the stream may not be described ({action}); shipping does not need it"
            ))
        }
        error => Answer::Bad(format!("in {region}: {error}")),
    }
}

fn region_text(region: Option<&impl AsRef<str>>) -> String {
    region.map_or("no region", |region| region.as_ref()).to_owned()
}
