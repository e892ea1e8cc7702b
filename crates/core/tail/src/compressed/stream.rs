//! A compressed file as the bytes it was made of, from first to last, in one piece at a time.
//!
//! Nothing here knows about records or contents. What a stream holds in memory is bounded by its
//! format, whatever the file says of itself: see [`DECODER_BYTES_MAX`].

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use super::zstandard::Zstandard;
use crate::disk::{DiskError, OpenFile};

/// What the decoder of any format may hold, in bytes: a Zstandard window of 8 MiB with the blocks
/// behind it. bzip2 takes 4 MB, gzip less than 100 KB.
pub(super) const DECODER_BYTES_MAX: usize = 9 * 1024 * 1024;

/// Compressed bytes are read this many at a time.
const INPUT_BYTES: usize = 64 * 1024;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Bzip2,
    Gzip,
    Zstandard,
}

impl Format {
    /// The format that a name promises.
    pub(super) fn of_name(name: &OsStr) -> Option<Self> {
        let name = name.as_bytes().to_ascii_lowercase();
        [(&b".gz"[..], Self::Gzip), (b".zst", Self::Zstandard), (b".bz2", Self::Bzip2)]
            .into_iter()
            .find_map(|(extension, format)| name.ends_with(extension).then_some(format))
    }
}

/// Why a stream has no more bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It ended as it should, and its checksums agree.
    Complete,
    /// The file ends in the middle: it is still being written, or whoever wrote it died.
    Cut,
    /// It is not what its format asks for.
    Damaged(String),
}

/// The bytes of a compressed file, in order.
pub(crate) struct Stream<F> {
    decoder: Decoder<F>,
    /// How many bytes came out so far.
    decoded: u64,
    end: Option<End>,
}

enum Decoder<F> {
    Bzip2(Box<MultiBzDecoder<Input<F>>>),
    Gzip(Box<MultiGzDecoder<Input<F>>>),
    Zstandard(Box<Zstandard<Input<F>>>),
}

/// The compressed bytes; it remembers what a decoder's error cannot tell.
pub(super) struct Input<F> {
    file: BufReader<Watched<F>>,
}

struct Watched<F> {
    file: F,
    read_bytes: u64,
    met_end: bool,
    failed: Option<DiskError>,
}

impl<F> std::fmt::Debug for Stream<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("decoded", &self.decoded)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl<F: OpenFile> Stream<F> {
    /// A stream of an open file, from its first byte.
    pub(super) fn new(format: Format, file: F) -> Self {
        let watched = Watched { file, read_bytes: 0, met_end: false, failed: None };
        let input = Input { file: BufReader::with_capacity(INPUT_BYTES, watched) };
        let decoder = match format {
            Format::Bzip2 => Decoder::Bzip2(Box::new(MultiBzDecoder::new(input))),
            Format::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(input))),
            Format::Zstandard => Decoder::Zstandard(Box::new(Zstandard::new(input))),
        };
        Self { decoder, decoded: 0, end: None }
    }

    /// How many bytes came out so far.
    pub(super) fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Why there are no more, once there are none.
    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// How many bytes of the compressed file were read.
    pub(super) fn input_bytes(&self) -> u64 {
        self.input().read_bytes
    }

    /// The next bytes; none only at the end, and then [`Stream::end`] says why.
    ///
    /// # Errors
    ///
    /// Whatever reading the file fails with. What a file is that does not decode is no error here.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize, DiskError> {
        while self.end.is_none() && !room.is_empty() {
            // The decoders are fed with whatever lies in a file with the right name. None is known
            // to panic, but one that did would end the flow again and again.
            let read = catch_unwind(AssertUnwindSafe(|| self.decoder.read(room)));
            match read.unwrap_or_else(|_| Err(io::Error::other("the decoder panicked"))) {
                Ok(0) => self.end = Some(End::Complete),
                Ok(count) => {
                    self.decoded += count as u64;
                    return Ok(count);
                }
                Err(error) => match self.input_mut().failed.take() {
                    Some(failed) => return Err(failed),
                    None if self.input().met_end => self.end = Some(End::Cut),
                    None => self.end = Some(End::Damaged(error.to_string())),
                },
            }
        }
        Ok(0)
    }

    /// Fills `room` as far as there are bytes.
    ///
    /// # Errors
    ///
    /// As [`Stream::read`].
    pub(super) fn read_full(&mut self, room: &mut [u8]) -> Result<usize, DiskError> {
        let mut filled = 0;
        while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read(rest)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    fn input(&self) -> &Watched<F> {
        match &self.decoder {
            Decoder::Bzip2(decoder) => decoder.get_ref().file.get_ref(),
            Decoder::Gzip(decoder) => decoder.get_ref().file.get_ref(),
            Decoder::Zstandard(decoder) => decoder.source().file.get_ref(),
        }
    }

    fn input_mut(&mut self) -> &mut Watched<F> {
        match &mut self.decoder {
            Decoder::Bzip2(decoder) => decoder.get_mut().file.get_mut(),
            Decoder::Gzip(decoder) => decoder.get_mut().file.get_mut(),
            Decoder::Zstandard(decoder) => decoder.source_mut().file.get_mut(),
        }
    }
}

