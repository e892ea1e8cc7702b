//! A front on loopback that takes TLS connections and hands requests on in plain text: with a
//! certificate that is right, expired or of an unknown authority, or with a handshake that stalls.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// How connections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// With a certificate of the authority.
    Valid,
    /// With one of the authority that is not valid any more.
    Expired,
    /// With one of another authority.
    Unknown,
    /// The greeting is read and never answered.
    Stalls,
}

/// A running front.
pub struct TlsFront {
    pub address: SocketAddr,
    authority: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    manner: Mutex<Manner>,
    valid: TlsAcceptor,
    expired: TlsAcceptor,
    unknown: TlsAcceptor,
    /// The first bytes of each connection.
    greetings: Mutex<Vec<u8>>,
    backend: SocketAddr,
}

impl TlsFront {
    /// Starts one that is called `name` before a server that speaks plain text.
    pub fn start(name: &str, backend: SocketAddr) -> Self {
        let (authority, other) = (Authority::new(), Authority::new());
        let shared = Arc::new(Shared {
            manner: Mutex::new(Manner::Valid),
            valid: authority.acceptor(name, 2099),
            expired: authority.acceptor(name, 2020),
            unknown: other.acceptor(name, 2099),
            greetings: Mutex::default(),
            backend,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, authority: authority.pem, shared, _runtime: runtime }
    }

    /// From now on connections are taken so.
    pub fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// Writes the certificate of the authority into a file.
    pub fn write_authority(&self, path: &Path) {
        std::fs::write(path, &self.authority).unwrap();
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.shared.greetings.lock().unwrap().len()
    }

    /// Whether all of them began with a handshake of TLS.
    pub fn was_always_greeted(&self) -> bool {
        /// The type of a record that holds a handshake (RFC 8446, 5.1).
        const HANDSHAKE: u8 = 22;
        self.shared.greetings.lock().unwrap().iter().all(|byte| *byte == HANDSHAKE)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut served = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        served.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut first = [0];
    stream.peek(&mut first).await.ok().filter(|read| *read > 0)?;
    shared.greetings.lock().unwrap().extend(first);
    let manner = *shared.manner.lock().unwrap();
    let acceptor = match manner {
        Manner::Valid => &shared.valid,
        Manner::Expired => &shared.expired,
        Manner::Unknown => &shared.unknown,
        Manner::Stalls => {
            let mut swallowed = Vec::new();
            return stream.read_to_end(&mut swallowed).await.ok().map(drop);
        }
    };
    let outside = acceptor.accept(stream).await.ok()?;
    let inside = TcpStream::connect(shared.backend).await.ok()?;
    let (outside_in, mut outside_out) = tokio::io::split(outside);
    let (mut inside_in, inside_out) = inside.into_split();
    tokio::select! {
        done = requests(BufReader::new(outside_in), inside_out, shared.backend) => done,
        done = tokio::io::copy(&mut inside_in, &mut outside_out) => done.ok().map(drop),
    }
}

/// Hands requests on under the name that the server answers to.
async fn requests(
    mut from: impl AsyncBufRead + Unpin,
    mut into: impl AsyncWrite + Unpin,
    backend: SocketAddr,
) -> Option<()> {
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            from.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            let (name, value) = line.trim_end().split_once(": ").unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "host" => line = format!("host: {backend}\r\n"),
                "content-length" => length = value.parse().ok()?,
                _ => {}
            }
            into.write_all(line.as_bytes()).await.ok()?;
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).await.ok()?;
        into.write_all(&body).await.ok()?;
    }
}

/// An authority that signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// What takes connections with a certificate for this name that ends with this year.
    fn acceptor(&self, name: &str, year: i32) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
