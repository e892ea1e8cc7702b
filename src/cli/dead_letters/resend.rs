//! `dead-letters resend`: through the way of all records, with the flow's own rules for keys. A
//! letter is removed when the service has accepted its record, a file at a time; whoever is killed
//! in between sends that file again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{CliError, SOME_ARE_LEFT, Selection, flow_of, tell_of_busy};
use crate::batch::dead_letter::Letter;
use crate::batch::pack::Packer;
use crate::config::{Config, FlowConfig, OversizeLine};
use crate::dead_letters::{Directory, LetterFile, Listed};
use crate::metrics::FlowMetrics;
use crate::send::client::Aws;
use crate::send::sender::{self, EventSink, NoObserver, SenderConfig};
use crate::send::wire::Operation;
use crate::send::{DestinationHealth, SenderEvent, Submission};
use crate::shown::{Escaped, counted, shown};
use crate::tail::identity::FileKey;
use kinetail_base::limits::KINESIS_LARGE_RECORD_BYTES_MAX;

/// A destination that accepts nothing for so long is left for another time.
const FAILING_MAX: Duration = Duration::from_mins(1);

/// How often it is looked whether it does.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a letter is kept of which nothing else is known.
const UNKNOWN: &str = "it is not known what became of it";

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// The service has its record.
    Accepted,
    /// It stays where it is, for this reason.
    Kept(String),
    /// A converter of the flow leaves it out.
    Skipped,
}

/// What became of all letters.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    skipped: usize,
    kept: usize,
    busy: usize,
    reasons: BTreeMap<String, usize>,
}

/// Sends all that is selected.
pub(super) fn run(
    config: &Config,
    places: &[Directory],
    selection: &Selection,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let runtime = crate::cli::runtime()?;
    let aws = runtime.block_on(Box::pin(Aws::load(&config.aws)))?;
    let mut tally = Tally::default();
    for directory in places {
        for file in selection.files(directory)? {
            let Some(flow) = flow_of(config, &file.name) else {
                tell_of_stranger(directory, &file, out)?;
                tally.busy += 1;
                continue;
            };
            if selection.flow.as_ref().is_some_and(|text| !flow.id.contains(text)) {
                continue;
            }
            let Some(locked) = directory.lock(&file.name)? else {
                tally.busy += 1;
                tell_of_busy(directory, &file, out)?;
                continue;
            };
            let sending = one_file(&aws, flow, (directory, locked), selection, &mut tally);
            runtime.block_on(Box::pin(sending))?;
        }
    }
    tally.write(out)?;
    let left = tally.kept + tally.busy > 0;
    Ok(ExitCode::from(if left { SOME_ARE_LEFT } else { 0 }))
}

fn tell_of_stranger(
    directory: &Directory,
    file: &Listed,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    writeln!(
        out,
        "{}: its flow is not in the configuration; kept",
        shown(&directory.path_of(&file.name))
    )
}

impl Tally {
    fn add(&mut self, fate: &Fate) {
        match fate {
            Fate::Accepted => self.accepted += 1,
            Fate::Skipped => self.skipped += 1,
            Fate::Kept(reason) => {
                self.kept += 1;
                *self.reasons.entry(reason.clone()).or_default() += 1;
            }
        }
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let accepted = counted(self.accepted, "dead letter");
        writeln!(out, "resent {accepted}, kept {}", self.kept)?;
        if self.skipped > 0 {
            writeln!(out, "removed {} that a converter skips now", self.skipped)?;
        }
        for (reason, count) in &self.reasons {
            writeln!(out, "  kept {count}: {}", Escaped(reason))?;
        }
        Ok(())
    }
}

/// Sends the letters of one file and leaves those in it that are not accepted.
async fn one_file(
    aws: &Aws,
    flow: &FlowConfig,
    (directory, mut file): (&Directory, LetterFile),
    selection: &Selection,
    tally: &mut Tally,
) -> Result<(), CliError> {
    let lines = file.read(directory)?.lines;
    let chosen: Vec<(usize, &Letter)> = (lines.iter().enumerate())
        .filter_map(|(place, line)| Some((place, line.letter.as_ref().ok()?)))
        .filter(|(_, letter)| selection.takes(letter))
        .collect();
    let letters: Vec<&Letter> = chosen.iter().map(|(_, letter)| *letter).collect();
    let fates = Box::pin(send(aws, flow, &letters)).await?;
    let mut gone = BTreeSet::new();
    for ((place, _), fate) in chosen.iter().zip(&fates) {
        tally.add(fate);
        if !matches!(fate, Fate::Kept(_)) {
            gone.insert(*place);
        }
    }
    let kept: Vec<&[u8]> = (lines.iter().enumerate())
        .filter(|(place, _)| !gone.contains(place))
        .map(|(_, line)| line.bytes.as_slice())
        .collect();
    if !gone.is_empty() || lines.is_empty() {
        file.keep(directory, &kept)?;
    }
    Ok(())
}

