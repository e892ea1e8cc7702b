
/// The Java agent would start with a wrong value of a key that it has; it never saw these.
#[test]
fn a_wrong_type_of_a_key_that_the_java_agent_does_not_have_is_an_error_in_json() {
    for key in ["followLinks", "rotatedNames", "whenDone", "whenDoneQuietMillis"] {
        let flow = format!(
            r#"{{"flows": [{{"filePattern": "/a", "kinesisStream": "s", "{key}": {{"a": 1}}}}]}}"#
        );
        let (kind, message, _) = error(&flow);
        assert_eq!(kind, Kind::WrongType, "{message}");
        assert!(message.contains(key), "{message}");
    }
}
