//! Which files a flow follows: globs in any component of a path.

/// A validated file pattern.
#[derive(Debug, Clone)]
pub struct FilePattern {
    /// The pattern as written.
    pub text: String,
}
