//! F24: what matches the pattern and is no log file.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::scene::Scene;

/// F24. A FIFO, a socket, a device, a directory and a file that the kernel makes up match: none
/// blocks the flow, each is named once, and the files alongside them are followed.
#[test]
fn f24_what_is_no_regular_file_is_skipped_and_named_once() {
    let mut scene = Scene::new("*.log");
    mknodat(CWD, scene.path("fifo.log"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(scene.path("socket.log")).unwrap();
    symlink("/dev/zero", scene.path("zero.log")).unwrap();
    symlink("/dev/null", scene.path("null.log")).unwrap();
    fs::create_dir(scene.path("directory.log")).unwrap();
    symlink("/proc/self/status", scene.path("proc.log")).unwrap();
    scene.write("app.log", "a", 10);
    scene.settle_and_check();
    let named = scene.transitions("problem");
    assert_eq!(named, 6, "the FIFO, the socket, two devices, the directory and the one in /proc");
    // However often they are looked at.
    scene.append("app.log.unrelated", b"");
    for round in 0..10 {
        scene.write("app.log", "a", 10);
        scene.write(&format!("{round}.log"), &format!("r{round}"), 3);
        scene.hint();
        scene.settle();
    }
    scene.check();
    assert_eq!(scene.transitions("problem"), named);
}

/// F24. A FIFO that takes the place of a log, and a log that takes its place again: nothing blocks,
/// nothing is lost.
#[test]
fn f24_a_fifo_takes_the_place_of_a_log_for_a_while() {
    let mut scene = Scene::new("app.log");
    for round in 0..10 {
        scene.write("app.log", &format!("g{round}"), 10);
        scene.hint();
        scene.write("app.log", &format!("g{round}"), 10);
        scene.rename("app.log", "old.log");
        mknodat(CWD, scene.path("app.log"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        scene.settle();
        fs::remove_file(scene.path("app.log")).unwrap();
        scene.step();
    }
    scene.settle_and_check();
}
