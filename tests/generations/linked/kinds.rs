//! What happens in a history of a log behind a link, and how it is drawn.

use std::time::Duration;

use crate::generations::scheme::{Compress, SCHEMES, Scheme};

/// Steps of one history.
const STEPS: usize = 6;

/// Rotations between two looks, at most.
const ROTATIONS_MAX: usize = 5;

/// What may happen in a history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Rotated files are compressed: at once, or at the next rotation.
    pub(super) packs: bool,
    /// When the link is led elsewhere.
    leads: Leads,
    /// The file that the link leads to is rotated between the same two looks.
    together: bool,
    /// The link leads nowhere for a time: nothing is written after a rotation.
    nowhere: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leads {
    Never,
    Running,
    Down,
}

const fn kind(name: &'static str, packs: bool, leads: Leads, together: bool) -> Kind {
    Kind { name, packs, leads, together, nowhere: false }
}

const fn nowhere(name: &'static str, packs: bool, leads: Leads) -> Kind {
    Kind { name, packs, leads, together: true, nowhere: true }
}

/// The kinds of which `cargo test` runs histories.
pub(super) const KINDS: &[Kind] = &[
    kind("rotated", false, Leads::Never, false),
    kind("rotated_packed", true, Leads::Never, false),
    kind("led_running", false, Leads::Running, false),
    kind("led_down", false, Leads::Down, false),
    kind("led_down_packed", true, Leads::Down, false),
    kind("led_rotated_running", false, Leads::Running, true),
    kind("led_rotated_running_packed", true, Leads::Running, true),
    kind("led_rotated_down", false, Leads::Down, true),
    kind("led_rotated_down_packed", true, Leads::Down, true),
];

/// Kinds of which some histories still fail: those that `docs/tailing.md` lists among what can be
/// missed, or is repeated.
pub(super) const FAILING: &[Kind] = &[
    kind("led_running_packed", true, Leads::Running, false),
    nowhere("nowhere", false, Leads::Never),
    nowhere("nowhere_packed", true, Leads::Never),
    nowhere("led_nowhere_running", false, Leads::Running),
    nowhere("led_nowhere_running_packed", true, Leads::Running),
    nowhere("led_nowhere_down", false, Leads::Down),
    nowhere("led_nowhere_down_packed", true, Leads::Down),
];

/// Which link is led elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// `logs/app.log` leads to a file.
    File,
    /// The same by way of another link.
    Chain,
    /// `logs/current` leads to a directory.
    Directory,
}

/// What is the same in all of a history.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) scheme: Scheme,
    pub(super) compress: Compress,
    pub(super) link: Link,
    pub(super) pattern: &'static str,
    /// Where the log may lie: directory and name without `.log`.
    pub(super) places: &'static [(&'static str, &'static str)],
    /// Rotated files in the first place that are older than the flow.
    pub(super) old: usize,
    pub(super) births: bool,
}

/// What happens; nothing if it is not possible at that moment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    /// So many lines are written to the file that the link leads to.
    Write(usize),
    /// So many lines are written to the file that takes its place.
    Rotate(usize),
    /// The link is led to the place this far behind the present one, and so many lines are written
    /// there.
    Lead(usize, usize),
    Pass(Duration),
    Stop,
    Kill,
    Start,
    /// Names may have changed.
    Hint,
    Run(Duration),
    /// Everything is looked at.
    Settle,
}

