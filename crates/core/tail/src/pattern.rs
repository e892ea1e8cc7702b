//! Which files a flow follows: globs in any component of a path.
//!
//! A [`FilePattern`] splits what a person wrote into a directory that is known without looking and
//! one matcher for each component below it, so that a scan lists only directories that can hold a
//! match. The Java agent has globs in the file name only; a pattern that it takes means the same
//! here. Pure: nothing here looks at a disk.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component as PathComponent, Path, PathBuf};

use super::exclude::Exclude;
use super::glob::{Parsed, parse};
use super::links::FollowLinks;

pub use super::glob::{GlobError, NameMatcher};

/// Name endings, in lower case, of files that are copies of logs and never logs. The first three
/// are the Java agent's; those that cannot be unpacked are named at least.
pub(crate) const IGNORED_EXTENSIONS: &[&str] = &[
    ".gz", ".bz2", ".zip", ".zst", ".xz", ".lz4", ".z", ".lzma", ".br", ".7z", ".lz", ".lzo",
    ".sz", ".rar", ".tgz", ".tbz2", ".txz", ".zstd",
];

/// Whether a name is ignored although it matches, because it ends like a compressed copy. Upper
/// and lower case are one.
#[must_use]
pub fn is_compressed_name(name: &OsStr) -> bool {
    without_compressed_ending(name.as_bytes()).is_some()
}

/// A name without the ending of a compressed copy, if it has one.
pub(super) fn without_compressed_ending(name: &[u8]) -> Option<&[u8]> {
    // Each has one dot, at its beginning.
    let (base, end) = name.split_at_checked(name.iter().rposition(|byte| *byte == b'.')?)?;
    let is_end = |extension: &&str| end.eq_ignore_ascii_case(extension.as_bytes());
    IGNORED_EXTENSIONS.iter().any(is_end).then_some(base)
}

/// Why a text is not a file pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// `app.log`: the Java agent refuses it as well.
    #[error("no directory part")]
    EmptyDirectory,
    /// `/var/log/`.
    #[error("no file name after the last '/'")]
    EmptyFileName,
    /// A component that is not a glob.
    #[error("in {component:?}: {error}")]
    Glob {
        /// The component as written.
        component: String,
        /// What is wrong with it.
        #[source]
        error: GlobError,
    },
    /// A NUL character, which no path can hold.
    #[error("paths cannot contain NUL")]
    Nul,
}

/// A validated file pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern {
    text: String,
    base_dir: PathBuf,
    components: Vec<Component>,
    excludes: Vec<Exclude>,
    follow_links: FollowLinks,
}

/// What one component of a path below the base directory has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// `**`: any number of directories, none as well. Never the last component.
    AnyDepth,
    /// A name that matches.
    Glob(NameMatcher),
    /// Exactly this name.
    Literal(OsString),
}

impl Component {
    /// Whether a name can stand here.
    #[must_use]
    pub fn matches(&self, name: &OsStr) -> bool {
        match self {
            Self::AnyDepth => true,
            Self::Glob(matcher) => matcher.matches(name),
            Self::Literal(literal) => literal == name,
        }
    }
}

