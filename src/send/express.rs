//! The short way to the wire: what the AWS SDK worked out for one call that succeeded is used
//! again for the next ones.
//!
//! For each call the SDK builds its configuration anew, resolves the endpoint, runs some twenty
//! interceptors and composes the same headers: at 500 short records a request this costs as much
//! processor time as everything else but the hash. So a call that goes the long way is watched,
//! and what it came to is kept: the address, the headers, the region and service it was signed
//! for, the connector with its pool and timeouts, and the provider and cache of credentials. The
//! short way uses exactly these parts of the SDK; it signs, sends and reads the answer.
//!
//! It is never the way out of trouble. After any failure the next call goes the long way, and so
//! do all calls while the SDK corrects a clock that is wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthScheme as _;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector as _, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::identity::{
    Identity, ResolveCachedIdentity as _, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Request, Response};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tokio::time::timeout;

use super::client::{ATTEMPT_TIMEOUT, CONNECT_TIMEOUT};
use super::protocol::{ANSWER_BYTES_MAX, Exchange};
use super::sdk_error::{answered, dispatch_failure, lost};
use super::transport::{CallError, CredentialFault, Payload};

/// The name of Signature Version 4 within the SDK.
const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");

/// A call that the SDK signed for a moment further than this from now was signed for a corrected
/// clock. The service allows five minutes.
const SKEW_MAX: Duration = Duration::from_mins(1);

/// Headers that belong to one call, in lower case: they are made anew or left out.
const CALL_HEADERS: [&str; 5] = [
    "amz-sdk-invocation-id",
    "authorization",
    "content-length",
    "x-amz-date",
    "x-amz-security-token",
];

/// The short way of one client, if it is open.
#[derive(Debug, Default)]
pub struct Express {
    lane: Mutex<Option<Arc<Lane>>>,
}

