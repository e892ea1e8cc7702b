//! Puts the SDK's parts together as the configuration wants them: regions, endpoints, credentials
//! and timeouts. A flow gets a [`Wire`], for its records; `check` gets the typed clients of the
//! services, and so do the metrics for `CloudWatch`.
//!
//! The SDK's own retries are off for the data services; for `CloudWatch` they are on. Credentials
//! are asked for once for all that use the same role. No error here contains a secret.

mod place;
mod services;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use thiserror::Error;
use tokio::sync::{Mutex, OnceCell};

use super::credentials::{self, Keepers};
use super::http::{Http, HttpError};
use super::named_files::{self, NamedFileError};
use super::user_agent;
use super::wire::{Operation, Parts, Wire};
use crate::config::site::{self, Service, Site};
use crate::config::{AwsConfig, FlowAwsConfig, RoleConfig, Wire as Speak};

/// A connection is made within this time, or not.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// One attempt, from resolving credentials to the last byte of the answer.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Who sends waits this long for credentials that are being asked for, and then says that it waits.
const CREDENTIALS_TIME_MAX: Duration = Duration::from_secs(3);

/// Who only looks whether all is well waits for a source that is slow.
const CREDENTIALS_TIME_MAX_IN_CHECK: Duration = Duration::from_secs(25);

/// Where Firehose and `CloudWatch` are looked for when nothing says otherwise, as with the Java
/// agent, and where emulators are.
pub(crate) const REGION_DEFAULT: &str = "us-east-1";

/// What is spoken to where no endpoint is set: something outside of this host.
const AWS_URL: &str = "https://amazonaws.com";

/// Why a client cannot be built.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The CA certificates or the proxy that are set cannot be used.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The SDK would wait for a file that never ends.
    #[error(transparent)]
    File(#[from] NamedFileError),
    /// Nobody's certificate would be believed.
    #[error(
        "cannot connect to {0}: this host has no CA certificates, which TLS requires; install \
         ca-certificates, or set caFile or AWS_CA_BUNDLE"
    )]
    NoCertificates(String),
    /// Nobody could be asked for credentials.
    #[error("no credentials provider is configured")]
    NoCredentials,
    /// The system has no thread for credentials.
    #[error(
        "cannot start credentials thread: {0}; raise the process limit (TasksMax= or ulimit -u)"
    )]
    Thread(io::Error),
    /// Nothing says which region it is.
    #[error("no region for {service}; set `region` or `{key}` in the configuration, or AWS_REGION")]
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
    /// With the credentials that no role is assumed for.
    shared: SdkConfig,
    http: Http,
    /// What the machine says about the region; asked at most once, and only if it matters.
    machine_region: OnceCell<Option<Region>>,
    /// Each role once, whoever uses it: they share its credentials.
    roles: Mutex<BTreeMap<RoleConfig, SharedCredentialsProvider>>,
    /// Where all of them are asked for.
    keepers: Keepers,
}

impl Aws {
    /// Reads the SDK's environment variables and profile files. The network is asked (the EC2
    /// metadata service) only if no region is configured and no endpoint is an emulator's.
    ///
    /// # Errors
    /// [`ClientError::Http`] if the CA certificates or the proxy that are set cannot be used,
    /// [`ClientError::File`] if the environment names a FIFO or a device.
    pub async fn load(config: &AwsConfig) -> Result<Self, ClientError> {
        Self::load_with(config, CREDENTIALS_TIME_MAX).await
    }

