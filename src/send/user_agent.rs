//! `userAgent` and `userAgentOverride`: the header with which requests say who makes them. It is no
//! part of a signature.

use aws_config::SdkConfig;
use aws_runtime::user_agent::{AdditionalMetadata, ApiMetadata, AwsUserAgent, BusinessMetric};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::os_shim_internal::Env;

use super::wire::{Site, UserAgents};
use crate::config::UserAgent;
use crate::config::site::Service;

const HEADER: &str = "user-agent";

/// What the SDK says of its HTTP client.
const HTTP_CLIENT: &str = "http#hyper-1.x";

/// What a flow's requests say: as the SDK's client of the service would.
pub(super) fn of(
    wanted: &UserAgent,
    service: Service,
    shared: &SdkConfig,
    site: &Site,
) -> UserAgents {
    let api = match service {
        Service::Firehose => ApiMetadata::new("firehose", aws_sdk_firehose::meta::PKG_VERSION),
        Service::CloudWatch | Service::Kinesis => {
            ApiMetadata::new("kinesis", aws_sdk_kinesis::meta::PKG_VERSION)
        }
    };
    let mut agent = AwsUserAgent::new_from_environment(Env::real(), api);
    agent.add_business_metric(BusinessMetric::RetryModeStandard);
    if site.endpoint.is_some() {
        agent.add_business_metric(BusinessMetric::EndpointOverride);
    }
    if service == Service::Kinesis {
        agent.add_business_metric(BusinessMetric::AccountIdModePreferred);
    }
    if let Ok(client) = AdditionalMetadata::new(HTTP_CLIENT) {
        agent.add_additional_metadata(client);
    }
    if let Some(name) = shared.app_name() {
        agent.set_app_name(name.clone());
    }
    let sdk = agent.aws_ua_header();
    let shown = match wanted {
        UserAgent::Sdk => sdk.clone(),
        UserAgent::Prefixed(first) => format!("{first} {sdk}"),
        UserAgent::Replaced(all) => all.clone(),
    };
    UserAgents { shown: shown.trim_end().to_owned(), sdk }
}

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
