//! `PutRecordBatch` over the AWS SDK. Everything that matters is in `protocol`, `answer` and
//! `sdk_error`; this is the call.

use aws_sdk_firehose::Client;
use bytes::Bytes;

use super::answer::{self, Answer};
use super::protocol::Exchange;
use super::sdk_error::call_error;
use super::transport::{CallError, Transport};

/// Sends bodies of `Envelope::firehose`.
#[derive(Debug, Clone)]
pub struct FirehoseTransport {
    client: Client,
}

impl FirehoseTransport {
    /// Over this client, which must come from [`super::client::Aws`]: it has the protocol that
    /// takes finished bodies.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Transport for FirehoseTransport {
    async fn put(&self, body: Bytes, records: usize) -> Result<Answer, CallError> {
        let exchange = Exchange::new(body);
        let call = self.client.put_record_batch().set_records(Some(Vec::new())).customize();
        Box::pin(call.interceptor(exchange.clone()).send()).await.map_err(call_error)?;
        Ok(answer::read(&exchange.into_answer(), records)?)
    }
}