    /// As [`Self::load`], with more patience for who has credentials.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn load_for_check(config: &AwsConfig) -> Result<Self, ClientError> {
        Self::load_with(config, CREDENTIALS_TIME_MAX_IN_CHECK).await
    }

    async fn load_with(config: &AwsConfig, patience: Duration) -> Result<Self, ClientError> {
        named_files::refuse()?;
        let keepers = Keepers::start(patience).map_err(ClientError::Thread)?;
        let http = Http::of(config)?;
        let client = http.client();
        // The questions for credentials go to the same kind of endpoint.
        let providers = ProviderConfig::without_region()
            .with_http_client(client.clone())
            .with_use_fips(config.fips)
            .with_use_dual_stack(config.dual_stack);
        let machine_region = OnceCell::new();
        let mut region = configured_region(config);
        if region.is_none() {
            let ask = || ask_machine(config, &providers);
            region = Box::pin(machine_region.get_or_init(ask)).await.clone();
        }
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let credentials = match &config.static_keys {
            Some(keys) => credentials::static_provider(keys),
            None => credentials::chain(&providers.with_region(region.clone()), &keepers),
        };
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region)
            .http_client(client)
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .credentials_provider(credentials);
        if let Some(fips) = config.fips {
            loader = loader.use_fips(fips);
        }
        if let Some(dual_stack) = config.dual_stack {
            loader = loader.use_dual_stack(dual_stack);
        }
        let shared = loader.load().await;
        Ok(Self {
            config: config.clone(),
            shared,
            http,
            machine_region,
            roles: Mutex::default(),
            keepers,
        })
    }

    /// The way of a flow's records to Kinesis or Firehose. The connections belong to the runtime
    /// that it is used in.
    ///
    /// # Errors
    /// [`ClientError::NoRegion`] as for [`Self::kinesis`].
    pub async fn wire(
        &self,
        operation: Operation,
        flow: &FlowAwsConfig,
        speak: Speak,
    ) -> Result<Wire, ClientError> {
        let service = operation.service();
        let region = match operation {
            Operation::PutRecords => self.kinesis_region(flow).await?,
            Operation::PutRecordBatch => self.firehose_region(flow),
        };
        let site = self.wire_site(service, flow, region.as_ref());
        let credentials = match &flow.role {
            Some(role) => Some(self.assumed(role).await),
            None => self.shared.credentials_provider(),
        };
        let url = site.endpoint.as_deref().unwrap_or(AWS_URL);
        if !self.http.can_reach(url) {
            return Err(ClientError::NoCertificates(url.to_owned()));
        }
        Ok(Wire::new(Parts {
            operation,
            way: self.http.way(url),
            credentials: credentials.ok_or(ClientError::NoCredentials)?,
            refused: self.keepers.refused(),
            user_agents: user_agent::of(&self.config.user_agent, service, &self.shared, &site),
            site,
            speak,
        }))
    }

    async fn assumed(&self, role: &RoleConfig) -> SharedCredentialsProvider {
        let mut roles = self.roles.lock().await;
        if let Some(provider) = roles.get(role) {
            return provider.clone();
        }
        let assuming = credentials::assume(role, &self.config, &self.shared, &self.keepers);
        let provider = Box::pin(assuming).await;
        roles.insert(role.clone(), provider.clone());
        provider
    }

    async fn kinesis_region(&self, flow: &FlowAwsConfig) -> Result<Region, ClientError> {
        let service = Service::Kinesis;
        let site = Site::of(service, &self.config, flow);
        let no_region =
            ClientError::NoRegion { service: service.name(), key: service.region_key() };
        self.region(&site)
            .await
            .or_else(|| site.is_custom().then(|| Region::from_static(REGION_DEFAULT)))
            .ok_or(no_region)
    }

    fn firehose_region(&self, flow: &FlowAwsConfig) -> Region {
        let site = Site::of(Service::Firehose, &self.config, flow);
        match site.region {
            Some((name, _)) => Region::new(name.to_owned()),
            None => self.firehose_region_of_old(&site),
        }
    }

    /// Where the Java agent looks for Firehose if no key says where it is. It asks neither the
    /// environment nor the instance, and its users' delivery streams are where it looks.
    fn firehose_region_of_old(&self, site: &Site<'_>) -> Region {
        let machine = self.machine_region.get().and_then(Option::as_ref);
        let is_same = machine.is_some_and(|region| region.as_ref() == REGION_DEFAULT);
        if !site.is_custom() && !is_same {
            tracing::warn!(
                name: "region_assumed",
                "using {REGION_DEFAULT} for Firehose, as the Java agent does: no region is \
                 configured, and AWS_REGION and the instance are not consulted; set \
                 firehose.region"
            );
        }
        Region::from_static(REGION_DEFAULT)
    }

    /// What the configuration says, else the machine.
    async fn region(&self, site: &Site<'_>) -> Option<Region> {
        if let Some((name, _)) = site.region {
            return Some(Region::new(name.to_owned()));
        }
        let ask = || async {
            let providers = ProviderConfig::without_region();
            let providers = match self.shared.http_client() {
                Some(client) => providers.with_http_client(client),
                None => providers,
            };
            ask_machine(&self.config, &providers).await
        };
        Box::pin(self.machine_region.get_or_init(ask)).await.clone()
    }
}

/// Any region that the configuration names: whoever asks STS wants one.
fn configured_region(config: &AwsConfig) -> Option<Region> {
    let regions = [
        &config.region,
        &config.kinesis_region,
        &config.firehose_region,
        &config.cloudwatch_region,
        &config.flow_region,
    ];
    let named = regions.into_iter().find_map(Option::as_deref);
    let name = named.or_else(|| endpoints(config).find_map(site::from_endpoint))?;
    Some(Region::new(name.to_owned()))
}

fn endpoints(config: &AwsConfig) -> impl Iterator<Item = &str> {
    let endpoints =
        [&config.kinesis_endpoint, &config.firehose_endpoint, &config.cloudwatch_endpoint];
    endpoints.into_iter().filter_map(Option::as_deref)
}

/// Asks the environment, the profile files and, unless an emulator is in use, the EC2 metadata
/// service, which elsewhere is a wait of seconds for nothing.
async fn ask_machine(config: &AwsConfig, providers: &ProviderConfig) -> Option<Region> {
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::builder().configure(providers).build());
    if endpoints(config).any(|url| !site::is_aws(url)) {
        return chain.region().await;
    }
    chain.or_else(ImdsRegionProvider::builder().configure(providers).build()).region().await
}

#[cfg(test)]
mod tests;
