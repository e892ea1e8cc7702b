//! The head of a request.

use bytes::Bytes;
use hyper::http::header::{self, InvalidHeaderValue};
use hyper::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use super::sign::Signable;
use super::target::Target;

static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
static AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
static AMZ_USER_AGENT: HeaderName = HeaderName::from_static("x-amz-user-agent");

/// Room for all of them, so that the map never grows.
const HEADERS_MAX: usize = 12;

/// What it says.
pub(super) struct Head<'h> {
    pub(super) call: Signable<'h>,
    pub(super) target: &'h Target,
    /// `user-agent`.
    pub(super) user_agent: &'h str,
    /// `x-amz-date`.
    pub(super) date: &'h str,
    pub(super) authorization: &'h str,
    /// `x-amz-security-token`.
    pub(super) token: Option<&'h str>,
}

impl Head<'_> {
    /// The request with this body.
    ///
    /// # Errors
    /// A value has bytes that no header may have.
    pub(super) fn request(&self, body: Bytes) -> Result<Request<Bytes>, InvalidHeaderValue> {
        let mut headers = HeaderMap::with_capacity(HEADERS_MAX);
        let mut set = |name: HeaderName, value: &str| {
            HeaderValue::from_str(value).map(|value| drop(headers.insert(name, value)))
        };
        let call = self.call;
        set(header::HOST, &self.target.host)?;
        set(header::USER_AGENT, self.user_agent)?;
        set(AMZ_DATE.clone(), self.date)?;
        set(AMZ_USER_AGENT.clone(), call.user_agent)?;
        set(header::AUTHORIZATION, self.authorization)?;
        if let Some(token) = self.token {
            set(AMZ_SECURITY_TOKEN.clone(), token)?;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(call.content_type));
        headers.insert(AMZ_TARGET.clone(), HeaderValue::from_static(call.operation));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(call.content_length));
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }
}
