//! Values that are right as such and cannot work, and values that YAML does not see.

use serde_json::{Value, json};

use super::{Home, Said, flow};

fn with(key: &str, value: Value) -> Home {
    let mut flow = flow("HOME/logs/*.log");
    flow[key] = value;
    Home::new(json!([flow]))
}

fn warns(home: &Home, words: &[&str]) {
    let Said { out, err, .. } = home.passes();
    assert!(err.contains(": warning: "), "{err}{out}");
    for word in words {
        assert!(err.contains(word), "no {word:?} in\n{err}\n{out}");
    }
}

#[test]
fn names_of_samples_are_an_error() {
    with("kinesisStream", json!("yourkinesisstream")).fails(&["is a placeholder", "a sample"]);
    with("kinesisStream", json!("YOUR_STREAM_NAME")).fails(&["is a placeholder"]);
    let firehose = json!({ "filePattern": "HOME/logs/*", "deliveryStream": "yourdeliverystream" });
    Home::new(json!([firehose]))
        .fails(&["'deliveryStream' \"yourdeliverystream\" is a placeholder"]);
    let role = json!("arn:aws:iam::123456789012:role/YOUR_ROLE");
    with("assumeRoleARN", role.clone()).fails(&["is a placeholder"]);
    Home::new(json!([flow("HOME/logs/*")])).set("assumeRoleARN", role).fails(&["is a placeholder"]);
    let host = json!("kinesis.eu-west-1.amazonaws.co");
    Home::new(json!([flow("HOME/logs/*")]))
        .set("kinesis.endpoint", host)
        .fails(&["did you mean kinesis.eu-west-1.amazonaws.com?"]);
}

#[test]
fn patterns_that_are_meant_for_something_else_have_a_hint() {
    with("filePattern", json!("@LOGDIR@/a.log")).fails(&["\"@LOGDIR@\" is used literally"]);
    with("filePattern", json!("HOME/logs/`hostname`.log")).fails(&["commands are not run"]);
    warns(&with("filePattern", json!("HOME/logs/(app|web).log")), &["{a,b} one of some"]);
    warns(&with("filePattern", json!("HOME/logs/app-%Y-%m-%d.log")), &["dates are not filled in"]);
}

#[test]
fn field_names_with_which_data_is_lost_are_a_warning() {
    let csv = |names: Value| {
        let option = json!({ "optionName": "CSVTOJSON", "customFieldNames": names });
        with("dataProcessingOptions", json!([option]))
    };
    warns(&csv(json!([])), &["'customFieldNames' is empty: every record becomes {}"]);
    warns(&csv(json!(["a", "b", "a"])), &["'customFieldNames' has \"a\" twice", "only the last"]);
    assert_eq!(csv(json!(["a", "b"])).passes().err, "");
}

#[test]
fn a_key_in_the_wrong_case_and_a_long_terminator_are_told() {
    let options = json!([{ "optionname": "SINGLELINE" }]);
    with("dataProcessingOptions", options)
        .fails(&["required value missing: 'optionName'", "did you mean \"optionName\""]);
    let mut long = flow("HOME/logs/*.log");
    long["maxLineBytes"] = json!(1025);
    long["truncatedRecordTerminator"] = json!("z".repeat(2000));
    Home::new(json!([long.clone()])).fails(&[
        "'truncatedRecordTerminator' has 2000 bytes, and 'maxLineBytes' allows 1025",
        "raise maxLineBytes",
    ]);
    long["truncatedRecordTerminator"] = json!("z".repeat(1024));
    Home::new(json!([long])).passes();
}

#[test]
fn what_yaml_takes_for_nothing_or_for_a_map_is_told() {
    let home = with("kinesisStream", json!("s"));
    let check = |text: &str| {
        home.check_text(&format!(
            "awsAccessKeyId: k\nawsSecretAccessKey: k\nregion: eu-west-1\n\
             checkpointFile: HOME/c.db\n{text}"
        ))
    };
    let said = check(
        "flows:\n  - filePattern: HOME/logs/a.log\n    multiLineStartPattern: #x\n    \
         kinesisStream: s\n",
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    let told = "'multiLineStartPattern' is empty: its value is taken for a comment";
    assert!(said.err.contains(told), "{}", said.err);
    assert!(said.err.contains("help: quote values that begin with '#'"), "{}", said.err);
    let said = check(
        "log.file: #/var/log/k.log\nflows:\n  - filePattern: HOME/logs/a.log\n    \
                      kinesisStream: s\n",
    );
    assert!(said.err.contains("'log.file' is empty"), "{}", said.err);
    let said = check("flows:\n  - filePattern: {{ x }}/a.log\n    kinesisStream: s\n");
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("a template placeholder was not replaced"), "{}", said.err);
}

#[test]
fn messages_say_what_is_there() {
    let home = Home::new(json!([flow("HOME/logs/*.log")])).set("assumeRoleARN", json!("${ROLE}"));
    let said = home.check();
    assert!(said.err.contains("invalid role ARN \"${ROLE}\""), "{}", said.err);
    let home = Home::new(json!([flow("HOME/logs/app.log")]));
    home.write("logs/other.txt", "");
    let said = home.passes();
    assert!(said.out.contains("/logs\" has one name, \"other.txt\", and it"), "{}", said.out);
    let mut letters = flow("HOME/logs/*.log");
    letters["deadLetterDirectory"] = json!("HOME/file");
    let home = Home::new(json!([letters]));
    home.write("file", "");
    let said = home.run(&["dead-letters", "list", "-c", "agent.json"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("set deadLetterDirectory to a directory"), "{}", said.err);
    // Invisible characters in a name are escaped.
    let home = Home::new(json!([flow("HOME/logs/*.log")]));
    home.write("logs/a\u{200b}b\u{ad}c\u{e0041}.log", "x\n");
    let said = home.passes();
    assert!(said.out.contains(r"a\u{200b}b\u{ad}c\u{e0041}.log"), "{}", said.out);
}