impl<F: OpenFile> Decoder<F> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bzip2(decoder) => decoder.read(room),
            Self::Gzip(decoder) => decoder.read(room),
            Self::Zstandard(decoder) => decoder.read(room),
        }
    }
}

impl<F: OpenFile> Read for Input<F> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.file.read(room)
    }
}

impl<F: OpenFile> BufRead for Input<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.file.consume(amount);
    }
}

impl<F: OpenFile> Read for Watched<F> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.file.read_at(self.read_bytes, room) {
            Ok(count) => {
                self.read_bytes += count as u64;
                self.met_end |= count == 0 && !room.is_empty();
                Ok(count)
            }
            Err(error) => {
                self.failed = Some(error.clone());
                Err(error.into())
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;
    use crate::memory_disk::MemoryFile;

    pub(in super::super) const FORMATS: [Format; 3] =
        [Format::Bzip2, Format::Gzip, Format::Zstandard];

    pub(in super::super) fn compress(format: Format, bytes: &[u8]) -> Vec<u8> {
        match format {
            Format::Bzip2 => {
                let mut encoder =
                    bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Format::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Format::Zstandard => ruzstd::encoding::compress_to_vec(
                bytes,
                ruzstd::encoding::CompressionLevel::Fastest,
            ),
        }
    }

    pub(in super::super) fn stream_of(format: Format, packed: &[u8]) -> Stream<MemoryFile> {
        Stream::new(format, MemoryFile::with(packed))
    }

    fn lines(count: usize) -> Vec<u8> {
        (0..count).flat_map(|n| format!("{n} and what it says\n").into_bytes()).collect()
    }

    /// Everything that comes out, and how it ended.
    fn drain(mut stream: Stream<MemoryFile>) -> (Vec<u8>, End) {
        let mut all = Vec::new();
        let mut room = vec![0; 1000];
        loop {
            match stream.read(&mut room).unwrap() {
                0 => return (all, stream.end().unwrap().clone()),
                count => all.extend_from_slice(&room[..count]),
            }
        }
    }

    #[test]
    fn every_format_gives_back_what_was_put_in() {
        let content = lines(30_000);
        for format in FORMATS {
            let packed = compress(format, &content);
            assert!(packed.len() < content.len());
            let (all, end) = drain(stream_of(format, &packed));
            assert!(all == content && end == End::Complete, "{format:?}: {end:?}");
        }
    }

    #[test]
    fn members_in_a_row_are_one_stream() {
        let content = lines(2_000);
        for format in FORMATS {
            let (a, b) = content.split_at(9_999);
            let packed = [compress(format, a), compress(format, b)].concat();
            let (all, end) = drain(stream_of(format, &packed));
            assert!(all == content && end == End::Complete, "{format:?}: {end:?}");
        }
    }

    #[test]
    fn a_file_that_ends_in_the_middle_gives_what_it_has_and_says_so() {
        let content = lines(200_000);
        for format in FORMATS {
            let packed = compress(format, &content);
            for cut in [0, 1, 3, 12, packed.len() / 2, packed.len() - 1] {
                let (all, end) = drain(stream_of(format, &packed[..cut]));
                assert_eq!(end, End::Cut, "{format:?} at {cut}");
                assert!(content.starts_with(&all), "{format:?} at {cut}");
            }
        }
    }

    #[test]
    fn damage_is_told_from_an_early_end() {
        let content = lines(100_000);
        for format in FORMATS {
            let mut packed = compress(format, &content);
            let middle = packed.len() / 2;
            packed[middle..middle + 64].fill(0xff);
            let (_, end) = drain(stream_of(format, &packed));
            assert!(matches!(end, End::Damaged(_)), "{format:?}: {end:?}");
            let (all, end) =
                drain(stream_of(format, b"no compressed file, but a long line of text"));
            assert!(all.is_empty() && matches!(end, End::Damaged(_)), "{format:?}: {end:?}");
        }
    }

    #[test]
    fn a_checksum_that_does_not_agree_is_damage() {
        let content = lines(10);
        for (format, from_end) in [(Format::Gzip, 8), (Format::Zstandard, 4), (Format::Bzip2, 5)] {
            let mut packed = compress(format, &content);
            let at = packed.len() - from_end;
            packed[at] ^= 1;
            let (_, end) = drain(stream_of(format, &packed));
            assert!(matches!(end, End::Damaged(_)), "{format:?}: {end:?}");
        }
    }

    #[test]
    fn names_say_the_format() {
        for (name, format) in [
            ("app.log.2.gz", Some(Format::Gzip)),
            ("APP.GZ", Some(Format::Gzip)),
            ("a.zst", Some(Format::Zstandard)),
            ("a.bz2", Some(Format::Bzip2)),
            ("a.xz", None),
            ("a.gz.log", None),
        ] {
            assert_eq!(Format::of_name(OsStr::new(name)), format, "{name}");
        }
    }
}
