//! Patterns that are matched in one look at each byte: characters, and runs of a set of characters,
//! each of which ends where something else has to begin. There is one way to match a text with
//! such a row or none, so that every engine finds the same groups. Most patterns for whole lines of
//! a log are rows.

use super::node::{Assertion, Class, Node};

/// The first byte that is no character of its own.
const NOT_ASCII: char = '\u{80}';

/// So many characters of those that take several bytes may be missing in a set that has the others:
/// `.` is without three ends of lines.
const MISSING_MAX: usize = 8;

/// Of each byte, whether it is in the set.
type Set = [bool; 256];

/// A pattern for whole texts.
#[derive(Debug)]
pub(super) struct Row {
    parts: Vec<Part>,
    groups: usize,
}

#[derive(Debug)]
enum Part {
    Byte(u8),
    Run(Box<Run>),
    /// A group begins, or ends.
    Save(usize),
}

/// All the bytes of a set that there are at a place, at least and at most so many.
#[derive(Debug)]
struct Run {
    set: Set,
    /// Characters that are not in the set, although their bytes are.
    missing: Vec<char>,
    min: usize,
    max: usize,
}

impl Row {
    /// The tree of a pattern for whole texts as a row, if it is one.
    pub(super) fn of(node: &Node, groups: usize) -> Option<Self> {
        let mut builder = Builder::default();
        builder.add(node)?;
        let parts = builder.parts;
        let all_end = (0..parts.len()).all(|at| ends_for_sure(&parts, at));
        all_end.then_some(Self { parts, groups })
    }

    /// Whether the whole text matches; then `slots` has the start and the end of each group.
    pub(super) fn matches(&self, text: &str, slots: &mut Vec<usize>) -> bool {
        let bytes = text.as_bytes();
        slots.clear();
        slots.resize(2 * (self.groups + 1), 0);
        let mut at = 0;
        for part in &self.parts {
            let rest = bytes.get(at..).unwrap_or_default();
            match part {
                Part::Byte(byte) if rest.first() == Some(byte) => at += 1,
                Part::Byte(_) => return false,
                Part::Run(run) => {
                    let len = run.len(text.get(at..).unwrap_or_default());
                    if len < run.min {
                        return false;
                    }
                    at += len;
                }
                Part::Save(slot) => {
                    if let Some(place) = slots.get_mut(*slot) {
                        *place = at;
                    }
                }
            }
        }
        if let Some(end) = slots.get_mut(1) {
            *end = at;
        }
        at == bytes.len()
    }
}

impl Run {
    /// How many bytes at the start of a text it takes.
    fn len(&self, text: &str) -> usize {
        let within = text.as_bytes().get(..self.max).unwrap_or(text.as_bytes());
        let end = within.iter().position(|byte| !self.set[usize::from(*byte)]);
        let len = end.unwrap_or(within.len());
        if self.missing.is_empty() {
            return len;
        }
        let taken = text.get(..len).filter(|taken| !taken.is_ascii());
        taken.and_then(|taken| taken.find(|char| self.missing.contains(&char))).unwrap_or(len)
    }
}

/// Makes parts of a tree, as far as they can be.
#[derive(Debug, Default)]
struct Builder {
    parts: Vec<Part>,
    /// Something was added that takes characters.
    has_begun: bool,
    /// Nothing may follow that does.
    has_ended: bool,
}

impl Builder {
    fn add(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Assertion(Assertion::TextStart) if !self.has_begun => Some(()),
            Node::Assertion(Assertion::TextEnd) => {
                self.has_ended = true;
                Some(())
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.add(node)),
            Node::Group { index, node } => {
                self.parts.push(Part::Save(2 * index));
                self.add(node)?;
                self.parts.push(Part::Save(2 * index + 1));
                Some(())
            }
            Node::Literal(char) => char
                .encode_utf8(&mut [0; 4])
                .bytes()
                .try_for_each(|byte| self.take(Part::Byte(byte))),
            Node::Class(_) => self.run(node, 1, Some(1)),
            // How greedy it is makes no difference where there is one place for its end.
            Node::Repeat { node, min, max, .. } => self.run(node, *min, *max),
            Node::Alternatives(_)
            | Node::Assertion(_)
            | Node::Atomic(_)
            | Node::BackReference { .. }
            | Node::Look { .. } => None,
        }
    }

    fn run(&mut self, node: &Node, min: u32, max: Option<u32>) -> Option<()> {
        let (set, missing) = match node {
            Node::Class(class) => set_of(class)?,
            Node::Literal(char) if char.is_ascii() => {
                let mut set = [false; 256];
                set[*char as usize] = true;
                (set, Vec::new())
            }
            _ => return None,
        };
        // Bytes are counted, and characters were meant.
        let is_ascii = !set[255];
        if !is_ascii && (min > 1 || max.is_some()) {
            return None;
        }
        let max = max.map_or(Some(usize::MAX), |max| usize::try_from(max).ok())?;
        self.take(Part::Run(Box::new(Run { set, missing, min: usize::try_from(min).ok()?, max })))
    }

    /// Adds what takes characters.
    fn take(&mut self, part: Part) -> Option<()> {
        self.has_begun = true;
        self.parts.push(part);
        (!self.has_ended).then_some(())
    }
}

