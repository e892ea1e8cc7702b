//! What a watch does when its notifier fails, forgets or is not there.

use std::fs;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::*;

/// A notifier with room for a few watches, which records the requests.
#[derive(Clone, Default)]
struct Fake {
    room: Arc<AtomicUsize>,
    watched: Arc<Mutex<Vec<PathBuf>>>,
    tell: Arc<Mutex<Option<Tell>>>,
}

impl Notifier for Fake {
    fn watch(&mut self, directory: &Path) -> Result<(), WatchError> {
        if self.watched.lock().len() >= self.room.load(Ordering::Relaxed) {
            return Err(WatchError::Limit);
        }
        self.watched.lock().push(directory.to_path_buf());
        Ok(())
    }

    fn unwatch(&mut self, directory: &Path) {
        self.watched.lock().retain(|known| known != directory);
    }
}

impl Fake {
    fn with_room(room: usize) -> (Watch, Self) {
        let fake = Self::default();
        fake.room.store(room, Ordering::Relaxed);
        let notifier = fake.clone();
        let watch = Watch::with(|tell| {
            *notifier.tell.lock() = Some(tell);
            Some(Box::new(notifier))
        });
        (watch, fake)
    }

    fn tell(&self, told: &Told) {
        let tell = self.tell.lock().clone().unwrap();
        tell(told);
    }

    fn watches(&self, directory: &Path) -> bool {
        self.watched.lock().iter().any(|known| known == directory)
    }
}

fn hints() -> (Hint, Receiver<Option<Renamed>>) {
    let (sender, receiver) = channel();
    let hint: Hint = Arc::new(move |renamed: Option<&Renamed>| {
        sender.send(renamed.cloned()).unwrap();
    });
    (hint, receiver)
}

fn make(directories: &[PathBuf]) {
    for directory in directories {
        fs::create_dir(directory).unwrap();
    }
}

fn directories(paths: &[PathBuf]) -> Wanted {
    Wanted { directories: paths.to_vec(), paths: Vec::new() }
}

#[test]
fn the_limit_on_watches_is_a_reason_until_there_is_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a", "b", "c"].map(|name| dir.path().join(name));
    make(&paths);
    let (watch, fake) = Fake::with_room(2);
    let (hint, _receiver) = hints();
    let wanted = directories(&paths);
    assert_eq!(watch.set(&wanted, &hint), BTreeSet::from([Degraded::WatchLimit]));
    assert!(fake.watches(&paths[0]) && fake.watches(&paths[1]) && !fake.watches(&paths[2]));
    fake.room.store(9, Ordering::Relaxed);
    assert_eq!(watch.set(&wanted, &hint), BTreeSet::new(), "it is tried again");
    assert!(fake.watches(&paths[2]));
}

#[test]
fn an_overflow_hints_everybody_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (watch, fake) = Fake::with_room(9);
    let (hint, receiver) = hints();
    watch.set(&directories(&[dir.path().to_path_buf()]), &hint);
    fake.tell(&Told::Overflow);
    assert_eq!(receiver.try_recv().unwrap(), None);
    assert_eq!(watch.overflows(), 1);
}

#[test]
fn names_reach_only_those_who_want_their_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    make(&[a.clone(), b.clone()]);
    let (watch, fake) = Fake::with_room(9);
    let (hint_a, heard_a) = hints();
    let (hint_b, heard_b) = hints();
    watch.set(&directories(std::slice::from_ref(&a)), &hint_a);
    watch.set(&directories(std::slice::from_ref(&b)), &hint_b);
    let renamed = Renamed { from: a.join("x"), to: a.join("y") };
    let paths = vec![a.join("x"), a.join("y")];
    fake.tell(&Told::Names { paths, renamed: Some(renamed.clone()) });
    assert_eq!(heard_a.try_recv().unwrap(), Some(renamed));
    assert!(heard_b.try_recv().is_err());
}

#[test]
fn a_path_is_heard_of_through_its_parent_and_its_neighbours_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    let (watch, fake) = Fake::with_room(9);
    let (hint, receiver) = hints();
    let wanted = Wanted { directories: Vec::new(), paths: vec![logs.clone()] };
    assert_eq!(watch.set(&wanted, &hint), BTreeSet::new());
    let names = |path: PathBuf| Told::Names { paths: vec![path], renamed: None };
    fake.tell(&names(dir.path().join("other")));
    assert!(receiver.try_recv().is_err());
    fake.tell(&names(logs));
    assert_eq!(receiver.try_recv().unwrap(), None);
}

#[test]
fn a_recreated_directory_is_watched_again_and_an_unwanted_one_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let (watch, fake) = Fake::with_room(9);
    let (hint, _receiver) = hints();
    let wanted = directories(std::slice::from_ref(&logs));
    watch.set(&wanted, &hint);
    watch.set(&wanted, &hint);
    assert_eq!(fake.watched.lock().len(), 1, "once is enough");
    fs::rename(&logs, dir.path().join("away")).unwrap();
    fs::create_dir(&logs).unwrap();
    let before = watch.shared.state.lock().watched.clone();
    watch.set(&wanted, &hint);
    assert_ne!(watch.shared.state.lock().watched, before, "it is another directory");
    assert!(fake.watches(&logs));
    watch.set(&Wanted::default(), &hint);
    assert!(!fake.watches(&logs));
}

