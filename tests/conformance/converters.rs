//! Section 2: the converters and their chain.

use super::{Case, run};

#[test]
fn single_line() {
    run(SINGLE_LINE);
}

const SINGLE_LINE: &[Case] = &[
    Case::options(
        "2.2",
        "one line is trimmed",
        r#"{"optionName": "SINGLELINE"}"#,
        " a\t\r\n",
        &["a\n"],
    ),
    Case::options("2.1", "an empty list of converters changes nothing", "", " a \r\n", &[" a \r\n"]),
];
