//! The name of a member of a record.

use crate::json::push_string;

/// The name of a member, also as it is written in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    text: String,
    json: Vec<u8>,
}

impl Name {
    /// A name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut json = Vec::new();
        push_string(&mut json, text.as_bytes());
        Self { text: text.to_owned(), json }
    }

    pub(crate) fn has_dots(&self) -> bool {
        self.text.contains('.')
    }

    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}
