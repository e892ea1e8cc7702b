//! `PARSEREGEX`: the named groups of a pattern as members.

use kinetail_java_regex::{Matcher, NamedPattern};

use super::{Context, Fields, Stop, TextParser, Unparsable};
use crate::record::Name;

/// The parser.
#[derive(Debug, Clone)]
pub struct ParseRegex {
    matcher: Matcher,
    /// The names of the groups, in the order of the pattern.
    groups: Vec<(Name, usize)>,
}

impl ParseRegex {
    /// A parser by this pattern, which has to match the whole text.
    #[must_use]
    pub fn new(pattern: &NamedPattern) -> Self {
        let groups = pattern.names().iter().map(|(name, group)| (Name::new(name), *group));
        Self { matcher: Matcher::new(pattern.pattern()), groups: groups.collect() }
    }
}

impl TextParser for ParseRegex {
    fn name(&self) -> &'static str {
        "PARSEREGEX"
    }

    fn parse(&mut self, text: &str, _context: &Context, into: &mut Fields) -> Result<(), Stop> {
        match self.matcher.matches(text) {
            Ok(true) => {}
            Ok(false) => return Err(Unparsable::NoMatch.into()),
            Err(_) => return Err(Unparsable::Steps.into()),
        }
        for (name, group) in &self.groups {
            let value = self.matcher.group(*group).and_then(|(start, end)| text.get(start..end));
            into.push(name, value)?;
        }
        Ok(())
    }
}
