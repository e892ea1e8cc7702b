//! A restart at each step of a rotation that compresses: nothing is lost and nothing repeated,
//! whatever was finished, half-made or deleted at that moment.
//!
//!     KINETAIL_ALL_MOMENTS=1 cargo test compressing

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::{World, let_the_clock_tick};

/// The steps of a rotation between which the flow may be stopped or killed.
const MOMENTS: usize = 6;

/// When an application writes to the file that it has open, though it is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    Never,
    /// Behind what the compressing tool has read: these lines are in the plain file alone.
    Few,
    /// So many that what was compressed is a small part of it.
    Many,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    pattern: &'static str,
    lines: usize,
    late: Late,
    /// Before which step the flow goes down.
    down_at: usize,
    /// How many steps it stays down.
    steps_down: usize,
    killed: bool,
    /// How long the flow looks between two steps.
    pause: Duration,
    /// How long it looks before it goes down.
    linger: Duration,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let pauses = [Duration::from_millis(700), Duration::from_millis(10)];
    for pattern in ["app.log", "app.log*"] {
        // Of a file of less than 1,024 bytes a part proves too little.
        let sizes = [(8, &[Late::Never][..]), (400, &[Late::Never, Late::Few, Late::Many])];
        for (lines, lates) in sizes {
            for late in lates.iter().copied() {
                for (down_at, steps_down) in
                    (1..=MOMENTS).flat_map(|at| (0..=2).map(move |steps| (at, steps)))
                {
                    for killed in [false, true] {
                        for pause in pauses {
                            for linger in [Duration::ZERO, Duration::from_secs(70)] {
                                cases.push(Case {
                                    pattern,
                                    lines,
                                    late,
                                    down_at,
                                    steps_down,
                                    killed,
                                    pause,
                                    linger,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    cases
}

struct Rotation {
    case: Case,
    scene: Scene,
    /// Steps that the flow is still down for.
    down: Option<usize>,
    packed: Vec<u8>,
    /// What was acknowledged and not yet checkpointed when the flow was killed.
    may_repeat: Vec<Vec<u8>>,
}

impl Rotation {
    /// The flow goes down or comes back, if it is time.
    fn moment(&mut self, step: usize) {
        if let Some(left) = self.down {
            if left == 0 {
                self.down = None;
                self.scene.start();
            } else {
                self.down = Some(left - 1);
            }
        }
        if self.down.is_none() {
            self.scene.hint();
            self.scene.run(self.case.pause);
        }
        if step != self.case.down_at {
            return;
        }
        self.scene.run(self.case.linger);
        if self.case.killed {
            self.may_repeat.extend_from_slice(self.scene.unwritten_records());
            self.scene.crash();
        } else {
            self.scene.stop();
        }
        self.down = Some(self.case.steps_down);
        if self.case.steps_down == 0 {
            self.down = None;
            self.scene.start();
            self.scene.run(self.case.pause);
        }
    }

    /// What an application writes to a file that it has open. Unseen, it is lost with
    /// the file, so it only writes while the flow runs.
    fn write_late(&mut self) {
        let count = match self.case.late {
            Late::Never => return,
            Late::Few => 2,
            Late::Many => 6_000,
        };
        if self.down.is_none() {
            self.scene.write("app.log.1", "a", count);
            self.scene.run(Duration::from_millis(700));
        }
    }

    fn run(mut self) -> Result<(), String> {
        self.scene.write("app.log", "z", 3);
        self.scene.run(self.case.pause);
        self.scene.rename("app.log", "app.log.1");
        self.scene.write("app.log", "a", self.case.lines);
        self.moment(1);
        self.scene.rename("app.log.1", "app.log.2");
        self.scene.rename("app.log", "app.log.1");
        self.scene.write("app.log", "b", 5);
        self.moment(2);
        self.pack();
        self.write_late();
        let (plain, packed) = (self.scene.path("app.log.1"), self.scene.path("app.log.1.gz"));
        let files = self.scene.files.clone();
        let made = files.create_new(&packed);
        made.append(&self.packed[..self.packed.len() / 2]);
        self.moment(3);
        made.append(&self.packed[self.packed.len() / 2..]);
        self.moment(4);
        made.set_modified(files.modified(&plain));
        self.write_late();
        self.moment(5);
        files.remove_file(&plain);
        self.moment(6);
        for step in 7..10 {
            self.moment(step);
        }
        self.scene.run(Duration::from_secs(12));
        self.scene.write("app.log", "b", 5);
        self.scene.settle();
        let mut verdict = self.scene.verdict();
        let may_repeat = |line: &String| self.may_repeat.iter().any(|may| may == line.as_bytes());
        verdict.repeated.retain(|line| !may_repeat(line));
        // A copy that is a small part of what was read cannot be identified.
        let may_repeat = self.case.late == Late::Many;
        let exact = verdict.is_complete() && (may_repeat || verdict.repeated.is_empty());
        if exact { Ok(()) } else { Err(format!("{:?}: {verdict}", self.case)) }
    }

    /// Compresses what is there now.
    fn pack(&mut self) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let path = self.scene.path("app.log.1");
        encoder.write_all(&self.scene.files.read(&path).unwrap()).unwrap();
        self.packed = encoder.finish().unwrap();
    }
}

fn outcome(case: Case) -> Result<(), String> {
    let world = World::within(Ground::in_memory(), case.pattern, |_| {});
    let mut scene = Scene::of(world);
    scene.step();
    let_the_clock_tick();
    Rotation { case, scene, down: None, packed: Vec::new(), may_repeat: Vec::new() }.run()
}

#[test]
fn a_restart_at_any_step_of_a_compressing_rotation_repeats_and_loses_nothing() {
    let every = if std::env::var_os("KINETAIL_ALL_MOMENTS").is_some() { 1 } else { 7 };
    let failed = cases().into_iter().step_by(every).filter_map(|case| outcome(case).err());
    let failed: Vec<String> = failed.collect();
    let first: Vec<&str> = failed.iter().take(12).map(String::as_str).collect();
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), first.join("\n"));
}
