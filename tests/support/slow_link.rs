//! A link on loopback with the bandwidth and the delay of a bad one.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::wait::pace;

/// One Mbit/s, in pieces of a fiftieth of a second.
const PIECE_BYTES: usize = 2_500;
const PIECE_TIME: Duration = Duration::from_millis(20);

/// From one end to the other.
const DELAY: Duration = Duration::from_millis(250);

/// A running link to one address.
pub struct SlowLink {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl SlowLink {
    /// It ends with the process of the test.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::<AtomicU64>::default();
        let count = Arc::clone(&sent);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(there) = TcpStream::connect(to) else { continue };
                let back = (there.try_clone().unwrap(), stream.try_clone().unwrap());
                let count = Arc::clone(&count);
                std::thread::spawn(move || carry(&stream, &there, Some(&count)));
                std::thread::spawn(move || carry(&back.0, &back.1, None));
            }
        });
        Self { address, sent }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that were sent to the far end.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

/// What comes after a pause is delayed; what follows on its heels is not delayed again.
fn carry(mut from: &TcpStream, mut to: &TcpStream, count: Option<&AtomicU64>) -> Option<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut was_full = false;
    loop {
        let read = from.read(&mut piece).ok().filter(|read| *read > 0)?;
        pace(if was_full { PIECE_TIME } else { DELAY });
        was_full = read == PIECE_BYTES;
        if let Some(count) = count {
            count.fetch_add(read as u64, Ordering::SeqCst);
        }
        to.write_all(piece.get(..read)?).ok()?;
    }
}
