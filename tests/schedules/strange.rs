//! What few programs do: lines that are all the same, files that are written through a mapping or
//! out of order, and tools that destroy files. Every eighth schedule has some of these.

use std::time::Duration;

use super::model::Model;
use super::operation::{Operation, common};
use super::rare::{Rare, Rest};

/// Of so many operations of such a schedule one is strange.
const ONE_IN: u32 = 3;

/// How long a flow is down at least: longer than there is doubt about when files were born.
const DOWN_FOR: Duration = Duration::from_secs(1);

/// Tools that destroy a file fill its last block.
const BLOCK_BYTES: usize = 4096;

/// What such a tool writes in one of its passes.
const PATTERN: [u8; 3] = [0x92, 0x49, 0x24];

/// What a program that maps its file makes room for.
const MAPPED_BYTES: usize = 16 * 1024;

/// A slot that was not filled is waited for no longer than this.
const SLOT_KEPT_FOR: Duration = Duration::from_secs(12);

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strange {
    /// A file of equal lines is deleted, and another one has the same lines.
    EqualLines { first: usize, second: usize, stopped: bool },
    /// A file is written through a mapping, and cut off at its end when it is closed.
    Mapped { pieces: usize, millis: u64, halves: bool },
    /// Lines are written behind room for others, which are written later. The room takes space on
    /// the disk, or is a hole.
    Slots { slots: usize, millis: u64, reserved: bool },
    /// What `shred -u` does to a rotated file: some passes over all of it, then it is emptied,
    /// renamed and deleted.
    ShredAndRemove { passes: usize, whole_blocks: bool, stopped: bool, found: bool },
    /// A file in UTF-16 that is closed for others becomes a longer one with text.
    BecomesText { lines: usize, in_place: bool },
    /// An empty file that is known is deleted while the flow is down; others come, are rotated and
    /// compressed, and one that is empty may get its number.
    EmptyAgain { rotations: usize, rotated: bool },
}

/// A common operation or a strange one.
pub fn one(random: &mut fastrand::Rng) -> Operation {
    if random.u32(0..ONE_IN) > 0 {
        common(random)
    } else {
        Operation::Rare(Rare::Strange(strange(random)))
    }
}

fn strange(random: &mut fastrand::Rng) -> Strange {
    let (one, other) = (random.bool(), random.bool());
    let millis = random.u64(10..1500);
    match random.u32(0..6) {
        0 => Strange::EqualLines {
            first: random.usize(1..60),
            second: random.usize(1..60),
            stopped: one,
        },
        1 => Strange::Mapped { pieces: random.usize(1..8), millis, halves: one },
        2 => {
            let millis = if other { millis } else { random.u64(1500..20_000) };
            Strange::Slots { slots: random.usize(1..5), millis, reserved: one }
        }
        3 => Strange::ShredAndRemove {
            passes: random.usize(1..4),
            whole_blocks: one,
            stopped: other,
            found: millis.is_multiple_of(2),
        },
        4 => Strange::BecomesText { lines: random.usize(20..60), in_place: one },
        _ => Strange::EmptyAgain { rotations: random.usize(1..4), rotated: one },
    }
}

impl Model {
    pub fn apply_strange(&mut self, strange: &Strange) {
        match strange {
            Strange::EqualLines { first, second, stopped } => {
                self.equal_lines(*first, *second, *stopped);
            }
            Strange::Mapped { pieces, millis, halves } => {
                self.write_mapped(*pieces, Duration::from_millis(*millis), *halves);
            }
            Strange::Slots { slots, millis, reserved } => {
                self.fill_slots(*slots, Duration::from_millis(*millis), *reserved);
            }
            Strange::ShredAndRemove { passes, whole_blocks, stopped, found } => {
                self.shred_and_remove((*passes, *whole_blocks), *stopped, *found);
            }
            Strange::BecomesText { lines, in_place } => self.become_text(*lines, *in_place),
            Strange::EmptyAgain { rotations, rotated } => self.empty_again(*rotations, *rotated),
        }
    }

    /// The live name leads to a new file, and everything before has arrived.
    fn begin_file(&mut self) {
        self.calm();
        self.append(1);
        self.rotate();
        self.wait_for_all();
        self.live_is_there();
    }

