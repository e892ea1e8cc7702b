//! What a compressed file holds around an offset of its content: enough to know it again.

use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::disk::regular;
use crate::tail::identity::{ANCHOR_BYTES_MAX, HEAD_BYTES_MAX};

/// Decompressed bytes that are looked at together.
const CHUNK_BYTES: usize = 64 * 1024;

/// A Zstandard stream that wants a larger window than this is not read: it would cost that much
/// memory. The tool makes none larger unless it is told to.
const WINDOW_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// The bytes of a content that its fingerprints cover.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The first ones.
    pub(super) head: Vec<u8>,
    /// The ones just before the offset.
    pub(super) before: Vec<u8>,
    /// How many bytes were decompressed: all, or as many as were asked for.
    pub(super) len: u64,
}

/// Decompresses the file up to `len_wanted` bytes. `None` if it is of a kind that cannot be read.
pub(super) fn look(path: &Path, offset: u64, len_wanted: u64) -> io::Result<Option<Content>> {
    let file = BufReader::new(regular::open(path)?);
    let kind = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let content = match kind.as_deref() {
        Some("gz") => read(flate2::bufread::MultiGzDecoder::new(file), offset, len_wanted),
        Some("bz2") => read(bzip2::bufread::MultiBzDecoder::new(file), offset, len_wanted),
        Some("zst") => {
            let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(
                file,
                WINDOW_BYTES_MAX,
            );
            read(decoder.map_err(io::Error::other)?, offset, len_wanted)
        }
        _ => return Ok(None),
    };
    content.map(Some)
}

fn read(mut stream: impl Read, offset: u64, len_wanted: u64) -> io::Result<Content> {
    let mut content = Content::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    while content.len < len_wanted {
        let count = match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = chunk.get(..count).unwrap_or(&chunk);
        let room = HEAD_BYTES_MAX.saturating_sub(content.head.len());
        content.head.extend(bytes.iter().take(room));
        let left = usize::try_from(offset.saturating_sub(content.len)).unwrap_or(usize::MAX);
        content.before.extend(bytes.iter().take(left));
        let surplus = content.before.len().saturating_sub(ANCHOR_BYTES_MAX);
        content.before.drain(..surplus);
        content.len += count as u64;
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    fn lines() -> Vec<u8> {
        (0..20_000).flat_map(|n| format!("line number {n}\n").into_bytes()).collect()
    }

    #[test]
    fn the_bytes_around_an_offset_are_found_in_each_kind() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = lines();
        let offset = 200_007;
        let (gz, bz2) = (dir.path().join("a.gz"), dir.path().join("a.BZ2"));
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&gz).unwrap(), flate2::Compression::fast());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap();
        let mut encoder =
            bzip2::write::BzEncoder::new(File::create(&bz2).unwrap(), bzip2::Compression::fast());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap();
        let zst = dir.path().join("a.zst");
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        std::fs::write(&zst, ruzstd::encoding::compress_to_vec(bytes.as_slice(), level)).unwrap();
        for path in [gz, bz2, zst] {
            let content = look(&path, offset, u64::MAX).unwrap().unwrap();
            let at = usize::try_from(offset).unwrap();
            assert_eq!(content.before, bytes[at - ANCHOR_BYTES_MAX..at], "{}", path.display());
            assert_eq!(content.head, bytes[..HEAD_BYTES_MAX]);
            assert_eq!(content.len, bytes.len() as u64);
            let part = look(&path, 10, 10).unwrap().unwrap();
            assert_eq!(part.before, bytes[..10]);
            assert!(part.len < bytes.len() as u64, "no more is read than is asked for");
        }
    }

    #[test]
    fn what_is_not_compressed_as_its_name_says_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.gz", "a.bz2", "a.zst"] {
            std::fs::write(dir.path().join(name), "plain text").unwrap();
            assert!(look(&dir.path().join(name), 1, 1).is_err(), "{name}");
        }
        std::fs::write(dir.path().join("a.xz"), "x").unwrap();
        assert_eq!(look(&dir.path().join("a.xz"), 1, 1).unwrap(), None);
    }
}
