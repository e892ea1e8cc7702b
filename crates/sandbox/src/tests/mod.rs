//! The sandbox as the AWS SDK for Rust sees it.

mod faults;
mod limits;
mod puts;
mod signatures;
mod stores;

use std::time::Duration;

use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;

/// Long enough for a slow machine; nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running sandbox and clients that point at it.
struct World {
    handle: SandboxHandle,
    kinesis: aws_sdk_kinesis::Client,
    firehose: aws_sdk_firehose::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    // Dropping it ends the sandbox.
    _serving: JoinSet<()>,
}

impl World {
    async fn new() -> Self {
        Self::with(SandboxOptions::default()).await
    }

    async fn with(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::bind(options).await.unwrap();
        let handle = sandbox.handle();
        let mut serving = JoinSet::new();
        serving.spawn(sandbox.serve(std::future::pending()));
        let (kinesis, firehose, cloudwatch) =
            (kinesis(&handle, "secret"), firehose(&handle), cloudwatch(&handle));
        Self { handle, kinesis, firehose, cloudwatch, _serving: serving }
    }

    /// Puts `records` with partition key `k` to the Kinesis stream `s`.
    async fn put(&self, records: &[&[u8]]) -> Result<PutRecordsOutput, String> {
        let records = records.iter().map(|data| entry(data, "k")).collect();
        self.put_entries(records).await
    }

    async fn put_entries(
        &self,
        records: Vec<PutRecordsRequestEntry>,
    ) -> Result<PutRecordsOutput, String> {
        let put = self.kinesis.put_records().stream_name("s").set_records(Some(records));
        put.send().await.map_err(|error| code(&error))
    }

    /// What the memory store holds for the Kinesis stream `s`.
    fn stored(&self) -> Vec<Vec<u8>> {
        self.handle.records(&stream()).into_iter().map(|record| record.data).collect()
    }

    fn stats(&self) -> StreamStats {
        self.handle.stats().stream(&stream())
    }
}

fn stream() -> StreamId {
    StreamId::kinesis("s").unwrap()
}

fn entry(data: &[u8], key: &str) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry::builder().data(Blob::new(data)).partition_key(key).build().unwrap()
}

/// The code of a service's error, or what else went wrong.
fn code(error: &(impl ProvideErrorMetadata + std::fmt::Debug)) -> String {
    error.code().map_or_else(|| format!("no code: {error:?}"), str::to_owned)
}

fn keys(secret: &str) -> Credentials {
    Credentials::new("AKID", secret, None, None, "test")
}

fn kinesis(handle: &SandboxHandle, secret: &str) -> aws_sdk_kinesis::Client {
    kinesis_with(handle, secret, RetryConfig::disabled())
}

fn kinesis_with(
    handle: &SandboxHandle,
    secret: &str,
    retry: RetryConfig,
) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(keys(secret))
        .region(Region::new("eu-west-1"))
        .retry_config(retry)
        .endpoint_url(handle.url())
        .build();
    aws_sdk_kinesis::Client::from_conf(config)
}

fn firehose(handle: &SandboxHandle) -> aws_sdk_firehose::Client {
    let config = aws_sdk_firehose::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(keys("secret"))
        .region(Region::new("eu-west-1"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(handle.url())
        .build();
    aws_sdk_firehose::Client::from_conf(config)
}

fn cloudwatch(handle: &SandboxHandle) -> aws_sdk_cloudwatch::Client {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(keys("secret"))
        .region(Region::new("eu-west-1"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(handle.url())
        .build();
    aws_sdk_cloudwatch::Client::from_conf(config)
}

/// The whole answer to a request that no SDK would send.
async fn raw(handle: &SandboxHandle, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(handle.address()).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Headers that pass for signed where no keys were agreed on.
fn signed_as_anybody(target: &str, content_type: &str) -> String {
    format!(
        "x-amz-target: {target}\r\ncontent-type: {content_type}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=A/20261120/r/kinesis/aws4_request, \
         SignedHeaders=host, Signature={:064}\r\n",
        0
    )
}
