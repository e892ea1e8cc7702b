//! The one way to a service: every call takes it, the first, the tenth, and the one after a
//! failure.
//!
//! Its parts are the SDK's: the endpoint comes from the service's own resolver, the credentials
//! from the providers of `aws-config`, the transport is the SDK's connector, and the signature is
//! calculated by `aws-sigv4` over what is [prepared](sign) for it. What the SDK's orchestrator
//! would do for each call beside (build a configuration, run some twenty interceptors, compose the
//! same headers) is done once for each flow. What it does silently is done here in the open: the
//! clock is [corrected](skew), a connection on which a server failed is not used again, an answer
//! may be only so long, and a deadline has three meanings: no credentials, nothing sent, no
//! answer.

mod keys;
mod sign;
mod skew;
mod target;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::http::request::Builder as RequestBuilder;
use hyper::http::{Method, header};
use tokio::time::timeout;

use self::keys::Keys;
use self::sign::{Signable, Signer};
use self::skew::Skew;
pub(super) use self::target::Site;
use self::target::Target;
use super::answer::{self, Answer};
use super::client::ATTEMPT_TIMEOUT;
use super::error_answer::{self, ERROR_TYPE_HEADER};
use super::sdk_error::{answered, dispatch_failure, lost};
use super::transport::{CallError, CredentialFault, Payload, Transport};
use crate::config::site::Service;

/// An answer may be this long. One to 500 records is a tenth of it.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The media type of awsJson1.1.
const CONTENT_TYPE_JSON: &str = "application/x-amz-json-1.1";

/// Codes with which the service refuses credentials: the next call asks for them anew.
const KEYS_REFUSED: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// What is asked of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Of Kinesis.
    PutRecords,
    /// Of Firehose.
    PutRecordBatch,
}

impl Operation {
    /// Whose it is.
    pub(super) fn service(self) -> Service {
        match self {
            Self::PutRecords => Service::Kinesis,
            Self::PutRecordBatch => Service::Firehose,
        }
    }

    /// The header `x-amz-target`.
    fn target(self) -> &'static str {
        match self {
            Self::PutRecords => "Kinesis_20131202.PutRecords",
            Self::PutRecordBatch => "Firehose_20150804.PutRecordBatch",
        }
    }
}

/// What a [`Wire`] is made of.
pub(super) struct Parts {
    pub(super) operation: Operation,
    pub(super) site: Site,
    pub(super) connector: SharedHttpConnector,
    pub(super) credentials: SharedCredentialsProvider,
    pub(super) user_agents: UserAgents,
}

/// Who makes the requests.
#[derive(Debug, Clone)]
pub(super) struct UserAgents {
    /// `user-agent`, which may be the user's.
    pub(super) shown: String,
    /// `x-amz-user-agent`, which is the SDK's.
    pub(super) sdk: String,
}

/// The way of one flow to its service.
#[derive(Debug)]
pub struct Wire {
    operation: Operation,
    site: Site,
    connector: SharedHttpConnector,
    keys: Keys,
    user_agents: UserAgents,
    skew: Skew,
    /// The account of the credentials that it was resolved for, and where its requests go.
    target: Mutex<Option<(Option<String>, Target)>>,
    signer: Mutex<Signer>,
}

