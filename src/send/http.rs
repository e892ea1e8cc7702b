//! The HTTP client that all AWS clients share: which requests go through a proxy, and whose
//! certificates are believed.
//!
//! The SDK's own client honors `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, but would send the
//! requests for credentials, which go to link-local addresses in plain text, to the proxy as well:
//! its operator could read them. Here those never leave the host. `proxy` and `noProxy` of the
//! configuration replace the variables. `caFile`, or `AWS_CA_BUNDLE`, which other AWS tools honor
//! and the Rust SDK does not, replaces the system's certificates.

mod direct;
mod proxy;
mod trust;
mod way;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::config_bag::ConfigBag;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::load_native_certs;
use thiserror::Error;

use self::direct::Direct;
pub(crate) use self::proxy::ambient_proxies;
use self::proxy::proxy_of;
pub(crate) use self::trust::CaFile;
use self::trust::{Trust, of_the_system};
pub(super) use self::way::{Answer, Carrier, Way};
use super::client::CONNECT_TIMEOUT;
use crate::config::AwsConfig;
use crate::config::site::host;

/// What is not encrypted.
const PLAIN: &str = "http://";

/// Where credentials are asked for: the EC2 metadata service, ECS, EKS Pod Identity ("Instance
/// metadata", "Task IAM roles" and "EKS Pod Identities" in the user guides).
const CREDENTIAL_ADDRESSES: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];

/// The CA certificates or the proxy that are set cannot be used.
#[derive(Debug, Error)]
pub enum HttpError {
    /// There is no certificate in the file, or one that cannot be parsed.
    #[error(
        "cannot load CA bundle ({key}): {path} is not a valid PEM certificate bundle: {reason}"
    )]
    Certificates {
        /// What names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system does not let the file be read.
    #[error("cannot load CA bundle ({key}): cannot read {path}: {source}")]
    NotReadable {
        /// What names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The SDK does not take the proxy. Its reason is not shown: the URL may hold a password.
    #[error("cannot use the proxy {0}: invalid URL; write proxy as http://HOST:PORT")]
    Proxy(String),
}

/// How HTTP is spoken.
pub(super) struct Http {
    trust: Trust,
    /// What a flow's own connections are encrypted with.
    tls: OnceLock<Option<Arc<ClientConfig>>>,
    /// `None` if requests go directly.
    proxy: Option<ProxyConfig>,
}

/// The SDK's types would show the password of a proxy.
impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("has_trust", &self.trust.roots.is_some())
            .field("has_proxy", &self.proxy.is_some())
            .finish_non_exhaustive()
    }
}

impl Http {
    /// As the configuration says, else the environment.
    ///
    /// # Errors
    /// [`HttpError`] if what is set cannot be used.
    pub(super) fn of(config: &AwsConfig) -> Result<Self, HttpError> {
        let trust = match CaFile::of(config) {
            Some(file) => file.trust()?,
            None => of_the_system(load_native_certs().certs),
        };
        Ok(Self { trust, tls: OnceLock::new(), proxy: proxy_of(&config.proxy)? })
    }

    /// Whether a connection to this URL could ever be made: one that is encrypted needs
    /// certificates to believe.
    pub(super) fn can_reach(&self, url: &str) -> bool {
        let is_plain =
            url.get(..PLAIN.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(PLAIN));
        self.trust.roots.is_some() || is_plain
    }

    /// The client that all typed clients share.
    pub(super) fn client(&self) -> SharedHttpClient {
        let direct = client_over(self.trust.store.clone(), ProxyConfig::disabled());
        match self.proxy.clone() {
            None => direct,
            Some(proxy) => {
                let outside = client_over(self.trust.store.clone(), proxy);
                SharedHttpClient::new(Forked { outside, direct })
            }
        }
    }

    /// A way, with connections of its own, for requests that all go to this URL. Without a deadline
    /// for answers: that is the caller's.
    pub(super) fn way(&self, url: &str) -> Way {
        let proxy = self.proxy.clone().filter(|_| !stays_here(url));
        if proxy.is_none()
            && let Some(tls) = self.tls()
        {
            return Way::Direct(Direct::new(tls));
        }
        let proxy = proxy.unwrap_or_else(ProxyConfig::disabled);
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let connector = connector_over(&self.trust.store, proxy, Some(settings));
        Way::Sdk(SharedHttpConnector::new(connector))
    }

