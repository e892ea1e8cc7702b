//! The nodes of a disk in memory: what directories hold, where paths lead, and which bytes of a
//! file were written.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::{DEVICE, ROOT};
use crate::disk::{Fault, Kind, Stat};
use crate::identity::Inode;
use crate::links::{FollowLinks, Refused};

/// So many links are followed on one path.
pub(super) const LINKS_MAX: u8 = 40;

/// Holes begin and end at multiples of this, in bytes.
pub(super) const BLOCK_BYTES: usize = 4096;

#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) by_number: BTreeMap<u64, Node>,
    pub(super) next: u64,
    /// Each change is later than the one before, unless the clock is set back.
    pub(super) stamp: i128,
    /// By how much it was, in nanoseconds.
    pub(super) set_back: i128,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) body: Body,
    pub(super) links: u64,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) modified: i128,
    pub(super) changed: i128,
    pub(super) born: i128,
    pub(super) held: Rc<()>,
}

#[derive(Debug)]
pub(super) enum Body {
    File(Content),
    Directory(BTreeMap<OsString, u64>),
    Link(PathBuf),
}

/// What was written to a file.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// Which stretches were written, in whole blocks: where each begins and ends.
    pub(super) written: BTreeMap<usize, usize>,
}

impl Content {
    pub(super) fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.is_written(offset - offset % BLOCK_BYTES, end.next_multiple_of(BLOCK_BYTES));
        }
    }

    pub(super) fn is_written(&mut self, start: usize, end: usize) {
        let (mut start, mut end) = (start, end);
        while let Some((from, to)) = self.written.range(..=end).next_back()
            && *to >= start
        {
            let from = *from;
            start = start.min(from);
            end = end.max(*to);
            self.written.remove(&from);
        }
        self.written.insert(start, end);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        let kept = len.next_multiple_of(BLOCK_BYTES);
        drop(self.written.split_off(&kept));
        if let Some(mut last) = self.written.last_entry() {
            let end = (*last.get()).min(kept);
            last.insert(end);
        }
    }

    pub(super) fn hole_from(&self, offset: usize) -> Option<usize> {
        let size = self.bytes.len();
        let before = self.written.range(..=offset).next_back();
        let end = before.map_or(offset, |(_, end)| (*end).max(offset));
        (offset < size).then_some(end.min(size))
    }

    pub(super) fn data_from(&self, offset: usize) -> Option<usize> {
        let before = self.written.range(..=offset).next_back();
        let here = before.filter(|(_, end)| **end > offset).map(|_| offset);
        here.or_else(|| self.written.range(offset..).next().map(|(start, _)| *start))
            .filter(|start| *start < self.bytes.len())
    }

    pub(super) fn allocated(&self) -> u64 {
        self.written.iter().map(|(start, end)| (end - start) as u64).sum()
    }
}

/// The names that lead somewhere, with the numbers of what they lead to, from `/` on.
pub(super) type Steps = Vec<(OsString, u64)>;

/// How a path is walked.
pub(super) struct Walk {
    pub(super) follow_last: bool,
    pub(super) links: FollowLinks,
    pub(super) left: u8,
}

impl Walk {
    pub(super) fn new(follow_last: bool, links: FollowLinks) -> Self {
        Self { follow_last, links, left: LINKS_MAX }
    }
}

impl Nodes {
    pub(super) fn stamp(&mut self) -> i128 {
        self.stamp += 1_000;
        self.stamp
    }

    pub(super) fn add(&mut self, body: Body, mode: u32) -> u64 {
        let (number, now) = (self.next, self.stamp());
        self.next += 1;
        let (modified, changed, born) = (now, now, now);
        let held = Rc::new(());
        let node = Node { body, links: 0, mode, owner: 0, modified, changed, born, held };
        self.by_number.insert(number, node);
        number
    }

    pub(super) fn node(&self, number: u64) -> &Node {
        &self.by_number[&number]
    }

    pub(super) fn node_mut(&mut self, number: u64) -> &mut Node {
        self.by_number.get_mut(&number).unwrap()
    }

    /// What a path leads to, and the names on the way that are no links.
    pub(super) fn walk(&self, from: Steps, path: &Path, how: &mut Walk) -> Result<Steps, Fault> {
        let mut steps = from;
        let parts: Vec<Component<'_>> = path.components().collect();
        for (at, part) in parts.iter().enumerate() {
            match part {
                Component::RootDir => steps.truncate(0),
                Component::ParentDir => drop(steps.pop()),
                Component::CurDir | Component::Prefix(_) => {}
                Component::Normal(name) => {
                    let last = at + 1 == parts.len();
                    steps = self.enter(steps, name, last, how)?;
                }
            }
        }
        Ok(steps)
    }

