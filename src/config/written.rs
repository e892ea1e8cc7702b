//! What a person wrote about a flow, to tell whether it changed since the configuration was last
//! read. It is compared as a whole: a key that is added later is compared without anybody's doing.

use super::flow::FlowDefaults;
use super::parse::{Entry, Node, Value};

/// What was written about one flow. `Debug` does not show it: there may be secrets in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Written(String);

kinetail_base::debug_only!(Written {});

impl Written {
    /// The order of keys does not count, and neither do blanks and comments.
    pub(super) fn of(flow: &Node, defaults: FlowDefaults<'_>) -> Self {
        let role = defaults.aws.and_then(|aws| aws.role.as_ref());
        let role = role.map(|role| (&role.arn, &role.external_id));
        let mut text = format!("{role:?} {:?} ", defaults.follow_links);
        add(flow, &mut text);
        Self(text)
    }
}

/// The depth of the recursion is bounded by the parser.
fn add(node: &Node, text: &mut String) {
    match &node.value {
        Value::List(items) => {
            text.push('[');
            for item in items {
                add(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Map(entries) => {
            let mut sorted: Vec<&Entry> = entries.iter().collect();
            sorted.sort_by(|a, b| a.key.cmp(&b.key));
            text.push('{');
            for entry in sorted {
                text.push_str(&quoted(&entry.key));
                text.push(':');
                add(&entry.node, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Null => text.push_str("null"),
        Value::Scalar(scalar) => {
            // A number in quotes is a string to the Java agent.
            text.push_str(if node.is_quoted() { "q" } else { "" });
            text.push_str(&quoted(scalar));
        }
    }
}

/// No text looks like two.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Environment, load};

    fn written(text: &str) -> super::Written {
        let (config, _) = load(text, Path::new("a.yaml"), &Environment::default()).unwrap();
        config.places.written[0].clone()
    }

    #[test]
    fn what_means_the_same_is_equal_and_what_does_not_is_not() {
        let flow = "flows: [{filePattern: /l/a.log, kinesisStream: s, wire: json}]";
        let same = "# x\nflows:\n - wire: json\n   kinesisStream: s\n   filePattern: /l/a.log\n";
        assert_eq!(written(flow), written(same));
        for other in [
            "flows: [{filePattern: /l/a.log, kinesisStream: s}]",
            "flows: [{filePattern: /l/a.log, kinesisStream: t, wire: json}]",
            "followLinks: never\nflows: [{filePattern: /l/a.log, kinesisStream: s, wire: json}]",
            "assumeRoleARN: arn:aws:iam::111122223333:role/r\nflows: [{filePattern: /l/a.log, \
             kinesisStream: s, wire: json}]",
        ] {
            assert_ne!(written(flow), written(other), "{other}");
        }
        // What is not of a flow does not change it.
        let level = format!("log.level: debug\n{flow}");
        assert_eq!(written(flow), written(&level));
        assert_eq!(format!("{:?}", written(flow)), "Written { .. }");
    }
}
