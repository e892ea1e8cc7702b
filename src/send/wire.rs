//! The one way to a service: every call takes it, the first, the tenth, and the one after a
//! failure.
//!
//! Its parts are the SDK's: the endpoint comes from the service's own resolver, the credentials
//! from the providers of `aws-config`, the transport is `http`'s, and the signature is
//! calculated by `aws-sigv4` over what is prepared in `sign` for it. What the SDK's orchestrator
//! would do for each call alongside (build a configuration, run some twenty interceptors, compose
//! the same headers) is done once for each flow. What it does silently is done here in the open:
//! the clock is corrected by `skew`, a connection on which a server failed is not used again, an
//! answer may be only so long, and a deadline has three meanings: no credentials, nothing sent, no
//! answer.

mod head;
mod keys;
mod sign;
mod skew;
mod target;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use hyper::http::Request;
use kinetail_delivery::call::CBOR_REFUSED;
use parking_lot::Mutex;

use self::head::Head;
use self::keys::Keys;
use self::sign::{Signable, Signer};
use self::skew::Skew;
pub(super) use self::target::Site;
use self::target::Target;
use super::client::ATTEMPT_TIMEOUT;
use super::credentials::Refused;
use super::deadline::Deadlines;
use super::error_response::{self, ERROR_TYPE_HEADER};
use super::http::{Carrier, Way};
use super::response::{self, PutResponse};
use super::sdk_error::{dispatch_failure, http_error, lost};
use super::transport::{CallError, CredentialFault, Payload, Transport};
use crate::batch::body::Encoding;
use crate::config::site::{Service, is_aws};
use crate::config::{Destination, Wire as Speak};

/// An answer may be this long. One to 500 records is a tenth of it.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The header in which an endpoint says what it takes; the sandbox sends it.
const ACCEPT_HEADER: &str = "accept-post";

/// Turns CBOR off, as for the Java SDK, where the configuration leaves it open.
const CBOR_OFF_VARIABLE: &str = "AWS_CBOR_DISABLE";

/// Codes with which the service refuses credentials: the next call asks for them again.
const KEYS_REFUSED: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// The status of who does not know a media type.
const UNSUPPORTED_MEDIA_TYPE: u16 = 415;