impl Setting {
    pub(super) fn draw(kind: Kind, random: &mut fastrand::Rng) -> Self {
        let scheme = SCHEMES[random.usize(..SCHEMES.len())];
        let now = random.bool();
        let compress = match (kind.packs, now) {
            (false, _) => Compress::Never,
            (true, true) => Compress::Now,
            (true, false) => Compress::Delayed,
        };
        let link = [Link::File, Link::Chain, Link::Directory][random.usize(..3)];
        let places: &[&[(&str, &str)]] = match link {
            Link::Directory => &[&[("one", "app"), ("two", "app"), ("three", "app")]],
            Link::File | Link::Chain => &[
                &[("data", "0"), ("data", "1"), ("data", "2")],
                &[("data", "a"), ("data", "b")],
                &[("data", "app"), ("deep/er", "app")],
                &[("one", "app"), ("two", "app"), ("deep/er", "app")],
                &[("one", "a"), ("deep/er", "b")],
            ],
        };
        let places = places[random.usize(..places.len())];
        let patterns: &[&str] = match link {
            Link::Directory => &["logs/current/app.log", "logs/current/*.log", "logs/*/app.log*"],
            Link::File | Link::Chain => &["logs/app.log", "logs/*.log"],
        };
        let pattern = patterns[random.usize(..patterns.len())];
        let old = if pattern.ends_with("/app.log") { random.usize(..3) } else { 0 };
        let births = random.u8(..4) > 0;
        Self { scheme, compress, link, pattern, places, old, births }
    }

    /// Whether an archive has neither a birth nor a live file next to it that tell whether it is
    /// known.
    pub(super) fn may_repeat(&self, kind: Kind) -> bool {
        kind.packs && (!self.births || kind.nowhere)
    }
}

/// Draws what happens in a history.
pub(super) fn actions(kind: Kind, places: usize, random: &mut fastrand::Rng) -> Vec<Action> {
    let mut drawn = Drawn { random, kind, places, actions: Vec::new(), led: false };
    drawn.write();
    for _ in 0..STEPS {
        drawn.step();
    }
    drawn.actions
}

struct Drawn<'r> {
    random: &'r mut fastrand::Rng,
    kind: Kind,
    places: usize,
    actions: Vec<Action>,
    /// The link was led elsewhere since everything was looked at. What it leads to if it is led
    /// twice between two looks lies where nothing tells of it.
    led: bool,
}

impl Drawn<'_> {
    fn lines(&mut self) -> usize {
        if self.random.u8(..4) == 0 { 400 } else { self.random.usize(1..30) }
    }

    fn write(&mut self) {
        let lines = self.lines();
        self.actions.push(Action::Write(lines));
    }

    /// How much is written to a file that is not there yet.
    fn begin(&mut self) -> usize {
        let nothing = self.kind.nowhere && self.random.u8(..4) == 0;
        if nothing { 0 } else { self.lines() }
    }

    fn pass(&mut self) {
        if self.random.u8(..3) == 0 {
            self.actions.push(Action::Pass(Duration::from_secs(self.random.u64(1..600))));
        }
    }

    fn rotate_some(&mut self) {
        for _ in 0..self.random.usize(..=ROTATIONS_MAX) {
            if self.random.bool() {
                self.write();
            }
            self.pass();
            let lines = self.begin();
            self.actions.push(Action::Rotate(lines));
        }
    }

    fn lead(&mut self) {
        if self.random.bool() {
            self.write();
        }
        self.pass();
        let (by, lines) = (self.random.usize(1..self.places), self.begin());
        self.actions.push(Action::Lead(by, lines));
        self.led = true;
    }

    fn step(&mut self) {
        let down = [None, None, Some(Action::Stop), Some(Action::Kill)][self.random.usize(..4)];
        let leads = match self.kind.leads {
            Leads::Never => false,
            Leads::Running => down.is_none(),
            Leads::Down => down.is_some(),
        };
        let leads = leads && !self.led && self.random.bool();
        if leads && !self.kind.together {
            self.actions.push(Action::Settle);
        }
        self.actions.extend(down);
        self.pass();
        if !leads || self.kind.together {
            self.rotate_some();
        }
        if leads {
            self.lead();
        }
        if leads && self.kind.together {
            self.rotate_some();
        }
        if down.is_some() {
            self.actions.push(Action::Start);
        }
        let settles = leads && !self.kind.together;
        match if settles { 3 } else { self.random.u8(..4) } {
            0 => self.actions.push(Action::Hint),
            1 => {
                let time = Duration::from_millis(self.random.u64(..2_000));
                self.actions.push(Action::Run(time));
            }
            _ => {
                self.actions.push(Action::Settle);
                self.led = false;
            }
        }
    }
}
