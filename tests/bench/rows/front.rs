//! What stands before the sandbox: TLS, or an endpoint that takes connections and does not answer.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::error::BenchError;

/// A front on loopback; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Front {
    address: SocketAddr,
    /// The certificate to trust.
    authority: Option<String>,
    answers: watch::Sender<bool>,
    _served: JoinSet<()>,
}

impl Front {
    /// One that takes TLS connections and hands on what they carry.
    pub(super) async fn encrypted(backend: SocketAddr) -> Result<Self, BenchError> {
        let (acceptor, authority) = acceptor()?;
        Self::start(backend, Some(acceptor), Some(authority)).await
    }

    /// One that takes connections, and answers only after [`Self::revive`].
    pub(super) async fn dead(backend: SocketAddr) -> Result<Self, BenchError> {
        let front = Self::start(backend, None, None).await?;
        front.answers.send_replace(false);
        Ok(front)
    }

    async fn start(
        backend: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        authority: Option<String>,
    ) -> Result<Self, BenchError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(BenchError::io("listen"))?;
        let address = listener.local_addr().map_err(BenchError::io("listen"))?;
        let (answers, state) = watch::channel(true);
        let mut served = JoinSet::new();
        served.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, backend, acceptor.clone(), state.clone()));
            }
        });
        Ok(Self { address, authority, answers, _served: served })
    }

    /// From now on it answers. Connections that were not answered end.
    pub(super) fn revive(&self) {
        self.answers.send_replace(true);
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// Writes the certificate to trust into a file.
    pub(super) fn write_authority(&self, path: &Path) -> Result<(), BenchError> {
        fs::write(path, self.authority.as_deref().unwrap_or_default())
            .map_err(BenchError::io("write a certificate"))
    }
}

/// The end of a connection, whoever ends it, is no matter of the bench.
async fn serve(
    outside: TcpStream,
    backend: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    mut answers: watch::Receiver<bool>,
) -> Option<()> {
    if !*answers.borrow_and_update() {
        return answers.changed().await.ok();
    }
    outside.set_nodelay(true).ok()?;
    match acceptor {
        Some(acceptor) => hand_on(acceptor.accept(outside).await.ok()?, backend).await,
        None => hand_on(outside, backend).await,
    }
}

async fn hand_on(
    mut outside: impl AsyncRead + AsyncWrite + Unpin,
    backend: SocketAddr,
) -> Option<()> {
    let mut inside = TcpStream::connect(backend).await.ok()?;
    inside.set_nodelay(true).ok()?;
    copy_bidirectional(&mut outside, &mut inside).await.ok().map(drop)
}

/// A server that is called `localhost`, and its authority.
fn acceptor() -> Result<(TlsAcceptor, String), BenchError> {
    let wrong = |error: rcgen::Error| BenchError::Certificate(error.to_string());
    let key = KeyPair::generate().map_err(wrong)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(wrong)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).map_err(wrong)?;
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().map_err(wrong)?;
    let params = CertificateParams::new(["localhost".to_owned()]).map_err(wrong)?;
    let certificate = params.signed_by(&key, &issuer).map_err(wrong)?;
    let wrong = |error: rustls::Error| BenchError::Certificate(error.to_string());
    let private = PrivateKeyDer::try_from(key.serialize_der());
    let private = private.map_err(|reason| BenchError::Certificate(reason.to_owned()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .map_err(wrong)?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority.pem()))
}
