//! The typed clients of the services: for `check`, and for the metrics for `CloudWatch`.

use aws_config::Region;
use aws_config::retry::RetryConfig;

use super::super::credentials;
use super::super::user_agent::UserAgentHeader;
use super::{Aws, ClientError, REGION_DEFAULT};
use crate::config::FlowAwsConfig;
use crate::config::site::{Service, Site};

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
        let mut builder = aws_sdk_kinesis::config::Builder::from(&self.shared)
            .region(region)
            .interceptor(UserAgentHeader(self.config.user_agent.clone()))
            .retry_config(RetryConfig::disabled());
        if let Some(role) = &flow.role {
            builder.set_credentials_provider(Some(self.assumed(role).await));
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
        Ok(aws_sdk_kinesis::Client::from_conf(builder.build()))
    }

    /// The typed client of Firehose for a flow.
    pub async fn firehose(&self, flow: &FlowAwsConfig) -> aws_sdk_firehose::Client {
        let site = Site::of(Service::Firehose, &self.config, flow);
        let region = self.firehose_region(flow);
        let mut builder = aws_sdk_firehose::config::Builder::from(&self.shared)
            .region(region)
            .interceptor(UserAgentHeader(self.config.user_agent.clone()))
            .retry_config(RetryConfig::disabled());
        if let Some(role) = &flow.role {
            builder.set_credentials_provider(Some(self.assumed(role).await));
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
        aws_sdk_firehose::Client::from_conf(builder.build())
    }

    /// The client for `CloudWatch`, which retries by itself.
    pub async fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        let no_flow = FlowAwsConfig::default();
        let site = Site::of(Service::CloudWatch, &self.config, &no_flow);
        let region = self.region(&site).await;
        let mut builder = aws_sdk_cloudwatch::config::Builder::from(&self.shared)
            .region(region.unwrap_or_else(|| Region::from_static(REGION_DEFAULT)))
            .interceptor(UserAgentHeader(self.config.user_agent.clone()))
            .retry_config(RetryConfig::standard());
        if let Some(role) = &self.config.role {
            builder.set_credentials_provider(Some(self.assumed(role).await));
        }
        if let Some(endpoint) = site.endpoint {
            builder.set_endpoint_url(Some(endpoint.to_owned()));
        }
        aws_sdk_cloudwatch::Client::from_conf(builder.build())
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
