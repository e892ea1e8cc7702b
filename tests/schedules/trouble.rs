//! What keeps files from being read: permissions, calls that fail, a disk that is nearly full; and
//! time that passes at once.

use std::time::Duration;

use kinetail::tail::disk::Fault;
use kinetail::tail::space::Space;

use super::model::Model;
use super::operation::Operation;
use super::rare::Rest;
use super::rotate::OPENED_AGAIN_WITHIN;

/// What calls fail with.
pub const FAULTS: [Fault; 4] = [Fault::Denied, Fault::TooManyOpen, Fault::Stale, Fault::Other(5)];

/// So many calls fail in one operation, at most.
const FAILURES_MAX: u64 = 5;

/// What was truncated is looked at by then.
const LOOKED_AGAIN_WITHIN: Duration = Duration::from_millis(600);

/// A disk with enough room, one with little, and one with next to none.
pub const ROOM: Space = Space { available_bytes: 50, total_bytes: 100 };
const LITTLE_ROOM: Space = Space { available_bytes: 3, total_bytes: 100 };
const NO_ROOM: Space = Space { available_bytes: 0, total_bytes: 100 };

impl Model {
    pub fn rotate_unreadable(&mut self, stopped: bool, delete: bool) {
        self.calm();
        self.append(3);
        if stopped {
            self.stop();
        }
        self.rotate_quietly();
        let lines = self.lines(5);
        if delete {
            self.judge.need_not_arrive(&lines);
        }
        self.live_is_there();
        self.disk.append(&self.live(), &lines);
        self.files().set_mode(&self.live_file(), 0o000);
        let rotated = self.rotate_quietly();
        self.append(3);
        self.be_seen();
        self.run(OPENED_AGAIN_WITHIN);
        if delete {
            self.disk.remove(&rotated);
        } else {
            self.files().set_mode(&rotated, 0o644);
        }
        // Nothing tells that it may be read now.
        self.run(OPENED_AGAIN_WITHIN);
    }

    pub fn regrow_twice(&mut self, lines: usize, failing: u64) {
        self.calm();
        self.append(1);
        self.wait_for_all();
        self.disk.truncate(&self.live());
        self.next_generation();
        let first = self.lines(lines);
        // They may be gone before they are read.
        self.judge.need_not_arrive(&first);
        self.disk.append(&self.live(), &first);
        self.calls_fail_from(failing, u64::MAX / FAILURES_MAX, 0);
        self.world.step();
        self.disk.truncate(&self.live());
        self.next_generation();
        self.append(lines);
        self.run(LOOKED_AGAIN_WITHIN);
        self.world.disk.script.borrow_mut().fail.clear();
        self.run(OPENED_AGAIN_WITHIN);
    }

    pub fn delete_empty(&mut self, recreate: bool) {
        self.calm();
        if self.files().is_file(&self.live()) {
            self.disk.truncate(&self.live());
            self.next_generation();
        } else {
            self.live_is_there();
            self.disk.append(&self.live(), b"");
        }
        self.be_seen();
        if recreate {
            self.stop();
            self.disk.pass(Duration::from_secs(1));
        }
        let live = self.live_file();
        self.disk.remove(&live);
        self.next_file();
        if recreate {
            self.append(3);
            self.start();
        } else {
            self.be_seen();
            self.sleep(Rest::Minute);
        }
    }

    pub fn sleep(&mut self, rest: Rest) {
        if rest == Rest::Days {
            // By then it is given up what was not delivered.
            self.calm();
        }
        let time = match rest {
            Rest::Minute => Duration::from_secs(65),
            Rest::Minutes => Duration::from_secs(130),
            Rest::Hours => Duration::from_hours(2),
            Rest::Days => Duration::from_hours(8 * 24),
        };
        if self.running {
            self.world.leap(time);
        }
        self.disk.pass(time);
        self.run(Duration::from_secs(2));
    }

    pub fn disk_fills(&mut self, critical: bool, millis: u64) {
        if critical {
            // What is not delivered is given up then.
            self.calm();
        }
        let room = if critical { NO_ROOM } else { LITTLE_ROOM };
        self.world.disk.script.borrow_mut().space = Some(room);
        self.run(Duration::from_millis(millis));
        self.world.disk.script.borrow_mut().space = Some(ROOM);
    }

    pub fn calls_fail(&mut self, (first, every): (u64, u64), fault: usize, during: &Operation) {
        self.calls_fail_from(first, every, fault);
        self.troubled = true;
        self.apply(during);
        self.world.disk.script.borrow_mut().fail.clear();
        self.run(OPENED_AGAIN_WITHIN);
        self.troubled = false;
    }

    /// From now on some calls fail: after `first` of them, and then one of `every`.
    fn calls_fail_from(&self, first: u64, every: u64, fault: usize) {
        let mut script = self.world.disk.script.borrow_mut();
        let next = script.calls + first;
        let calls = (0..FAILURES_MAX).map(|count| next.saturating_add(count * every));
        script.fail = calls.map(|call| (call, FAULTS[fault].clone())).collect();
    }
}
