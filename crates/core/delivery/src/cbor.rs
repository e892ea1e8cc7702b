//! CBOR (RFC 8949), as far as Kinesis needs it: heads of what is written, and a strict walk over
//! what is read. Nothing is allocated for what an answer announces, every length is compared with
//! the bytes that are there, and nesting has a bound, so that no answer costs more than its length.

use std::borrow::Cow;

use thiserror::Error;

/// Values within values, at most; an answer of `PutRecords` has three.
const DEPTH_MAX: u32 = 16;

/// What a head says alongside its length: the three bits of the major type.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// A map or an array without a length begins so; `BREAK` ends it.
pub(crate) const MAP_BEGIN: u8 = 0xbf;
pub(crate) const ARRAY_BEGIN: u8 = 0x9f;
pub(crate) const BREAK: u8 = 0xff;

const NULL: u8 = 0xf6;

/// A head is this long, at most.
pub(crate) const HEAD_BYTES_MAX: usize = 9;

/// Why bytes are no CBOR, or not what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CborError {
    /// They end within a value.
    #[error("it ends within a value")]
    Cut,
    /// Values lie in values too deep.
    #[error("it is nested deeper than {DEPTH_MAX}")]
    Deep,
    /// A head has no meaning, or a text is no UTF-8.
    #[error("byte {0} is not well-formed")]
    Malformed(usize),
    /// Something follows.
    #[error("trailing data")]
    Trailing,
    /// A value has another type than it should.
    #[error("the value at byte {0} has another type than it should")]
    Type(usize),
}

/// Appends the head of bytes of this length.
pub(crate) fn push_bytes_head(out: &mut Vec<u8>, len: usize) {
    push_head(out, BYTES, len);
}

/// Appends a text.
pub(crate) fn push_text(out: &mut Vec<u8>, text: impl AsRef<[u8]>) {
    push_head(out, TEXT, text.as_ref().len());
    out.extend_from_slice(text.as_ref());
}

