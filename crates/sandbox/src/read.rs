//! Reads back what arrived in a stream, as a consumer sees it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use super::aggregate::user_records;
use super::names::StreamId;
use kinetail_base::shown::shown;

/// Why nothing, or not all, was printed.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(
        "cannot read {}: {source}; is it the directory of --output, and the stream's name?",
        shown(path)
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is none of the sandbox's.
    #[error("line {number} of {} is not a record of the sandbox: {reason}", shown(path))]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        number: usize,
        /// Why.
        reason: String,
    },
    /// Nobody takes what is printed.
    #[error("cannot print: {0}")]
    Print(io::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    partition_key: String,
    shard_id: String,
    data: Option<String>,
    data_base64: Option<String>,
}

/// Prints the records of a stream from the files in a directory, their data or as JSON, one line a
/// record. Aggregates are taken apart.
///
/// # Errors
/// The file of the stream cannot be read, or what is printed goes nowhere.
pub fn print_records(
    directory: &Path,
    stream: &StreamId,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), ReadError> {
    let path = directory.join(format!("{}.ndjson", stream.label()));
    let failed = |source| ReadError::File { path: path.clone(), source };
    let file = BufReader::new(File::open(&path).map_err(failed)?);
    for (index, line) in file.lines().enumerate() {
        let line = line.map_err(failed)?;
        let wrong =
            |reason: String| ReadError::Line { path: path.clone(), number: index + 1, reason };
        let line: Line = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
        let data = match (line.data, line.data_base64) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(encoded)) => base64_simd::STANDARD
                .decode_to_vec(encoded)
                .map_err(|error| wrong(error.to_string()))?,
            (None, None) => return Err(wrong("it has no data".to_owned())),
        };
        for user in user_records(&line.partition_key, &data) {
            let printed = if as_json {
                let data = String::from_utf8_lossy(&user.data);
                let (shard, key) = (&line.shard_id, &user.partition_key);
                writeln!(out, "{}", json!({ "shardId": shard, "partitionKey": key, "data": data }))
            } else if user.data.ends_with(b"\n") {
                out.write_all(&user.data)
            } else {
                out.write_all(&user.data).and_then(|()| out.write_all(b"\n"))
            };
            printed.map_err(ReadError::Print)?;
        }
    }
    out.flush().map_err(ReadError::Print)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_error_says_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let stream = StreamId::kinesis("s").unwrap();
        let read = |out: &mut dyn Write| print_records(directory.path(), &stream, false, out);
        let missing = read(&mut Vec::new()).unwrap_err();
        assert!(matches!(missing, ReadError::File { .. }), "{missing}");
        let path = directory.path().join("kinesis-s.ndjson");
        let good = "{\"partitionKey\":\"k\",\"shardId\":\"s-0\",\"data\":\"one\"}";
        for bad in [
            "{\"partitionKey\":",
            &good.replace("\"data\":\"one\"", "\"data\":null"),
            &good.replace("\"data\":\"one\"", "\"dataBase64\":\"!\""),
        ] {
            std::fs::write(&path, format!("{good}\n{bad}\n")).unwrap();
            let mut printed = Vec::new();
            let error = read(&mut printed).unwrap_err();
            assert!(matches!(error, ReadError::Line { number: 2, .. }), "{bad}: {error}");
            assert_eq!(printed, b"one\n");
        }
        std::fs::write(&path, format!("{good}\n")).unwrap();
        let error = read(&mut Full).unwrap_err();
        assert!(matches!(error, ReadError::Print(_)), "{error}");
    }
}
