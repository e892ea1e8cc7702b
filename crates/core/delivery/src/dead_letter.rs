//! Dead letters: records that cannot be delivered, as they are kept in files. Pure: text and bytes
//! in, lines of JSON out, and back.
//!
//! One letter is one line of NDJSON. Its data is a text where the bytes are UTF-8 and a JSON string
//! does not make them much longer, else base64; `encoding` says which. What is stored is the line
//! of the log file ([`Stage::Line`]), which runs through the converters when it is sent again, or
//! the record behind them ([`Stage::Record`]), which does not.

mod kept;
mod name;
mod split;

use std::borrow::Cow;

use base64_simd::STANDARD;
use serde::{Deserialize, Serialize};

use kinetail_base::identity::FileKey;
use kinetail_base::limits;
use kinetail_records::Skip;

pub use kept::{Bounds, Kept, Why, to_drop};
pub use name::LetterFileName;
pub use split::split;

/// A letter keeps this many bytes of a record, at most: the longest that any service accepts. Of a
/// longer line the first ones are kept.
pub const DATA_BYTES_MAX: usize = limits::KINESIS_LARGE_RECORD_BYTES_MAX;

/// A JSON string may be this many times as long as its text; else base64 is used.
const ESCAPED_GROWTH_MAX: usize = 2;

/// A message of a service is cut to this many bytes.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Where a record is from, and how long it is behind the converters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The file generation.
    pub file: FileKey,
    /// Where in it the record begins.
    pub offset: u64,
    /// Bytes of its data.
    pub len: u32,
}

impl Origin {
    /// Where this data is from.
    pub(crate) fn new((file, offset): (FileKey, u64), data: &[u8]) -> Self {
        Self { file, offset, len: u32::try_from(data.len()).unwrap_or(u32::MAX) }
    }
}

kinetail_base::labels! {
    /// Why a record is a dead letter.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Reason {
        /// The line is longer than `maxLineBytes`.
        OversizeLine = "oversize_line",
        /// The service rejected the record permanently.
        Refused = "refused",
        /// The record is larger than the service accepts, after the converters.
        TooLarge = "too_large",
        /// A converter cannot read it.
        Unparsable = "unparsable",
    }
}

impl From<Reason> for Skip {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::OversizeLine => Self::OversizeLine,
            Reason::Refused => Self::RefusedByService,
            Reason::TooLarge => Self::TooLarge,
            Reason::Unparsable => Self::Unparsable,
        }
    }
}

/// What the data of a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The bytes of the log file: converters run when it is sent again.
    Line,
    /// The bytes to send.
    Record,
}

/// A record that becomes a dead letter, before its file has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Why.
    pub reason: Reason,
    /// The service's error code, or the name of the converter.
    pub code: String,
    /// What the service or the converter says.
    pub message: String,
    /// Where it is from.
    pub file: FileKey,
    /// Where in that file it begins.
    pub offset: u64,
    /// How many bytes the record has; `data` may hold fewer.
    pub len: u64,
    /// What `data` is.
    pub stage: Stage,
    /// The bytes, at most [`DATA_BYTES_MAX`].
    pub data: Vec<u8>,
}

/// Where a file generation lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'p> {
    /// The path of the file, in bytes.
    pub file: &'p [u8],
    /// The path under which its log is matched.
    pub log: &'p [u8],
}

/// A letter, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// When it was written, RFC 3339.
    pub time: String,
    /// Why.
    pub reason: Reason,
    /// The service's error code, or the name of the converter.
    pub code: String,
    /// What the service or the converter says.
    pub message: String,
    /// The flow.
    pub flow: String,
    /// The path of the file, in bytes.
    pub file: Vec<u8>,
    /// The path under which its log is matched.
    pub log: Vec<u8>,
    /// Where in that file the record begins.
    pub offset: u64,
    /// How many bytes the record has.
    pub len: u64,
    /// What `data` is.
    pub stage: Stage,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Letter {
    /// Whether only the beginning of the record was kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.len > self.data.len() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DataEncoding {
    Base64,
    Text,
}

