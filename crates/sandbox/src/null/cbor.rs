//! Counts the records of a CBOR body that comes in pieces: goes from head to head and past all
//! data, so that nothing in a record passes for another.

/// A head is this long, at most.
const HEAD_BYTES_MAX: usize = 9;

/// Texts that are longer are no member's name and no stream's.
const TEXT_BYTES_MAX: u64 = 128;

const BYTES: u8 = 2;
const TEXT: u8 = 3;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct CborScan {
    head: Vec<u8>,
    /// Bytes of the value that are still to come.
    skip: u64,
    /// Whether they are a text that is noted.
    noted: bool,
    text: Vec<u8>,
    /// The last text but the one that is being noted.
    last: Vec<u8>,
    records: usize,
    stream: Option<String>,
    broken: bool,
}

impl CborScan {
    /// Takes the next piece of the body.
    pub(super) fn feed(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() && !self.broken {
            if self.skip > 0 {
                let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
                let (value, rest) = piece.split_at(here);
                if self.noted {
                    self.text.extend_from_slice(value);
                }
                self.skip -= here as u64;
                piece = rest;
                if self.skip == 0 {
                    self.end_of_value();
                }
                continue;
            }
            let (first, rest) = piece.split_at(1);
            self.head.extend_from_slice(first);
            piece = rest;
            self.look_at_head();
        }
    }

    fn look_at_head(&mut self) {
        let Some((first, number)) = self.head.split_first() else { return };
        let wanted = match first & 31 {
            0..24 | 31 => 0,
            24 => 1,
            25 => 2,
            26 => 4,
            27 => HEAD_BYTES_MAX - 1,
            _ => {
                self.broken = true;
                return;
            }
        };
        if number.len() < wanted {
            return;
        }
        let small = u64::from(first & 31);
        let of_bytes = number.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
        let number = if wanted == 0 { small } else { of_bytes };
        let (major, is_open) = (first >> 5, first & 31 == 31);
        self.head.clear();
        if is_open {
            return;
        }
        self.noted = false;
        match major {
            BYTES => {
                self.records += usize::from(self.last == b"Data");
                self.skip = number;
                self.last.clear();
            }
            TEXT => {
                self.skip = number;
                self.noted = number <= TEXT_BYTES_MAX;
                self.text.clear();
            }
            _ => {}
        }
    }

    fn end_of_value(&mut self) {
        if self.noted {
            if self.last == b"StreamName" {
                self.stream = String::from_utf8(self.text.clone()).ok();
            }
            std::mem::swap(&mut self.last, &mut self.text);
        }
    }

    /// The stream and the number of records; `None` if it is no whole body.
    pub(super) fn finish(&self) -> Option<(Option<&str>, usize)> {
        let is_whole = !self.broken && self.skip == 0 && self.head.is_empty();
        is_whole.then_some((self.stream.as_deref(), self.records))
    }
}