impl Express {
    /// Sends a body the short way if it is open, and else by `long_way`, which makes a call with
    /// the exchange as an interceptor. Gives the body of the answer.
    ///
    /// # Errors
    /// [`CallError`] if the request failed, by the same rules on both ways.
    pub async fn send<F>(
        &self,
        body: Payload,
        long_way: impl FnOnce(Exchange) -> F,
    ) -> Result<Bytes, CallError>
    where
        F: Future<Output = Result<(), CallError>>,
    {
        let open = self.lock().clone();
        if let Some(lane) = open {
            let result = lane.send(body).await;
            if result.is_err() {
                *self.lock() = None;
            }
            return result;
        }
        let exchange = Exchange::new(body.bytes);
        // It is signed as soon as there are credentials, and then sent.
        let unsent = |error| if exchange.is_signed() { error } else { no_credentials(error) };
        long_way(exchange.clone()).await.map_err(unsent)?;
        *self.lock() = exchange.take_lane().map(Arc::new);
        Ok(exchange.into_answer())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Lane>>> {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What calls have in common.
pub(super) struct Lane {
    /// Address and headers, without a body.
    template: Request,
    region: String,
    service: String,
    components: RuntimeComponents,
    /// What the cache of credentials asks for.
    settings: ConfigBag,
    provider: SharedIdentityResolver,
    connector: SharedHttpConnector,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("address", &self.template.uri()).finish_non_exhaustive()
    }
}

impl Lane {
    /// Learns from a signed request. `None` if there is something about it that only the long way
    /// understands.
    pub(super) fn of(
        request: &Request,
        components: &RuntimeComponents,
        cfg: &ConfigBag,
    ) -> Option<Self> {
        let headers = request.headers();
        let now = components.time_source()?.now();
        if skew(headers.get("x-amz-date")?, now)? > SKEW_MAX {
            return None;
        }
        let (region, service) = scope(headers.get("authorization")?)?;
        let connector_settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut layer = Layer::new("express");
        if let Some(timeouts) = cfg.load::<TimeoutConfig>() {
            layer.store_put(timeouts.clone());
        }
        Some(Self {
            template: template_of(request)?,
            region: region.to_owned(),
            service: service.to_owned(),
            provider: components.auth_scheme(SIGV4)?.identity_resolver(components)?,
            connector: components.http_client()?.http_connector(&connector_settings, components),
            components: without_interceptors(components)?,
            settings: ConfigBag::of_layers(vec![layer]),
        })
    }

    async fn send(&self, body: Payload) -> Result<Bytes, CallError> {
        let (after, reached) = (ATTEMPT_TIMEOUT, Reached::default());
        match timeout(after, self.attempt(body, &reached)).await {
            Ok(result) => result,
            Err(_) if !reached.credentials.load(Ordering::Relaxed) => {
                Err(no_credentials(CallError::Deadline(after)))
            }
            Err(_) if reached.connection.get().is_none() => {
                let reason = format!("no connection within {} s", after.as_secs());
                Err(CallError::NotSent { reason })
            }
            Err(_) => Err(CallError::Deadline(after)),
        }
    }

    async fn attempt(&self, body: Payload, reached: &Reached) -> Result<Bytes, CallError> {
        let identity = self
            .components
            .identity_cache()
            .resolve_cached_identity(self.provider.clone(), &self.components, &self.settings)
            .await
            .map_err(|error| {
                no_credentials(dispatch_failure(ConnectorError::other(error, None)))
            })?;
        let not_sent = |error: BoxError| CallError::NotSent { reason: error.to_string() };
        let mut request = self.signed(body, &identity).map_err(not_sent)?;
        reached.credentials.store(true, Ordering::Relaxed);
        let connection = &reached.connection;
        request.add_extension(connection.clone());
        let response = self.connector.call(request).await;
        let mut response = response.map_err(dispatch_failure)?;
        let (status, body) = (response.status(), response.take_body());
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        if status.is_success() {
            return body.map(http_body_util::Collected::to_bytes).map_err(|e| lost(e.as_ref()));
        }
        if status.is_server_error()
            && let Some(connection) = connection.get()
        {
            // What answers so may be one broken host of many: the next call looks for another.
            connection.poison();
        }
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        *response.body_mut() = SdkBody::from(body);
        Err(error_answer(&response))
    }

    fn signed(&self, body: Payload, identity: &Identity) -> Result<Request, BoxError> {
        let now = self.components.time_source().ok_or("the SDK has no clock")?.now();
        let mut request = self.template.try_clone().ok_or("an empty body can be cloned")?;
        request.headers_mut().try_insert("content-length", body.bytes.len().to_string())?;
        let params = v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable = SignableRequest::new(
            request.method(),
            request.uri(),
            request.headers().iter(),
            match &body.sha256 {
                Some(hash) => SignableBody::Precomputed(hash.as_ref().to_owned()),
                None => SignableBody::Bytes(&body.bytes),
            },
        )?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        for (name, value) in instructions.headers() {
            request.headers_mut().try_insert(name.to_owned(), value.to_owned())?;
        }
        *request.body_mut() = SdkBody::from(body.bytes);
        Ok(request)
    }
}

/// How far an attempt got. What was never sent cannot be there twice.
#[derive(Default)]
struct Reached {
    credentials: AtomicBool,
    connection: CaptureSmithyConnection,
}

/// What an error means if it came before there was a signature: nothing was sent, and where it is
/// not known what is wrong, a provider of credentials took too long or broke.
fn no_credentials(error: CallError) -> CallError {
    let fault = CredentialFault::Unavailable;
    match error {
        CallError::Deadline(after) => {
            let reason = format!("the provider did not answer within {} s", after.as_secs());
            CallError::Credentials { fault, reason }
        }
        CallError::Lost { reason } => CallError::Credentials { fault, reason },
        error @ (CallError::Credentials { .. }
        | CallError::NotSent { .. }
        | CallError::Service { .. }
        | CallError::Unreadable(_)) => error,
    }
}

/// A request without what belongs to one call.
fn template_of(request: &Request) -> Option<Request> {
    let mut template = Request::new(SdkBody::empty());
    template.set_method(request.method()).ok()?;
    template.set_uri(request.uri()).ok()?;
    let common = request.headers().iter().filter(|(name, _)| !CALL_HEADERS.contains(name));
    for (name, value) in common {
        template.headers_mut().try_insert(name.to_owned(), value.to_owned()).ok()?;
    }
    Some(template)
}

/// The interceptors are the long way's; one of them is this call's exchange, with its body.
fn without_interceptors(components: &RuntimeComponents) -> Option<RuntimeComponents> {
    let mut builder = components.to_builder();
    builder.set_interceptors(std::iter::empty());
    builder.build().ok()
}

/// What the service says in an answer that is no success.
fn error_answer(response: &Response) -> CallError {
    let read = super::protocol::error_metadata(response);
    match read.filter(|error| error.code().is_some() || error.message().is_some()) {
        Some(error) => answered(response, error.code(), error.message().unwrap_or_default()),
        None => answered(response, None, "no readable error"),
    }
}

/// Region and service in `AWS4-HMAC-SHA256 Credential=<key>/<day>/<region>/<service>/aws4_request,
/// …` ("Signature Version 4" in the IAM user guide).
fn scope(authorization: &str) -> Option<(&str, &str)> {
    let credential = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=")?;
    let (credential, _) = credential.split_once(',')?;
    let mut parts = credential.rsplit('/');
    match (parts.next()?, parts.next()?, parts.next()?) {
        ("aws4_request", service, region) => Some((region, service)),
        _ => None,
    }
}

/// How far a signature's date is from now.
fn skew(amz_date: &str, now: SystemTime) -> Option<Duration> {
    let signed = DateTime::strptime("%Y%m%dT%H%M%SZ", amz_date).ok()?;
    let signed = SystemTime::from(signed.to_zoned(TimeZone::UTC).ok()?);
    Some(now.duration_since(signed).unwrap_or_else(|early| early.duration()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_what_the_signature_covers() {
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20261120/eu-west-1/kinesis/aws4_request, \
                      SignedHeaders=host, Signature=00";
        assert_eq!(scope(header), Some(("eu-west-1", "kinesis")));
        let with_slashes = header.replace("AKID", "A/K/ID");
        assert_eq!(scope(&with_slashes), Some(("eu-west-1", "kinesis")));
        for other in ["", "Bearer token", "AWS4-ECDSA-P256-SHA256 Credential=a/b/c/aws4_request, x"]
        {
            assert_eq!(scope(other), None);
        }
    }

    #[test]
    fn a_corrected_clock_shows_in_the_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(498_648);
        assert_eq!(skew("20261120T000000Z", now), Some(Duration::ZERO));
        assert_eq!(skew("20261119T235900Z", now), Some(Duration::from_mins(1)));
        assert_eq!(skew("20261120T001000Z", now), Some(Duration::from_mins(10)));
        assert_eq!(skew("yesterday", now), None);
    }
}
