//! What a flow says about itself: log lines, counters, the status page.

use std::sync::Arc;
use std::time::Instant;

use super::Flow;
use super::dead_letters::DeadLetters;
use crate::admin::status::{FileStatus, FlowStatus};
use crate::batch::key::KeyCounts;
use crate::batch::pack::Counts;
use crate::metrics::float;
use crate::metrics::reason::{BytesLost, KeyReplaced};
use crate::process::{Skip, StepCount};
use crate::send::{DestinationHealth, Outcome};
use crate::tail::disk::{Disk, OpenFile};
use crate::tail::event::{EventKind, FileEvent};
use crate::tail::file::Tailed;
use crate::tail::identity::FileKey;
use crate::tail::pattern::is_compressed_name;
use crate::tail::phase::Phase;

/// The status page names this many files a flow, those with the most lag first.
const STATUS_FILES_MAX: usize = 1_000;

impl<D: Disk> Flow<D> {
    /// Counts and logs what happened to files.
    pub(super) fn report_events(&mut self, now: Instant) {
        let events = self.tailer.take_events();
        if events.is_empty() {
            return;
        }
        self.reporting.note_news();
        for event in &events {
            self.metrics.file_transition(event.kind.label());
            if event.kind == EventKind::Problem {
                self.metrics.file_error("cannot_be_followed");
            }
            if event.bytes > 0 {
                self.metrics.bytes_lost(BytesLost::FileGone, event.bytes);
                self.totals.bytes_lost += event.bytes;
            }
            if self.event_log.should_log(event.kind, now) {
                self.log_event(event);
            }
        }
        self.log_suppressed_events(now);
        self.metrics.files.set(float(self.tailer.file_count() as u64));
        self.metrics.files_open.set(float(self.tailer.open_count() as u64));
    }

    fn log_suppressed_events(&mut self, now: Instant) {
        for (kind, more) in self.event_log.take_suppressed(now) {
            tracing::info!(name: "file_events_suppressed",
                flow = %self.config.id, kind, "{more} similar file events suppressed");
        }
    }

    fn log_event(&self, event: &FileEvent) {
        let (flow, file, detail) = (&self.config.id, event.path.display(), &event.detail);
        let kind = event.kind.label();
        match event.kind {
            EventKind::Abandoned => {
                tracing::error!(name: "data_lost", %flow, %file, kind,
                    "data lost: {detail}");
            }
            EventKind::NameNotCovered => {
                tracing::warn!(name: "rotated_name_uncovered", %flow, %file, kind,
                    "rotatedNames does not cover a rotated file: {detail}");
            }
            EventKind::HoleSkipped
            | EventKind::HoleFilled
            | EventKind::HoleForgotten
            | EventKind::InodeReused
            | EventKind::Overwritten
            | EventKind::Shortened
            | EventKind::Shrunk
            | EventKind::Missing
            | EventKind::Problem
            | EventKind::Truncated => {
                tracing::warn!(name: "file_event", %flow, %file, kind, "{detail}");
            }
            EventKind::Resumed => {
                // The Java agent's words, which people search for.
                let offset = self.offset_in(event);
                tracing::info!(name: "file_resumed", %flow, %file, kind, %detail,
                    "FileTailer[{flow}]: Successfully started tailing from previous checkpoint \
                     {file}@{offset}");
            }
            EventKind::Appeared
            | EventKind::CompressedCopy
            | EventKind::CopyRecognized
            | EventKind::EndRewritten
            | EventKind::Deleted
            | EventKind::FoundElsewhere
            | EventKind::GenerationFound
            | EventKind::MovedAway
            | EventKind::Recovered
            | EventKind::Released
            | EventKind::Remounted
            | EventKind::Renamed
            | EventKind::Returned
            | EventKind::Shadow => tracing::info!(name: "file_event",
                %flow, %file, kind, "{detail}"),
        }
    }

    /// Where the file that the event is about is read from.
    fn offset_in(&self, event: &FileEvent) -> u64 {
        let mut files = self.tailer.files().filter(|file| *file.path() == event.path);
        files.next().map_or(0, |file| file.position().offset)
    }

