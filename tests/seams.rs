//! Nothing on a shared thread may block: whatever one part of kinetail waits for, the others
//! continue.

mod admin_port;
mod admin_socket;
mod credentials;
mod few_descriptors;
mod full_store;
mod hung_disk;
mod name_resolution;
mod output;
mod start;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use kinetail::sandbox::SandboxOptions;
use serde_json::json;

use crate::support::agent::Home;
use crate::support::endpoint::Endpoint;

/// How long an admin page may take on a busy machine. A supervisor waits no longer.
const PAGE_TIME_MAX: Duration = Duration::from_secs(10);

/// A home with an admin port.
pub fn home_with_admin(endpoint: &Endpoint) -> (Home, SocketAddr) {
    let mut home = Home::new(&endpoint.handle.url());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = listener.local_addr().unwrap();
    drop(listener);
    home.set("admin.address", json!(admin.to_string()));
    (home, admin)
}

fn endpoint() -> Endpoint {
    Endpoint::start(SandboxOptions::default())
}

/// The status and the body of an admin page.
pub fn page(admin: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&admin, PAGE_TIME_MAX)?;
    stream.set_read_timeout(Some(PAGE_TIME_MAX))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    Ok((status, body.unwrap_or_default()))
}