/// A letter as it is written. The order is for people: what is short comes first.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'l> {
    time: Cow<'l, str>,
    reason: Reason,
    code: Cow<'l, str>,
    message: Cow<'l, str>,
    flow: Cow<'l, str>,
    file: Cow<'l, str>,
    /// Only if the path is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_base64: Option<Cow<'l, str>>,
    /// Only if it is another path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<Cow<'l, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_base64: Option<Cow<'l, str>>,
    offset: u64,
    bytes: u64,
    stage: Stage,
    encoding: DataEncoding,
    data: Cow<'l, str>,
}

/// Why a line is not a letter.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The data is not base64.
    #[error("the data is not base64; the file was changed by another program")]
    Base64,
    /// It is not the JSON of a letter.
    #[error("it is not a dead letter: {0}; the file was changed by another program")]
    Json(#[from] serde_json::Error),
}

/// Appends a letter to `out`, with its newline.
pub fn encode(
    letter: &Undelivered,
    place: Place<'_>,
    (time, flow): (&str, &str),
    out: &mut Vec<u8>,
) {
    let kept = letter.data.get(..DATA_BYTES_MAX).unwrap_or(&letter.data);
    let (encoding, data) = match as_text(kept) {
        Some(text) => (DataEncoding::Text, Cow::Borrowed(text)),
        None => (DataEncoding::Base64, Cow::Owned(STANDARD.encode_to_string(kept))),
    };
    let (file, file_base64) = path(place.file);
    let other = place.log != place.file;
    let (log, log_base64) = path(place.log);
    let line = Line {
        time: time.into(),
        reason: letter.reason,
        code: shortened(&letter.code).into(),
        message: shortened(&letter.message).into(),
        flow: flow.into(),
        file,
        file_base64,
        log: other.then_some(log),
        log_base64: log_base64.filter(|_| other),
        offset: letter.offset,
        bytes: letter.len,
        stage: letter.stage,
        encoding,
        data,
    };
    // Texts and numbers can be written, and memory takes everything.
    let written = serde_json::to_writer(&mut *out, &line);
    debug_assert!(written.is_ok(), "a letter is always JSON");
    out.push(b'\n');
}

/// Reads a line that [`encode`] wrote, with or without its newline.
///
/// # Errors
/// [`LetterError`] if it is another line.
pub fn decode(line: &[u8]) -> Result<Letter, LetterError> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    let bytes = |text: &str| STANDARD.decode_to_vec(text).map_err(|_| LetterError::Base64);
    let data = match line.encoding {
        DataEncoding::Base64 => bytes(&line.data)?,
        DataEncoding::Text => line.data.into_owned().into_bytes(),
    };
    let file = match &line.file_base64 {
        Some(text) => bytes(text)?,
        None => line.file.as_bytes().to_vec(),
    };
    let log = match (&line.log_base64, &line.log) {
        (Some(text), _) => bytes(text)?,
        (None, Some(text)) => text.as_bytes().to_vec(),
        (None, None) => file.clone(),
    };
    Ok(Letter {
        time: line.time.into_owned(),
        reason: line.reason,
        code: line.code.into_owned(),
        message: line.message.into_owned(),
        flow: line.flow.into_owned(),
        file,
        log,
        offset: line.offset,
        len: line.bytes,
        stage: line.stage,
        data,
    })
}

/// A path as text, and its bytes if the text is not all of it.
fn path(bytes: &[u8]) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    let text = String::from_utf8_lossy(bytes);
    let exact = matches!(text, Cow::Borrowed(_));
    (text, (!exact).then(|| STANDARD.encode_to_string(bytes).into()))
}

/// The bytes as text, if they are UTF-8 and a JSON string does not make them much longer.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let escaped: usize = bytes.iter().map(|byte| escaped_len(*byte)).sum();
    (escaped <= ESCAPED_GROWTH_MAX * bytes.len()).then_some(text)
}

/// Bytes of a byte in a JSON string, as `serde_json` writes it.
fn escaped_len(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// The first bytes of a message, of whole characters.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
