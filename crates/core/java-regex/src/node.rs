//! A parsed Java regular expression, and what can be said of it without a text.

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// The first of these that leads to a match.
    Alternatives(Vec<Self>),
    Assertion(Assertion),
    /// What it matched first is final.
    Atomic(Box<Self>),
    /// The text that a group matched last.
    BackReference {
        group: usize,
        fold: Fold,
    },
    Class(Class),
    /// One after the other.
    Concat(Vec<Self>),
    /// A group that captures.
    Group {
        index: usize,
        node: Box<Self>,
    },
    Literal(char),
    Look {
        behind: bool,
        negative: bool,
        /// How many characters lie between the start of a look behind and where it stands.
        lengths: (usize, usize),
        node: Box<Self>,
    },
    Repeat {
        node: Box<Self>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
}

/// A condition that takes no character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    /// `$` and `\Z`: the end, or before a line terminator that ends the text. With `unix` only a
    /// line feed is one.
    FinalEnd { unix: bool },
    /// `$` under `(?m)`.
    LineEnd { unix: bool },
    /// `^` under `(?m)`; never at the end of the text.
    LineStart { unix: bool },
    /// `\G`: where the match before this one ended, or the text begins.
    SearchStart,
    /// `\z`.
    TextEnd,
    /// `^` and `\A`.
    TextStart,
    /// `\b`, or `\B` if negative. Of letters and digits of Unicode even where `unicode`, the flag
    /// `U`, is not set; with it, also of what else Unicode counts as a part of words.
    WordBoundary { negative: bool, unicode: bool },
}

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    /// The set in the syntax of the `regex` crate.
    pub(super) text: String,
    /// The same as ranges, in order.
    pub(super) ranges: Vec<(char, char)>,
}

/// Which characters are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    Ascii,
    None,
    Unicode,
}

/// What a quantifier tries first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    /// As greedy, and gives nothing back.
    Possessive,
}

impl Node {
    /// The text that is all this matches, where it is plain text.
    pub(super) fn literal(&self) -> Option<String> {
        match self {
            Self::Literal(char) => Some(char.to_string()),
            Self::Concat(nodes) => nodes.iter().map(Self::literal).collect(),
            _ => None,
        }
    }

    /// How many characters it matches, at least and at most; no most where there is no bound
    /// that can be seen.
    pub(super) fn lengths(&self) -> (usize, Option<usize>) {
        match self {
            Self::Alternatives(nodes) => nodes.iter().map(Self::lengths).fold(
                (usize::MAX, Some(0)),
                |(low, high), (min, max)| {
                    (low.min(min), high.zip(max).map(|(high, max)| high.max(max)))
                },
            ),
            Self::Assertion(_) | Self::Look { .. } => (0, Some(0)),
            Self::Atomic(node) | Self::Group { node, .. } => node.lengths(),
            Self::BackReference { .. } => (0, None),
            Self::Class(_) | Self::Literal(_) => (1, Some(1)),
            Self::Concat(nodes) => nodes.iter().map(Self::lengths).fold(
                (0, Some(0)),
                |(low, high): (usize, Option<usize>), (min, max)| {
                    let high = high.zip(max).and_then(|(high, max)| high.checked_add(max));
                    (low.saturating_add(min), high)
                },
            ),
            Self::Repeat { node, min, max, .. } => {
                let (low, high) = node.lengths();
                let most = high.zip(*max).map(|(high, max)| times(high, max));
                (times(low, *min), most.filter(|most| *most < usize::MAX))
            }
        }
    }

