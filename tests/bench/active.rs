//! Many files that all grow all the time: what that costs, whether each of them gets its share, and
//! how soon a new one is found among them.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kinetail::sandbox::SandboxHandle;
use rusqlite::{Connection, OpenFlags};

use super::error::BenchError;
use super::files::{self, LINE_BYTES};
use super::print;
use super::settings::Settings;
use super::subject::Subject;
use super::throughput::float;

/// Each file gets a line this often: 10,000 files are 10,000 lines a second.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// New files are made while the others grow, one after the other.
const NEW_FILES: u64 = 5;

/// A new file that is not found by then is not looked for any longer.
const FOUND_WITHIN: Duration = Duration::from_mins(1);

/// How often the checkpoints are searched for a new file.
const SEARCH_EVERY: Duration = Duration::from_millis(20);

pub(crate) async fn run(settings: &Settings, sandbox: &SandboxHandle) -> Result<(), BenchError> {
    let count = settings.active_files;
    let folder = files::small(&settings.directory, count)?;
    let mut agent = Subject::agent("active", &settings.directory, &folder.join("*.log"), sandbox)?;
    let small = files::SMALL_LINES * count;
    let mut records = small;
    let seconds = agent.deliver(records, sandbox).await?;
    let mut writer = Writer::over(&folder, count);
    let before = agent.cpu()?;
    let begin = Instant::now();
    let span = Duration::from_secs(settings.active_seconds);
    let end = begin + span;
    let (lines, found) =
        tokio::join!(writer.write_until(end), discover_all(&agent, &folder, (begin, span)));
    let mut found = found?;
    records += lines? + NEW_FILES;
    let spent = begin.elapsed().as_secs_f64();
    let after = agent.cpu()?;
    // What lies behind this moment is how unequal the files are while all of them grow.
    let progress = progress(&agent.database(), &folder)?;
    agent.deliver(records, sandbox).await?;
    let figures = agent.finish(seconds, records, sandbox).await?;
    let appended = records - small - NEW_FILES;
    report(count, appended, (spent, after.total() - before.total()), &progress)?;
    found.sort_unstable();
    print(&format!(
        "new file found after {:?} (median), {:?} (worst of {NEW_FILES}); peak RSS {:.1} MiB",
        found.get(found.len() / 2).copied().unwrap_or_default(),
        found.last().copied().unwrap_or_default(),
        float(figures.peak_bytes) / 1024.0 / 1024.0,
    ))
}

/// Files that are behind by a round differ by all that they got in it, so a ratio says something
/// about fairness only where nearly everything is acknowledged, or after many rounds.
fn report(
    count: u64,
    appended: u64,
    (seconds, cpu): (f64, f64),
    progress: &[u64],
) -> Result<(), BenchError> {
    let (least, most) = (progress.iter().min(), progress.iter().max());
    let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
    print(&format!("\nactive: {count} files, each of which gets a line every {LINE_EVERY:?}"))?;
    print(&format!(
        "{appended} lines in {seconds:.0} s; {:.1} % of one core; {} of them acknowledged while \
         they were written, {least} to {most} bytes of each of {} files, a ratio of {:.2}",
        cpu / seconds * 100.0,
        progress.iter().sum::<u64>() / LINE_BYTES,
        progress.len(),
        float(most) / float(least.max(1)),
    ))
}

/// Appends lines to file after file at an even pace.
struct Writer {
    paths: Vec<PathBuf>,
    next: usize,
    line: Vec<u8>,
    begin: Instant,
    written: u32,
}

impl Writer {
    fn over(folder: &Path, count: u64) -> Self {
        let paths = (0..count).map(|number| folder.join(format!("service-{number:06}.log")));
        let length = usize::try_from(LINE_BYTES).unwrap_or_default() - 1;
        let mut line = vec![b'x'; length];
        line.push(b'\n');
        Self { paths: paths.collect(), next: 0, line, begin: Instant::now(), written: 0 }
    }

    /// Writes until then, and says how many lines.
    async fn write_until(&mut self, end: Instant) -> Result<u64, BenchError> {
        let files = u32::try_from(self.paths.len()).unwrap_or(u32::MAX).max(1);
        let every = LINE_EVERY / files;
        let mut lines = 0;
        loop {
            let due = self.begin + every * self.written;
            let now = Instant::now();
            if now >= end {
                return Ok(lines);
            }
            if due > now {
                tokio::time::sleep(due.min(end) - now).await;
                continue;
            }
            let Some(path) = self.paths.get(self.next) else { return Ok(lines) };
            let mut file = OpenOptions::new()
                .append(true)
                .open(path)
                .map_err(BenchError::io("open a file to append to"))?;
            file.write_all(&self.line).map_err(BenchError::io("append a line"))?;
            self.next = (self.next + 1) % self.paths.len();
            self.written += 1;
            lines += 1;
        }
    }
}

/// Makes the new files at an even pace, and says how long each took to be found.
async fn discover_all(
    agent: &Subject,
    folder: &Path,
    (begin, span): (Instant, Duration),
) -> Result<Vec<Duration>, BenchError> {
    let mut found = Vec::new();
    for number in 0..NEW_FILES {
        let due = begin + span.mul_f64(float(number + 1) / float(NEW_FILES + 1));
        tokio::time::sleep_until(due.into()).await;
        found.push(discover(agent, folder, number).await?);
    }
    Ok(found)
}

/// Makes a file with one line and waits until the agent has a checkpoint of it.
pub(crate) async fn discover(
    agent: &Subject,
    folder: &Path,
    number: u64,
) -> Result<Duration, BenchError> {
    let name = format!("new-{number}.log");
    let path = folder.join(&name);
    let database = open(&agent.database())?;
    let begin = Instant::now();
    let mut file = File::create_new(&path).map_err(BenchError::io("make a new file"))?;
    file.write_all(format!("new file {number}\n").as_bytes())
        .map_err(BenchError::io("write a new file"))?;
    let mut query = database.prepare("SELECT 1 FROM checkpoints WHERE path = ?1")?;
    loop {
        let is_known = query.exists([path.as_os_str().as_bytes()])?;
        let took = begin.elapsed();
        if is_known {
            return Ok(took);
        }
        if took > FOUND_WITHIN {
            return Err(BenchError::NotFound { name });
        }
        tokio::time::sleep(SEARCH_EVERY).await;
    }
}

/// The checkpoints of a running agent, to look at.
fn open(database: &Path) -> Result<Connection, BenchError> {
    Ok(Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// How many bytes of what was appended to each file are acknowledged, as the checkpoints say now.
fn progress(database: &Path, folder: &Path) -> Result<Vec<u64>, BenchError> {
    let database = open(database)?;
    let mut query = database.prepare("SELECT path, offset FROM checkpoints")?;
    let rows = query.query_map((), |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (path, offset) = row?;
        let grows = Path::new(std::ffi::OsStr::from_bytes(&path))
            .strip_prefix(folder)
            .is_ok_and(|name| name.to_string_lossy().starts_with("service-"));
        if grows {
            let offset = u64::try_from(offset).unwrap_or_default();
            found.push(offset.saturating_sub(files::SMALL_LINES * LINE_BYTES));
        }
    }
    Ok(found)
}
