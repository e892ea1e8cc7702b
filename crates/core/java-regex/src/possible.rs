//! What can be told of a pattern without a text: that it matches none at all, or the empty one.

use super::error::PatternError;
use super::node::{Assertion, Node};
use super::parse::{Flags, parse};

/// Why no text matches a pattern as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impossible {
    /// `a$b`: something must follow the end.
    BehindTheEnd,
    /// `a^b`: something has to stand before the start.
    BeforeTheStart,
}

/// Whether it is impossible that a text matches as a whole, as far as the ends of the text decide.
///
/// # Errors
/// It is no pattern.
pub fn impossible(java: &str) -> Result<Option<Impossible>, PatternError> {
    Ok(find(&parse(java, Flags::default())?.node, false, false))
}

/// Whether a pattern matches where there is nothing. A delimiter of that kind cuts a text between
/// any two characters.
///
/// # Errors
/// It is no pattern.
pub fn matches_nothing(java: &str) -> Result<bool, PatternError> {
    Ok(parse(java, Flags::default())?.node.lengths().0 == 0)
}

/// `before` is whether a character has to stand before the node, `behind` whether one that is no
/// line terminator must follow it.
fn find(node: &Node, before: bool, behind: bool) -> Option<Impossible> {
    match node {
        Node::Assertion(Assertion::TextStart) => before.then_some(Impossible::BeforeTheStart),
        Node::Assertion(Assertion::FinalEnd { .. } | Assertion::TextEnd) => {
            behind.then_some(Impossible::BehindTheEnd)
        }
        Node::Alternatives(nodes) => {
            let mut all = nodes.iter().map(|node| find(node, before, behind));
            let first = all.next()??;
            all.all(|found| found.is_some()).then_some(first)
        }
        Node::Concat(nodes) => nodes.iter().enumerate().find_map(|(at, node)| {
            let (left, right) = nodes.split_at(at);
            let before = before || left.iter().any(|node| node.lengths().0 > 0);
            let behind = behind || right.iter().skip(1).any(needs_text);
            find(node, before, behind)
        }),
        Node::Atomic(node) | Node::Group { node, .. } => find(node, before, behind),
        Node::Repeat { node, min, .. } if *min > 0 => find(node, before, behind),
        Node::Assertion(_)
        | Node::BackReference { .. }
        | Node::Class(_)
        | Node::Literal(_)
        | Node::Look { .. }
        | Node::Repeat { .. } => None,
    }
}

/// Whether the node takes a character that is no line terminator, whatever it matches.
fn needs_text(node: &Node) -> bool {
    const TERMINATORS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    match node {
        Node::Literal(char) => !TERMINATORS.contains(char),
        Node::Class(class) => TERMINATORS.iter().all(|terminator| {
            !class.ranges.iter().any(|(from, to)| (from..=to).contains(&terminator))
        }),
        Node::Alternatives(nodes) => nodes.iter().all(needs_text),
        Node::Concat(nodes) => nodes.iter().any(needs_text),
        Node::Atomic(node) | Node::Group { node, .. } => needs_text(node),
        Node::Repeat { node, min, .. } => *min > 0 && needs_text(node),
        Node::Assertion(_) | Node::BackReference { .. } | Node::Look { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_behind_text_and_an_end_before_it_match_nothing() {
        for (java, expected) in [
            (r" ^(\d+)$", Some(Impossible::BeforeTheStart)),
            (r"^(\d+)$ ", Some(Impossible::BehindTheEnd)),
            (r"a\Ab", Some(Impossible::BeforeTheStart)),
            (r"(a$)b", Some(Impossible::BehindTheEnd)),
            (r"(?: ^a| ^b)", Some(Impossible::BeforeTheStart)),
            (r"a+^", Some(Impossible::BeforeTheStart)),
            (r"a\zb", Some(Impossible::BehindTheEnd)),
            (r"^(\d+)$", None),
            (r" *^a", None),
            (r"(?: ^a|b)", None),
            (r"(?m)a\n^b", None),
            (r"a$\n", None),
            (r"a$\s", None),
            (r"(?:a$)?b", None),
            (r"(?x) ^ a $ ", None),
            (r"\^a\$ b", None),
            (r"[^a]b", None),
        ] {
            assert_eq!(impossible(java).unwrap(), expected, "{java}");
        }
    }

    #[test]
    fn a_delimiter_that_matches_nothing_is_known() {
        for (java, expected) in [
            ("|", true),
            ("a|", true),
            ("x*", true),
            ("^", true),
            ("$", true),
            (",", false),
            (r"\|", false),
            (r"\s+", false),
            ("a|b", false),
        ] {
            assert_eq!(matches_nothing(java).unwrap(), expected, "{java}");
        }
    }
}
