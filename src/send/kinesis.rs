//! `PutRecords` over the AWS SDK. Everything that matters is in `protocol`, `answer` and
//! `sdk_error`; this is the call.

use std::sync::Arc;

use aws_sdk_kinesis::Client;

use super::answer::{self, Answer};
use super::express::Express;
use super::sdk_error::call_error;
use super::transport::{CallError, Payload, Transport};

/// Sends bodies of `Envelope::kinesis`.
#[derive(Debug, Clone)]
pub struct KinesisTransport {
    client: Client,
    express: Arc<Express>,
}

impl KinesisTransport {
    /// Over this client, which must come from [`super::client::Aws`]: it has the protocol that
    /// takes finished bodies.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, express: Arc::default() }
    }
}

impl Transport for KinesisTransport {
    async fn put(&self, body: Payload, records: usize) -> Result<Answer, CallError> {
        let answer = self.express.send(body, |exchange| async {
            let call = self.client.put_records().set_records(Some(Vec::new())).customize();
            Box::pin(call.interceptor(exchange).send()).await.map(drop).map_err(call_error)
        });
        Ok(answer::read(&answer.await?, records)?)
    }
}