    /// Counts what became of records of a file on their way into batches.
    pub(super) fn report_counts(&mut self, key: FileKey) {
        let counts = self.packer.take_counts();
        if counts == Counts::default() {
            return;
        }
        self.metrics.records_read.increment(counts.read);
        self.metrics.records_converted.increment(counts.converted);
        self.metrics.records_without_metadata.increment(counts.without_metadata);
        self.metrics.pattern_limit_exceeded.increment(counts.not_compared);
        for &(reason, raw) in &counts.raw {
            self.metrics.records_raw_fallback(reason, raw);
        }
        self.metrics.records_truncated.increment(counts.truncated);
        self.metrics.records_unterminated.increment(counts.unterminated);
        let KeyCounts { missing, too_long } = counts.keys;
        for (reason, keys) in [(KeyReplaced::Missing, missing), (KeyReplaced::TooLong, too_long)] {
            if keys > 0 {
                self.metrics.partition_keys_replaced(reason, keys);
            }
        }
        let dead = counts.dead.iter().map(|(reason, dead)| (Skip::from(*reason), *dead));
        for (reason, skipped) in counts.skipped.iter().copied().chain(dead) {
            self.metrics.records_skipped(reason, skipped);
            // Header lines are no records.
            if reason != Skip::Header {
                self.totals.records_skipped += skipped;
            }
        }
        if let Some((file, offset)) = counts.oversize_at {
            let policy = self.config.oversize_line.label();
            self.metrics.lines_oversize(policy, counts.oversize);
            let path = self.tailer.path_of(file).cloned();
            self.record_issues.add_oversize(
                counts.oversize,
                policy,
                path.map(|path| (path, offset)),
            );
        }
        for (place, count) in counts.steps.iter().enumerate() {
            self.count_step(place, *count);
        }
        self.totals.records_parsed += counts.read;
        self.totals.records_transformed += counts.converted;
        self.totals.records_raw += counts.raw.iter().map(|(_, count)| count).sum::<u64>();
        self.totals.records_truncated += counts.truncated;
        let path = self.tailer.file(key).map(|file| &**file.path());
        self.record_issues.add(&counts, path);
    }

    /// Counts what a converter did with records.
    fn count_step(&mut self, place: usize, count: StepCount) {
        if count == StepCount::default() {
            return;
        }
        if self.step_totals.is_empty() {
            let names = self.packer.converters();
            self.step_totals = names.map(|name| (name, StepCount::default())).collect();
        }
        let Some((name, total)) = self.step_totals.get_mut(place) else { return };
        total.add(count);
        self.metrics.step_skipped(&format!("{} {name}", place + 1), count.skipped);
    }

    /// Counts what became of a batch, and names what the service refused.
    pub(super) fn report_outcome(&mut self, outcome: &Outcome) {
        self.metrics.records_delivered.increment(outcome.records_delivered as u64);
        self.metrics.bytes_delivered.increment(outcome.bytes_delivered as u64);
        self.metrics.batch_seconds.record(outcome.took);
        self.totals.records_delivered += outcome.records_delivered as u64;
        self.totals.bytes_delivered += outcome.bytes_delivered as u64;
        self.totals.retries += u64::from(outcome.attempts.saturating_sub(1));
        // An aggregate is several records.
        let refused = outcome.rejected.iter().map(|record| record.records as u64).sum();
        self.totals.records_refused += refused;
        self.totals.batches_done += 1;
        if outcome.rejected.is_empty() {
            return;
        }
        self.metrics.records_skipped(Skip::RefusedByService, refused);
        let spans = self.ledger.spans_of(outcome.batch);
        let files: Vec<String> = spans
            .iter()
            .filter_map(|(file, end)| {
                let path = self.tailer.path_of(*file)?;
                Some(format!("{} before byte {end}", path.display()))
            })
            .collect();
        for record in &outcome.rejected {
            tracing::error!(
                name: "record_refused",
                flow = %self.config.id,
                files = %files.join(", "),
                record = record.index,
                records = record.records,
                code = %record.code,
                dead_letter = self.dead.is_some(),
                "dropped record: permanently rejected by the service: {}",
                record.message
            );
        }
    }

