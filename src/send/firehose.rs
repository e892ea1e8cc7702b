//! `PutRecordBatch` over the AWS SDK. Everything that matters is in `protocol`, `answer` and
//! `sdk_error`; this is the call.

use std::sync::Arc;

use aws_sdk_firehose::Client;

use super::answer::{self, Answer};
use super::express::Express;
use super::sdk_error::call_error;
use super::transport::{CallError, Payload, Transport};

/// Sends bodies of `Envelope::firehose`.
#[derive(Debug, Clone)]
pub struct FirehoseTransport {
    client: Client,
    express: Arc<Express>,
}

impl FirehoseTransport {
    /// Over this client, which must come from [`super::client::Aws`]: it has the protocol that
    /// takes finished bodies.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, express: Arc::default() }
    }
}

impl Transport for FirehoseTransport {
    async fn put(&self, body: Payload, records: usize) -> Result<Answer, CallError> {
        let answer = self.express.send(body, |exchange| async {
            let call = self.client.put_record_batch().set_records(Some(Vec::new())).customize();
            Box::pin(call.interceptor(exchange).send()).await.map(drop).map_err(call_error)
        });
        Ok(answer::read(&answer.await?, records)?)
    }
}
