//! No secret leaves the loader, whatever is wrong with the file.

use super::*;

/// One that looks like a secret, and one that only its key tells of.
const SECRETS: [&str; 2] = ["wJalrXUtnFEMI/K7MDENG", "opensesame"];

/// Everything that is said about a file.
fn said(text: &str) -> String {
    match try_load(text) {
        Ok((config, warnings)) => {
            let summaries: Vec<String> =
                warnings.iter().map(|w| format!("{w}\n{}\n{w:?}", w.summary())).collect();
            format!("{config:?}\n{}", summaries.join("\n"))
        }
        Err(report) => {
            let summaries: Vec<String> =
                report.diagnostics.iter().map(Diagnostic::summary).collect();
            format!("{report}\n{report:?}\n{}", summaries.join("\n"))
        }
    }
}

#[test]
fn a_secret_is_never_shown_whatever_is_wrong() {
    SECRETS.into_iter().for_each(is_never_shown);
}

fn is_never_shown(s: &str) {
    for text in [
        top(&format!("\"awsSecretAccessKey\": \"{s}\"")),
        top(&format!("\"awsAccessKeyId\": \"{s}\"")),
        top(&format!("\"awsSecretAccessKey\": [\"{s}\"]")),
        top(&format!("\"awsSecretAccessKey\": {{\"{s}\": \"{s}\"}}")),
        top(&format!("\"awsSecretAcessKey\": \"{s}\"")),
        top(&format!("\"aws_secret_access_key\": \"{s}\"")),
        top(&format!("\"a{{ecr{{ccessKey\": \"{s}\", \"x1234\": 1")),
        top(&format!("\"aws\"ecretAccessKey\": \"{s}\"")),
        top(&format!("\"x1234\": 1 // aws.secret.acces.key is {s}\n")),
        top(&format!("\"regoin\": 1, \"awsSecretAccessKey\": \"{s}\", \"awsAccessKeyId\": \"a\"")),
        top(&format!("\"awsSecretAccessKey\": \"{s}\", \"awsSecretAccessKey\": \"{s}\"")),
        format!("awsSecretAccessKey: x\nawsSecretAccessKey: {s}\nflows: []\n"),
        format!("awsSecretAccessKey: {s}\nawsSecretAccessKey: x\nflows: []\n"),
        format!("x1234: 1\nx1234: {{awsSecretAccessKey: {s}}}\nflows: []\n"),
        top(&format!("\"kinesis.endpoint\": \"https://user:{s}@host\", \"x1234\": 1")),
        kinesis(&format!("\"awsSecretAccessKey\": \"{s}\"")),
        top(&format!("\"aws\": {{\"secretAccessKey\": \"{s}\"}}")),
        format!("awsSecretAccessKey:{s}"),
        format!("flows: [{FLOW}]\nawsSecretAccessKey:{s}\n"),
        format!("flows: [{FLOW}]\nawsSecretAccessKey:{s}: 1\n"),
        format!("x1234: &s {s}\nawsAccessKeyId: a\nawsSecretAccessKey: *s\nregion: *s\nflows: []"),
        format!("awsSecretAccessKey:\n\n  {s}\nflows: []"),
        format!("awsSecretAccessKey:\n\n  {s}: [\n"),
        format!("awsSecretAccessKey: '{s}\nflows: ["),
        format!("{{\"awsSecretAccessKey\": {s}}}"),
        format!("{{\"awsSecretAccessKey\":\n\"{s}\" # x\n}}"),
        format!("{{\"awsSecretAccessKey\": \"{s}\n\"}}"),
        format!("awsSecretAccessKey: |\n  {s}\nawsAccessKeyId: a\nflows: 1"),
        format!("[\"awsSecretAccessKey: {s}\"]"),
    ] {
        assert!(!said(&text).contains(s), "{text}\n{}", said(&text));
    }
}

#[test]
fn the_value_of_a_secret_key_is_shown_as_hidden() {
    let found = warning(&top("\"awsSecretAccessKey\": [\"a\"], \"awsAccessKeyId\": \"b\""));
    assert_eq!(found.1, "'awsSecretAccessKey': expected a string, found (hidden)");
    let found = warnings(&top("\"awsSecretAccessKey\": \"a\""));
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert!(found.place.excerpt.is_none());
    assert!(found.to_string().starts_with("agent.json:1:24: warning: "), "{found}");
}

#[test]
fn other_lines_are_still_shown() {
    let report = report("awsSecretAccessKey: a\nawsAccessKeyId: b\nregion: 'X'\nflows: []\n");
    assert!(report.to_string().contains("3 | region: 'X'"), "{report}");
}
