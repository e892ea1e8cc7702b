//! Tests of `edit`.

use super::*;
use crate::checkpoint::store::{Store, StoreOptions};

struct Scene {
    dir: tempfile::TempDir,
    store: Store,
}

impl Scene {
    fn new(text: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.log"), text).unwrap();
        let path = dir.path().join("db");
        let (store, _) = Store::open(&path, &StoreOptions::default()).unwrap();
        commit(&store.handle(), &"f".into(), Vec::new()).unwrap();
        Self { dir, store }
    }

    fn edit(&self, to: To) -> Result<Vec<String>, EditError> {
        let file = Some(self.dir.path().join("a.log"));
        edit(&self.store.handle(), &Edit { flow: "f".to_owned(), file, to }, &|_| true)
    }

    fn rows(&self) -> Vec<Checkpoint> {
        self.store.load(&"f".into()).unwrap().rows
    }
}

#[test]
fn a_position_is_set_where_a_line_begins_and_with_its_proof() {
    let scene = Scene::new(b"one\ntwo\nthr");
    for (to, expected) in [(To::Offset(4), 4), (To::End, 8), (To::Offset(0), 0)] {
        scene.edit(to).unwrap();
        let rows = scene.rows();
        let [row] = rows.as_slice() else { panic!("one row, not {rows:?}") };
        assert_eq!(row.offset, expected);
        assert_eq!(row.anchor, Anchor::of(&b"one\ntwo\n"[..usize::try_from(expected).unwrap()]));
        assert!(row.head.agrees(b"one\ntwo\nthr"));
    }
    let inside = scene.edit(To::Offset(6)).unwrap_err().to_string();
    assert!(inside.contains("begins at byte 4"), "{inside}");
    assert!(matches!(scene.edit(To::Offset(99)), Err(EditError::BehindTheEnd { .. })));
    assert_eq!(scene.rows().len(), 1, "a mistake changes nothing");
    scene.edit(To::Forget).unwrap();
    assert!(scene.rows().is_empty());
    assert!(matches!(scene.edit(To::Forget), Err(EditError::NoRow(_))));
}

#[test]
fn keys_are_not_used_again() {
    let scene = Scene::new(b"one\n");
    let mut keys = Vec::new();
    for _ in 0..3 {
        scene.edit(To::End).unwrap();
        keys.extend(scene.rows().iter().map(|row| row.file));
    }
    keys.dedup();
    assert_eq!(keys.len(), 3, "{keys:?}");
}

#[test]
fn positions_are_carried_over_to_a_flow_that_has_none() {
    let scene = Scene::new(b"one\ntwo\n");
    scene.edit(To::Offset(4)).unwrap();
    let (from, to): (Arc<str>, Arc<str>) = ("f".into(), "g".into());
    carry_over(&scene.store.handle(), &from, &to, false).unwrap();
    assert_eq!(scene.store.load(&to).unwrap().rows, scene.rows());
    scene.edit(To::End).unwrap();
    carry_over(&scene.store.handle(), &from, &to, false).unwrap();
    assert_eq!(scene.store.load(&to).unwrap().rows[0].offset, 4, "its own count");
    carry_over(&scene.store.handle(), &from, &to, true).unwrap();
    assert_eq!(scene.store.load(&to).unwrap().rows, scene.rows(), "it comes back");
    let (never, other): (Arc<str>, Arc<str>) = ("x".into(), "y".into());
    carry_over(&scene.store.handle(), &never, &other, false).unwrap();
    assert!(!scene.store.load(&other).unwrap().known_flow);
}

#[test]
fn what_is_no_file_has_no_position() {
    let scene = Scene::new(b"one\n");
    let handle = scene.store.handle();
    let at = |file: &Path, to| Edit { flow: "f".to_owned(), file: Some(file.into()), to };
    let directory = edit(&handle, &at(scene.dir.path(), To::End), &|_| true);
    assert!(matches!(directory, Err(EditError::NotRegular(_))));
    let missing = edit(&handle, &at(Path::new("/none/x"), To::End), &|_| true);
    assert!(matches!(missing, Err(EditError::File { .. })));
    let unknown = Edit { flow: "z".to_owned(), file: None, to: To::Forget };
    assert!(matches!(edit(&handle, &unknown, &|_| true), Err(EditError::NeverRan(_))));
}
#[test]
fn a_file_that_the_flow_does_not_follow_gets_no_position_but_one_that_it_knows_does() {
    let scene = Scene::new(b"one\ntwo\n");
    let handle = scene.store.handle();
    let file = Some(scene.dir.path().join("a.log"));
    let order = Edit { flow: "f".to_owned(), file, to: To::Offset(4) };
    let refused = edit(&handle, &order, &|_| false).unwrap_err();
    assert!(matches!(refused, EditError::NotFollowed { .. }), "{refused}");
    assert!(refused.changed_nothing() && scene.rows().is_empty());
    scene.edit(To::End).unwrap();
    edit(&handle, &order, &|_| false).unwrap();
    assert_eq!(scene.rows()[0].offset, 4, "it was renamed, and its row is there");
}

#[test]
fn a_change_that_is_made_late_is_not_called_refused() {
    let (tell, told) = mpsc::sync_channel(1);
    let late = wait(&told, Duration::ZERO).unwrap_err();
    assert!(matches!(late, EditError::Late) && !late.changed_nothing(), "{late}");
    drop(tell);
    let ended = wait(&told, Duration::ZERO).unwrap_err();
    assert!(matches!(ended, EditError::Store) && ended.changed_nothing(), "{ended}");
}
