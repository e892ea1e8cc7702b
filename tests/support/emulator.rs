//! An AWS that is not ours: ministack, a Python program, in a virtual environment below
//! `target/`.
//!
//! The versions are pinned. The environment is made once; test programs that run at the same time
//! wait for each other at a lock file. Without Python, pip or a network there is no emulator: the
//! caller passes with a loud message, or fails if `KINETAIL_REQUIRE_EMULATOR=1`.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::python;
use super::wait::wait_until;

/// Without cbor2 ministack answers `PutMetricData` with 200 and stores nothing.
const PACKAGES: [&str; 2] = ["ministack==1.5.33", "cbor2==6.2.1"];

/// It takes half a second on an idle machine.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running emulator; it ends when it is dropped.
pub struct Emulator {
    child: Child,
    address: SocketAddr,
    /// For the test's own requests.
    pub runtime: Runtime,
    dir: tempfile::TempDir,
}

impl Emulator {
    /// An emulator, or `None` if this machine cannot have one and does not have to.
    ///
    /// # Panics
    /// If it must have one, or if it does not start.
    pub fn start() -> Option<Self> {
        let program = match python::environment("emulator", &PACKAGES, "ministack") {
            Ok(program) => program,
            Err(why) => {
                assert!(
                    std::env::var_os("KINETAIL_REQUIRE_EMULATOR").is_none_or(|set| set != "1"),
                    "no emulator: {why}"
                );
                // Past the capture of the test harness: this must not look like a pass.
                let message = format!("\n*** NOT TESTED against an emulator: {why}\n\n");
                std::io::stderr().write_all(message.as_bytes()).unwrap();
                return None;
            }
        };
        let dir = tempfile::tempdir().unwrap();
        let address = free_address();
        let log = File::create(dir.path().join("log")).unwrap();
        let child = Command::new(program)
            .env_clear()
            .env("BIND_HOST", address.ip().to_string())
            .env("GATEWAY_PORT", address.port().to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("HOME", dir.path())
            .env("PATH", "/usr/bin:/bin")
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let emulator = Self { child, address, runtime, dir };
        let healthy = || {
            let asked = emulator.runtime.block_on(emulator.ask(Method::GET, "/_ministack/health"));
            asked.is_ok_and(|(status, _)| status == StatusCode::OK)
        };
        wait_until("healthy emulator", STARTS_WITHIN, healthy, || emulator.log());
        Some(emulator)
    }

    /// Its URL, for every service.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Makes an S3 bucket.
    pub fn make_bucket(&self, name: &str) {
        let made = self.runtime.block_on(self.ask(Method::PUT, &format!("/{name}")));
        assert_eq!(made.unwrap().0, StatusCode::OK, "{}", self.log());
    }

    /// The contents of all objects in a bucket, in the order of their keys.
    pub fn objects(&self, bucket: &str) -> Vec<Vec<u8>> {
        self.runtime.block_on(async {
            let mut objects = Vec::new();
            for key in self.keys(bucket).await {
                let (status, body) =
                    self.ask(Method::GET, &format!("/{bucket}/{key}")).await.unwrap();
                assert_eq!(status, StatusCode::OK, "{key}");
                objects.push(body.to_vec());
            }
            objects
        })
    }

    /// How many objects a bucket has.
    pub fn count_objects(&self, bucket: &str) -> usize {
        self.runtime.block_on(self.keys(bucket)).len()
    }

    async fn keys(&self, bucket: &str) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().map(|key| format!("&start-after={key}")).unwrap_or_default();
            let path = format!("/{bucket}?list-type=2&max-keys=1000{after}");
            let (status, body) = self.ask(Method::GET, &path).await.unwrap();
            assert_eq!(status, StatusCode::OK);
            let page = String::from_utf8(body.to_vec()).unwrap();
            // A key has no character that XML or a URL would write differently.
            let found = page.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            let before = keys.len();
            keys.extend(found.map(str::to_owned));
            if keys.len() == before || !page.contains("<IsTruncated>true</IsTruncated>") {
                return keys;
            }
        }
    }

    /// One HTTP request without a body and without a signature.
    async fn ask(
        &self,
        method: Method,
        path: &str,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error>> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .body(Empty::<Bytes>::new())?;
        let exchange = async {
            let answer = requests.send_request(request).await?;
            let status = answer.status();
            Ok((status, answer.into_body().collect().await?.to_bytes()))
        };
        tokio::select! {
            answer = exchange => answer,
            ended = connection => {
                ended?;
                Err("the connection closed without an answer".into())
            }
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the emulator with id {} may still run", self.child.id());
        }
        if std::thread::panicking() {
            eprintln!("log of the emulator:\n{}", self.log());
        }
    }
}

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