    /// All flows resume each other's sessions.
    fn tls(&self) -> Option<Arc<ClientConfig>> {
        let none = || Arc::new(RootCertStore::empty());
        let make = || tls_of(&self.trust.roots.clone().unwrap_or_else(none));
        self.tls.get_or_init(make).clone()
    }
}

/// Nothing if the library of cryptography knew no version of TLS.
fn tls_of(roots: &Arc<RootCertStore>) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    Some(Arc::new(builder.with_root_certificates(Arc::clone(roots)).with_no_client_auth()))
}

/// As the SDK makes its own client, but for certificates and proxies.
fn client_over(trust: TrustStore, proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, _| {
        connector_over(&trust, proxy.clone(), settings.cloned())
    })
}

fn connector_over(
    trust: &TrustStore,
    proxy: ProxyConfig,
    settings: Option<HttpConnectorSettings>,
) -> Connector {
    let mut connector =
        ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    // A context of a trust store alone is never refused.
    if let Ok(context) = TlsContext::builder().with_trust_store(trust.clone()).build() {
        connector.set_tls_context(context);
    }
    connector.set_connector_settings(settings);
    connector.set_proxy_config(Some(proxy));
    connector.build()
}

/// Whether a request to this URL may not go through a proxy.
fn stays_here(url: &str) -> bool {
    let host = host(url);
    CREDENTIAL_ADDRESSES.contains(&host)
        || host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// Two clients: one through the proxies of the environment, one that knows none.
#[derive(Debug)]
struct Forked {
    outside: SharedHttpClient,
    direct: SharedHttpClient,
}

impl HttpClient for Forked {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ForkedConnector {
            outside: self.outside.http_connector(settings, components),
            direct: OnceLock::new(),
            direct_client: self.direct.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        cfg: &ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        self.outside.validate_base_client_config(components, cfg)
    }
}

/// One connector of each client; the direct one is made when it is first needed.
#[derive(Debug)]
struct ForkedConnector {
    outside: SharedHttpConnector,
    direct: OnceLock<SharedHttpConnector>,
    direct_client: SharedHttpClient,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for ForkedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !stays_here(request.uri()) {
            return self.outside.call(request);
        }
        let make = || self.direct_client.http_connector(&self.settings, &self.components);
        self.direct.get_or_init(make).call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Proxy, ProxyServer};
    use rustls::pki_types::CertificateDer;

    #[test]
    fn questions_for_credentials_and_this_host_stay_here() {
        for url in [
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.2/v2/credentials/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::254]/latest/meta-data",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://localhost:4566/",
            "http://127.0.0.1:4566/",
            "http://127.9.9.9/",
            "http://[::1]:4566/",
        ] {
            assert!(stays_here(url), "{url}");
        }
        for url in [
            "https://kinesis.eu-west-1.amazonaws.com/",
            "http://169.254.169.254.example/",
            "http://localhost.example/",
            "http://10.0.0.1/?169.254.169.254",
        ] {
            assert!(!stays_here(url), "{url}");
        }
    }

    #[test]
    fn without_certificates_only_what_is_plain_can_be_reached() {
        let broken = CertificateDer::from(b"no certificate".to_vec());
        for certificates in [Vec::new(), vec![broken]] {
            let trust = of_the_system(certificates);
            let http = Http { trust, tls: OnceLock::new(), proxy: None };
            assert!(http.can_reach("http://127.0.0.1:4566") && http.can_reach("HTTP://x"));
            assert!(!http.can_reach("https://kinesis.eu-west-1.amazonaws.com"));
            // To make one is no panic.
            http.way("http://127.0.0.1:4566");
        }
    }

    fn through(url: &str) -> AwsConfig {
        let server = ProxyServer { url: url.to_owned(), except: None };
        AwsConfig { proxy: Proxy::Through(server), ..AwsConfig::default() }
    }

    #[test]
    fn proxy_credentials_are_never_shown() {
        let http = Http::of(&through("http://user:hidden-word@127.0.0.1:9")).unwrap();
        let (client, way) = (http.client(), http.way("https://kinesis.example"));
        let shown = format!("{http:?} {client:?} {way:?}");
        assert!(shown.contains("has_proxy: true") && !shown.contains("hidden-word"), "{shown}");
        let error = Http::of(&through("ftp://user:hidden-word@127.0.0.1:9")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use the proxy ftp://127.0.0.1:9: invalid URL; write proxy as http://HOST:PORT"
        );
        assert!(!format!("{error:?}").contains("hidden-word"), "{error:?}");
    }
}
