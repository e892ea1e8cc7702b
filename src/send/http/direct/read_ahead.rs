//! A socket that is read in large pieces, whatever is asked for.
//!
//! TLS asks for 4 KiB at a time, or for the rest of a record: a response of 50 kB was eight system
//! calls. HTTP without TLS asks for as much as there is, and gets it directly.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::Uri;
use hyper::http::uri::Scheme;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

/// So much is read at a time for TLS: two system calls for a response to 500 records.
const AHEAD_BYTES: usize = 32 * 1024;

/// A socket and what was read of it.
#[derive(Debug)]
pub(super) struct ReadAhead<S> {
    socket: S,
    /// Empty where nothing is read ahead.
    buffer: Box<[u8]>,
    /// Where what was read and not yet asked for begins and ends in it.
    unread: Range<usize>,
}

/// Makes sockets, and reads ahead of TLS.
#[derive(Debug, Clone)]
pub(super) struct Sockets(pub(super) HttpConnector);

impl Service<Uri> for Sockets {
    type Response = ReadAhead<TokioIo<TcpStream>>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let bytes = if target.scheme() == Some(&Scheme::HTTPS) { AHEAD_BYTES } else { 0 };
        let connecting = self.0.call(target);
        Box::pin(async move { Ok(ReadAhead::new(connecting.await?, bytes)) })
    }
}

impl<S> ReadAhead<S> {
    fn new(socket: S, bytes: usize) -> Self {
        Self { socket, buffer: vec![0; bytes].into(), unread: 0..0 }
    }
}

impl<S: Read + Unpin> ReadAhead<S> {
    /// Reads as much as there is, up to the size of the buffer. Nothing is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer.unfilled()))?;
        self.unread = 0..buffer.filled().len();
        Poll::Ready(Ok(()))
    }
}

impl<S: Read + Unpin> Read for ReadAhead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            if room.remaining() >= self.buffer.len() {
                return Pin::new(&mut self.socket).poll_read(cx, room);
            }
            ready!(self.poll_fill(cx))?;
        }
        let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let given = unread.get(..room.remaining()).unwrap_or(unread);
        room.put_slice(given);
        self.unread.start += given.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for ReadAhead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
    }
}

impl<S: Connection> Connection for ReadAhead<S> {
    fn connected(&self) -> Connected {
        self.socket.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces of these lengths, and counts how often it is asked.
    struct Pieces {
        bytes: Vec<u8>,
        lengths: Vec<usize>,
        reads: usize,
    }

    impl Read for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            mut room: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            let wanted = self.lengths.get(self.reads).copied().unwrap_or(usize::MAX);
            self.reads += 1;
            let count = wanted.min(self.bytes.len()).min(room.remaining());
            let rest = self.bytes.split_off(count);
            room.put_slice(&std::mem::replace(&mut self.bytes, rest));
            Poll::Ready(Ok(()))
        }
    }

    async fn read(socket: &mut ReadAhead<Pieces>, room: usize) -> Vec<u8> {
        let mut buffer = vec![0; room];
        let mut buffer = ReadBuf::new(&mut buffer);
        let read = poll_fn(|cx| Pin::new(&mut *socket).poll_read(cx, buffer.unfilled())).await;
        read.expect("no error");
        buffer.filled().to_vec()
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|number| u8::try_from(number % 251).expect("a byte")).collect()
    }

    #[tokio::test]
    async fn what_is_asked_for_in_small_pieces_is_read_in_large_ones() {
        let pieces = Pieces { bytes: bytes(100_000), lengths: Vec::new(), reads: 0 };
        let mut socket = ReadAhead::new(pieces, AHEAD_BYTES);
        let mut all = Vec::new();
        while all.len() < 100_000 {
            all.extend(read(&mut socket, 4096).await);
        }
        assert_eq!((all, socket.socket.reads), (bytes(100_000), 4));
    }

    proptest! {
        /// For all lengths of what arrives and of what is asked for: each byte comes once, in
        /// order, and then the end.
        #[test]
        fn every_byte_comes_once(
            count in 0_usize..200_000,
            lengths in prop::collection::vec(1_usize..50_000, 0..20),
            rooms in prop::collection::vec(1_usize..20_000, 1..20),
            ahead in prop_oneof![Just(0), Just(AHEAD_BYTES), 1_usize..5000],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let pieces = Pieces { bytes: bytes(count), lengths, reads: 0 };
            let mut socket = ReadAhead::new(pieces, ahead);
            let mut all = Vec::new();
            for room in rooms.iter().cycle() {
                let read = runtime.block_on(read(&mut socket, *room));
                if read.is_empty() {
                    break;
                }
                prop_assert!(read.len() <= *room);
                all.extend(read);
            }
            prop_assert!(all == bytes(count));
        }
    }
}
