//! Tests of `disposal`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::*;

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> (PathBuf, Inode, u64) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        let meta = fs::metadata(&path).unwrap();
        (path, Inode { device: meta.dev(), number: meta.ino() }, meta.len())
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn the_file_that_was_delivered_is_deleted() {
    let scene = Scene::new();
    let (path, inode, size) = scene.write("a.log", "one\n");
    assert_eq!(dispose(&path, inode, size, &Disposal::Delete).unwrap(), None);
    assert!(scene.names().is_empty());
}

#[test]
fn a_longer_file_another_file_and_a_link_stay() {
    let scene = Scene::new();
    let (path, inode, size) = scene.write("a.log", "one\n");
    scene.write("a.log", "one\ntwo\n");
    for how in [Disposal::Delete, Disposal::Move(scene.dir.path().to_owned())] {
        let error = dispose(&path, inode, size, &how).unwrap_err();
        assert!(matches!(error, DisposalError::Changed), "{error}");
    }
    let (other, _, size) = scene.write("b.log", "one\n");
    let error = dispose(&other, inode, size, &Disposal::Delete).unwrap_err();
    assert!(matches!(error, DisposalError::Changed), "{error}");
    std::os::unix::fs::symlink("b.log", scene.path("c.log")).unwrap();
    let meta = fs::metadata(&other).unwrap();
    let behind = Inode { device: meta.dev(), number: meta.ino() };
    let error = dispose(&scene.path("c.log"), behind, size, &Disposal::Delete).unwrap_err();
    assert!(matches!(error, DisposalError::Changed), "{error}");
    assert_eq!(scene.names(), ["a.log", "b.log", "c.log"]);
}

#[test]
fn a_file_that_changed_behind_the_look_gets_its_name_back() {
    let scene = Scene::new();
    let (_, inode, size) = scene.write("a.log", "one\n");
    scene.write("a.log", "one\ntwo\n");
    // As if it had grown between the look and the renaming.
    let directory = Directory::open(scene.dir.path()).unwrap();
    let error = directory.hide(OsStr::new("a.log"), inode, size).unwrap_err();
    assert!(matches!(error, DisposalError::Changed), "{error}");
    assert_eq!(scene.names(), ["a.log"]);
    assert_eq!(fs::read(scene.path("a.log")).unwrap(), b"one\ntwo\n");
}

#[test]
fn a_moved_file_replaces_none_and_gets_a_number() {
    let scene = Scene::new();
    fs::create_dir(scene.path("done")).unwrap();
    let how = Disposal::Move(scene.path("done"));
    for expected in ["a.log", "a.log.1", "a.log.2"] {
        let (path, inode, size) = scene.write("a.log", expected);
        let new = dispose(&path, inode, size, &how).unwrap();
        assert_eq!(new, Some(scene.path("done").join(expected)));
        assert_eq!(fs::read_to_string(new.unwrap()).unwrap(), expected);
    }
    assert_eq!(scene.names(), ["done"]);
}

#[test]
fn what_a_kill_left_under_its_private_name_is_finished() {
    let scene = Scene::new();
    fs::create_dir(scene.path("done")).unwrap();
    for how in [Disposal::Delete, Disposal::Move(scene.path("done"))] {
        let (path, inode, size) = scene.write("a.log", "one\n");
        let private = scene.dir.path().join(private_name(inode, OsStr::new("a.log")));
        fs::rename(&path, &private).unwrap();
        let error = dispose(&private, inode, size - 1, &how).unwrap_err();
        assert!(matches!(error, DisposalError::Changed), "{error}");
        dispose(&private, inode, size, &how).unwrap();
        assert_eq!(scene.names(), ["done"], "{how:?}");
    }
    assert_eq!(fs::read(scene.path("done/a.log")).unwrap(), b"one\n");
    // Where a renaming takes two steps the kill leaves two names.
    let (path, inode, size) = scene.write("b.log", "one\n");
    let private = scene.dir.path().join(private_name(inode, OsStr::new("b.log")));
    fs::hard_link(&path, private).unwrap();
    dispose(&path, inode, size, &Disposal::Delete).unwrap();
    assert_eq!(scene.names(), ["done"]);
}

#[test]
fn a_file_that_cannot_be_moved_keeps_its_name() {
    let scene = Scene::new();
    fs::create_dir(scene.path("done")).unwrap();
    // With a number behind it the name would be too long.
    let name = "x".repeat(255);
    fs::write(scene.path("done").join(&name), "another").unwrap();
    let (path, inode, size) = scene.write(&name, "one\n");
    let how = Disposal::Move(scene.path("done"));
    let error = dispose(&path, inode, size, &how).unwrap_err();
    assert!(matches!(error, DisposalError::Refused(_)), "{error}");
    assert_eq!(scene.names(), ["done", name.as_str()]);
}

#[test]
fn what_cannot_be_used_is_named() {
    let scene = Scene::new();
    let (path, inode, size) = scene.write("a.log", "one\n");
    let how = Disposal::Move(scene.path("missing"));
    let error = dispose(&path, inode, size, &how).unwrap_err();
    assert!(matches!(error, DisposalError::Directory { .. }), "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
    assert_eq!(scene.names(), ["a.log"]);
    // The kernel makes the directory, which has another file system.
    if Path::new("/dev/shm").is_dir() {
        let other = tempfile::tempdir_in("/dev/shm").unwrap();
        let is_other = fs::metadata(other.path()).unwrap().dev() != inode.device;
        let error = dispose(&path, inode, size, &Disposal::Move(other.path().to_owned()));
        let is_named = matches!(error, Err(DisposalError::OtherFileSystem(_)));
        assert_eq!(is_named, is_other);
    }
}