/// Whether what is at this place ends at one place only: it has a fixed length, or nothing that
/// may come behind it begins as it would continue.
fn ends_for_sure(parts: &[Part], at: usize) -> bool {
    let Some(Part::Run(run)) = parts.get(at) else { return true };
    if run.min == run.max {
        return true;
    }
    for next in parts.iter().skip(at + 1) {
        match next {
            Part::Save(_) => {}
            Part::Byte(byte) => return !run.set[usize::from(*byte)],
            Part::Run(next) => {
                if next.max > 0 && run.set.iter().zip(next.set).any(|(one, other)| *one && other) {
                    return false;
                }
                if next.min > 0 {
                    return true;
                }
            }
        }
    }
    true
}

/// A set as one of bytes, and what is missing in it: if it has nearly all characters that take
/// several bytes, or none of them.
fn set_of(class: &Class) -> Option<(Set, Vec<char>)> {
    let mut set = [false; 256];
    let mut missing = Vec::new();
    // The first of those that was not looked at.
    let mut next = Some(NOT_ASCII);
    for &(first, last) in &class.ranges {
        for byte in (first..=last).take_while(char::is_ascii) {
            set[byte as usize] = true;
        }
        if last >= NOT_ASCII {
            missing.extend((next?..first.max(NOT_ASCII)).take(MISSING_MAX + 1));
            next = (last..=char::MAX).nth(1);
        }
    }
    match next {
        Some(NOT_ASCII) => Some((set, Vec::new())),
        None if missing.len() <= MISSING_MAX => {
            set[NOT_ASCII as usize..].fill(true);
            Some((set, missing))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::{Flags, parse};

    fn row(pattern: &str) -> Option<Row> {
        let mut tree = parse(pattern, Flags::default()).unwrap();
        tree.node.reach_the_end();
        Row::of(&tree.node, tree.groups)
    }

    fn groups(row: &Row, text: &str) -> Option<Vec<String>> {
        let mut slots = Vec::new();
        let matched = row.matches(text, &mut slots);
        let group = |ends: &[usize]| text.get(ends[0]..ends[1]).unwrap().to_owned();
        matched.then(|| slots.chunks(2).skip(1).map(group).collect())
    }

    #[test]
    fn a_pattern_of_an_access_log_is_a_row() {
        let pattern = r#"^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) ([^" ]*)" (\d{3}) "([^"]*)"$"#;
        let row = row(pattern).expect("a row");
        let line = "10.0.0.1 - fränk [now] \"GET /ü\" 200 \"\"";
        let want = ["10.0.0.1", "fränk", "now", "GET", "/ü", "200", ""].map(str::to_owned);
        assert_eq!(groups(&row, line), Some(want.to_vec()));
        for text in ["", "10.0.0.1", line.trim_end_matches('"'), &format!("{line} ")] {
            assert_eq!(groups(&row, text), None, "{text:?}");
        }
        assert_eq!(groups(&row, &line.replace("200", "20")), None);
    }

    #[test]
    fn what_may_end_in_several_places_is_none() {
        for pattern in [
            r"(\S+)(\d+)",
            "(a*)a",
            "(a?)(b*)a",
            "a|b",
            "(?=a)a",
            r"(a)\1",
            "[^a]{2}",
            "(ab)+",
            "é+",
            "[à-é]+",
            "a$b",
            "(.*) (.*)",
            r"\ba",
            "a{1,2}a",
        ] {
            assert!(row(pattern).is_none(), "{pattern}");
        }
        for pattern in ["(a?)(b*)c", "a{2}a", r"(\w+)-(\d{1,3})", "[^ ]+ .*", "", "^$", "é", "x*?y"]
        {
            assert!(row(pattern).is_some(), "{pattern}");
        }
    }

    proptest! {
        /// For all rows and texts: the `regex` crate finds the same groups.
        #[test]
        fn a_row_finds_what_the_regex_crate_finds(
            parts in prop::collection::vec(
                (
                    "([ab]|\\[ab\\]|\\[\\^a\\]|\\\\S|\\.)([*+?]|\\{1,2\\}|\\{2\\}|\\*\\?)?",
                    any::<bool>(),
                ),
                0..5,
            ),
            texts in prop::collection::vec("[ab]{0,4}|[ab]{0,2}[a \u{E9}\u{2028}\n]{0,4}", 80),
        ) {
            let group = |(part, is_group): &(String, bool)| {
                if *is_group { format!("({part})") } else { part.clone() }
            };
            let pattern: String = parts.iter().map(group).collect();
            let mut tree = parse(&pattern, Flags::default()).unwrap();
            tree.node.reach_the_end();
            let Some(row) = Row::of(&tree.node, tree.groups) else { return Ok(()) };
            let mut regular = String::new();
            tree.node.write(&mut regular);
            let regular = regex::Regex::new(&format!(r"\A(?:{regular})\z")).unwrap();
            for text in texts {
                let wanted = regular.captures(&text).map(|captures| {
                    let text = |group| captures.get(group).map_or("", |group| group.as_str());
                    (1..captures.len()).map(|group| text(group).to_owned()).collect::<Vec<_>>()
                });
                prop_assert_eq!(groups(&row, &text), wanted, "{} on {:?}", pattern, text);
            }
        }
    }
}