    /// How many parts of it may be in the middle of a match at one place of a text: all that
    /// stand in a repetition that may end sooner or later, with its rounds written out.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Alternatives(nodes) | Self::Concat(nodes) => {
                nodes.iter().map(Self::width).fold(0, usize::saturating_add)
            }
            Self::Atomic(node) | Self::Group { node, .. } | Self::Look { node, .. } => node.width(),
            Self::Repeat { node, min, max, .. } if *max == Some(*min) => times(node.width(), *min),
            Self::Repeat { .. } => self.size(),
            Self::Assertion(_) | Self::BackReference { .. } | Self::Class(_) | Self::Literal(_) => {
                0
            }
        }
    }

    /// How many instructions it takes, about, with repetitions written out.
    fn size(&self) -> usize {
        match self {
            Self::Alternatives(nodes) | Self::Concat(nodes) => {
                nodes.iter().map(Self::size).fold(nodes.len(), usize::saturating_add)
            }
            Self::Atomic(node) | Self::Group { node, .. } | Self::Look { node, .. } => {
                node.size().saturating_add(2)
            }
            Self::Repeat { node, min, max, .. } => {
                let round = node.size().saturating_add(1);
                times(round, max.unwrap_or(*min).max(1)).saturating_add(1)
            }
            Self::Assertion(_) | Self::BackReference { .. } | Self::Class(_) | Self::Literal(_) => {
                1
            }
        }
    }

    /// Whether it matches nothing or fails, and in one way only.
    pub(super) fn is_always_empty(&self) -> bool {
        let one_way = |node: &Self| {
            !matches!(node, Self::Alternatives(_) | Self::Repeat { .. } | Self::Look { .. })
        };
        self.lengths().1 == Some(0) && !self.any(&|node| !one_way(node))
    }

    /// Whether any part of it is so.
    pub(super) fn any(&self, is: &impl Fn(&Self) -> bool) -> bool {
        is(self)
            || match self {
                Self::Alternatives(nodes) | Self::Concat(nodes) => {
                    nodes.iter().any(|node| node.any(is))
                }
                Self::Atomic(node)
                | Self::Group { node, .. }
                | Self::Look { node, .. }
                | Self::Repeat { node, .. } => node.any(is),
                Self::Assertion(_)
                | Self::BackReference { .. }
                | Self::Class(_)
                | Self::Literal(_) => false,
            }
    }

    /// Makes the end of a pattern that must reach the end of the text simpler: there, `$` says
    /// no more than that.
    pub(super) fn reach_the_end(&mut self) {
        match self {
            Self::Alternatives(nodes) => nodes.iter_mut().for_each(Self::reach_the_end),
            Self::Concat(nodes) => {
                if let Some(last) = nodes.last_mut() {
                    last.reach_the_end();
                }
            }
            Self::Group { node, .. } => node.reach_the_end(),
            Self::Assertion(
                assertion @ (Assertion::FinalEnd { .. } | Assertion::LineEnd { .. }),
            ) => *assertion = Assertion::TextEnd,
            Self::Assertion(_)
            | Self::Atomic(_)
            | Self::BackReference { .. }
            | Self::Class(_)
            | Self::Literal(_)
            | Self::Look { .. }
            | Self::Repeat { .. } => {}
        }
    }

    /// Whether the `regex` crate has something for every part of it.
    pub(super) fn is_regular(&self) -> bool {
        !self.any(&|node| match node {
            Self::Assertion(assertion) => match assertion {
                Assertion::FinalEnd { .. }
                | Assertion::LineEnd { .. }
                | Assertion::LineStart { .. }
                | Assertion::SearchStart => true,
                Assertion::TextEnd | Assertion::TextStart | Assertion::WordBoundary { .. } => false,
            },
            Self::Atomic(_)
            | Self::BackReference { .. }
            | Self::Look { .. }
            | Self::Repeat { greed: Greed::Possessive, .. } => true,
            // After a round that matches nothing the groups in it hold nothing in Java, and what
            // they held before in the `regex` crate.
            Self::Repeat { node, max, .. } if *max != Some(1) => {
                node.lengths().0 == 0 && node.any(&|node| matches!(node, Self::Group { .. }))
            }
            Self::Alternatives(_)
            | Self::Class(_)
            | Self::Concat(_)
            | Self::Group { .. }
            | Self::Literal(_)
            | Self::Repeat { .. } => false,
        })
    }

    /// Whether what the `regex` crate has means the same in ASCII texts and not in others.
    pub(super) fn is_regular_in_ascii_only(&self) -> bool {
        self.any(&|node| {
            matches!(node, Self::Assertion(Assertion::WordBoundary { unicode: false, .. }))
        })
    }

    /// Whether a search for one match after the other may read the same text again and again: a
    /// part without a maximum length is tried, fails far ahead, and something shorter matches.
    pub(super) fn may_search_far_ahead(&self) -> bool {
        let unbounded = |node: &Self| matches!(node, Self::Repeat { max: None, .. });
        self.any(&|node| match node {
            Self::Alternatives(nodes) => nodes.iter().any(|node| node.any(&unbounded)),
            Self::Repeat { node, .. } => node.any(&unbounded),
            _ => false,
        })
    }

    /// Writes it in the syntax of the `regex` crate. Only for what is regular.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Alternatives(nodes) => {
                out.push_str("(?:");
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        out.push('|');
                    }
                    node.write(out);
                }
                out.push(')');
            }
            Self::Assertion(assertion) => out.push_str(assertion.regular()),
            Self::Class(class) => out.push_str(&class.text),
            Self::Concat(nodes) => nodes.iter().for_each(|node| node.write(out)),
            Self::Atomic(node) | Self::Look { node, .. } => node.write(out),
            Self::BackReference { .. } => {}
            Self::Group { node, .. } => {
                out.push('(');
                node.write(out);
                out.push(')');
            }
            Self::Literal(char) => push_char(out, *char),
            Self::Repeat { node, min, max, greed } => {
                out.push_str("(?:");
                node.write(out);
                out.push(')');
                out.push_str(&quantifier(*min, *max));
                if *greed == Greed::Lazy {
                    out.push('?');
                }
            }
        }
    }
}

impl Assertion {
    /// The same in the syntax of the `regex` crate; for those that it has.
    fn regular(self) -> &'static str {
        match self {
            Self::WordBoundary { negative: false, unicode: false } => r"(?-u:\b)",
            Self::WordBoundary { negative: true, unicode: false } => r"(?-u:\B)",
            Self::WordBoundary { negative: false, unicode: true } => r"\b",
            Self::WordBoundary { negative: true, unicode: true } => r"\B",
            Self::LineStart { .. } | Self::SearchStart | Self::TextStart => r"\A",
            Self::FinalEnd { .. } | Self::LineEnd { .. } | Self::TextEnd => r"\z",
        }
    }
}

/// So many times as much, or the largest number.
fn times(size: usize, count: u32) -> usize {
    size.saturating_mul(usize::try_from(count).unwrap_or(usize::MAX))
}

fn quantifier(min: u32, max: Option<u32>) -> String {
    match (min, max) {
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (0, Some(1)) => "?".to_owned(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    }
}

/// Writes a character so that it means itself, in brackets and outside.
pub(super) fn push_char(out: &mut String, char: char) {
    if char.is_ascii_alphanumeric() {
        out.push(char);
    } else {
        out.extend(char.escape_unicode());
    }
}
