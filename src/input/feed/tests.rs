//! What a feed holds, and for how long.

use std::sync::mpsc;

use proptest::prelude::*;

use super::*;
use crate::input::FeedDisk;
use crate::tail::disk::{Disk as _, OpenFile as _};
use crate::tail::links::FollowLinks;

const PATH: &str = "/journald";

fn feed(kind: Kind) -> Feed {
    Feed::new(Path::new(PATH), kind, 1024, CancellationToken::new()).unwrap()
}

fn cursor(number: usize) -> Arc<str> {
    Arc::from(number.to_string())
}

fn read(feed: &Feed, offset: u64, len: usize) -> Option<Vec<u8>> {
    let mut room = vec![0; len];
    let read = feed.lock().read_at(offset, &mut room)?;
    room.truncate(read);
    Some(room)
}

#[test]
fn the_cursor_is_that_of_the_last_entry_that_is_acknowledged() {
    let feed = feed(Kind::Kept);
    let attached = feed.attach();
    assert!(feed.push(b"", Some(cursor(0))), "an entry without a record");
    for number in 1..4 {
        assert!(feed.push(b"four", Some(cursor(number))));
    }
    assert_eq!(attached.cursor(), None);
    for (offset, known) in [(0, 0), (3, 0), (4, 1), (7, 1), (8, 2), (12, 3)] {
        attached.acknowledge(offset);
        assert_eq!(attached.cursor(), Some(cursor(known)), "at {offset}");
    }
    assert_eq!(feed.lock().cursor_bytes, 0);
}

#[test]
fn whoever_fills_a_feed_waits_while_it_is_full() {
    let feed = feed(Kind::Volatile);
    let attached = feed.attach();
    assert!(feed.push(&vec![b'x'; FEED_BYTES_MAX], None));
    assert!(attached.is_full());
    let (sender, done) = mpsc::channel();
    let other = feed.clone();
    let thread = std::thread::spawn(move || {
        sender.send(other.push(b"more", None)).unwrap();
        sender.send(other.push(&vec![b'x'; FEED_BYTES_MAX], None)).unwrap();
        sender.send(other.push(b"never", None)).unwrap();
    });
    assert_eq!(done.try_recv(), Err(mpsc::TryRecvError::Empty));
    attached.acknowledge(1);
    assert_eq!(done.recv(), Ok(true));
    attached.acknowledge(FEED_BYTES_MAX as u64);
    assert_eq!(done.recv(), Ok(true));
    feed.give_order(Order::Leave);
    assert_eq!(done.recv(), Ok(false));
    thread.join().unwrap();
}

#[test]
fn cursors_take_their_part_of_the_room() {
    let feed = feed(Kind::Kept);
    let attached = feed.attach();
    let long: Arc<str> = Arc::from("c".repeat(200));
    let mut entries = 0;
    while !attached.is_full() {
        assert!(feed.push(b"\n", Some(Arc::clone(&long))));
        entries += 1;
    }
    assert!(entries <= FEED_BYTES_MAX / 200, "{entries} entries of a byte");
}

#[test]
fn the_next_flow_begins_with_what_is_not_acknowledged() {
    let feed = feed(Kind::Volatile);
    let first = feed.attach();
    assert!(feed.push(b"onetwo", Some(cursor(1))));
    first.acknowledge(3);
    drop(first);
    let second = feed.attach();
    assert_eq!(read(&feed, 0, 9).unwrap(), b"two");
    assert_eq!(feed.unacknowledged(), 3);
    second.acknowledge(3);
    assert_eq!((second.cursor(), feed.unacknowledged()), (Some(cursor(1)), 0));
    assert!(feed.push(b"more", None), "a pipe is read on without its flow");
}

#[test]
fn the_end_is_told_when_everything_is_acknowledged() {
    let token = CancellationToken::new();
    let feed = Feed::new(Path::new(PATH), Kind::Volatile, 1, token.clone()).unwrap();
    let attached = feed.attach();
    assert!(feed.push(b"x", None));
    attached.tell_if_delivered();
    feed.end();
    attached.tell_if_delivered();
    assert!(!token.is_cancelled());
    attached.acknowledge(1);
    attached.tell_if_delivered();
    assert!(token.is_cancelled());
}

#[test]
fn what_a_pipe_gave_away_is_lost_after_a_stop_and_what_the_journal_has_is_not() {
    let pipe = feed(Kind::Volatile);
    let attached = pipe.attach();
    assert!(pipe.push(b"x", None));
    assert!(!attached.is_lost_after_stop() && !attached.must_drain(), "a reload");
    pipe.give_order(Order::Finish);
    assert!(attached.is_lost_after_stop() && attached.must_drain());
    pipe.end();
    attached.acknowledge(1);
    assert!(!attached.must_drain());
    let journal = feed(Kind::Kept);
    let attached = journal.attach();
    assert!(journal.push(b"x", Some(cursor(1))));
    assert!(!attached.is_lost_after_stop() && !attached.must_drain());
    drop(attached);
    assert_eq!(journal.order(), Order::Leave);
    assert!(!journal.push(b"y", Some(cursor(2))));
}

#[test]
fn a_feed_is_the_only_file_of_its_disk() {
    let feed = feed(Kind::Kept);
    let disk = FeedDisk::new(feed.clone());
    let _attached = feed.attach();
    let names = disk.list(Path::new("/")).unwrap();
    assert_eq!(
        names.iter().map(|name| name.name.to_str().unwrap()).collect::<Vec<_>>(),
        ["journald"]
    );
    let (file, before) = disk.open(Path::new(PATH), FollowLinks::Always).unwrap();
    assert!(feed.push(b"bytes", None));
    assert_eq!((before.size, file.stat().unwrap().size), (0, 5));
    assert_eq!(before.inode, disk.stat(Path::new(PATH)).unwrap().inode);
    assert!(disk.stat(Path::new("/other")).unwrap_err().is_gone());
    assert!(
        disk.list(Path::new(PATH)).is_err()
            && disk.open(Path::new("/"), FollowLinks::Always).is_err()
    );
    let _second = feed.attach();
    assert!(file.stat().is_err() && file.read_at(0, &mut [0; 4]).is_err());
}

proptest! {
    /// What may still be read is what came, and no more is kept than has to be.
    #[test]
    fn what_is_not_acknowledged_and_what_proves_it_can_be_read(
        steps in prop::collection::vec((0usize..5000, 0u64..6000), 1..30),
    ) {
        let feed = feed(Kind::Kept);
        let attached = feed.attach();
        let (mut all, mut acked) = (Vec::new(), 0);
        for (push, ack) in steps {
            let numbers = all.len()..all.len() + push;
            let bytes: Vec<u8> = numbers.map(|at| at.to_le_bytes()[at % 2]).collect();
            prop_assert!(feed.push(&bytes, None));
            all.extend(bytes);
            acked = (acked + ack).min(all.len() as u64);
            attached.acknowledge(acked);
            let from = acked.saturating_sub(HEAD_BYTES_MAX as u64);
            let wanted = &all[usize::try_from(from).unwrap()..];
            prop_assert_eq!(&read(&feed, from, all.len() + 9).unwrap(), wanted);
            let head = &all[..all.len().min(HEAD_BYTES_MAX)];
            prop_assert_eq!(&read(&feed, 0, HEAD_BYTES_MAX).unwrap(), head);
            let kept = feed.lock().bytes.len();
            prop_assert!(kept <= all.len() - usize::try_from(acked).unwrap() + 2 * PROOF_BYTES);
        }
    }
}
