//! What a pattern excludes although it matches: excluded names and paths.
//!
//! A pattern without `/` is compared with the names of files and directories, one with `/` with
//! whole paths. A directory that is excluded is not entered. Pure: nothing here looks at a disk.

use std::path::Path;

use super::pattern::{Component, FilePattern, PatternError, component};

/// One pattern of things to exclude.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclude {
    text: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Name(Component),
    Path(Box<FilePattern>),
}

impl Exclude {
    /// Parses what a person wrote.
    ///
    /// # Errors
    /// It is empty, ends in `/`, or a part of it is not a glob.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.contains('\0') {
            return Err(PatternError::Nul);
        }
        let rule = if text.contains('/') {
            Rule::Path(Box::new(FilePattern::parse(text)?))
        } else if text.is_empty() {
            return Err(PatternError::EmptyFileName);
        } else {
            Rule::Name(component(text, text)?)
        };
        Ok(Self { text: text.to_owned(), rule })
    }

    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it excludes whatever it is compared with.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self.text.as_str(), "*" | "**")
    }

    /// Whether it can leave something out of what a file pattern matches, as far as the leading
    /// directories tell.
    #[must_use]
    pub fn can_meet(&self, pattern: &FilePattern) -> bool {
        match &self.rule {
            Rule::Name(_) => true,
            Rule::Path(path) => {
                let (own, others) = (path.base_dir(), pattern.base_dir());
                own.starts_with(others) || others.starts_with(own)
            }
        }
    }

    /// The same with its directory made absolute by `cwd`.
    #[must_use]
    pub fn resolve(&self, cwd: &Path) -> Self {
        match &self.rule {
            Rule::Name(_) => self.clone(),
            Rule::Path(path) => {
                Self { text: self.text.clone(), rule: Rule::Path(Box::new(path.resolve(cwd))) }
            }
        }
    }

    /// Whether a file or a directory at this path is excluded by this pattern. What lies in a
    /// directory that is excluded is not looked at here.
    #[must_use]
    pub fn matches(&self, path: &Path) -> bool {
        match &self.rule {
            Rule::Name(component) => path.file_name().is_some_and(|name| component.matches(name)),
            Rule::Path(pattern) => pattern.matches_path(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(text: &str, path: &str) -> bool {
        Exclude::parse(text).unwrap().matches(Path::new(path))
    }

    #[test]
    fn a_pattern_without_a_slash_is_for_names_and_one_with_a_slash_for_whole_paths() {
        for (text, path, expected) in [
            ("*.tmp", "/l/a.tmp", true),
            ("*.tmp", "/l/a.tmp.log", false),
            ("debug.log", "/l/deep/debug.log", true),
            ("archive", "/l/archive", true),
            ("/l/*/debug.log", "/l/x/debug.log", true),
            ("/l/*/debug.log", "/l/debug.log", false),
            ("/l/**/old-*", "/l/x/y/old-1.log", true),
            ("{a,b}?", "/l/b1", true),
        ] {
            assert_eq!(excludes(text, path), expected, "{text} on {path}");
        }
    }

    #[test]
    fn what_is_not_a_pattern_says_why() {
        assert_eq!(Exclude::parse(""), Err(PatternError::EmptyFileName));
        assert_eq!(Exclude::parse("/var/log/"), Err(PatternError::EmptyFileName));
        assert_eq!(Exclude::parse("a\0"), Err(PatternError::Nul));
        assert!(matches!(Exclude::parse("[a"), Err(PatternError::Glob { .. })));
        assert!(matches!(Exclude::parse("/x/[a"), Err(PatternError::Glob { .. })));
    }

    #[test]
    fn one_that_lies_elsewhere_never_meets_the_pattern() {
        let pattern = FilePattern::parse("/var/log/app/*.log").unwrap();
        for (text, expected) in [
            ("*.tmp", true),
            ("/var/log/app/debug.log", true),
            ("/var/**/x", true),
            ("/srv/*.log", false),
            ("app/*.log", false),
        ] {
            assert_eq!(Exclude::parse(text).unwrap().can_meet(&pattern), expected, "{text}");
        }
    }
}
