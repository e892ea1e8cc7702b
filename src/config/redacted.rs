//! A configuration to show to others: every line with a secret is hidden.

use std::path::Path;

use super::diagnostics::Findings;
use super::document::document;
use super::secret::{HIDDEN, smells_of_secret};
use super::source::Source;

/// The text without the lines in which there is a secret, or may be one.
#[must_use]
pub fn redacted(text: &str, path: &Path) -> String {
    let mut findings = Findings::new(Source::new(text, path));
    // What is learnt of the structure tells more exactly where secrets are.
    let parsed = document(text, &mut findings);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let span = at..at + line.trim_end().len();
        at += line.len();
        let is_secret = findings.place(&span).is_hidden() || comment_tells(line);
        let hidden = !line.trim().is_empty() && is_secret;
        if hidden {
            out.push_str(HIDDEN);
            out.push('\n');
        } else {
            out.push_str(line);
        }
    }
    drop(parsed);
    out
}

/// Whether there is a comment that speaks of a secret, and may tell it.
fn comment_tells(line: &str) -> bool {
    let comment = line.split_once('#').or_else(|| line.split_once("//"));
    comment.is_some_and(|(_, comment)| smells_of_secret(comment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_whole_and_in_broken_files() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for text in [
            format!("region: eu-west-1\nawsSecretAccessKey: {key}\nflows: []\n"),
            format!("{{\n\"region\": \"eu-west-1\",\n\"awsSecretAccessKey\": \"short{key}\"\n}}"),
            "region: eu-west-1\nawsSecretAccessKey:\n  abc\nflows: []\n".to_owned(),
            "region: eu-west-1\nx: [\nawsSecretAccessKey:\n  abc\n".to_owned(),
            "region: eu-west-1\nassumeRoleExternalId: abc\n".to_owned(),
            format!("region: eu-west-1\n# {key}\n"),
            "region: eu-west-1\nproxy: http://me:abc@proxy.example:3128\n".to_owned(),
            "region: eu-west-1\n# The proxy's password is abc.\n".to_owned(),
            "{\n\"region\": \"eu-west-1\",\n\"flows\": [] // Token: abc\n}".to_owned(),
        ] {
            let shown = redacted(&text, Path::new("a"));
            assert!(!shown.contains(key) && !shown.contains("abc"), "{shown}");
            assert!(shown.contains("eu-west-1") && shown.contains(HIDDEN), "{shown}");
        }
    }
}
