//! Zstandard frames in a row as one stream, with a bounded window and proven checksums.
//!
//! The decoder beneath takes one frame at a time, leaves frames that are to be skipped to its
//! caller, and does not compare checksums: all of that is done here. Sizes and magic numbers are
//! those of RFC 8878.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use xxhash_rust::xxh64::Xxh64;

/// The largest window of a frame, in bytes: what RFC 8878 asks every decoder to take, and what
/// `zstd` makes up to level 19. Levels above, and `--long`, may ask for more.
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The frames of one file.
pub(super) struct Zstandard<S> {
    source: S,
    decoder: FrameDecoder,
    checksum: Xxh64,
    in_frame: bool,
    frames: u64,
}

impl<S: BufRead> Zstandard<S> {
    pub(super) fn new(source: S) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self { source, decoder, checksum: Xxh64::new(0), in_frame: false, frames: 0 }
    }

    pub(super) fn source(&self) -> &S {
        &self.source
    }

    pub(super) fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Begins the next frame; `false` if there is none.
    fn begin_frame(&mut self) -> io::Result<bool> {
        loop {
            // A file without any frame is not an empty one: it is still to be written.
            if self.frames > 0 && self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    self.checksum.reset(0);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.skip(length.into())?,
                Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                    return Err(io::Error::other(format!(
                        "zstd window of {requested} bytes exceeds the limit of {WINDOW_BYTES_MAX}; \
                         compress at level 19 or lower, without --long"
                    )));
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
        if skipped < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.frames += 1;
        Ok(())
    }

    /// The frame gave all of its bytes: are they the right ones?
    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        self.frames += 1;
        let digest = self.checksum.digest();
        match self.decoder.get_checksum_from_data() {
            // The lower half of the hash is kept.
            Some(kept) if u64::from(kept) != digest & u64::from(u32::MAX) => {
                Err(io::Error::other("checksum mismatch"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl<S: BufRead> Read for Zstandard<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.begin_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let count = self.decoder.read(room)?;
            self.checksum.update(room.get(..count).unwrap_or_default());
            if count > 0 {
                return Ok(count);
            }
            self.end_frame()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Zstandard::new(packed).read_to_end(&mut all).map(|_| all)
    }

    /// What the `zstd` program makes, with its checksum at the end.
    const FRAME: [u8; 39] = *b"\x28\xb5\x2f\xfd\x04\x58\xd1\x00\x00one line\n\
        and another line\n\xd0\x3b\x0d\x09";

    #[test]
    fn the_checksum_that_zstd_writes_is_compared() {
        assert_eq!(unpack(&FRAME).unwrap(), b"one line\nand another line\n");
        for at in [9, 20, 34, 35, 38] {
            let mut frame = FRAME;
            frame[at] ^= 1;
            let error = unpack(&frame).unwrap_err().to_string();
            assert_eq!(error, "checksum mismatch", "at {at}");
        }
    }

    #[test]
    fn frames_that_are_to_be_skipped_are_skipped() {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let frame = ruzstd::encoding::compress_to_vec(&b"abc\n"[..], level);
        let skip = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let packed = [skip.clone(), frame.clone(), skip, frame].concat();
        assert_eq!(unpack(&packed).unwrap(), b"abc\nabc\n");
    }

    #[test]
    fn a_window_beyond_the_limit_is_refused_before_memory_is_taken() {
        // Magic number; no single segment; windows of 16 MiB (2^24 = 10 + 14) and 8 MiB.
        let head = |exponent: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3];
        let error = unpack(&head(14)).unwrap_err().to_string();
        assert!(error.contains("window of 16777216 bytes exceeds the limit of 8388608"), "{error}");
        let error = unpack(&head(13)).unwrap_err().to_string();
        assert!(!error.contains("window"), "{error}");
    }
}
