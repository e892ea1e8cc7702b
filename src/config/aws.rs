//! Where AWS is and who is asking: the result of checking these keys.

use std::path::PathBuf;

use super::Proxy;

/// Endpoints, regions, roles and static keys. Everything that is `None` is left to the SDK's chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsConfig {
    /// For all services, unless one has its own.
    pub region: Option<String>,
    /// `kinesis.region`.
    pub kinesis_region: Option<String>,
    /// `firehose.region`.
    pub firehose_region: Option<String>,
    /// `cloudwatch.region`.
    pub cloudwatch_region: Option<String>,
    /// The first region that a flow names: somewhere to ask STS where nothing else says where.
    pub flow_region: Option<String>,
    /// `kinesis.endpoint`, as an absolute URL.
    pub kinesis_endpoint: Option<String>,
    /// `firehose.endpoint`, as an absolute URL.
    pub firehose_endpoint: Option<String>,
    /// `cloudwatch.endpoint`, as an absolute URL.
    pub cloudwatch_endpoint: Option<String>,
    /// `sts.endpoint`, as an absolute URL: where roles are assumed.
    pub sts_endpoint: Option<String>,
    /// Static keys from the configuration file; both or neither.
    pub static_keys: Option<StaticKeys>,
    /// The role that is assumed for everything that has no other.
    pub role: Option<RoleConfig>,
    /// What requests say about who makes them.
    pub user_agent: UserAgent,
    /// `useFipsEndpoint`.
    pub fips: Option<bool>,
    /// `useDualStackEndpoint`.
    pub dual_stack: Option<bool>,
    /// `proxy` and `noProxy`.
    pub proxy: Proxy,
    /// `caFile`: the certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// AWS endpoint and identity of one flow. What is `None` is as in [`AwsConfig`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowAwsConfig {
    /// `region` of the flow.
    pub region: Option<String>,
    /// `endpoint` of the flow, as an absolute URL.
    pub endpoint: Option<String>,
    /// The role that is assumed for this flow: its own, or that of the whole file.
    pub role: Option<RoleConfig>,
    /// `useFipsEndpoint` of the flow.
    pub fips: Option<bool>,
    /// `useDualStackEndpoint` of the flow.
    pub dual_stack: Option<bool>,
}

/// A role to assume. `Debug` does not show the external id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleConfig {
    /// `assumeRoleARN`.
    pub arn: String,
    /// `assumeRoleExternalId`.
    pub external_id: Option<String>,
}

impl std::fmt::Debug for RoleConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleConfig")
            .field("arn", &self.arn)
            .field("external_id", &self.external_id.as_ref().map(|_| "set"))
            .finish()
    }
}

/// The header with which requests say who makes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UserAgent {
    /// As the SDK writes it.
    #[default]
    Sdk,
    /// `userAgent`: this, a blank, and what the SDK writes.
    Prefixed(String),
    /// `userAgentOverride`: this alone.
    Replaced(String),
}

/// Static credentials. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct StaticKeys {
    /// `awsAccessKeyId`.
    pub access_key_id: String,
    /// `awsSecretAccessKey`.
    pub secret_access_key: String,
}

kinetail_base::debug_only!(StaticKeys {});
