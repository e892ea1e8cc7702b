//! Java's regular expressions: `matchPattern`, `delimiter`, `multiLineStartPattern` and
//! `fileFooterPattern`.
//!
//! The language looks like that of the `regex` crate and means different things: in Java `.`
//! stops at five kinds of line end, `\w`, `\d` and `\s` are ASCII, `\v` is a class, `$` also
//! matches before a last line end and `(?i)` knows only ASCII letters. `parse` reads a pattern
//! into a tree that says what it means in Java. Where the `regex` crate has something for every
//! part of the tree it does the work, in time that is linear in the text. Look-around,
//! back-references, possessive quantifiers, atomic groups and the ends of lines within a text
//! need the backtracking `machine`. Patterns for whole texts that can match in one way only need
//! neither: each is a `row`.
//!
//! Two things look regular and are not the same there: `\b`, which is ASCII for the crate and goes
//! by Unicode in Java up to 18, and what a group holds after a round of a loop that matched
//! nothing. The machine does the former where a text is not ASCII, and the latter always.
//!
//! No pattern runs for more than some 10 ms on a text: the machine counts its steps and gives up
//! ([`OverLimit`]), and the `regex` crate gets no text longer than it can do in that time. Longer
//! texts go to the machine.

mod class;
mod error;
mod escape;
mod fold;
mod group;
mod line_start;
mod machine;
mod matcher;
mod node;
mod parse;
mod pattern;
mod possible;
mod program;
mod property;
mod row;
#[cfg(test)]
mod tests;
pub mod text;

pub use self::error::{OverLimit, PatternError};
pub use self::line_start::{Footer, LineStart, RulePart};
pub use self::matcher::{Finder, Matcher, Separator};
pub use self::pattern::{NamedPattern, Pattern, compile_match_pattern, compile_search_pattern};
pub use self::possible::{Impossible, impossible, matches_nothing};
