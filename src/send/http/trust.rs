//! Which certificates are trusted: those of `caFile` or `AWS_CA_BUNDLE`, else the system's.

use std::path::PathBuf;
use std::sync::Arc;

use aws_smithy_http_client::tls::TrustStore;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::HttpError;
use crate::config::AwsConfig;
use crate::disk::regular;

/// Names the certificates to trust, for every AWS tool.
const CA_BUNDLE_VARIABLE: &str = "AWS_CA_BUNDLE";

/// The same in the configuration.
const CA_FILE_KEY: &str = "caFile";

/// Who is trusted, as the SDK has it and as our own connections do.
pub(super) struct Trust {
    pub(super) store: TrustStore,
    /// `None` without certificates to trust.
    pub(super) roots: Option<Arc<RootCertStore>>,
}

/// A file of certificates to trust, and what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaFile {
    pub(crate) key: &'static str,
    pub(crate) path: PathBuf,
}

impl CaFile {
    /// The one that counts, if any does.
    pub(crate) fn of(config: &AwsConfig) -> Option<Self> {
        if let Some(path) = &config.ca_file {
            return Some(Self { key: CA_FILE_KEY, path: path.clone() });
        }
        let set = std::env::var_os(CA_BUNDLE_VARIABLE).filter(|path| !path.is_empty())?;
        Some(Self { key: CA_BUNDLE_VARIABLE, path: set.into() })
    }

    /// Reads certificates and looks at each: the SDK would panic at one that is broken.
    pub(super) fn trust(&self) -> Result<Trust, HttpError> {
        let Self { key, path } = self.clone();
        let pem = match regular::read(&path) {
            Ok(pem) => pem,
            Err(source) => return Err(HttpError::NotReadable { key, path, source }),
        };
        match roots_of(&pem) {
            Ok(roots) => {
                let roots = Some(Arc::new(roots));
                Ok(Trust { store: TrustStore::empty().with_pem_certificate(pem), roots })
            }
            Err(reason) => Err(HttpError::Certificates { key, path, reason }),
        }
    }

    /// # Errors
    /// [`HttpError`] if it cannot be used.
    pub(crate) fn examine(&self) -> Result<(), HttpError> {
        self.trust().map(drop)
    }
}

/// The certificates of a file, or what keeps them from being used.
fn roots_of(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("contains no certificates".to_owned()) } else { Ok(roots) }
}

/// The certificates of the system, if there are any. The SDK may panic without one, also where
/// nothing is encrypted.
pub(super) fn of_the_system(certificates: Vec<CertificateDer<'static>>) -> Trust {
    let mut roots = RootCertStore::empty();
    let (valid, _) = roots.add_parsable_certificates(certificates);
    if valid > 0 {
        Trust { store: TrustStore::default(), roots: Some(Arc::new(roots)) }
    } else {
        Trust { store: TrustStore::empty(), roots: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_used_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let file = CaFile { key: CA_FILE_KEY, path: path.clone() };
        let missing = file.examine().unwrap_err();
        assert!(matches!(missing, HttpError::NotReadable { .. }));
        let wanted = "cannot load CA bundle (caFile): ";
        assert!(missing.to_string().starts_with(wanted), "{missing}");
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = file.examine().unwrap_err();
            assert!(matches!(error, HttpError::Certificates { .. }), "{text}: {error}");
        }
    }
}