/// The shortest head.
fn push_head(out: &mut Vec<u8>, major: u8, len: usize) {
    let major = major << 5;
    match (u8::try_from(len), u16::try_from(len), u32::try_from(len)) {
        (Ok(len @ 0..24), ..) => out.push(major | len),
        (Ok(len), ..) => out.extend_from_slice(&[major | 0x18, len]),
        (_, Ok(len), _) => {
            out.push(major | 0x19);
            out.extend_from_slice(&len.to_be_bytes());
        }
        (.., Ok(len)) => {
            out.push(major | 0x1a);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(major | 0x1b);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// How many values follow: so many, or as many as there are before a break.
#[derive(Debug, Clone, Copy)]
struct Rest(Option<u64>);

/// Walks over bytes, value by value.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    depth: u32,
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// Refuses what follows.
    pub(crate) fn end(&self) -> Result<(), CborError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(CborError::Trailing) }
    }

    /// Goes past what `known` recognizes at the beginning of what follows, if it does.
    pub(crate) fn pass(&mut self, known: impl FnOnce(&[u8]) -> Option<usize>) -> bool {
        let len = self.bytes.get(self.at..).and_then(known);
        self.at += len.unwrap_or(0);
        len.is_some()
    }

    fn byte(&mut self) -> Result<u8, CborError> {
        let byte = *self.bytes.get(self.at).ok_or(CborError::Cut)?;
        self.at += 1;
        Ok(byte)
    }

    fn peek(&self) -> Result<u8, CborError> {
        self.bytes.get(self.at).copied().ok_or(CborError::Cut)
    }

    fn take(&mut self, len: u64) -> Result<&'b [u8], CborError> {
        let len = usize::try_from(len).map_err(|_| CborError::Cut)?;
        let end = self.at.checked_add(len).ok_or(CborError::Cut)?;
        let taken = self.bytes.get(self.at..end).ok_or(CborError::Cut)?;
        self.at = end;
        Ok(taken)
    }

    /// The major type and the number in a head; `None` where there is none (31).
    fn head(&mut self) -> Result<(u8, Option<u64>), CborError> {
        let at = self.at;
        let first = self.byte()?;
        let number = match first & 31 {
            small @ 0..24 => u64::from(small),
            24 => u64::from(self.byte()?),
            25 => self.number::<2>()?,
            26 => self.number::<4>()?,
            27 => self.number::<8>()?,
            31 => return Ok((first >> 5, None)),
            _ => return Err(CborError::Malformed(at)),
        };
        Ok((first >> 5, Some(number)))
    }

    fn number<const N: usize>(&mut self) -> Result<u64, CborError> {
        let bytes = self.take(N as u64)?;
        Ok(bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    /// Enters a map or an array; `leave` must follow its last value.
    fn enter(&mut self, wanted: u8) -> Result<Rest, CborError> {
        let at = self.at;
        match self.head()? {
            (major, count) if major == wanted => {
                self.depth += 1;
                if self.depth > DEPTH_MAX { Err(CborError::Deep) } else { Ok(Rest(count)) }
            }
            _ => Err(CborError::Type(at)),
        }
    }

    /// Whether another value, or another pair of a map, follows. After the last it is left.
    fn more(&mut self, rest: &mut Rest) -> Result<bool, CborError> {
        let more = match &mut rest.0 {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None if self.peek()? == BREAK => {
                self.at += 1;
                false
            }
            None => true,
        };
        self.depth -= u32::from(!more);
        Ok(more)
    }

    /// Goes through a map, whose keys must be texts; `member` reads or skips each value.
    pub(crate) fn map<E: From<CborError>>(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = self.enter(MAP)?;
        while self.more(&mut rest)? {
            let key = self.text()?;
            member(self, &key)?;
        }
        Ok(())
    }

    /// Goes through an array; `value` reads or skips each.
    pub(crate) fn array<E: From<CborError>>(
        &mut self,
        mut value: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = self.enter(ARRAY)?;
        while self.more(&mut rest)? {
            value(self)?;
        }
        Ok(())
    }

    /// A text, which may be cut into pieces.
    pub(crate) fn text(&mut self) -> Result<Cow<'b, str>, CborError> {
        let at = self.at;
        let text = match self.string(TEXT)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        text.ok_or(CborError::Malformed(at))
    }

    /// A text or nothing.
    pub(crate) fn optional_text(&mut self) -> Result<Option<Cow<'b, str>>, CborError> {
        if self.peek()? == NULL {
            self.at += 1;
            return Ok(None);
        }
        self.text().map(Some)
    }

    /// Bytes, which may be cut into pieces.
    pub(crate) fn bytes(&mut self) -> Result<Cow<'b, [u8]>, CborError> {
        self.string(BYTES)
    }

    fn string(&mut self, wanted: u8) -> Result<Cow<'b, [u8]>, CborError> {
        let at = self.at;
        match self.head()? {
            (major, Some(len)) if major == wanted => Ok(Cow::Borrowed(self.take(len)?)),
            (major, None) if major == wanted => {
                let mut whole = Vec::new();
                while self.peek()? != BREAK {
                    let at = self.at;
                    match self.head()? {
                        (major, Some(len)) if major == wanted => {
                            whole.extend_from_slice(self.take(len)?);
                        }
                        _ => return Err(CborError::Malformed(at)),
                    }
                }
                self.at += 1;
                Ok(Cow::Owned(whole))
            }
            _ => Err(CborError::Type(at)),
        }
    }

    /// Goes past an integer.
    pub(crate) fn integer(&mut self) -> Result<(), CborError> {
        let at = self.at;
        match self.head()? {
            (UNSIGNED | NEGATIVE, Some(_)) => Ok(()),
            _ => Err(CborError::Type(at)),
        }
    }

    /// Goes past a value of any type.
    pub(crate) fn skip(&mut self) -> Result<(), CborError> {
        let at = self.at;
        match self.peek()? >> 5 {
            UNSIGNED | NEGATIVE => self.integer(),
            BYTES => self.bytes().map(drop),
            TEXT => self.text().map(drop),
            ARRAY => self.array(Self::skip),
            MAP => {
                let mut rest = self.enter(MAP)?;
                while self.more(&mut rest)? {
                    self.skip()?;
                    self.skip()?;
                }
                Ok(())
            }
            TAG => {
                self.head()?.1.ok_or(CborError::Malformed(at))?;
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(CborError::Deep);
                }
                self.skip()?;
                self.depth -= 1;
                Ok(())
            }
            // Simple values and floats; no break is alone, small values have the short form only.
            _ => match (self.peek()?, self.head()?.1) {
                (0xf8, Some(0..32)) | (_, None) => Err(CborError::Malformed(at)),
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(bytes: &[u8]) -> Result<(), CborError> {
        let mut reader = Reader::new(bytes);
        reader.skip()?;
        reader.end()
    }

    #[test]
    fn heads_are_the_shortest_there_are() {
        for (len, head) in [
            (0, &[0x40][..]),
            (23, &[0x57]),
            (24, &[0x58, 24]),
            (255, &[0x58, 255]),
            (256, &[0x59, 1, 0]),
            (65_535, &[0x59, 255, 255]),
            (65_536, &[0x5a, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            push_bytes_head(&mut out, len);
            assert_eq!(out, head, "{len}");
        }
    }

    /// From appendix A of RFC 8949.
    #[test]
    fn every_kind_of_value_is_gone_past() {
        for bytes in [
            &b"\x00"[..],
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x20",
            b"\xf9\x00\x00",
            b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a",
            b"\xf4",
            b"\xf6",
            b"\xf8\xff",
            b"\xc1\x1a\x51\x4b\x67\xb0",
            b"\x44\x01\x02\x03\x04",
            b"\x62\xc3\xbc",
            b"\x98\x19\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\
              \x14\x15\x16\x17\x18\x18\x18\x19",
            b"\xa2\x61a\x01\x61b\x82\x02\x03",
            b"\xa1\x01\x02",
            b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff",
            b"\x7f\x65strea\x64ming\xff",
            b"\x9f\x01\x82\x02\x03\x9f\x04\x05\xff\xff",
            b"\xbf\x61a\x01\x61b\x9f\x02\x03\xff\xff",
        ] {
            assert_eq!(skips(bytes), Ok(()), "{bytes:x?}");
            for cut in 0..bytes.len() {
                assert!(skips(&bytes[..cut]).is_err(), "{bytes:x?} up to {cut}");
            }
            assert_eq!(skips(&[bytes, b"\x00"].concat()), Err(CborError::Trailing));
        }
    }

    /// From appendix F of RFC 8949, and lengths that are announced and not there.
    #[test]
    fn what_is_not_well_formed_is_refused_at_its_own_cost() {
        for bytes in [
            &b"\xff"[..],
            b"\x1c",
            b"\xf8\x18",
            b"\x3f",
            b"\xdf\x00",
            b"\x81\xff",
            b"\xa1\x00\xff",
            b"\xbf\x00\xff",
            b"\x5f\x00\xff",
            b"\x5f\x5f\x41\x00\xff\xff",
            b"\x7f\x41\x00\xff",
            b"\x61\xff",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff\x00",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00",
        ] {
            assert!(skips(bytes).is_err(), "{bytes:x?}");
        }
        for open in [0x81, 0x9f, 0xc0] {
            assert_eq!(skips(&vec![open; 1_000_000]), Err(CborError::Deep));
        }
        assert_eq!(skips(&[b"\xbf\x60".repeat(1_000)].concat()), Err(CborError::Deep));
    }
    #[test]
    fn each_error_says_what_is_wrong() {
        for (bytes, error) in [
            (&b""[..], CborError::Cut),
            (b"\x19\x01", CborError::Cut),
            (b"\x42\x01", CborError::Cut),
            (b"\x82\x01", CborError::Cut),
            (b"\x81\x1c", CborError::Malformed(1)),
            (b"\x61\xff", CborError::Malformed(0)),
            (b"\x01\x01", CborError::Trailing),
        ] {
            assert_eq!(skips(bytes), Err(error), "{bytes:x?}");
        }
        let reader = || Reader::new(b"\x01");
        assert_eq!(reader().text(), Err(CborError::Type(0)));
        assert_eq!(reader().array::<CborError>(|_| Ok(())), Err(CborError::Type(0)));
        assert_eq!(Reader::new(b"\x60").integer(), Err(CborError::Type(0)));
    }
}
