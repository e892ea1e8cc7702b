//! `CSVTOJSON`: the columns of a line as an object of strings.
//!
//! There are no quotes, no header and no types: a delimiter is a delimiter wherever it stands, a
//! column that is missing is null, and columns without a name are skipped.

use kinetail_java_regex::OverLimit;

use super::JsonFormat;
use super::json::ObjectWriter;
use super::split::{CsvDelimiter, Splitter};

/// The converter.
#[derive(Debug)]
pub(super) struct CsvToJson {
    splitter: Splitter,
    writer: ObjectWriter,
}

impl CsvToJson {
    /// A converter for columns with these names.
    pub(super) fn new(names: &[String], delimiter: &CsvDelimiter, format: JsonFormat) -> Self {
        Self {
            splitter: Splitter::new(delimiter, names.len()),
            writer: ObjectWriter::new(names, format),
        }
    }

    /// Appends the converted record.
    ///
    /// # Errors
    /// Finding the delimiters would take too long.
    pub(super) fn convert(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), OverLimit> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let columns = self.splitter.split(line)?;
        self.writer.write(out, |column| columns.get(column));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{CsvDelimiter, CsvToJson, JsonFormat};

    fn convert_as(names: &[&str], delimiter: &str, format: JsonFormat, input: &str) -> String {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let delimiter = CsvDelimiter::parse(delimiter).unwrap();
        let mut out = Vec::new();
        CsvToJson::new(&names, &delimiter, format).convert(input, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn convert(names: &[&str], delimiter: &str, input: &str) -> String {
        convert_as(names, delimiter, JsonFormat::Compact, input)
    }

    #[test]
    fn section_2_3_table() {
        for (input, want) in [
            ("1,2,3\n", r#"{"a":"1","b":"2","c":"3"}"#),
            ("1,2\n", r#"{"a":"1","b":"2","c":null}"#),
            ("1,2,3,4\n", r#"{"a":"1","b":"2","c":"3"}"#),
            ("1,,3\n", r#"{"a":"1","b":"","c":"3"}"#),
            ("1,2,\n", r#"{"a":"1","b":"2","c":null}"#),
            (",,\n", r#"{"a":null,"b":null,"c":null}"#),
            ("\n", r#"{"a":"","b":null,"c":null}"#),
            ("", r#"{"a":"","b":null,"c":null}"#),
            ("\"x,y\",2,3\n", r#"{"a":"\"x","b":"y\"","c":"2"}"#),
            ("1,2,3\r\n", r#"{"a":"1","b":"2","c":"3\r"}"#),
            ("1\t,\u{1},/\n", r#"{"a":"1\t","b":"\u0001","c":"/"}"#),
            ("1,2,3\n\n", r#"{"a":"1","b":"2","c":"3\n"}"#),
        ] {
            assert_eq!(convert(&["a", "b", "c"], ",", input), format!("{want}\n"), "{input:?}");
        }
        assert_eq!(convert(&["a", "a", "c"], ",", "1,2,3"), "{\"a\":\"2\",\"c\":\"3\"}\n");
        assert_eq!(convert(&[], ",", "1,2,3\n"), "{}\n");
    }

    #[test]
    fn section_2_3_delimiters() {
        for (delimiter, input) in [("\\t", "1\t2\n"), ("\t", "1\t2\n"), ("\\|", "1|2\n")] {
            let json = convert(&["a", "b"], delimiter, input);
            assert_eq!(json, "{\"a\":\"1\",\"b\":\"2\"}\n", "{delimiter:?}");
        }
        assert_eq!(convert(&["a", "b"], "|", "1|2\n"), "{\"a\":\"1\",\"b\":\"|\"}\n");
        assert_eq!(convert(&["a", "b"], "", "1|2\n"), "{\"a\":\"1\",\"b\":\"|\"}\n");
        assert!(CsvDelimiter::parse("(").is_err());
    }

    #[test]
    fn section_2_3_tests_of_the_java_agent() {
        let names = ["column1", "column2", "column3", "column4"];
        let start = r#"{"column1":"value1","column2":" value2","column3":"valu\ne3","column4":"#;
        for (input, last) in [
            ("value1, value2,valu\ne3,    value4\n", "\"    value4\""),
            ("value1, value2,valu\ne3\n", "null"),
            ("value1, value2,valu\ne3,    value4,value5\n", "\"    value4\""),
        ] {
            assert_eq!(convert(&names, ",", input), format!("{start}{last}}}\n"), "{input:?}");
        }
        assert_eq!(
            convert(&names, "\\t", "value1\t value2\tvalue3\t    value4\n"),
            "{\"column1\":\"value1\",\"column2\":\" value2\",\"column3\":\"value3\",\
             \"column4\":\"    value4\"}\n"
        );
    }

    #[test]
    fn section_2_1_several_lines_in_one_record() {
        assert_eq!(
            convert(&["a", "b", "c"], ",", "1,2\n3,4\n"),
            "{\"a\":\"1\",\"b\":\"2\\n3\",\"c\":\"4\"}\n"
        );
    }

    #[test]
    fn pretty_records_span_lines() {
        assert_eq!(
            convert_as(&["a", "b"], ",", JsonFormat::Pretty, "1\n"),
            "{\n  \"a\" : \"1\",\n  \"b\" : null\n}\n"
        );
        assert_eq!(convert_as(&[], ",", JsonFormat::Pretty, "1\n"), "{ }\n");
    }
}
