//! `rotatedNames`: what is taken, and what to write instead of what is not.

use super::*;
use crate::tail::rotated::RotatedNames;

fn with(value: &str) -> String {
    format!(
        "{{\"flows\": [{{\"filePattern\": \"/tmp/a.log\", \"kinesisStream\": \"s\", \
         \"rotatedNames\": {value}}}]}}"
    )
}

fn names(value: &str) -> String {
    let config = loaded(&with(value));
    config.flows.first().unwrap().rotated_names.to_string()
}

#[test]
fn common_templates_and_none_are_taken() {
    assert_eq!(names("\"common\""), "common");
    assert_eq!(names("[]"), "none");
    assert_eq!(names("[\"{name}.*\", \"old/{stem}-*{ext}.gz\"]"), "{name}.*, old/{stem}-*{ext}.gz");
    let config = loaded(&with("[\"{stem}(*){ext}\"]"));
    let RotatedNames::Templates(_) = config.flows.first().unwrap().rotated_names else {
        panic!("no template")
    };
}

#[test]
fn what_cannot_be_meant_is_an_error_with_what_to_write() {
    for (value, message, help) in [
        ("\"COMMON\"", "expected common or a list", "write common"),
        ("\"none\"", "expected common or a list", "write []"),
        ("\"off\"", "expected common or a list", "write []"),
        ("\"{name}.*\"", "expected common or a list", "with [ ] around"),
        ("\"logrotate\"", "expected common or a list", "a list of templates such as"),
        ("[\"common\"]", "invalid template", "without [ ]"),
        ("[\"{name}.[0-9]*\"]", "'[' has no special meaning", "{name}.*"),
        ("[\"{name}.?\"]", "'?' has no special meaning", "{name}.*"),
        ("[\"{name}.\\\\d+\"]", "'\\' has no special meaning", "{name}.*"),
        ("[\"{stem}-%Y-%m-%d{ext}\"]", "'%' has no special meaning", "{name}.*"),
        ("[\"^{name}.*$\"]", "'^' has no special meaning", "{name}.*"),
        ("[\"%Y/{name}.*\"]", "'%' has no special meaning", "{name}.*"),
        ("[\"{name}\"]", "it is the name of the live file", "{name}.*"),
        ("[\"old/{stem}{ext}\"]", "it is the name of the live file", "{name}.*"),
        ("[\"{name.*\"]", "a '{' is not closed", "{name}.*"),
        ("[\"{date}.{name}\"]", "unknown part {date}", "{name}.*"),
        ("[\"app.log.*\"]", "it names no part of the live file", "{name}.*"),
    ] {
        let (_, said, to_do) = error(&with(value));
        assert!(said.starts_with("'rotatedNames': ") && said.contains(message), "{value}: {said}");
        assert!(to_do.contains(help), "{value}: {to_do}");
    }
}