impl Wire {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { operation, site, connector, credentials, user_agents } = parts;
        Self {
            operation,
            site,
            connector,
            keys: Keys::new(credentials),
            user_agents,
            skew: Skew::default(),
            target: Mutex::default(),
            signer: Mutex::default(),
        }
    }

    /// The same way with other credentials.
    #[cfg(test)]
    pub(super) fn with_provider(
        mut self,
        provider: impl aws_credential_types::provider::ProvideCredentials + 'static,
    ) -> Self {
        self.keys = Keys::new(SharedCredentialsProvider::new(provider));
        self
    }

    #[cfg(test)]
    pub(super) fn forget_keys(&self) {
        self.keys.forget();
    }

    /// Makes one call and gives the body of the answer. It never tries twice.
    ///
    /// # Errors
    /// [`CallError`] if the call failed.
    pub async fn call(&self, body: Payload) -> Result<Bytes, CallError> {
        let (after, reached) = (ATTEMPT_TIMEOUT, Reached::default());
        match timeout(after, self.attempt(body, &reached)).await {
            Ok(result) => result,
            Err(_) if !reached.credentials.load(Ordering::Relaxed) => {
                let reason = format!("the provider did not answer within {} s", after.as_secs());
                Err(CallError::Credentials { fault: CredentialFault::Unavailable, reason })
            }
            Err(_) if reached.connection.get().is_none() => {
                let reason = format!("no connection within {} s", after.as_secs());
                Err(CallError::NotSent { reason })
            }
            Err(_) => Err(CallError::Deadline(after)),
        }
    }

    async fn attempt(&self, body: Payload, reached: &Reached) -> Result<Bytes, CallError> {
        let credentials = self.keys.get(SystemTime::now()).await.map_err(no_credentials)?;
        reached.credentials.store(true, Ordering::Relaxed);
        let target = self.target(&credentials).await?;
        let sent = SystemTime::now();
        let mut request = self.signed(body, &target, &credentials, self.skew.correct(sent))?;
        request.add_extension(reached.connection.clone());
        let response = self.connector.call(request).await;
        let mut response = response.map_err(dispatch_failure)?;
        let (status, body) = (response.status(), response.take_body());
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        self.skew.learn(response.headers(), sent, SystemTime::now());
        if status.is_success() {
            return body.map(http_body_util::Collected::to_bytes).map_err(|e| lost(e.as_ref()));
        }
        if status.is_server_error()
            && let Some(connection) = reached.connection.get()
        {
            // What answers so may be one broken host of many: the next call looks for another.
            connection.poison();
        }
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let said = error_answer::read(response.headers().get(ERROR_TYPE_HEADER), &body);
        if said.code.as_deref().is_some_and(|code| KEYS_REFUSED.contains(&code)) {
            self.keys.forget();
        }
        let silent = if said.code.is_some() { "" } else { "no readable error" };
        let message = said.message.as_deref().unwrap_or(silent);
        Err(answered(&response, said.code.as_deref(), message))
    }

    /// Where requests with these credentials go.
    async fn target(&self, credentials: &Credentials) -> Result<Target, CallError> {
        let account = credentials.account_id().map(|id| id.as_str().to_owned());
        if let Some((_, target)) = lock(&self.target).as_ref().filter(|(of, _)| *of == account) {
            return Ok(target.clone());
        }
        let resolved = self.site.target(account.as_deref()).await;
        let target = resolved.map_err(|reason| CallError::NotSent { reason })?;
        *lock(&self.target) = Some((account, target.clone()));
        Ok(target)
    }

    fn signed(
        &self,
        body: Payload,
        target: &Target,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Request, CallError> {
        let hash = body.hash();
        let call = Signable {
            content_type: CONTENT_TYPE_JSON,
            content_length: body.bytes.len(),
            operation: self.operation.target(),
            user_agent: &self.user_agents.sdk,
            body_sha256: &hash,
        };
        let mut signer = lock(&self.signer);
        let (date, authorization) = signer.sign(target, credentials, call, now);
        let mut request = RequestBuilder::new()
            .method(Method::POST)
            .uri(&target.uri)
            .header(header::CONTENT_TYPE, call.content_type)
            .header(header::CONTENT_LENGTH, call.content_length)
            .header(header::HOST, &target.host)
            .header(header::USER_AGENT, &self.user_agents.shown)
            .header("x-amz-date", date)
            .header("x-amz-target", call.operation)
            .header("x-amz-user-agent", call.user_agent)
            .header(header::AUTHORIZATION, authorization);
        drop(signer);
        if let Some(token) = credentials.session_token() {
            request = request.header("x-amz-security-token", token);
        }
        let not_sent = |error: BoxError| CallError::NotSent { reason: error.to_string() };
        let request = request.body(SdkBody::from(body.bytes)).map_err(|e| not_sent(e.into()))?;
        Request::try_from(request).map_err(|error| not_sent(error.into()))
    }
}

impl Transport for Wire {
    async fn put(&self, body: Payload, records: usize) -> Result<Answer, CallError> {
        Ok(answer::read(&self.call(body).await?, records)?)
    }
}

/// How far an attempt got. What was never sent cannot be there twice.
#[derive(Default)]
struct Reached {
    credentials: AtomicBool,
    connection: CaptureSmithyConnection,
}

/// What is wrong with the credentials, and whether waiting helps. Nothing was sent; where it is not
/// known what is wrong, a provider broke.
fn no_credentials(error: CredentialsError) -> CallError {
    match dispatch_failure(ConnectorError::other(error.into(), None)) {
        CallError::Lost { reason } => {
            CallError::Credentials { fault: CredentialFault::Unavailable, reason }
        }
        error => error,
    }
}

/// Everything under these locks is consistent between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
