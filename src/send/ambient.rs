//! Endpoints that the environment and the profile set, as the SDK reads them: `AWS_ENDPOINT_URL`,
//! `AWS_ENDPOINT_URL_KINESIS` and its like, `endpoint_url` and `services` of the profile, unless
//! `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is set. They count where the configuration names none.
//!
//! Alongside them a wire-tap that lets nothing out to what is not AWS's own.

use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;

use super::client::REGION_DEFAULT;
use super::wire;
use crate::config::site::{Service, Site, is_endpoint_of};

/// For all services.
const VARIABLE: &str = "AWS_ENDPOINT_URL";

/// The key of a profile.
const PROFILE_KEY: &str = "endpoint_url";

/// What in a profile leads to credentials.
const KEYS: [&str; 7] = [
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "role_arn",
    "sso_account_id",
    "sso_session",
    "web_identity_token_file",
];

/// What the environment and the profile say. Nothing is asked over the network.
#[derive(Debug)]
pub struct Ambient {
    shared: SdkConfig,
    region: Option<String>,
    has_keys: Option<bool>,
}

/// An endpoint that no key of the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmbientEndpoint {
    /// The URL.
    pub url: String,
    /// What says so.
    pub source: String,
}

impl Ambient {
    /// Reads the environment and the profile files.
    pub async fn load() -> Self {
        let shared = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION_DEFAULT))
            .no_credentials()
            .load()
            .await;
        let profile = ProfileFileRegionProvider::builder().build();
        let region = ProvideRegion::region(&profile).await;
        let region = region.map(|region| region.as_ref().to_owned());
        let profiles = EnvConfigFiles::default();
        let loaded =
            aws_config::profile::load(&Fs::real(), &Env::real(), &profiles, None).await.ok();
        let has_keys = loaded.map(|profiles| {
            KEYS.iter().any(|key| profiles.get(key).is_some_and(|value| !value.is_empty()))
        });
        Self { shared, region, has_keys }
    }

    /// The endpoint of a service.
    #[must_use]
    pub fn endpoint(&self, service: Service) -> Option<AmbientEndpoint> {
        endpoint(&self.shared, service.name())
    }

    /// The endpoint of STS.
    #[must_use]
    pub fn sts_endpoint(&self) -> Option<AmbientEndpoint> {
        endpoint(&self.shared, "STS")
    }

    /// The endpoint that the rules of a service give for a flow, or why they give none. Nothing is
    /// asked over the network.
    ///
    /// # Errors
    ///
    /// Why there is none, in the words of the rules.
    pub async fn resolve(
        &self,
        service: Service,
        site: &Site<'_>,
        endpoint: Option<String>,
        region: &str,
    ) -> Result<String, String> {
        let site = wire::Site {
            service,
            region: region.to_owned(),
            endpoint,
            fips: self.fips(site),
            dual_stack: self.dual_stack(site),
            account_mode: None,
        };
        site.resolve(None).await.map(|endpoint| endpoint.url().to_owned())
    }

    /// Whether a flow uses FIPS endpoints, and whether anything says so.
    #[must_use]
    pub fn fips(&self, site: &Site<'_>) -> Option<bool> {
        site.fips.or_else(|| self.shared.use_fips())
    }

    /// Whether a flow uses dual-stack endpoints, and whether anything says so.
    #[must_use]
    pub(crate) fn dual_stack(&self, site: &Site<'_>) -> Option<bool> {
        site.dual_stack.or_else(|| self.shared.use_dual_stack())
    }

    /// Whether the profile says where to get credentials, if it could be read.
    #[must_use]
    pub(crate) fn profile_has_keys(&self) -> Option<bool> {
        self.has_keys
    }

    /// The region of the profile.
    #[must_use]
    pub(crate) fn profile_region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

/// As the clients of the SDK find it. The names of services are those that the SDK knows them by.
pub(super) fn endpoint(shared: &SdkConfig, service: &'static str) -> Option<AmbientEndpoint> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env(VARIABLE)
        .profile(PROFILE_KEY)
        .build()
        .ok()?;
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let own = format!("{VARIABLE}_{}", service.to_ascii_uppercase());
    let profile = || format!("{PROFILE_KEY} of the profile");
    if let Some(url) = shared.service_config().and_then(|config| config.load_config(key)) {
        let source = [own, VARIABLE.to_owned()].into_iter().find(|name| is_set(name));
        return Some(AmbientEndpoint { url, source: source.unwrap_or_else(profile) });
    }
    let url = shared.endpoint_url()?.to_owned();
    let source = if is_set(VARIABLE) { VARIABLE.to_owned() } else { profile() };
    Some(AmbientEndpoint { url, source })
}

/// Lets a request out only to AWS's own endpoint of Kinesis, whatever made it go elsewhere.
#[derive(Debug)]
pub struct OnlyToKinesis;

#[dyn_dispatch_hint]
impl Intercept for OnlyToKinesis {
    fn name(&self) -> &'static str {
        "OnlyToKinesis"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_endpoint_of(context.request().uri(), Service::Kinesis) {
            return Ok(());
        }
        Err("the endpoint is not AWS's own: nothing was sent".into())
    }
}
