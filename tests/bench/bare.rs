//! The bare loop: reads, splits, encodes, hashes and sends, and does nothing else. It proves
//! nothing, keeps no positions, retries nothing: the floor that the agent is measured against.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

use base64_simd::STANDARD;
use sha2::{Digest as _, Sha256};

use super::error::BenchError;

const READ_BYTES: usize = 256 * 1024;
const BATCH_RECORDS: usize = 500;

/// Ships `file` to `target` (`host:port/stream`) in `encoding` (`json` or `cbor`), then waits until
/// standard input ends, so that its memory can be looked at.
pub(crate) fn run(file: &str, target: &str, encoding: &str) -> Result<(), BenchError> {
    let (address, stream) = target.split_once('/').unwrap_or((target, "bare"));
    let mut file = File::open(file).map_err(BenchError::io("open the file"))?;
    let mut sender = Sender::new(address, stream, encoding == "cbor")?;
    let mut buffer = vec![0; READ_BYTES];
    let mut held = 0;
    loop {
        let room = buffer.get_mut(held..).unwrap_or_default();
        let count = file.read(room).map_err(BenchError::io("read the file"))?;
        if count == 0 {
            break;
        }
        held += count;
        let bytes = buffer.get(..held).unwrap_or_default();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            sender.push(bytes.get(start..=end).unwrap_or_default())?;
            start = end + 1;
        }
        buffer.copy_within(start..held, 0);
        held -= start;
    }
    sender.flush()?;
    io::copy(&mut io::stdin(), &mut io::sink()).map_err(BenchError::io("wait for the end"))?;
    Ok(())
}

/// One connection and the body that is being built.
struct Sender {
    connection: TcpStream,
    is_cbor: bool,
    head: String,
    prefix: Vec<u8>,
    body: Vec<u8>,
    records: usize,
    answer: Vec<u8>,
}

impl Sender {
    fn new(address: &str, stream: &str, is_cbor: bool) -> Result<Self, BenchError> {
        let connection = TcpStream::connect(address).map_err(BenchError::io("connect"))?;
        connection.set_nodelay(true).map_err(BenchError::io("connect"))?;
        let signature = "0".repeat(64);
        let encoding = if is_cbor { "cbor" } else { "json" };
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\n\
             content-type: application/x-amz-{encoding}-1.1\r\n\
             x-amz-target: Kinesis_20131202.PutRecords\r\nx-amz-date: 20261120T000000Z\r\n\
             authorization: AWS4-HMAC-SHA256 \
             Credential=bare/20261120/us-east-1/kinesis/aws4_request, \
             SignedHeaders=host, Signature={signature}\r\n"
        );
        let prefix = if is_cbor {
            let mut prefix = b"\xbf\x6aStreamName".to_vec();
            cbor_head(&mut prefix, TEXT, stream.len());
            [&prefix, stream.as_bytes(), b"\x67Records\x9f"].concat()
        } else {
            format!("{{\"StreamName\":\"{stream}\",\"Records\":[").into_bytes()
        };
        let (body, answer) = (Vec::with_capacity(1 << 18), vec![0; 1 << 17]);
        Ok(Self { connection, is_cbor, head, prefix, body, records: 0, answer })
    }

    fn push(&mut self, record: &[u8]) -> Result<(), BenchError> {
        if self.records == 0 {
            self.body.extend_from_slice(&self.prefix);
        } else if !self.is_cbor {
            self.body.push(b',');
        }
        if self.is_cbor {
            self.body.extend_from_slice(b"\xbf\x64Data");
            cbor_head(&mut self.body, BYTES, record.len());
            self.body.extend_from_slice(record);
            self.body.extend_from_slice(b"\x6cPartitionKey\x6801234567\xff");
        } else {
            self.push_json(record);
        }
        self.records += 1;
        if self.records == BATCH_RECORDS { self.flush() } else { Ok(()) }
    }

    fn push_json(&mut self, record: &[u8]) {
        self.body.extend_from_slice(b"{\"Data\":\"");
        // The encoder grows the buffer by exactly what it needs, which costs a copy each time.
        self.body.reserve(512 + 2 * record.len());
        STANDARD.encode_append(record, &mut self.body);
        self.body.extend_from_slice(b"\",\"PartitionKey\":\"01234567\"}");
    }

    fn flush(&mut self) -> Result<(), BenchError> {
        if self.records == 0 {
            return Ok(());
        }
        self.body.extend_from_slice(if self.is_cbor { b"\xff\xff" } else { b"]}" });
        let hash = Sha256::digest(&self.body);
        let hash = hash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let head = format!(
            "{}x-amz-content-sha256: {hash}\r\ncontent-length: {}\r\n\r\n",
            self.head,
            self.body.len()
        );
        self.send(head.as_bytes()).map_err(BenchError::io("send"))?;
        self.records = 0;
        self.body.clear();
        self.receive()
    }

    fn send(&mut self, head: &[u8]) -> io::Result<()> {
        let parts = [IoSlice::new(head), IoSlice::new(&self.body)];
        let written = self.connection.write_vectored(&parts)?;
        self.connection.write_all(head.get(written..).unwrap_or_default())?;
        let rest = written.saturating_sub(head.len());
        self.connection.write_all(self.body.get(rest..).unwrap_or_default())
    }

    fn receive(&mut self) -> Result<(), BenchError> {
        let mut held = 0;
        let total = loop {
            held += self.read(held)?;
            if let Some(total) = answer_bytes(self.answer.get(..held).unwrap_or_default())? {
                break total;
            }
        };
        while held < total {
            held += self.read(held)?;
        }
        Ok(())
    }

    fn read(&mut self, held: usize) -> Result<usize, BenchError> {
        let room = self.answer.get_mut(held..).unwrap_or_default();
        match self.connection.read(room).map_err(BenchError::io("read the answer"))? {
            0 => Err(BenchError::Answer("it ends early, or is too long")),
            count => Ok(count),
        }
    }
}

/// The major types of CBOR that are used here (RFC 8949, 3.1).
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;

/// Type and length of what follows.
fn cbor_head(out: &mut Vec<u8>, major: u8, length: usize) {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..24), _) => out.push(major | length),
        (Ok(length), _) => out.extend_from_slice(&[major | 0x18, length]),
        (_, Ok(length)) => {
            out.push(major | 0x19);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(major | 0x1a);
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
}

/// Bytes of head and body of an answer whose head is complete.
fn answer_bytes(bytes: &[u8]) -> Result<Option<usize>, BenchError> {
    let Some(head_len) = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(bytes.get(..head_len).unwrap_or_default())
        .map_err(|_| BenchError::Answer("its head is no text"))?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(BenchError::Answer("its status is not 200"));
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    length.map(|length| Some(head_len + length)).ok_or(BenchError::Answer("it has no length"))
}
