//! Which certificates are trusted: those of `caFile` or `AWS_CA_BUNDLE`, else the system's.

use std::path::PathBuf;

use aws_smithy_http_client::tls::TrustStore;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::HttpError;
use crate::config::AwsConfig;

/// Names the certificates to trust, for every AWS tool.
const CA_BUNDLE_VARIABLE: &str = "AWS_CA_BUNDLE";

/// The same in the configuration.
const CA_FILE_KEY: &str = "caFile";

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
    pub(super) fn trust(&self) -> Result<TrustStore, HttpError> {
        let Self { key, path } = self.clone();
        let pem = match std::fs::read(&path) {
            Ok(pem) => pem,
            Err(source) => return Err(HttpError::NotReadable { key, path, source }),
        };
        match first_fault(&pem) {
            None => Ok(TrustStore::empty().with_pem_certificate(pem)),
            Some(reason) => Err(HttpError::Certificates { key, path, reason }),
        }
    }

    /// # Errors
    /// [`HttpError`] if it cannot be used.
    pub(crate) fn examine(&self) -> Result<(), HttpError> {
        self.trust().map(drop)
    }
}

/// What keeps PEM certificates from being used.
fn first_fault(pem: &[u8]) -> Option<String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        if let Err(reason) = added {
            return Some(reason);
        }
    }
    roots.is_empty().then(|| "contains no certificates".to_owned())
}

/// The certificates of the system, and whether there are any. The SDK may panic without one, also
/// where nothing is encrypted.
pub(super) fn of_the_system(certificates: Vec<CertificateDer<'static>>) -> (TrustStore, bool) {
    let (valid, _) = RootCertStore::empty().add_parsable_certificates(certificates);
    if valid > 0 { (TrustStore::default(), true) } else { (TrustStore::empty(), false) }
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
