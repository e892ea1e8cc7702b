//! The files of a flow, by its configuration. The daemon and the tests make them here, so that a
//! wrong wire fails a test.

use std::time::Instant;

use crate::checkpoint::Checkpoint;
use crate::config::{Encoding, FlowConfig, InitialPosition, Input, Ordering};
use crate::tail::disk::Disk;
use crate::tail::space::SpaceGuard;
use crate::tail::tailer::{Earlier, TailOptions, Tailer};

/// What files a flow begins with, and what they may take.
#[derive(Debug)]
pub struct Beginning {
    /// Whether the flow ran before.
    pub known_flow: bool,
    /// When it did.
    pub earlier: Option<Earlier>,
    /// Its checkpoints.
    pub rows: Vec<Checkpoint>,
    /// The first key that no file has yet.
    pub next_file_key: u64,
    /// How many descriptors its files may take.
    pub descriptors_max: usize,
    /// When deleted files must give their disk space back.
    pub space: SpaceGuard,
}

/// The tailer of a flow.
#[must_use]
pub fn tailer<D: Disk>(
    disk: D,
    config: &FlowConfig,
    beginning: Beginning,
    now: Instant,
) -> Tailer<D> {
    let files = config.input == Input::Files;
    // Of another input nothing is there but what comes: where that begins, a cursor says.
    let rows = if files { beginning.rows } else { Vec::new() };
    let options = TailOptions {
        pattern: config.pattern.clone(),
        scan_interval: config.scan_interval,
        start_at_end: files
            && !beginning.known_flow
            && config.initial_position == InitialPosition::EndOfFile,
        skip_header_lines: config.skip_header_lines,
        multi_line_hold: config.multi_line_start.is_some().then_some(config.multi_line_hold),
        partial_line_hold: config.partial_line_hold,
        refuse_utf16: files && config.encoding == Encoding::Auto,
        descriptors_max: beginning.descriptors_max,
        space: beginning.space,
        rotated_names: config.rotated_names.clone(),
        strict_order: config.ordering == Ordering::Strict,
        earlier: beginning.earlier,
    };
    let mut tailer = Tailer::new(disk, options, rows, beginning.next_file_key, now);
    tailer.control().read_for_batches(config.max_buffer_age);
    if config.when_done.is_some() {
        tailer.control().expect_removals();
    }
    tailer
}
