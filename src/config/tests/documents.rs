//! JSON as Jackson reads it, whatever YAML makes of the same text.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::parse::Value;
use super::super::{ReadError, json_tree, read};
use super::*;

/// The value as the loader sees it: `None` if the text is no document to it.
fn tree(text: &str) -> Result<Json, String> {
    let (document, _) = json_tree::parse(text).map_err(|(error, _)| error.to_string())?;
    Ok(value(&document.root))
}

/// Scalars without quotes are what JSON makes of them.
fn value(node: &super::super::parse::Node) -> Json {
    match &node.value {
        Value::List(items) => Json::Array(items.iter().map(value).collect()),
        Value::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), value(&entry.node))).collect()
        }
        Value::Null => Json::Null,
        Value::Scalar(text) if node.is_quoted() => Json::String(text.clone()),
        Value::Scalar(text) => serde_json::from_str(text).unwrap(),
    }
}

#[test]
fn what_is_json_means_what_it_means_in_json() {
    let long = "k".repeat(2_000);
    for text in [
        "{}",
        "{\"a\":1}",
        "{\"a\"\t:\t1}",
        "{\n\t\"a\":\t1,\n\t\"b\"\n:\n2}",
        "{\"a\"\n: 1}",
        "{\"a\":\r\n[1,\r\n2]\r\n}",
        r#"{"<<": {"a": 1}, "b": 2}"#,
        r#"{"": 1, " ": 2, "~": 3, "null": 4, "true": 5, "1": 6}"#,
        r##"{"a": "# x", "b": "- x", "c": ": x", "d": "*x", "e": "&x", "f": "!!str x", "g": "%"}"##,
        r#"{"a": "---", "b": "...", "c": " x ", "d": "", "e": "null", "f": "true", "g": "1.0"}"#,
        r#"{"a": "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000"}"#,
        r#"{"a": [[], [[]], {}, {"b": []}], "c": [1, -1, 1.5, 1e3, -0, 1E-7]}"#,
        r#"{"a": [ 1 , 2 ] , "b" : { "c" : null } }"#,
        &format!("{{\"{long}\": 1}}"),
        &format!("{{\"a\": \"{long}\"}}"),
        &format!("{{\"a\": {}1{}}}", "[".repeat(100), "]".repeat(100)),
    ] {
        let want: Json = serde_json::from_str(text).unwrap();
        assert_eq!(tree(text), Ok(want), "{text}");
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
        "[-:#*&!%@`|>'{}\\[\\], \t]{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map("[a-z<~:#\\- ]{0,5}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_means_what_it_means(value in any_json(), blank in "[ \t\r\n]{0,3}", pretty: bool) {
        let root = Json::Object([("k".to_owned(), value)].into_iter().collect());
        let text = if pretty {
            serde_json::to_string_pretty(&root).unwrap()
        } else {
            serde_json::to_string(&root).unwrap()
        };
        let text = text.replacen("\"k\":", &format!("\"k\"{blank}:{blank}"), 1);
        let text = format!("{blank}{text}{blank}");
        prop_assert_eq!(tree(&text), Ok(root), "{}", text);
    }
}

#[test]
fn a_file_may_be_in_utf_16_as_jackson_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.json");
    let text = format!("{{\"flows\": [{FLOW}], \"userAgent\": \"x\"}}");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        [b"\xFF\xFE".as_slice(), &little].concat(),
        [b"\xFE\xFF".as_slice(), &big].concat(),
        little,
        big,
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path, &Environment::default()).unwrap().config.flows.len(), 1);
    }
    std::fs::write(&path, b"\xFF\xFE{\0}\0x").unwrap();
    let error = read(&path, &Environment::default()).unwrap_err();
    assert!(matches!(error, ReadError::NotUtf8 { at: 1, .. }), "{error}");
}