    /// Brings the gauges and the status page up to date.
    pub(super) fn report(&mut self, now: Instant) {
        self.log_what_is_due(now);
        let problems = self.report_problems(now);
        let mut lag_bytes = 0;
        let mut lag_seconds: f64 = 0.0;
        let mut total = 0;
        let (mut bytes_behind, mut files_behind) = (0, 0);
        let mut files: Vec<&Tailed<D::File>> = Vec::new();
        for file in self.tailer.files() {
            total += 1;
            lag_bytes += file.lag_bytes();
            let unread = if file.phase() == Phase::PendingCopy { 0 } else { file.unread_bytes() };
            bytes_behind += unread;
            files_behind += u64::from(unread > 0 && file.position().offset == 0);
            lag_seconds = lag_seconds.max(lag_seconds_of(file, now));
            if files.len() < STATUS_FILES_MAX || file.lag_bytes() > 0 {
                files.push(file);
            }
        }
        if lag_bytes > 0 {
            files.sort_by_key(|file| std::cmp::Reverse(file.lag_bytes()));
        }
        files.truncate(STATUS_FILES_MAX);
        self.metrics.lag_bytes.set(float(lag_bytes));
        self.metrics.lag_seconds.set(lag_seconds);
        self.metrics.batches_in_flight.set(float(self.ledger.unsettled() as u64));
        self.metrics.in_flight_limit.set(float(self.in_flight.current() as u64));
        let files: Vec<FileStatus> = files.into_iter().map(|file| status_of(file, now)).collect();
        self.tell_start(total, lag_bytes, problems.total);
        self.count_errors_in_a_row(bytes_behind, now);
        self.totals.requests = self.requests_before.plus(self.metrics.requests.totals());
        let is_under_way = lag_bytes > 0 || problems.total > 0 || self.has_business();
        self.reporting.begin(total, is_under_way, now);
        let status = FlowStatus {
            flow: Arc::from(self.config.id.as_str()),
            destination: self.config.destination.to_string(),
            health: self.health.clone(),
            reported_at: now,
            scanned_once: self.tailer.has_scanned(),
            rotated_names: self.config.rotated_names_in_use(),
            files,
            in_flight: self.ledger.unsettled(),
            lag_bytes,
            lag_seconds,
            files_total: total,
            files_open: self.tailer.open_count(),
            restarts: self.restarts,
            bytes_behind,
            files_behind,
            totals: self.totals,
            problems: problems.shown,
            problems_total: problems.total,
            steps: self.step_totals.clone(),
            destination_state: Arc::clone(&self.metrics.destination),
            pulse: Arc::clone(&self.pulse),
            emit_internal_metrics: self.config.emit_internal_metrics,
            dead_letters: self.dead.as_ref().map(DeadLetters::status).unwrap_or_default(),
            draining: self.draining,
            holds_deleted: self.draining && self.has_unrecoverable_bytes(),
        };
        self.status.send_replace(Arc::new(status));
    }

    /// Writes the log lines that are due about what happened to records and files.
    pub(super) fn log_what_is_due(&mut self, now: Instant) {
        self.record_issues.log(&self.config.id, now);
        self.log_suppressed_events(now);
    }

    /// Whether anything is under way, other than in its files, that a report tells of.
    fn has_business(&self) -> bool {
        self.draining
            || self.feeding.is_some()
            || self.disposing.is_some()
            || self.writing.is_some()
            || self.packer.open().is_some()
            || self.ledger.unsettled() > 0
            || self.health != DestinationHealth::Ok
            || self.tailer.has_troubles()
    }

    /// Says once what the flow begins with; problems have lines of their own.
    fn tell_start(&mut self, files: usize, undelivered_bytes: u64, problems: usize) {
        if self.is_start_told || !self.tailer.has_scanned() {
            return;
        }
        self.is_start_told = true;
        tracing::info!(name: "flow_started",
            flow = %self.config.id, destination = %self.config.destination, files,
            undelivered_bytes, problems, "flow started");
    }

    /// The Java agent counts failed rounds of its tailer; this is what comes nearest. A flow that
    /// waits for its destination makes no errors: the destination has metrics of its own.
    fn count_errors_in_a_row(&mut self, bytes_behind: u64, now: Instant) {
        let moved = self.totals.bytes_read != self.read_at_report;
        self.read_at_report = self.totals.bytes_read;
        let fails = self.tailer.has_troubles() && !moved;
        let rounds = self.failed_rounds.count(fails, now);
        if fails {
            self.totals.errors_in_a_row = self.totals.errors_in_a_row.saturating_add(rounds);
        } else if moved || bytes_behind == 0 {
            self.totals.errors_in_a_row = 0;
        }
    }
}

fn status_of<F: OpenFile>(file: &Tailed<F>, now: Instant) -> FileStatus {
    let is_compressed = || file.path().file_name().is_some_and(is_compressed_name);
    let state = match (file.phase(), file.is_listed()) {
        (Phase::PendingCopy, _) => "pending_copy",
        (_, true) if file.is_rotated() => "rotated",
        (_, true) => "live",
        (_, false) if file.seen().links == 0 => "deleted",
        (_, false) if is_compressed() => "compressed",
        (_, false) => "moved_away",
    };
    FileStatus {
        path: Arc::clone(file.path()),
        name_now: file.name_now().filter(|name| **name != **file.path()),
        inode: file.seen().inode,
        state,
        size: file.seen().size,
        read_offset: file.position().offset,
        acked_offset: file.acked(),
        lag_bytes: file.lag_bytes(),
        lag_seconds: lag_seconds_of(file, now),
        half_line_since: file.half_line_since(),
    }
}

/// How long the file has had bytes that are not acknowledged.
fn lag_seconds_of<F: OpenFile>(file: &Tailed<F>, now: Instant) -> f64 {
    file.lags_since().map_or(0.0, |since| now.saturating_duration_since(since).as_secs_f64())
}