    fn equal_lines(&mut self, first: usize, second: usize, stopped: bool) {
        self.begin_file();
        let line = format!("g equal {}\n", self.next_name());
        let (first, second) = (line.repeat(first), line.repeat(second));
        self.judge.wrote(first.as_bytes());
        // In doubt they are sent again.
        self.judge.allow_again(first.as_bytes());
        self.judge.allow_again(second.as_bytes());
        self.disk.append(&self.live(), first.as_bytes());
        self.wait_for_all();
        if stopped {
            self.stop();
            self.disk.pass(DOWN_FOR);
        }
        self.remove_live();
        self.live_is_there();
        self.judge.wrote(second.as_bytes());
        if stopped && !self.options.births && self.disk.reuse {
            // Nothing tells it from the one that was there.
            self.judge.need_not_arrive(second.as_bytes());
        }
        self.disk.append(&self.live(), second.as_bytes());
        self.start();
        self.wait_for_all();
        self.rotate();
        self.be_seen();
    }

    fn write_mapped(&mut self, pieces: usize, pause: Duration, halves: bool) {
        self.begin_file();
        let live = self.live();
        self.disk.append(&live, &vec![0; MAPPED_BYTES]);
        self.be_seen();
        let mut offset = 0;
        for _ in 0..pieces {
            let bytes = self.lines(5);
            let (one, other) = bytes.split_at(if halves { bytes.len() - 10 } else { 0 });
            for part in [one, other] {
                self.disk.write_mapped(&live, offset, part);
                offset += part.len();
                self.run(pause);
            }
        }
        self.disk.cut(&live, offset);
        self.wait_for_all();
    }

    fn fill_slots(&mut self, slots: usize, pause: Duration, reserved: bool) {
        self.begin_file();
        let live = self.live();
        self.append(1);
        let mut open = Vec::new();
        for _ in 0..slots {
            let later = self.lines(1);
            let offset = self.files().read(&live).unwrap().len();
            if reserved {
                self.disk.append(&live, &vec![0; later.len()]);
            }
            let now = self.lines(1);
            self.disk.write_at(&live, offset + later.len(), &now);
            open.push((offset, later));
        }
        self.run(pause);
        for (offset, later) in open {
            self.disk.write_at(&live, offset, &later);
            self.run(pause.min(SLOT_KEPT_FOR));
        }
        self.run(SLOT_KEPT_FOR);
        self.wait_for_all();
    }

    fn shred_and_remove(
        &mut self,
        (passes, whole_blocks): (usize, bool),
        stopped: bool,
        found: bool,
    ) {
        self.calm();
        self.rotate_some(found);
        let Some(target) = self.newest_rotated() else { return };
        if stopped {
            self.stop();
        }
        let mut random = fastrand::Rng::with_seed(self.next_name());
        let len = self.files().read(&target).unwrap().len();
        let len = if whole_blocks { len.next_multiple_of(BLOCK_BYTES) } else { len };
        for pass in 0..passes {
            let mut garbage: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
            if pass % 2 == 1 {
                garbage = PATTERN.iter().copied().cycle().take(len).collect();
            }
            self.disk.overwrite(&target, &garbage);
            if pass > 0 || !stopped {
                self.be_seen();
            }
        }
        self.be_seen();
        self.disk.truncate(&target);
        let name = format!("{:010}", self.next_name());
        let renamed = self.log(&name);
        self.disk.rename(&target, &renamed);
        self.hint();
        self.disk.remove(&renamed);
        self.be_seen();
        self.sleep(Rest::Minute);
    }

    fn become_text(&mut self, lines: usize, in_place: bool) {
        self.begin_file();
        let units: Vec<u16> = std::iter::once(0xfeff).chain("text\n".encode_utf16()).collect();
        let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
        self.disk.append(&self.live(), &bytes);
        let live = self.live_file();
        self.be_seen();
        // Others need its descriptor.
        for number in 0..3 {
            let name = format!("app.log-other{}", self.next_name());
            let other = self.log(&name);
            if self.options.covers_rotated() {
                let bytes = self.lines(1 + number);
                self.disk.append(&other, &bytes);
            }
            self.be_seen();
        }
        self.next_generation();
        let text = self.lines(lines);
        if in_place {
            self.disk.overwrite(&live, &text);
        } else {
            self.disk.truncate(&live);
            self.disk.append(&live, &text);
        }
        self.wait_for_all();
    }

    fn empty_again(&mut self, rotations: usize, rotated: bool) {
        self.begin_file();
        if !self.options.linked {
            self.disk.append(&self.live(), b"");
        }
        self.be_seen();
        self.stop();
        self.disk.pass(DOWN_FOR);
        self.remove_live();
        for _ in 0..rotations {
            self.append(2);
            self.rotate_and_pack();
        }
        self.live_is_there();
        self.disk.append(&self.live(), b"");
        if rotated {
            self.rotate_quietly();
            self.append(1);
        }
        self.disk.pass(DOWN_FOR);
        self.start();
        self.wait_for_all();
    }
}
