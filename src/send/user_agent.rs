//! `userAgent` and `userAgentOverride`: the header with which requests say who makes them.
//!
//! It is no part of a signature; the short way to the wire copies it with the other headers.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::config::UserAgent;

const HEADER: &str = "user-agent";

/// Writes the header of each request of a client.
#[derive(Debug, Clone)]
pub(super) struct UserAgentHeader(pub(super) UserAgent);

#[dyn_dispatch_hint]
impl Intercept for UserAgentHeader {
    fn name(&self) -> &'static str {
        "UserAgentHeader"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        let value = match &self.0 {
            UserAgent::Sdk => return Ok(()),
            UserAgent::Prefixed(first) => {
                format!("{first} {}", headers.get(HEADER).unwrap_or_default())
            }
            UserAgent::Replaced(all) => all.clone(),
        };
        headers.try_insert(HEADER, value.trim_end().to_owned())?;
        Ok(())
    }
}
