//! The answer of `DescribeTags`.

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

use kinetail_base::shown::with_causes;

use super::error::Ec2Error;
use crate::process::JsonValue;

/// The tags as an object. Keys are in lower case, as in the Java agent; of two that are then the
/// same the last one counts.
pub(super) fn parse(xml: &str) -> Result<JsonValue, Ec2Error> {
    read(xml).map(JsonValue::Object).map_err(|error| Ec2Error::Xml(with_causes(&error)))
}

fn read(xml: &str) -> Result<Vec<(String, JsonValue)>, XmlDecodeError> {
    let mut document = Document::new(xml);
    let mut root = document.root_element()?;
    if !root.start_el().matches("DescribeTagsResponse") {
        return Err(XmlDecodeError::custom("the root is not a DescribeTagsResponse"));
    }
    let mut tags = Vec::new();
    while let Some(mut set) = root.next_tag() {
        if !set.start_el().matches("tagSet") {
            continue;
        }
        while let Some(mut item) = set.next_tag() {
            let (key, value) = read_item(&mut item)?;
            JsonValue::put(&mut tags, &key.to_lowercase(), JsonValue::String(value));
        }
    }
    Ok(tags)
}

fn read_item(item: &mut ScopedDecoder<'_, '_>) -> Result<(String, String), XmlDecodeError> {
    let (mut key, mut value) = (None, String::new());
    while let Some(mut part) = item.next_tag() {
        match part.start_el().local() {
            "key" => key = Some(try_data(&mut part)?.into_owned()),
            "value" => value = try_data(&mut part)?.into_owned(),
            _ => {}
        }
    }
    let key = key.ok_or_else(|| XmlDecodeError::custom("a tag without a key"))?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(items: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <DescribeTagsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n  \
             <requestId>7a62c49f</requestId>\n  <tagSet>{items}</tagSet>\n</DescribeTagsResponse>"
        )
    }

    #[test]
    fn tags_become_members_with_keys_in_lower_case() {
        let xml = answer(
            "<item><resourceId>i-1</resourceId><resourceType>instance</resourceType>\
             <key>Name</key><value>a &amp; b</value></item>\
             <item><key>empty</key><value/></item>",
        );
        let text = |text: &str| JsonValue::String(text.to_owned());
        let want = vec![("name".to_owned(), text("a & b")), ("empty".to_owned(), text(""))];
        assert_eq!(parse(&xml), Ok(JsonValue::Object(want)));
        assert_eq!(parse(&answer("")), Ok(JsonValue::Object(Vec::new())));
    }

    #[test]
    fn what_is_not_the_answer_is_an_error() {
        for xml in ["", "{}", "<a/>", &answer("<item><value>x</value></item>")] {
            assert!(matches!(parse(xml), Err(Ec2Error::Xml(_))), "{xml}");
        }
    }
}