#[test]
fn a_flow_that_ended_is_not_hinted_and_its_watches_are_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    make(&[a.clone(), b.clone()]);
    let (watch, fake) = Fake::with_room(9);
    let (ended, heard) = hints();
    watch.set(&directories(std::slice::from_ref(&a)), &ended);
    drop(ended);
    fake.tell(&Told::Overflow);
    assert!(heard.try_recv().is_err());
    let (hint, _receiver) = hints();
    watch.set(&directories(std::slice::from_ref(&b)), &hint);
    assert!(!fake.watches(&a) && fake.watches(&b));
}

#[test]
fn without_a_notifier_the_reason_is_told_and_nothing_is_watched() {
    let (hint, _receiver) = hints();
    let wanted = Wanted::default();
    assert_eq!(Watch::off().set(&wanted, &hint), BTreeSet::from([Degraded::Off]));
    let none = Watch::with(|_| None);
    assert_eq!(none.set(&wanted, &hint), BTreeSet::from([Degraded::Unavailable]));
}

#[test]
fn a_directory_that_is_gone_is_nothing_to_watch() {
    let (watch, fake) = Fake::with_room(9);
    let (hint, _receiver) = hints();
    let wanted = directories(&[PathBuf::from("/nowhere/at/all")]);
    assert_eq!(watch.set(&wanted, &hint), BTreeSet::new());
    assert!(fake.watched.lock().is_empty());
}

#[test]
fn a_directory_that_something_happened_to_is_watched_again_whatever_its_inode() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let (watch, fake) = Fake::with_room(9);
    let (hint, _receiver) = hints();
    let wanted = directories(std::slice::from_ref(&logs));
    watch.set(&wanted, &hint);
    // The kernel ended the watch without this side knowing.
    fake.watched.lock().clear();
    watch.set(&wanted, &hint);
    assert!(!fake.watches(&logs), "nothing tells that it is gone");
    fake.tell(&Told::Names { paths: vec![logs.clone()], renamed: None });
    watch.set(&wanted, &hint);
    assert!(fake.watches(&logs));
}

/// A notifier that does what it is asked for only once it has told of something, on a thread of
/// its own, as inotify's does when both happen at once.
struct Busy(Arc<Mutex<Option<Tell>>>);

impl Busy {
    fn tell(&self) {
        let tell = self.0.lock().clone().unwrap();
        let (sender, told) = channel();
        std::thread::spawn(move || {
            tell(&Told::Names { paths: vec![PathBuf::from("/x")], renamed: None });
            sender.send(()).unwrap();
        });
        told.recv_timeout(Duration::from_secs(20)).expect("each waits for the other");
    }
}

impl Notifier for Busy {
    fn watch(&mut self, _directory: &Path) -> Result<(), WatchError> {
        self.tell();
        Ok(())
    }

    fn unwatch(&mut self, _directory: &Path) {
        self.tell();
    }
}

#[test]
fn a_notifier_may_tell_something_while_it_is_asked_for_something() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let tell = Arc::new(Mutex::new(None));
    let watch = Watch::with(|told| {
        *tell.lock() = Some(told);
        Some(Box::new(Busy(Arc::clone(&tell))))
    });
    let (hint, _receiver) = hints();
    watch.set(&directories(std::slice::from_ref(&logs)), &hint);
    // Something happened to the directory itself, so it is watched again.
    let told = tell.lock().clone().unwrap();
    told(&Told::Names { paths: vec![logs.clone()], renamed: None });
    watch.set(&directories(std::slice::from_ref(&logs)), &hint);
    watch.set(&Wanted::default(), &hint);
}

#[test]
fn inotify_tells_of_a_new_name_in_a_directory_that_was_created_again() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let watch = Watch::new();
    let (hint, receiver) = hints();
    let wanted = directories(std::slice::from_ref(&logs));
    if !watch.set(&wanted, &hint).is_empty() {
        // There is no inotify here, and nothing to see.
        return;
    }
    fs::rename(&logs, dir.path().join("away")).unwrap();
    fs::create_dir(&logs).unwrap();
    assert_eq!(watch.set(&wanted, &hint), BTreeSet::new());
    while receiver.try_recv().is_ok() {}
    fs::write(logs.join("a.log"), b"").unwrap();
    receiver.recv_timeout(Duration::from_secs(20)).unwrap();
}

#[test]
fn every_reason_has_a_label_and_stands_in_the_docs() {
    let docs = include_str!("../../../docs/tailing.md");
    for reason in Degraded::ALL {
        assert!(docs.contains(&format!("`{}`", reason.label())), "{}", reason.label());
        assert!(!reason.advice().is_empty());
    }
}
