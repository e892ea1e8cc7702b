//! The HTTP client that all AWS clients share: which requests go through a proxy, and whose
//! certificates are believed.
//!
//! The SDK's own client honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, but would send the
//! questions for credentials, which go to link-local addresses in plain text, to the proxy as
//! well: whoever runs that could read them. Here those never leave the host. `AWS_CA_BUNDLE`,
//! which other AWS tools honour and the Rust SDK does not, replaces the system's certificates.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_native_certs::load_native_certs;
use thiserror::Error;

use super::client::CONNECT_TIMEOUT;
use crate::config::site::host;

/// Names the certificates to believe, for every AWS tool.
const CA_BUNDLE_VARIABLE: &str = "AWS_CA_BUNDLE";

/// What is not encrypted.
const PLAIN: &str = "http://";

/// Any of them sends something through a proxy.
const PROXY_VARIABLES: [&str; 6] =
    ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "http_proxy", "https_proxy"];

/// Where credentials are asked for: the EC2 metadata service, ECS, EKS Pod Identity ("Instance
/// metadata", "Task IAM roles" and "EKS Pod Identities" in the user guides).
const CREDENTIAL_ADDRESSES: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];

/// The certificates that somebody asked to believe cannot be used.
#[derive(Debug, Error)]
pub enum CaBundleError {
    /// There is no certificate in it, or none that can be understood.
    #[error("{CA_BUNDLE_VARIABLE}: {path}: is no file of PEM certificates: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system does not let it be read.
    #[error("{CA_BUNDLE_VARIABLE}: {path}: cannot be read: {source}")]
    NotReadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// How HTTP is spoken in the environment of this process.
#[derive(Debug, Clone)]
pub(super) struct Http {
    trust: TrustStore,
    /// Whether there is any certificate to believe.
    trusts_somebody: bool,
    /// `None` if no variable names a proxy.
    proxy: Option<ProxyConfig>,
}

impl Http {
    /// Looks at the environment.
    ///
    /// # Errors
    /// [`CaBundleError`] if `AWS_CA_BUNDLE` names something that cannot be used.
    pub(super) fn from_environment() -> Result<Self, CaBundleError> {
        let bundle = std::env::var_os(CA_BUNDLE_VARIABLE).filter(|path| !path.is_empty());
        let (trust, trusts_somebody) = match bundle {
            Some(path) => (ca_bundle(Path::new(&path))?, true),
            None => of_the_system(load_native_certs().certs),
        };
        let wants_proxy = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let proxy = PROXY_VARIABLES.into_iter().any(wants_proxy).then(ProxyConfig::from_env);
        Ok(Self { trust, trusts_somebody, proxy })
    }

    /// Whether a connection to this URL could ever be made: one that is encrypted needs
    /// certificates to believe.
    pub(super) fn can_reach(&self, url: &str) -> bool {
        let is_plain =
            url.get(..PLAIN.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(PLAIN));
        self.trusts_somebody || is_plain
    }

    /// The client that all typed clients share.
    pub(super) fn client(&self) -> SharedHttpClient {
        let direct = client_over(self.trust.clone(), ProxyConfig::disabled());
        match self.proxy.clone() {
            None => direct,
            Some(proxy) => {
                let outside = client_over(self.trust.clone(), proxy);
                SharedHttpClient::new(Forked { outside, direct })
            }
        }
    }

    /// A connector, with connections of its own, for requests that all go to this URL. Without a
    /// deadline for answers: that is the caller's.
    pub(super) fn connector(&self, url: &str) -> SharedHttpConnector {
        let proxy = self.proxy.clone().filter(|_| !stays_here(url));
        let proxy = proxy.unwrap_or_else(ProxyConfig::disabled);
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
        SharedHttpConnector::new(connector_over(&self.trust, proxy, Some(settings)))
    }
}

/// The certificates of the system, and whether there are any. The SDK may panic without one, also
/// where nothing is encrypted.
fn of_the_system(certificates: Vec<CertificateDer<'static>>) -> (TrustStore, bool) {
    let (valid, _) = RootCertStore::empty().add_parsable_certificates(certificates);
    if valid > 0 { (TrustStore::default(), true) } else { (TrustStore::empty(), false) }
}

/// Reads certificates and looks at each: the SDK would panic at one that is broken.
fn ca_bundle(path: &Path) -> Result<TrustStore, CaBundleError> {
    let not_readable = |source| CaBundleError::NotReadable { path: path.to_path_buf(), source };
    let pem = std::fs::read(path).map_err(not_readable)?;
    let invalid = |reason: String| CaBundleError::Invalid { path: path.to_path_buf(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(invalid("there is no certificate in it".to_owned()));
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
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
            let (trust, trusts_somebody) = of_the_system(certificates);
            let http = Http { trust, trusts_somebody, proxy: None };
            assert!(http.can_reach("http://127.0.0.1:4566") && http.can_reach("HTTP://x"));
            assert!(!http.can_reach("https://kinesis.eu-west-1.amazonaws.com"));
            // To make one is no panic.
            http.connector("http://127.0.0.1:4566");
        }
    }

    #[test]
    fn a_bundle_that_cannot_be_used_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let missing = ca_bundle(&path).unwrap_err();
        assert!(matches!(missing, CaBundleError::NotReadable { .. }));
        assert!(missing.to_string().starts_with("AWS_CA_BUNDLE: "), "{missing}");
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = ca_bundle(&path).unwrap_err();
            assert!(matches!(error, CaBundleError::Invalid { .. }), "{text}: {error}");
        }
    }
}
