//! `ADDFIELDS`, `RENAMEFIELDS`, `DROPFIELDS`, `KEEPFIELDS` and `FLATTEN`.

use std::sync::Arc;

use kinetail_records::steps::{
    AddFields, DropFields, Field, FieldValue, Flatten, KeepFields, Part, Pod, RenameFields,
};
use kinetail_records::{ConverterConfig, ECS, JsonValue, Name};

use super::{chain, one, run, table};

fn add(fields: Vec<(&str, FieldValue)>, overwrite: bool) -> ConverterConfig {
    let field = |(name, value)| Field { name: Name::new(name), value };
    one(AddFields::new(fields.into_iter().map(field).collect(), overwrite))
}

fn text(text: &str) -> FieldValue {
    FieldValue::Template(vec![Part::Text(text.to_owned())])
}

fn part(part: Part) -> FieldValue {
    FieldValue::Template(vec![part])
}

fn drop(names: &[&str]) -> ConverterConfig {
    one(DropFields { fields: names.iter().map(ToString::to_string).collect() })
}

fn rename(names: &[(&str, &str)]) -> ConverterConfig {
    let fields = names.iter().map(|(from, to)| ((*from).to_owned(), Name::new(to)));
    one(RenameFields { fields: fields.collect() })
}

#[test]
fn members_are_added_at_the_end_or_over_those_that_are_there() {
    let number = FieldValue::Fixed(JsonValue::Number("1".to_owned()));
    table(
        &[add(vec![("a", text("x\"\n")), ("n", number.clone())], true)],
        &[
            ("{}", r#"{"a":"x\"\n","n":1}"#),
            ("{ }", r#"{"a":"x\"\n","n":1}"#),
            (r#"{"b":2}"#, r#"{"b":2,"a":"x\"\n","n":1}"#),
            (r#"{ "b" : [ 1 ] }"#, r#"{"b":[ 1 ],"a":"x\"\n","n":1}"#),
            (r#"{"a":0,"b":2}"#, r#"{"a":"x\"\n","b":2,"n":1}"#),
            (r#"{"a":0,"a":1,"b":2}"#, r#"{"a":"x\"\n","b":2,"n":1}"#),
            (r#"{"\u0061":0}"#, r#"{"\u0061":"x\"\n","n":1}"#),
            (r#"{"c":{"a":0}}"#, r#"{"c":{"a":0},"a":"x\"\n","n":1}"#),
            (r#"{"b":1e999}"#, r#"{"b":1e999,"a":"x\"\n","n":1}"#),
            ("text", "text ? invalid JSON at byte 0"),
            ("", " ? invalid JSON at byte 1"),
            ("[1]", "[1] ? it is JSON, but not an object"),
        ],
    );
    table(
        &[add(vec![("a", text("x")), ("n", number)], false)],
        &[
            (r#"{"a":0}"#, r#"{"a":0,"n":1}"#),
            (r#"{"a":0,"a":1}"#, r#"{"a":0,"a":1,"n":1}"#),
            (r#"{"n":null,"a":1}"#, r#"{"n":null,"a":1}"#),
        ],
    );
}

#[test]
fn templates_say_where_a_record_is_from() {
    let mixed = FieldValue::Template(vec![
        Part::Text("at ".to_owned()),
        Part::Offset,
        Part::Text(" of ".to_owned()),
        Part::File,
    ]);
    let configs = [add(
        vec![
            ("offset", part(Part::Offset)),
            ("file", part(Part::File)),
            ("path", part(Part::Path)),
            ("third", part(Part::PathPart(3))),
            ("ninth", part(Part::PathPart(9))),
            ("time", part(Part::Time)),
            ("mixed", mixed),
            ("gone", part(Part::Unknown)),
        ],
        true,
    )];
    let mut chain = chain(&configs);
    chain.set_offset(77);
    assert_eq!(
        run(&mut chain, b"{}\n"),
        concat!(
            r#"{"offset":77,"file":"web.log","path":"/var/log/app/web.log","third":"app","#,
            r#""time":"2026-11-29T14:00:00.500Z","mixed":"at 77 of web.log"}"#,
            "\n"
        )
    );
    assert_eq!(chain.take_without_metadata(), 1);
}

#[test]
fn the_machine_is_known_or_is_skipped() {
    let configs = [add(
        vec![
            ("id", part(Part::Ec2("instanceId".to_owned()))),
            ("team", part(Part::Ec2("tags.team".to_owned()))),
            ("tags", part(Part::Ec2("tags".to_owned()))),
            ("none", part(Part::Ec2("tags.none".to_owned()))),
        ],
        true,
    )];
    let mut chain = chain(&configs);
    assert_eq!(run(&mut chain, b"{\"a\":1}\n"), "{\"a\":1}\n");
    let string = |text: &str| JsonValue::String(text.to_owned());
    chain.set_facts(Some(Arc::new(vec![
        ("instanceId".to_owned(), string("i-1")),
        ("tags".to_owned(), JsonValue::Object(vec![("team".to_owned(), string("web"))])),
    ])));
    assert_eq!(
        run(&mut chain, b"{}\n"),
        "{\"id\":\"i-1\",\"team\":\"web\",\"tags\":{\"team\":\"web\"}}\n"
    );
    assert_eq!(chain.take_without_metadata(), 2);
}

#[test]
fn the_path_of_a_containers_log_says_whose_it_is() {
    let all = [Pod::Namespace, Pod::Pod, Pod::Container, Pod::Uid];
    let fields = ["n", "p", "c", "u"].into_iter().zip(all);
    let configs =
        [add(fields.map(|(name, what)| (name, part(Part::K8s(what, None)))).collect(), true)];
    for (path, want) in [
        (
            "/var/log/containers/web-7f9_prod_nginx-0123456789abcdef.log",
            r#"{"n":"prod","p":"web-7f9","c":"nginx"}"#,
        ),
        (
            "/var/log/containers/web_prod_side-car-0123.log",
            r#"{"n":"prod","p":"web","c":"side-car"}"#,
        ),
        (
            "/var/log/pods/prod_web-7f9_aa-bb/nginx/0.log",
            r#"{"n":"prod","p":"web-7f9","c":"nginx","u":"aa-bb"}"#,
        ),
        (
            "/var/log/pods/prod_web-7f9_aa-bb/nginx/0.log.20261129-100000",
            r#"{"n":"prod","p":"web-7f9","c":"nginx","u":"aa-bb"}"#,
        ),
        ("/var/log/app.log", "{}"),
        ("/var/log/containers/odd.log", "{}"),
        ("/var/log/containers/.log", "{}"),
        ("/x", "{}"),
    ] {
        let mut chain = chain(&configs);
        chain.set_path(1, path);
        assert_eq!(run(&mut chain, b"{}\n"), format!("{want}\n"), "{path}");
    }
}

#[test]
fn other_files_are_those_of_the_pod_that_the_environment_names() {
    let part = |what, value: &str| part(Part::K8s(what, Some(value.to_owned())));
    let fields = vec![
        ("n", part(Pod::Namespace, "ns")),
        ("p", part(Pod::Pod, "me")),
        ("u", part(Pod::Uid, "id")),
    ];
    for (path, want) in [
        ("/var/log/app.log", r#"{"n":"ns","p":"me","u":"id"}"#),
        // What its path does not say is not known of another pod.
        ("/var/log/containers/web_prod_nginx-0123.log", r#"{"n":"prod","p":"web"}"#),
        ("/var/log/pods/prod_web_aa/nginx/0.log", r#"{"n":"prod","p":"web","u":"aa"}"#),
    ] {
        let mut chain = chain(&[add(fields.clone(), true)]);
        chain.set_path(1, path);
        assert_eq!(run(&mut chain, b"{}\n"), format!("{want}\n"), "{path}");
    }
}

#[test]
fn the_task_of_ecs_is_known_or_is_omitted() {
    let ecs = |name: &str| Part::Ecs(name.to_owned());
    let both = vec![ecs("family"), Part::Text(":".to_owned()), ecs("revision")];
    let configs =
        [add(vec![("task", FieldValue::Template(both)), ("none", part(ecs("cluster")))], true)];
    let mut chain = chain(&configs);
    assert_eq!(run(&mut chain, b"{}\n"), "{}\n");
    let string = |text: &str| JsonValue::String(text.to_owned());
    let task = [("family".to_owned(), string("web")), ("revision".to_owned(), string("7"))];
    chain.set_facts(Some(Arc::new(vec![(ECS.to_owned(), JsonValue::Object(task.into()))])));
    assert_eq!(run(&mut chain, b"{}\n"), "{\"task\":\"web:7\"}\n");
    assert_eq!(chain.take_without_metadata(), 2);
}

#[test]
fn a_name_with_dots_is_that_of_a_member_in_an_object_if_there_is_one() {
    table(
        &[add(vec![("a.b", text("x"))], true)],
        &[
            (r#"{"a":{"b":1}}"#, r#"{"a":{"b":"x"}}"#),
            (r#"{"a":{"b":1,"b":2,"c":3}}"#, r#"{"a":{"b":"x","b":"x","c":3}}"#),
            (r#"{"a.b":1,"a":{"b":2}}"#, r#"{"a.b":"x","a":{"b":2}}"#),
            (r#"{"a":{"c":1}}"#, r#"{"a":{"c":1},"a.b":"x"}"#),
            (r#"{"a":[{"b":1}]}"#, r#"{"a":[{"b":1}],"a.b":"x"}"#),
            ("{}", r#"{"a.b":"x"}"#),
        ],
    );
    table(&[add(vec![("a.b", text("x"))], false)], &[(r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#)]);
}

#[test]
fn members_are_dropped_wherever_they_are() {
    table(
        &[drop(&["a", "b.c", "x.y.z"])],
        &[
            ("{}", "{}"),
            ("{ }", "{ }"),
            (r#"{"a":1}"#, "{}"),
            (r#"{ "d" : 1 }"#, r#"{ "d" : 1 }"#),
            (r#"{"a":1,"d":2}"#, r#"{"d":2}"#),
            (r#"{"d":2,"a":1}"#, r#"{"d":2}"#),
            (r#"{"d":2,"a":1,"e":3}"#, r#"{"d":2,"e":3}"#),
            (r#"{"a":1,"a":2}"#, "{}"),
            (r#"{"\u0061":1,"b":2}"#, r#"{"b":2}"#),
            (r#"{"A":1}"#, r#"{"A":1}"#),
            (r#"{"d":{"a":1}}"#, r#"{"d":{"a":1}}"#),
            (r#"{"b":{"c":1}}"#, r#"{"b":{}}"#),
            (r#"{"b":{"c":1,"d":2}}"#, r#"{"b":{"d":2}}"#),
            (r#"{"b":{ "d" : 2 , "c" : 1 }}"#, r#"{"b":{"d" : 2}}"#),
            (r#"{"b.c":1,"b":{"c":1}}"#, r#"{"b":{"c":1}}"#),
            (r#"{"b":[{"c":1}]}"#, r#"{"b":[{"c":1}]}"#),
            (r#"{"b":"c"}"#, r#"{"b":"c"}"#),
            (r#"{"x":{"y":{"z":1,"w":2}}}"#, r#"{"x":{"y":{"w":2}}}"#),
            (r#"{"x":{"y.z":1,"v":3}}"#, r#"{"x":{"v":3}}"#),
            (r#"{"x":{"y":1}}"#, r#"{"x":{"y":1}}"#),
            (r#"{"n":1E400,"a":0}"#, r#"{"n":1E400}"#),
            (r#"{"n":"\u00e9\/","a":0}"#, r#"{"n":"\u00e9\/"}"#),
            ("{\"a\":1}\r", "{}\r"),
            ("text", "text ? invalid JSON at byte 0"),
            ("", " ? invalid JSON at byte 1"),
            (r#"["a"]"#, r#"["a"] ? it is JSON, but not an object"#),
        ],
    );
}

#[test]
fn members_are_renamed_where_they_stand() {
    table(
        &[rename(&[("a", "b"), ("h.s", "status"), ("x", "y")])],
        &[
            ("{}", "{}"),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#"{ "a" : 1 , "c" : 2 }"#, r#"{"b":1,"c":2}"#),
            (r#"{"c":0,"a":1,"d":2}"#, r#"{"c":0,"b":1,"d":2}"#),
            (r#"{"a":1,"b":2}"#, r#"{"b":1}"#),
            (r#"{"b":2,"a":1}"#, r#"{"b":1}"#),
            (r#"{"b":2}"#, r#"{"b":2}"#),
            (r#"{"a":1,"a":2}"#, r#"{"b":2}"#),
            (r#"{"\u0061":1}"#, r#"{"b":1}"#),
            (r#"{"h":{"s":200,"t":1}}"#, r#"{"h":{"t":1},"status":200}"#),
            (r#"{"h":{"s":200}}"#, r#"{"h":{},"status":200}"#),
            (r#"{"h.s":1}"#, r#"{"status":1}"#),
            (r#"{"status":9,"h":{"s":{"k":1}}}"#, r#"{"status":{"k":1},"h":{}}"#),
            (r#"{"h":"s"}"#, r#"{"h":"s"}"#),
            (r#"{"x":1,"a":2}"#, r#"{"y":1,"b":2}"#),
            (r#"{"y":1,"x":2,"a":3,"b":4}"#, r#"{"y":2,"b":3}"#),
            (r#"{"a":{"a":1}}"#, r#"{"b":{"a":1}}"#),
            (r#"{"a":[1, 2]}"#, r#"{"b":[1, 2]}"#),
            (r#"{"a":"\u0041"}"#, r#"{"b":"\u0041"}"#),
            (r#"{"a":123456789012345678901234567890}"#, r#"{"b":123456789012345678901234567890}"#),
            (r#"{"a":null}"#, r#"{"b":null}"#),
            (r#"{"A":1}"#, r#"{"A":1}"#),
            ("text", "text ? invalid JSON at byte 0"),
            ("", " ? invalid JSON at byte 1"),
            ("[]", "[] ? it is JSON, but not an object"),
            ("{\"a\":1}\r", "{\"b\":1}\r"),
        ],
    );
    table(
        &[rename(&[("a", "b"), ("b", "a")])],
        &[(r#"{"a":1}"#, r#"{"a":1}"#), (r#"{"b":1}"#, r#"{"a":1}"#)],
    );
    table(&[rename(&[("a", "a")])], &[(r#"{ "a" : 1 }"#, r#"{ "a" : 1 }"#)]);
}

#[test]
fn only_what_is_listed_is_kept() {
    let keep = |names: &[&str]| {
        one(KeepFields { fields: names.iter().map(ToString::to_string).collect() })
    };
    table(
        &[keep(&["a", "b.c"])],
        &[
            ("{}", "{}"),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"{ "a" : 1 }"#, r#"{ "a" : 1 }"#),
            (r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
            (r#"{"b":2,"a":1,"c":3}"#, r#"{"a":1}"#),
            (r#"{"b":2}"#, "{}"),
            (r#"{"a":1,"a":2,"b":0}"#, r#"{"a":1,"a":2}"#),
            (r#"{"\u0061":1,"b":0}"#, r#"{"\u0061":1}"#),
            (r#"{"b.c":1,"b":{"c":2}}"#, r#"{"b.c":1}"#),
            (r#"{"a":{"x":1},"d":0}"#, r#"{"a":{"x":1}}"#),
            (r#"{"d":{"a":1}}"#, "{}"),
            (r#"{"b":0,"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
            (r#"{"b":0,"a":1E400}"#, r#"{"a":1E400}"#),
            (r#"{"b":0,"a":-0}"#, r#"{"a":-0}"#),
            (
                r#"{"b":0,"a":123456789012345678901234567890.10}"#,
                r#"{"a":123456789012345678901234567890.10}"#,
            ),
            (r#"{"b":0,"a":"\u00e9\/\ud800"}"#, r#"{"a":"\u00e9\/\ud800"}"#),
            (r#"{"b":0, "a" : [ 1 , { } ] }"#, r#"{"a":[ 1 , { } ]}"#),
            (r#"{"b\u002ec":1,"x":0}"#, r#"{"b\u002ec":1}"#),
            (r#"{"A":1,"a ":2}"#, "{}"),
            (r#"{"":1}"#, "{}"),
            (r#"{"b":{"a":[[[[[[1]]]]]]},"a":{"b":{}}}"#, r#"{"a":{"b":{}}}"#),
            ("{\"b\":0}\r", "{}\r"),
            ("{\"\u{E9}\":0,\"a\":\"\u{1F600}\"}", "{\"a\":\"\u{1F600}\"}"),
            ("text", "text ? invalid JSON at byte 0"),
            ("", " ? invalid JSON at byte 1"),
            ("[]", "[] ? it is JSON, but not an object"),
            ("{\"a\":1", "{\"a\":1 ? invalid JSON at byte 7"),
        ],
    );
    table(&[keep(&[])], &[(r#"{"a":1}"#, "{}")]);
}

#[test]
fn nested_objects_are_flattened() {
    let flatten = |separator| one(Flatten { separator: Name::new(separator) });
    table(
        &[flatten("_")],
        &[
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"{ "a" : 1 , "b" : {} }"#, r#"{ "a" : 1 , "b" : {} }"#),
            (r#"{"a":{"b":1}}"#, r#"{"a_b":1}"#),
            (r#"{"x":0,"a":{"b":{"c":[{"d":1}]},"e":{ }},"y":2}"#, ABCDE),
            (r#"{ "a" : { "b" : 1 , "c" : { "d" : "}{\"" } } }"#, r#"{"a_b":1,"a_c_d":"}{\""}"#),
            (r#"{"a":{"b":1,"c":{"d":2},"e":3}}"#, r#"{"a_b":1,"a_c_d":2,"a_e":3}"#),
            (r#"{"a_b":1,"z":0,"a":{"b":2}}"#, r#"{"a_b":2,"z":0}"#),
            (r#"{"a":{"b":1},"a":{"b":2}}"#, r#"{"a_b":2}"#),
            (r#"{"":{"":{"":1}}}"#, r#"{"__":1}"#),
            (r#"{"\ud83d":{"\"":1e999}}"#, r#"{"\ud83d_\"":1e999}"#),
            (r#"{"a":{"b":null,"c":true,"d":-0.0}}"#, r#"{"a_b":null,"a_c":true,"a_d":-0.0}"#),
            ("text", "text ? invalid JSON at byte 0"),
        ],
    );
    table(&[flatten("\"")], &[(r#"{"a":{"b":1}}"#, r#"{"a\"b":1}"#)]);
    table(&[rename(&[("a", "z")]), flatten(".")], &[(r#"{"a":{"b":1}}"#, r#"{"z.b":1}"#)]);
}

const ABCDE: &str = r#"{"x":0,"a_b_c":[{"d":1}],"a_e":{ },"y":2}"#;

/// Each name within is repeated with that of the object: a long one must not fill the memory.
#[test]
fn flattening_is_bounded() {
    let members: Vec<_> = (0..1_000).map(|number| format!("\"{number}\":0")).collect();
    let long = |length| format!("{{\"{}\":{{{}}}}}", "n".repeat(length), members.join(","));
    let (short, too_long) = (long(1_000), long(1_100));
    let flatten = [one(Flatten { separator: Name::new("_") })];
    let flat = run(&mut chain(&flatten), short.as_bytes());
    assert_eq!(flat.matches("n_").count(), 1_000);
    table(&flatten, &[(&too_long, &format!("{too_long} ? it is longer than 1 MiB"))]);
}