/// Sends letters and says what became of each, in their order.
async fn send(aws: &Aws, flow: &FlowConfig, letters: &[&Letter]) -> Result<Vec<Fate>, CliError> {
    let operation = Operation::of(&flow.destination);
    let wire = aws.wire(operation, &flow.aws, flow.wire).await?;
    let mut packed = Packed::new(flow, wire.encoding(), letters.len());
    packed.take(letters);
    let Packed { submissions, mut fates, .. } = packed;
    let (queue, waiting) = mpsc::channel(submissions.len().max(1));
    for submission in submissions {
        // There is a place for each.
        let queued = queue.try_send(submission);
        debug_assert!(queued.is_ok(), "the queue has room for all of them");
    }
    drop(queue);
    let heard = Arc::new(Mutex::new(Heard::default()));
    let mut sending = pin!(sender::run(wire, waiting, sink(&heard), sender_config(flow)));
    loop {
        tokio::select! {
            () = &mut sending => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if heard.lock().is_in_vain() {
            break;
        }
    }
    let events = std::mem::take(&mut heard.lock().events);
    let mut paused = "the destination does not accept it".to_owned();
    for event in events {
        match event {
            SenderEvent::Health(
                DestinationHealth::Paused { reason } | DestinationHealth::Retrying { reason },
            ) => paused = reason,
            SenderEvent::Health(DestinationHealth::Ok) | SenderEvent::GivenUp(_) => {}
            SenderEvent::Outcome(outcome) => {
                let rejected: BTreeMap<FileKey, String> = (outcome.rejected.iter())
                    .filter_map(|record| {
                        let reason = format!("{}: {}", record.code, record.message);
                        Some((record.origins.first()?.file, reason))
                    })
                    .collect();
                for file in packed.batches.remove(&outcome.batch).unwrap_or_default() {
                    let fate = match rejected.get(&file) {
                        Some(reason) => Fate::Kept(reason.clone()),
                        None => Fate::Accepted,
                    };
                    set(&mut fates, file, fate);
                }
            }
        }
    }
    for file in packed.batches.into_values().flatten() {
        set(&mut fates, file, Fate::Kept(paused.clone()));
    }
    Ok(fates)
}

/// What the sender said.
#[derive(Debug, Default)]
struct Heard {
    events: Vec<SenderEvent>,
    /// Since when nothing is accepted.
    failing_since: Option<Instant>,
}

impl Heard {
    fn hear(&mut self, event: SenderEvent) {
        match &event {
            SenderEvent::Health(DestinationHealth::Ok) | SenderEvent::Outcome(_) => {
                self.failing_since = None;
            }
            SenderEvent::Health(_) => {
                self.failing_since.get_or_insert_with(Instant::now);
            }
            SenderEvent::GivenUp(_) => {}
        }
        self.events.push(event);
    }

    fn is_in_vain(&self) -> bool {
        self.failing_since.is_some_and(|since| since.elapsed() >= FAILING_MAX)
    }
}

fn sink(heard: &Arc<Mutex<Heard>>) -> EventSink {
    let heard = Arc::clone(heard);
    Arc::new(move |event| heard.lock().hear(event))
}

fn sender_config(flow: &FlowConfig) -> SenderConfig {
    // Letters for a destination that is paused stay where they are.
    let stopping = CancellationToken::new();
    stopping.cancel();
    SenderConfig {
        flow: flow.id.clone(),
        retry: flow.retry,
        max_in_flight: 1,
        caps: flow.caps,
        facts: None,
        seed: fastrand::u64(..),
        metrics: FlowMetrics::new(&flow.id),
        observer: Arc::new(NoObserver),
        stopping,
    }
}

/// The number of a letter, as that of a file.
fn key_of(place: usize) -> FileKey {
    FileKey(place as u64)
}

fn set(fates: &mut [Fate], file: FileKey, fate: Fate) {
    let place = usize::try_from(file.0).ok();
    if let Some(old) = place.and_then(|place| fates.get_mut(place)) {
        *old = fate;
    }
}

/// Letters on their way into batches.
struct Packed {
    packer: Packer,
    submissions: Vec<Submission>,
    /// Which letters are in which batch.
    batches: BTreeMap<u64, Vec<FileKey>>,
    /// What is known of each. A letter of which nothing is known is kept.
    fates: Vec<Fate>,
}

impl Packed {
    fn new(flow: &FlowConfig, encoding: crate::batch::body::Encoding, letters: usize) -> Self {
        let mut options = flow.pack_options();
        options.oversize_line = OversizeLine::DeadLetter;
        options.dead_letters = true;
        // Each goes alone, so that what is refused is known.
        (options.aggregation, options.aggregated_record_bytes) = (None, 0);
        options.file_footer = None;
        if flow.max_record_bytes_auto {
            options.max_record_bytes = KINESIS_LARGE_RECORD_BYTES_MAX;
        }
        let mut packer = Packer::new(&options, fastrand::u64(..));
        packer.speak(encoding);
        packer.set_time(jiff::Timestamp::now().as_millisecond());
        let fates = vec![Fate::Kept(UNKNOWN.to_owned()); letters];
        Self { packer, submissions: Vec::new(), batches: BTreeMap::new(), fates }
    }

    fn take(&mut self, letters: &[&Letter]) {
        let now = Instant::now();
        for (place, letter) in letters.iter().enumerate() {
            let file = key_of(place);
            if letter.is_cut() {
                let kept = letter.data.len();
                let reason = format!("only {kept} of its {} bytes were kept", letter.len);
                set(&mut self.fates, file, Fate::Kept(reason));
                continue;
            }
            let log = std::ffi::OsStr::from_bytes(&letter.log).to_string_lossy();
            self.packer.set_path(file, &log);
            if !self.packer.knows_log(file) {
                self.packer.set_log(file, &log);
            }
            while !self.packer.take_letter(letter, file, now) {
                self.close();
            }
            if !self.packer.take_counts().skipped.is_empty() {
                set(&mut self.fates, file, Fate::Skipped);
            }
        }
        self.close();
    }

    fn close(&mut self) {
        let Some((batch, open)) = self.packer.close() else { return };
        for letter in open.letters {
            let by = if letter.code.is_empty() { "" } else { ": " };
            let reason = format!("{}{by}{}", letter.code, letter.message);
            set(&mut self.fates, letter.file, Fate::Kept(reason));
        }
        let records = 0..open.body.records();
        let sent = records.filter_map(|index| Some(open.body.origins_of(index).first()?.file));
        let sent: Vec<FileKey> = sent.collect();
        if !sent.is_empty() {
            self.batches.insert(batch, sent);
            self.submissions.push(Submission { batch, body: open.body });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::batch::body::Encoding;
    use crate::batch::dead_letter::{Reason, Stage};
    use crate::config::{Environment, load};

    fn letter(data: &str) -> Letter {
        Letter {
            time: String::new(),
            reason: Reason::Refused,
            code: String::new(),
            message: String::new(),
            flow: String::new(),
            file: b"/l/app.log".to_vec(),
            log: b"/l/app.log".to_vec(),
            offset: 0,
            len: data.len() as u64,
            stage: Stage::Line,
            data: data.as_bytes().to_vec(),
        }
    }

    /// Only what a converter is known to skip, or the service to have, is removed.
    #[test]
    fn a_letter_of_which_nothing_is_known_is_kept() {
        let text = "flows: [{filePattern: /l/app.log, kinesisStream: s, dataProcessingOptions: \
                    [{optionName: FILTER, exclude: drop}]}]";
        let loaded = load(text, Path::new("a.yaml"), &Environment::default());
        let flow = loaded.expect("valid").0.flows.remove(0);
        let letters = [letter("drop\n"), letter("sent\n"), letter("drop\n")];
        let mut packed = Packed::new(&flow, Encoding::Json, letters.len() + 1);
        packed.take(&letters.iter().collect::<Vec<_>>());
        let unknown = Fate::Kept(UNKNOWN.to_owned());
        let skipped = Fate::Skipped;
        assert_eq!(packed.fates, [skipped.clone(), unknown.clone(), skipped, unknown]);
        let sent: Vec<FileKey> = packed.batches.into_values().flatten().collect();
        assert_eq!(sent, [key_of(1)]);
    }
}
