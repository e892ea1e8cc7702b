//! Builds the long-lived AWS clients from the configuration: regions, endpoints, credentials and
//! timeouts, once for each service.
//!
//! The SDK's own retries are off for the data services, because partial failures, backoff and
//! shutdown are the sender's; for `CloudWatch` they are on. Credentials and their cache are shared
//! by all clients. No error here contains a secret.

use std::time::Duration;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use thiserror::Error;
use tokio::sync::OnceCell;

use super::protocol::PreEncodedProtocol;
use super::region;
use crate::config::AwsConfig;

/// A connection is made within this time, or not.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// One attempt, from resolving credentials to the last byte of the answer.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Where Firehose and `CloudWatch` are looked for when nothing says otherwise, as with the Java
/// agent, and where emulators are.
const REGION_DEFAULT: &str = "us-east-1";

/// Why a client cannot be built.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ClientError {
    /// Nothing says which region it is.
    #[error(
        "cannot tell the region of {service}: set `region` or `{key}` in the configuration, or \
         AWS_REGION in the environment"
    )]
    NoRegion {
        /// The service's name.
        service: &'static str,
        /// The configuration key that would settle it.
        key: &'static str,
    },
}

/// What the clients share.
#[derive(Debug)]
pub struct Aws {
    config: AwsConfig,
    shared: SdkConfig,
    /// What the machine says about the region; asked at most once, and only if it matters.
    machine_region: OnceCell<Option<Region>>,
}

impl Aws {
    /// Reads the SDK's environment variables and profile files. The network is asked (the EC2
    /// metadata service) only if no region is configured and no endpoint is an emulator's.
    pub async fn load(config: &AwsConfig) -> Self {
        let machine_region = OnceCell::new();
        let region = match configured_region(config) {
            Some(region) => Some(region),
            None => machine_region.get_or_init(|| ask_machine(config)).await.clone(),
        };
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region)
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(keys) = &config.static_keys {
            loader = loader.credentials_provider(Credentials::new(
                &keys.access_key_id,
                &keys.secret_access_key,
                None,
                None,
                "configuration",
            ));
        }
        Self { config: config.clone(), shared: loader.load().await, machine_region }
    }

    /// The client for Kinesis.
    ///
    /// # Errors
    /// [`ClientError::NoRegion`] if neither the configuration nor the machine names a region and
    /// the endpoint is AWS's own.
    pub async fn kinesis(&self) -> Result<aws_sdk_kinesis::Client, ClientError> {
        let (own, endpoint) = (&self.config.kinesis_region, &self.config.kinesis_endpoint);
        let custom = endpoint.as_deref().is_some_and(|url| !region::is_aws(url));
        let region = self
            .region(own.as_deref(), endpoint.as_deref())
            .await
            .or_else(|| custom.then(|| Region::from_static(REGION_DEFAULT)))
            .ok_or(ClientError::NoRegion { service: "Kinesis", key: "kinesis.region" })?;
        let mut builder = aws_sdk_kinesis::config::Builder::from(&self.shared)
            .region(region)
            .retry_config(RetryConfig::disabled())
            .protocol(PreEncodedProtocol::json());
        if endpoint.is_some() {
            builder.set_endpoint_url(endpoint.clone());
        }
        Ok(aws_sdk_kinesis::Client::from_conf(builder.build()))
    }

    /// The client for Firehose.
    pub async fn firehose(&self) -> aws_sdk_firehose::Client {
        let (own, endpoint) = (&self.config.firehose_region, &self.config.firehose_endpoint);
        let region = self.region(own.as_deref(), endpoint.as_deref()).await;
        let mut builder = aws_sdk_firehose::config::Builder::from(&self.shared)
            .region(region.unwrap_or_else(|| Region::from_static(REGION_DEFAULT)))
            .retry_config(RetryConfig::disabled())
            .protocol(PreEncodedProtocol::json());
        if endpoint.is_some() {
            builder.set_endpoint_url(endpoint.clone());
        }
        aws_sdk_firehose::Client::from_conf(builder.build())
    }

    /// The client for `CloudWatch`, which retries by itself.
    pub async fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        let (own, endpoint) = (&self.config.cloudwatch_region, &self.config.cloudwatch_endpoint);
        let region = self.region(own.as_deref(), endpoint.as_deref()).await;
        let mut builder = aws_sdk_cloudwatch::config::Builder::from(&self.shared)
            .region(region.unwrap_or_else(|| Region::from_static(REGION_DEFAULT)))
            .retry_config(RetryConfig::standard());
        if endpoint.is_some() {
            builder.set_endpoint_url(endpoint.clone());
        }
        aws_sdk_cloudwatch::Client::from_conf(builder.build())
    }

    /// A service's own region, the general one, the one in its endpoint, the machine's.
    async fn region(&self, own: Option<&str>, endpoint: Option<&str>) -> Option<Region> {
        let configured = own
            .or(self.config.region.as_deref())
            .or_else(|| endpoint.and_then(region::from_endpoint));
        match configured {
            Some(name) => Some(Region::new(name.to_owned())),
            None => self.machine_region.get_or_init(|| ask_machine(&self.config)).await.clone(),
        }
    }
}

