//! A log that another program writes through a mapping of its file: no size, no stamp and no
//! notification tells of a line.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::required::not_tested;

/// Makes a file of zeros and writes there what it reads, and says so. Its first page is written to
/// first: that may change the time of the file, and nothing else does until the page is on the
/// disk.
const WRITER: &str = r"
import mmap, os, sys
size, at = 1 << 16, 0
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)
os.write(file, bytes(size))
os.fsync(file)
memory = mmap.mmap(file, size)
memory[0] = 0
for line in sys.stdin.buffer:
    memory[at:at + len(line)] = line
    at += len(line)
    print(flush=True)
";

/// All of them are on the first page.
const LINES: usize = 40;

/// So many must arrive without a trace in size and times.
const UNSEEN_LINES: usize = 10;

struct Writer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Writer {
    /// Nothing if there is no Python.
    fn start(path: &Path) -> Option<Self> {
        let mut command = Command::new("python3");
        let command = command.args(["-c", WRITER]).arg(path);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Some(Self { child, input, output: BufReader::new(output) })
    }

    fn write(&mut self, line: &[u8]) {
        self.input.write_all(line).unwrap();
        self.input.flush().unwrap();
        let mut done = String::new();
        assert_eq!(self.output.read_line(&mut done).unwrap(), 1, "it wrote the line");
    }

    fn end(self) {
        let Self { mut child, input, .. } = self;
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}

/// Size and times of a file.
fn traces(path: &Path) -> [i64; 5] {
    let seen = fs::metadata(path).unwrap();
    [seen.size().cast_signed(), seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec()]
}

#[test]
fn lines_written_through_a_mapping_arrive_without_a_trace_in_size_and_times() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log", ("kinesisStream", "s"), &json!({}));
    let (stream, mut lines, path) = (kinesis("s"), Lines::default(), home.log("app.log"));
    let Some(mut writer) = Writer::start(&path) else {
        return not_tested("PYTHON", "there is no python3 that maps a file");
    };
    writer.write(&lines.one("first", 20));
    let agent = home.start();
    let all = |lines: &Lines| endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    all(&lines);
    // Until a line is read nothing else is written, so each is found by itself.
    let mut unseen = 0;
    for _ in 0..LINES {
        let before = traces(&path);
        writer.write(&lines.one("mapped", 20));
        all(&lines);
        unseen += usize::from(traces(&path) == before);
        if unseen == UNSEEN_LINES {
            break;
        }
    }
    assert_eq!(unseen, UNSEEN_LINES, "the system stamps each write through a mapping");
    writer.end();
    let log = agent.log();
    assert_eq!(agent.stop(SOON), Some(0), "{log}");
    assert_eq!(endpoint.data(&stream), lines.written, "{log}");
}