/// What else is said by who cannot read a request.
const UNREAD_CODES: [&str; 7] = [
    "Http400",
    "InvalidArgumentException",
    "InvalidContentTypeException",
    "SerializationException",
    "UnknownOperationException",
    "UnsupportedMediaTypeException",
    "ValidationException",
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
    /// What takes records there.
    pub(crate) fn of(destination: &Destination) -> Self {
        match destination {
            Destination::Firehose { .. } => Self::PutRecordBatch,
            Destination::Kinesis { .. } => Self::PutRecords,
        }
    }

    /// Whose it is.
    pub(crate) fn service(self) -> Service {
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
    pub(super) way: Way,
    pub(super) credentials: SharedCredentialsProvider,
    pub(super) refused: Refused,
    pub(super) user_agents: UserAgents,
    pub(super) speak: Speak,
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
    way: Way,
    keys: Keys,
    user_agents: UserAgents,
    speak: Speak,
    /// The endpoint does not take CBOR, whatever it says.
    cbor_is_refused: AtomicBool,
    skew: Skew,
    deadlines: Deadlines,
    /// The account of the credentials that it was resolved for, and where its requests go.
    target: Mutex<Option<(Option<String>, Arc<Target>)>>,
    signer: Mutex<Signer>,
}

impl Wire {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { operation, site, way, credentials, refused, user_agents, speak } = parts;
        Self {
            operation,
            site,
            way,
            keys: Keys::new(credentials, refused),
            user_agents,
            speak,
            cbor_is_refused: AtomicBool::new(false),
            skew: Skew::default(),
            deadlines: Deadlines::default(),
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
        self.keys = Keys::new(SharedCredentialsProvider::new(provider), Refused::default());
        self
    }

    #[cfg(test)]
    pub(super) fn forget_keys(&self) {
        self.keys.forget();
    }

    /// How bodies are to be written at first: in CBOR on AWS's own endpoints of Kinesis, unless
    /// configured otherwise.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        let endpoint = self.site.endpoint.as_deref();
        let is_off = || std::env::var_os(CBOR_OFF_VARIABLE).is_some_and(|value| !value.is_empty());
        match (self.operation, self.speak) {
            (Operation::PutRecordBatch, _) | (_, Speak::Json) => Encoding::Json,
            (Operation::PutRecords, Speak::Cbor) => Encoding::Cbor,
            (Operation::PutRecords, Speak::Auto) => {
                let is_own = endpoint.is_none_or(is_aws) && !is_off();
                if is_own { Encoding::Cbor } else { Encoding::Json }
            }
        }
    }

    /// Makes one call. It never tries twice.
    ///
    /// # Errors
    /// [`CallError`] if the call failed.
    pub async fn call(&self, body: Payload) -> Result<Reply, CallError> {
        let (after, reached) = (ATTEMPT_TIMEOUT, Reached::default());
        match self.deadlines.within(after, self.attempt(body, &reached)).await {
            Some(result) => result,
            None if !reached.credentials.load(Ordering::Relaxed) => {
                let reason = format!("the provider did not answer within {} s", after.as_secs());
                Err(CallError::Credentials { fault: CredentialFault::Unavailable, reason })
            }
            None if !reached.carrier.is_there() => {
                let reason = format!("no connection within {} s", after.as_secs());
                Err(CallError::NotSent { reason })
            }
            None => Err(CallError::Deadline(after)),
        }
    }

    async fn attempt(&self, body: Payload, reached: &Reached) -> Result<Reply, CallError> {
        let sent_in = body.encoding;
        let credentials = self.keys.get(SystemTime::now()).await.map_err(no_credentials)?;
        reached.credentials.store(true, Ordering::Relaxed);
        let target = self.target(&credentials).await?;
        let sent = SystemTime::now();
        let request = self.signed(body, &target, &credentials, self.skew.correct(sent))?;
        let answer = self.way.exchange(request, (&reached.carrier, ANSWER_BYTES_MAX)).await;
        let answer = answer.map_err(dispatch_failure)?;
        self.skew.learn(&answer, sent, SystemTime::now());
        let said_in = answer.header("content-type").and_then(Encoding::of_content_type);
        // An object of JSON begins with a brace, which no map of CBOR does: not everybody says so.
        let is_json = |body: &Bytes| body.trim_ascii_start().starts_with(b"{");
        let is_json = answer.body.as_ref().is_ok_and(is_json);
        let encoding = said_in.unwrap_or(if is_json { Encoding::Json } else { sent_in });
        if answer.status.is_success() {
            self.keys.accept(&credentials);
            let takes_cbor = self.may_be_cbor(answer.header(ACCEPT_HEADER));
            let reply = |body| Reply { body, encoding, takes_cbor };
            return answer.body.map(reply).map_err(|e| lost(e.as_ref()));
        }
        if answer.status.is_server_error() {
            // What answers so may be one broken host of many: the next call looks for another.
            reached.carrier.poison();
        }
        let body = answer.body.as_deref().unwrap_or_default();
        let said = error_response::read(encoding, answer.header(ERROR_TYPE_HEADER), body);
        if said.code.as_deref().is_some_and(|code| KEYS_REFUSED.contains(&code)) {
            self.keys.refuse(&credentials);
        }
        let silent = if said.code.is_some() { "" } else { "unparseable error response" };
        let message = said.message.as_deref().unwrap_or(silent);
        let header = |name| answer.header(name);
        let error = http_error(answer.status.as_u16(), header, (said.code.as_deref(), message));
        let is_refused = sent_in == Encoding::Cbor && said_in != Some(Encoding::Cbor);
        Err(if is_refused { self.cbor_refused(error) } else { error })
    }

    /// Whether an endpoint that was spoken to in JSON may be spoken to in CBOR.
    fn may_be_cbor(&self, accepts: Option<&str>) -> bool {
        let is_asked = self.speak == Speak::Auto && self.operation == Operation::PutRecords;
        let mut types = accepts.unwrap_or_default().split(',');
        is_asked
            && types.any(|of| Encoding::of_content_type(of) == Some(Encoding::Cbor))
            && !self.cbor_is_refused.load(Ordering::Relaxed)
    }

    /// What a refusal in another encoding means: who cannot read a request does not say anything
    /// about its records.
    fn cbor_refused(&self, error: CallError) -> CallError {
        let CallError::Service { status, code, retry_after, .. } = &error else { return error };
        let unread = *status == UNSUPPORTED_MEDIA_TYPE || UNREAD_CODES.contains(&code.as_str());
        if !unread {
            return error;
        }
        if self.speak == Speak::Auto {
            self.cbor_is_refused.store(true, Ordering::Relaxed);
            return CallError::CborRefused { reason: error.to_string() };
        }
        CallError::Service {
            status: *status,
            code: CBOR_REFUSED.to_owned(),
            message: format!(
                "the endpoint does not support CBOR ({error}); set wire to auto or json"
            ),
            retry_after: *retry_after,
        }
    }

    /// Where requests with these credentials go.
    async fn target(&self, credentials: &Credentials) -> Result<Arc<Target>, CallError> {
        let account = credentials.account_id().map(|id| id.as_str().to_owned());
        if let Some((_, target)) = self.target.lock().as_ref().filter(|(of, _)| *of == account) {
            return Ok(Arc::clone(target));
        }
        let resolved = self.site.target(account.as_deref()).await;
        let target = Arc::new(resolved.map_err(|reason| CallError::NotSent { reason })?);
        *self.target.lock() = Some((account, Arc::clone(&target)));
        Ok(target)
    }

    fn signed(
        &self,
        body: Payload,
        target: &Arc<Target>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Request<Bytes>, CallError> {
        let hash = body.hash();
        let call = Signable {
            content_type: body.encoding.content_type(),
            content_length: body.bytes.len(),
            operation: self.operation.target(),
            user_agent: &self.user_agents.sdk,
            body_sha256: &hash,
        };
        let mut signer = self.signer.lock();
        let (date, authorization) = signer.sign(target, credentials, call, now);
        let head = Head {
            call,
            target,
            user_agent: &self.user_agents.shown,
            date,
            authorization: &authorization,
            token: credentials.session_token(),
        };
        let request = head.request(body.bytes);
        request.map_err(|error| CallError::NotSent { reason: error.to_string() })
    }
}

impl Transport for Wire {
    async fn put(&self, body: Payload, records: usize) -> Result<PutResponse, CallError> {
        let Reply { body, encoding, takes_cbor } = self.call(body).await?;
        let answer = response::read_as(encoding, &body, records)?;
        Ok(PutResponse { takes_cbor, ..answer })
    }
}

/// An answer that says success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its body.
    pub body: Bytes,
    /// How that is written.
    pub encoding: Encoding,
    /// The endpoint says that it takes CBOR, and it may be spoken to so.
    pub takes_cbor: bool,
}

/// How far an attempt got. What was never sent cannot be there twice.
#[derive(Default)]
struct Reached {
    credentials: AtomicBool,
    carrier: Carrier,
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