/// Any region that the configuration names: the credential chain wants one for STS.
fn configured_region(config: &AwsConfig) -> Option<Region> {
    let regions = [
        &config.region,
        &config.kinesis_region,
        &config.firehose_region,
        &config.cloudwatch_region,
    ];
    let named = regions.into_iter().find_map(Option::as_deref);
    let name = named.or_else(|| endpoints(config).find_map(region::from_endpoint))?;
    Some(Region::new(name.to_owned()))
}

fn endpoints(config: &AwsConfig) -> impl Iterator<Item = &str> {
    let endpoints =
        [&config.kinesis_endpoint, &config.firehose_endpoint, &config.cloudwatch_endpoint];
    endpoints.into_iter().filter_map(Option::as_deref)
}

/// Asks the environment, the profile files and, unless an emulator is in use, the EC2 metadata
/// service, which elsewhere is a wait of seconds for nothing.
async fn ask_machine(config: &AwsConfig) -> Option<Region> {
    if endpoints(config).any(|url| !region::is_aws(url)) {
        RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .region()
            .await
    } else {
        DefaultRegionChain::builder().build().region().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StaticKeys;

    /// What is loaded on a machine that says nothing about its region.
    async fn without_region(config: AwsConfig) -> Aws {
        let shared = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("nowhere-1"))
            .load()
            .await;
        Aws { config, shared, machine_region: OnceCell::new_with(Some(None)) }
    }

    fn region_of(config: &aws_sdk_kinesis::Config) -> Option<&str> {
        config.region().map(AsRef::as_ref)
    }

    #[tokio::test]
    async fn kinesis_without_a_region_is_an_error_at_aws_only() {
        let config = AwsConfig::default();
        let error = without_region(config).await.kinesis().await.expect_err("no region");
        assert_eq!(error, ClientError::NoRegion { service: "Kinesis", key: "kinesis.region" });
        assert!(error.to_string().contains("set `region` or `kinesis.region`"));

        let kinesis_endpoint = Some("http://127.0.0.1:4566".to_owned());
        let config = AwsConfig { kinesis_endpoint, ..AwsConfig::default() };
        let client = without_region(config).await.kinesis().await.expect("an emulator");
        assert_eq!(region_of(client.config()), Some(REGION_DEFAULT));
    }

    #[tokio::test]
    async fn firehose_and_cloudwatch_fall_back_to_one_region() {
        let aws = without_region(AwsConfig::default()).await;
        let (firehose, cloudwatch) = (aws.firehose().await, aws.cloudwatch().await);
        assert_eq!(firehose.config().region().map(AsRef::as_ref), Some(REGION_DEFAULT));
        assert_eq!(cloudwatch.config().region().map(AsRef::as_ref), Some(REGION_DEFAULT));
    }

    #[tokio::test]
    async fn regions_come_from_the_nearest_place() {
        let at = |kinesis: Option<&str>, general: Option<&str>, endpoint: Option<&str>| AwsConfig {
            kinesis_region: kinesis.map(str::to_owned),
            region: general.map(str::to_owned),
            kinesis_endpoint: endpoint.map(str::to_owned),
            ..AwsConfig::default()
        };
        let aws = Some("https://kinesis.ap-south-1.amazonaws.com");
        let cases = [
            (at(Some("eu-west-1"), Some("eu-west-2"), aws), "eu-west-1"),
            (at(None, Some("eu-west-2"), aws), "eu-west-2"),
            (at(None, None, aws), "ap-south-1"),
        ];
        for (config, expected) in cases {
            let client = Aws::load(&config).await.kinesis().await.expect("a region");
            assert_eq!(region_of(client.config()), Some(expected));
        }
    }

    #[tokio::test]
    async fn the_sdk_never_retries_a_put_and_always_has_deadlines() {
        let config = AwsConfig {
            region: Some("eu-west-1".to_owned()),
            static_keys: Some(StaticKeys {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: "hidden-from-debug".to_owned(),
            }),
            ..AwsConfig::default()
        };
        let aws = Aws::load(&config).await;
        assert!(!format!("{aws:?}").contains("hidden-from-debug"));
        let client = aws.kinesis().await.expect("a region");
        let config = client.config();
        assert_eq!(config.retry_config().map(RetryConfig::max_attempts), Some(1));
        let timeouts = config.timeout_config().expect("timeouts");
        assert_eq!(timeouts.connect_timeout(), Some(CONNECT_TIMEOUT));
        assert_eq!(timeouts.operation_attempt_timeout(), Some(ATTEMPT_TIMEOUT));
        let cloudwatch = aws.cloudwatch().await;
        let retries = cloudwatch.config().retry_config().map(RetryConfig::max_attempts);
        assert_eq!(retries, Some(3));
    }
}
