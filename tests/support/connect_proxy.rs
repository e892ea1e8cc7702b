//! A proxy on loopback that speaks `CONNECT`, notes what it is asked for, and answers as told.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of a tunnel that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// It leads here, whatever name it is for.
    To(SocketAddr),
    /// It is refused with this status.
    Refused(u16),
}

/// A running proxy.
pub struct ConnectProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    tunnel: Mutex<Tunnel>,
    /// The heads of all requests, without the line ends.
    heads: Mutex<Vec<Vec<String>>>,
}

impl ConnectProxy {
    /// Starts one on a free port. It ends with the process of the test.
    pub fn start(tunnel: Tunnel) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { tunnel: Mutex::new(tunnel), heads: Mutex::default() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// From now on tunnels end so.
    pub fn set(&self, tunnel: Tunnel) {
        *self.shared.tunnel.lock().unwrap() = tunnel;
    }

    /// The first lines of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        let heads = self.shared.heads.lock().unwrap();
        heads.iter().filter_map(|head| head.first().cloned()).collect()
    }

    /// This header of every request so far.
    pub fn headers(&self, name: &str) -> Vec<Option<String>> {
        let heads = self.shared.heads.lock().unwrap();
        let value = |head: &Vec<String>| {
            let mut pairs = head.iter().filter_map(|line| line.split_once(": "));
            let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned())
        };
        heads.iter().map(value).collect()
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    shared.heads.lock().unwrap().push(head);
    let tunnel = *shared.tunnel.lock().unwrap();
    let mut stream = stream;
    match tunnel {
        Tunnel::Refused(status) => {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).ok()
        }
        Tunnel::To(address) => {
            let there = TcpStream::connect(address).ok()?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
            let back = (there.try_clone().ok()?, stream.try_clone().ok()?);
            std::thread::spawn(move || copy(back.0, &back.1));
            copy(reader, &there)
        }
    }
}

/// Copies until one of both ends, and then ends the other.
fn copy(mut from: impl Read, into: &TcpStream) -> Option<()> {
    let mut writer = into.try_clone().ok()?;
    let copied = std::io::copy(&mut from, &mut writer).ok().map(drop);
    into.shutdown(Shutdown::Both).ok();
    copied
}
