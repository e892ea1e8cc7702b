//! Configurations that were right, with something done to them: nothing panics, everything that is
//! found has a place in the text, and guesses cost what the text has keys.

use proptest::prelude::*;

use super::super::suggest::DISTANCES;
use super::*;

/// What is put into a text.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    ": ",
    "\"",
    "'",
    "\\",
    "\\d",
    "\n",
    "\t",
    "  ",
    "- ",
    "#",
    "//",
    "/*",
    "*",
    "&",
    "!",
    "|",
    ">",
    "%",
    "@",
    "~",
    "${X}",
    "<x>",
    "\u{feff}",
    "\u{0}",
    "\u{85}",
    "é",
    "😀",
    "null",
    "true",
    "0x1F",
    "-1",
    "filePattern",
    "kinesisStream",
    "flows",
    "metadata",
    "? ",
    "---\n",
];

const JSON: &str = r#"{
  // Two flows.
  "cloudwatch.emitMetrics": false, "region": "us-east-1",
  "awsSecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  "awsAccessKeyId": "AKIAIOSFODNN7EXAMPLE",
  "flows": [
    {"filePattern": "/var/log/a*.log", "kinesisStream": "s", "maxBufferAgeMillis": 1000,
     "dataProcessingOptions": [
       {"optionName": "LOGTOJSON", "logFormat": "SYSLOG"},
       {"optionName": "ADDMETADATA", "metadata": {"a": [1, null, "x"]}}]},
    {"filePattern": "/tmp/**", "deliveryStream": "d", "multiLineStartPattern": "^\\d{4}"}
  ]
}
"#;

/// Those of the examples in the documentation of AWS.
const SECRETS: [&str; 2] = ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE"];

const YAML: &str = "region: us-east-1
awsSecretAccessKey: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
awsAccessKeyId: AKIAIOSFODNN7EXAMPLE
flows:
  - filePattern: /var/log/a*.log
    kinesisStream: s
    dataProcessingOptions:
      - optionName: CSVTOJSON
        customFieldNames: [a, 'b', \"c\"]
        delimiter: '\\|'
  - {filePattern: \"/tmp/**\", deliveryStream: d, multiLineStartPattern: '^\\d{4}'}
";

/// One thing done to a text: so many characters taken out somewhere, and a piece put there.
type Change = (prop::sample::Index, usize, prop::sample::Index);

fn changed(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, out, piece) in changes {
        let at = at.index(chars.len() + 1);
        let end = (at + out).min(chars.len());
        chars.splice(at..end, PIECES[piece.index(PIECES.len())].chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, failure_persistence: None, ..ProptestConfig::default()
    })]
    #[test]
    fn a_changed_configuration_is_taken_or_its_mistakes_have_places(
        is_json in any::<bool>(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..4, any::<prop::sample::Index>()), 1..6),
    ) {
        let text = changed(if is_json { JSON } else { YAML }, &changes);
        DISTANCES.set(0);
        let found = match try_load(&text) {
            Ok((_, warnings)) => warnings,
            Err(report) => {
                prop_assert!(report.diagnostics.iter().any(Diagnostic::is_error));
                report.diagnostics
            }
        };
        let lines = text.split('\n').count();
        for found in &found {
            let place = &found.place;
            prop_assert!((1..=lines).contains(&place.line), "{text:?}\n{found}");
            let line = text.split('\n').nth(place.line - 1).unwrap_or_default();
            let columns = 1..=line.chars().count() + 1;
            prop_assert!(columns.contains(&place.column), "{text:?}\n{found}");
            prop_assert!(!found.message.is_empty());
            let shown = found.to_string();
            // Whatever became of its key, and with what is around it.
            for secret in SECRETS.iter().filter(|secret| text.contains(**secret)) {
                let said = format!("{shown}\n{}\n{found:?}", found.summary());
                let part = secret.get(..8).unwrap_or(secret);
                prop_assert!(!said.contains(part), "{text}\n{said}");
            }
        }
        // Each key is compared with every name at most, and once more for a secret.
        let keys = text.matches([':', ',', '=']).count() + 10;
        prop_assert!(DISTANCES.get() <= keys * 200, "{} for {keys} keys", DISTANCES.get());
    }
}