impl FilePattern {
    /// Parses what a person wrote. A relative pattern stays relative; see [`Self::resolve`].
    ///
    /// # Errors
    /// There is no directory or no file name, or a component is not a glob.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Self::parse_with(text, Err)
    }

    /// As [`Self::parse`], with each directory that is not a glob taken as its name: the Java agent
    /// knows no globs in directories.
    ///
    /// # Errors
    /// As [`Self::parse`], of the file name alone.
    pub fn parse_as_java(text: &str) -> Result<Self, PatternError> {
        Self::parse_with(text, |_| Ok(()))
    }

    /// `broken` decides about a directory that is not a glob: an error, or its name as it is.
    fn parse_with(
        text: &str,
        broken: impl Fn(PatternError) -> Result<(), PatternError>,
    ) -> Result<Self, PatternError> {
        if text.contains('\0') {
            return Err(PatternError::Nul);
        }
        let (directory, name) = split(text).ok_or(PatternError::EmptyDirectory)?;
        if name.is_empty() {
            return Err(PatternError::EmptyFileName);
        }
        let mut base_dir = PathBuf::from(if directory.starts_with('/') { "/" } else { "" });
        let mut components = Vec::new();
        for part in directory.split('/').filter(|part| !part.is_empty()) {
            let component = match component(part, text) {
                Ok(component) => component,
                Err(error) => broken(error).map(|()| Component::Literal(part.into()))?,
            };
            match component {
                Component::Literal(literal) if components.is_empty() => base_dir.push(literal),
                // `**/**` is `**`, and a `.` below a glob says nothing.
                Component::AnyDepth if components.last() == Some(&Component::AnyDepth) => {}
                Component::Literal(literal) if literal == "." => {}
                component => components.push(component),
            }
        }
        match component(name, text)? {
            // `/var/log/**` means every file at any depth.
            Component::AnyDepth => {
                if components.last() != Some(&Component::AnyDepth) {
                    components.push(Component::AnyDepth);
                }
                components.push(component("*", text)?);
            }
            component => components.push(component),
        }
        Ok(Self {
            text: text.to_owned(),
            base_dir,
            components,
            excludes: Vec::new(),
            follow_links: FollowLinks::default(),
        })
    }

    /// The same, with some of what it matches excluded.
    #[must_use]
    pub fn excluding(self, excludes: Vec<Exclude>) -> Self {
        Self { excludes, ..self }
    }

    /// The same, with other links followed.
    #[must_use]
    pub fn following(self, follow_links: FollowLinks) -> Self {
        Self { follow_links, ..self }
    }

    /// Which links are followed on the way to what matches.
    #[must_use]
    pub fn follow_links(&self) -> FollowLinks {
        self.follow_links
    }

    /// Whether a file or a directory at this path is excluded although it matches. The
    /// directories above it are not looked at: a scan does not enter those that are excluded.
    #[must_use]
    pub fn excludes(&self, path: &Path) -> bool {
        self.excludes.iter().any(|exclude| exclude.matches(path))
    }

    /// Whether a file, or a directory on the way to it below the base directory, is excluded,
    /// whether the file matches or not.
    #[must_use]
    pub(crate) fn excludes_path(&self, path: &Path) -> bool {
        if self.excludes.is_empty() {
            return false;
        }
        let below = path.strip_prefix(&self.base_dir).map_or(1, |below| below.components().count());
        self.excludes_any_of(path, below)
    }

    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The one path that matches, if there are no wildcards.
    #[must_use]
    pub fn exact_path(&self) -> Option<PathBuf> {
        let mut path = self.base_dir.clone();
        for component in &self.components {
            let Component::Literal(name) = component else { return None };
            path.push(name);
        }
        Some(path)
    }

    /// The longest leading part without wildcards: the only directory that is known without
    /// looking. It is empty for a relative pattern that begins with a wildcard.
    #[must_use]
    pub fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    /// What has to stand below [`Self::base_dir`], directory by directory. Never empty; the last
    /// one is for the file's name.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Whether `**` stands before the name: then every directory that has one is entered, too.
    #[must_use]
    pub(crate) fn enters_directories(&self) -> bool {
        matches!(self.components.as_slice(), [.., Component::AnyDepth, _])
    }

    /// The directory part as the Java agent writes it into flow ids: as written, with `//`
    /// collapsed, `.` and `..` kept, and no `/` at its end except for the root.
    #[must_use]
    pub fn directory_text(&self) -> String {
        let directory = split(&self.text).map_or("", |(directory, _)| directory);
        let parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
        let root = if directory.starts_with('/') { "/" } else { "" };
        format!("{root}{}", parts.join("/"))
    }

    /// The file name part, as written.
    #[must_use]
    pub fn name_text(&self) -> &str {
        split(&self.text).map_or("", |(_, name)| name)
    }

    /// The same pattern with its directory made absolute by `cwd`; the text stays.
    #[must_use]
    pub fn resolve(&self, cwd: &Path) -> Self {
        let base_dir = if self.base_dir.as_os_str().is_empty() {
            cwd.to_path_buf()
        } else {
            cwd.join(&self.base_dir)
        };
        let excludes = self.excludes.iter().map(|exclude| exclude.resolve(cwd)).collect();
        Self { base_dir, excludes, ..self.clone() }
    }

    /// Whether a file at this path belongs to the pattern. Compressed copies do not, nor does what
    /// is excluded or lies in a directory that is. Paths are
    /// compared as they are written: a relative one only matches a relative pattern.
    #[must_use]
    pub fn matches_path(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.base_dir) else {
            return false;
        };
        if self.base_dir.as_os_str().is_empty() && path.has_root() {
            return false;
        }
        let names: Option<Vec<&OsStr>> = below
            .components()
            .map(|component| match component {
                PathComponent::Normal(name) => Some(name),
                PathComponent::ParentDir => Some(OsStr::new("..")),
                PathComponent::CurDir | PathComponent::Prefix(_) | PathComponent::RootDir => None,
            })
            .collect();
        names.is_some_and(|names| {
            names.last().is_some_and(|name| !is_compressed_name(name))
                && names_match(&self.components, &names)
                && !self.excludes_any_of(path, names.len())
        })
    }
}

impl FilePattern {
    /// Whether the path, or a directory on the way to it below the base directory, is excluded.
    fn excludes_any_of(&self, path: &Path, below: usize) -> bool {
        !self.excludes.is_empty() && path.ancestors().take(below).any(|part| self.excludes(part))
    }
}

/// Directory (with its last `/`) and name, or nothing if there is no `/`.
fn split(text: &str) -> Option<(&str, &str)> {
    let name_at = text.rfind('/')? + 1;
    text.split_at_checked(name_at)
}

pub(super) fn component(part: &str, text: &str) -> Result<Component, PatternError> {
    if part == "**" {
        return Ok(Component::AnyDepth);
    }
    match parse(part) {
        Ok(Parsed::Literal(literal)) => Ok(Component::Literal(literal.into())),
        Ok(Parsed::Matcher(matcher)) => Ok(Component::Glob(matcher)),
        // A group that is open at the `/` and closed behind it crosses directories.
        Err(GlobError::UnclosedBrace) if text.contains('}') => {
            Err(PatternError::Glob { component: text.to_owned(), error: GlobError::BraceWithSlash })
        }
        Err(error) => Err(PatternError::Glob { component: part.to_owned(), error }),
    }
}

/// `**` among components is what `*` is among characters, so going back to the last one is enough.
fn names_match(components: &[Component], names: &[&OsStr]) -> bool {
    let (mut at, mut taken) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match (components.get(at), names.get(taken)) {
            (None, None) => return true,
            (Some(Component::AnyDepth), _) => {
                back = Some((at, taken));
                at += 1;
                continue;
            }
            (Some(component), Some(name)) if component.matches(name) => {
                at += 1;
                taken += 1;
                continue;
            }
            _ => {}
        }
        match back {
            Some((depth, from)) if from < names.len() => {
                back = Some((depth, from + 1));
                at = depth + 1;
                taken = from + 1;
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
