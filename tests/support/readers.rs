//! Readers of aggregated records that are not ours: a Python package in a virtual environment below
//! `target/`, and the Kinesis Client Library from Maven Central.
//!
//! The versions are pinned, and each is fetched once. Where one cannot be had the caller passes
//! with a loud message, or fails if `KINETAIL_REQUIRE_READERS=1`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// aws-kinesis-agg imports six and does not say so.
const PACKAGES: [&str; 2] = ["aws-kinesis-agg==1.2.3", "six==1.17.0"];

/// A reader of records.
#[derive(Debug, Clone, Copy)]
pub enum Reader {
    /// `AggregatorUtil` of the Kinesis Client Library.
    Java,
    /// The package aws-kinesis-agg.
    Python,
}

/// A record of a stream, and the range of its shard.
#[derive(Debug, Clone)]
pub struct Stored {
    pub key: String,
    pub data: Vec<u8>,
    pub range: (u128, u128),
}

impl Reader {
    /// The keys and data of the records in these records, or `None` if there is no such reader here
    /// and need not be.
    ///
    /// # Panics
    /// If there must be one, or if it fails.
    pub fn read(self, records: &[Stored]) -> Option<Vec<(String, Vec<u8>)>> {
        let mut command = match self.prepare() {
            Ok(command) => command,
            Err(why) => {
                assert!(
                    std::env::var_os("KINETAIL_REQUIRE_READERS").is_none_or(|set| set != "1"),
                    "no reader {self:?}: {why}"
                );
                let message = format!("\n*** NOT TESTED against the reader {self:?}: {why}\n\n");
                std::io::stderr().write_all(message.as_bytes()).unwrap();
                return None;
            }
        };
        let mut input = tempfile::tempfile().unwrap();
        for Stored { key, data, range: (start, end) } in records {
            let data = base64_simd::STANDARD.encode_to_string(data);
            writeln!(input, "{key}\t{data}\t{start}\t{end}").unwrap();
        }
        std::io::Seek::rewind(&mut input).unwrap();
        let output = command.stdin(input).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{self:?}: {said}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let pair = |line: &str| {
            let (key, data) = line.split_once('\t').unwrap();
            (key.to_owned(), base64_simd::STANDARD.decode_to_vec(data).unwrap())
        };
        Some(lines.lines().map(pair).collect())
    }

    fn prepare(self) -> Result<Command, String> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let lock = File::create(target.join("readers.lock")).unwrap();
        lock.lock().unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("readers");
        match self {
            Self::Java => {
                let classes = once(&target.join("reader-java"), &pom(&sources), |home| {
                    let output = format!("-DoutputDirectory={}", home.display());
                    let mut maven = Command::new("mvn");
                    maven.args(["-q", "-B", "-f"]).arg(sources.join("pom.xml"));
                    run(maven.args(["dependency:copy-dependencies", &output]))
                })?;
                let mut java = Command::new("java");
                java.arg("-cp").arg(format!("{}/*", classes.display()));
                java.arg(sources.join("Deaggregate.java"));
                Ok(java)
            }
            Self::Python => {
                let venv = once(&target.join("reader-python"), &PACKAGES.join("\n"), |home| {
                    run(Command::new("python3").args(["-m", "venv"]).arg(home))?;
                    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
                    run(Command::new(home.join("bin").join("python")).args(quiet).args(PACKAGES))
                })?;
                let mut python = Command::new(venv.join("bin").join("python"));
                python.arg(sources.join("deaggregate.py"));
                Ok(python)
            }
        }
    }
}

fn pom(sources: &Path) -> String {
    fs::read_to_string(sources.join("pom.xml")).unwrap()
}

/// Makes a directory with what is wanted, unless it is there.
fn once(
    home: &Path,
    wanted: &str,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    // Written last: a directory without it is not complete.
    let ready = home.join("kinetail-ready");
    if fs::read_to_string(&ready).is_ok_and(|found| found == wanted) {
        return Ok(home.to_owned());
    }
    if home.is_dir() {
        fs::remove_dir_all(home).unwrap();
    }
    make(home)?;
    fs::write(&ready, wanted).unwrap();
    Ok(home.to_owned())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Err(format!("{} ended with {}: {said}", command.get_program().display(), output.status))
}
