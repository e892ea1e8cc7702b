//! The typed clients of the services: for `check`, and for the metrics for `CloudWatch`.

use aws_config::Region;
use aws_config::retry::RetryConfig;

use super::super::credentials;
use super::super::user_agent::UserAgentHeader;
use super::{Aws, ClientError, REGION_DEFAULT};
use crate::config::site::{Service, Site};
use crate::config::{FlowAwsConfig, RoleConfig};

/// Makes the typed client of a service at a site. The SDK's builders have the same methods and no
/// trait in common.
macro_rules! client {
    ($sdk:ident, $aws:expr, $parts:expr) => {{
        let (site, region, role, retry): (&Site<'_>, Region, Option<&RoleConfig>, RetryConfig) =
            $parts;
        let mut builder = $sdk::config::Builder::from(&$aws.shared)
            .region(region)
            .interceptor(UserAgentHeader($aws.config.user_agent.clone()))
            .retry_config(retry);
        if let Some(role) = role {
            builder.set_credentials_provider(Some($aws.assumed(role).await));
        }
        if let Some(endpoint) = site.endpoint {
            builder.set_endpoint_url(Some(endpoint.to_owned()));
        }
        if site.fips.is_some() {
            builder.set_use_fips(site.fips);
        }
        if site.dual_stack.is_some() {
            builder.set_use_dual_stack(site.dual_stack);
        }
        $sdk::Client::from_conf(builder.build())
    }};
}

impl Aws {
    /// The typed client of Kinesis for a flow.
    ///
    /// # Errors
    /// [`ClientError::NoRegion`] if neither the configuration nor the machine names a region and
    /// the endpoint is AWS's own.
    pub async fn kinesis(
        &self,
        flow: &FlowAwsConfig,
    ) -> Result<aws_sdk_kinesis::Client, ClientError> {
        let site = Site::of(Service::Kinesis, &self.config, flow);
        let region = self.kinesis_region(flow).await?;
        let parts = (&site, region, flow.role.as_ref(), RetryConfig::disabled());
        Ok(client!(aws_sdk_kinesis, self, parts))
    }

    /// The typed client of Firehose for a flow.
    pub async fn firehose(&self, flow: &FlowAwsConfig) -> aws_sdk_firehose::Client {
        let site = Site::of(Service::Firehose, &self.config, flow);
        let region = self.firehose_region(flow);
        let parts = (&site, region, flow.role.as_ref(), RetryConfig::disabled());
        client!(aws_sdk_firehose, self, parts)
    }

    /// The client for `CloudWatch`, which retries by itself.
    pub async fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        let no_flow = FlowAwsConfig::default();
        let site = Site::of(Service::CloudWatch, &self.config, &no_flow);
        let region = self.region(&site).await;
        let region = region.unwrap_or_else(|| Region::from_static(REGION_DEFAULT));
        let parts = (&site, region, self.config.role.as_ref(), RetryConfig::standard());
        client!(aws_sdk_cloudwatch, self, parts)
    }

    /// The client that tells whose credentials a flow has.
    pub async fn sts(&self, flow: &FlowAwsConfig) -> aws_sdk_sts::Client {
        let config = credentials::sts_config(&self.config, &self.shared);
        let mut builder = aws_sdk_sts::config::Builder::from(&config);
        if let Some(role) = &flow.role {
            builder.set_credentials_provider(Some(self.assumed(role).await));
        }
        aws_sdk_sts::Client::from_conf(builder.build())
    }
}