    pub(super) fn enter(
        &self,
        mut steps: Steps,
        name: &OsStr,
        last: bool,
        how: &mut Walk,
    ) -> Result<Steps, Fault> {
        let here = self.node(number_of(&steps));
        let Body::Directory(names) = &here.body else { return Err(Fault::NotADirectory) };
        if here.mode & 0o100 == 0 {
            return Err(Fault::Denied);
        }
        let number = *names.get(name).ok_or(Fault::Gone)?;
        let node = self.node(number);
        let Body::Link(target) = &node.body else {
            steps.push((name.to_owned(), number));
            return Ok(steps);
        };
        if last && !how.follow_last {
            steps.push((name.to_owned(), number));
            return Ok(steps);
        }
        let link: PathBuf = shown(&steps).join(name);
        if how.links == FollowLinks::Never {
            return Err(Fault::Refused(Box::new(Refused::Any { link })));
        }
        how.left = how.left.checked_sub(1).ok_or(Fault::Loop)?;
        let followed = std::mem::replace(&mut how.follow_last, true);
        let led = self.walk(steps, target, how)?;
        how.follow_last = followed;
        let (owner, target_owner) = (node.owner, self.node(number_of(&led)).owner);
        if how.links == FollowLinks::Owner && owner != 0 && owner != target_owner {
            let refused = Refused::Foreign { link, owner, target_owner };
            return Err(Fault::Refused(Box::new(refused)));
        }
        Ok(led)
    }

    /// Where a link leads whose target is not there.
    pub(super) fn leads_to(&self, link: &Path, links: FollowLinks) -> Result<PathBuf, Fault> {
        let mut path = link.to_path_buf();
        let mut how = Walk::new(true, links);
        let mut passed = Vec::new();
        while let Ok(number) = self.find(&path, false)
            && let Node { body: Body::Link(target), owner, .. } = self.node(number)
        {
            how.left = how.left.checked_sub(1).ok_or(Fault::Loop)?;
            let next = path.parent().unwrap().join(target);
            passed.push((std::mem::replace(&mut path, next), *owner));
        }
        let (directory, name) = path.parent().zip(path.file_name()).ok_or(Fault::Gone)?;
        let steps = self.walk(Vec::new(), directory, &mut how)?;
        let target_owner = self.node(number_of(&steps)).owner;
        for (link, owner) in passed {
            match links {
                FollowLinks::Never => return Err(Fault::Refused(Box::new(Refused::Any { link }))),
                FollowLinks::Owner if owner != 0 && owner != target_owner => {
                    let refused = Refused::Foreign { link, owner, target_owner };
                    return Err(Fault::Refused(Box::new(refused)));
                }
                FollowLinks::Owner | FollowLinks::Always => {}
            }
        }
        Ok(shown(&steps).join(name))
    }

    pub(super) fn find(&self, path: &Path, follow_last: bool) -> Result<u64, Fault> {
        let mut how = Walk::new(follow_last, FollowLinks::Always);
        Ok(number_of(&self.walk(Vec::new(), path, &mut how)?))
    }

    /// The directory that a name is in.
    pub(super) fn parent_of(&self, path: &Path) -> u64 {
        self.find(path.parent().unwrap(), true).unwrap()
    }

    pub(super) fn names_mut(&mut self, directory: u64) -> &mut BTreeMap<OsString, u64> {
        match &mut self.node_mut(directory).body {
            Body::Directory(names) => names,
            Body::File(_) | Body::Link(_) => panic!("no directory"),
        }
    }

    pub(super) fn link(&mut self, path: &Path, number: u64) {
        let directory = self.parent_of(path);
        let name = path.file_name().unwrap().to_owned();
        let before = self.names_mut(directory).insert(name, number);
        if let Some(before) = before {
            self.node_mut(before).links -= 1;
            self.touch(before);
        }
        self.node_mut(number).links += 1;
        self.touch(number);
        self.touch_content(directory);
    }

    pub(super) fn unlink(&mut self, path: &Path) -> u64 {
        let directory = self.parent_of(path);
        let number = self.names_mut(directory).remove(path.file_name().unwrap()).unwrap();
        self.node_mut(number).links -= 1;
        self.touch(number);
        self.touch_content(directory);
        number
    }

    pub(super) fn change(&mut self, number: u64, change: impl FnOnce(&mut Content)) {
        match &mut self.node_mut(number).body {
            Body::File(content) => change(content),
            Body::Directory(_) | Body::Link(_) => panic!("no file"),
        }
    }

    pub(super) fn touch(&mut self, number: u64) {
        let now = self.stamp();
        self.node_mut(number).changed = now;
    }

    pub(super) fn touch_content(&mut self, number: u64) {
        let now = self.stamp();
        let node = self.node_mut(number);
        (node.modified, node.changed) = (now, now);
    }

    pub(super) fn stat(&self, number: u64) -> Stat {
        let node = self.node(number);
        let (kind, size, allocated) = match &node.body {
            Body::File(content) => (Kind::File, content.bytes.len() as u64, content.allocated()),
            Body::Directory(_) => (Kind::Directory, 0, 0),
            Body::Link(_) => (Kind::Link, 0, 0),
        };
        Stat {
            kind,
            inode: Inode { device: DEVICE, number },
            size,
            modified_nanos: node.modified,
            changed_nanos: node.changed,
            links: node.links,
            allocated,
        }
    }

    pub(super) fn name_of(&self, wanted: u64) -> Option<PathBuf> {
        let mut open = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, directory)) = open.pop() {
            let Body::Directory(names) = &self.node(directory).body else { continue };
            for (name, number) in names {
                if *number == wanted {
                    return Some(path.join(name));
                }
                open.push((path.join(name), *number));
            }
        }
        None
    }
}

pub(super) fn number_of(steps: &Steps) -> u64 {
    steps.last().map_or(ROOT, |(_, number)| *number)
}

pub(super) fn shown(steps: &Steps) -> PathBuf {
    let mut path = PathBuf::from("/");
    path.extend(steps.iter().map(|(name, _)| name));
    path
}
