//! A command line that is wrong, and help.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};

use super::terminal::{self, Stream};
use super::{Cli, output};
use crate::shown::{self, Escaped};

/// Help and the version are no failure; a wrong command line is, with the same code as all others.
pub(super) fn explain(error: &clap::Error) -> ExitCode {
    let shown = if error.use_stderr() && is_hostile(std::env::args_os()) {
        let text = shown::lines(&error.render().to_string()).into_owned();
        output::or_closed(terminal::write(Stream::Stderr, text.as_bytes()))
    } else {
        output::or_closed(error.print())
    };
    if let Some(text) = main_parameter(error)
        && writeln!(io::stderr(), "\n{text}").is_err()
    {
        return ExitCode::from(1);
    }
    ExitCode::from(u8::from(error.use_stderr() || shown.is_err()))
}

/// Whether a terminal would obey an argument. The message repeats it, and without colors then.
fn is_hostile(mut arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.any(|argument| argument.to_string_lossy().chars().any(shown::is_control))
}

/// What the Java agent says about an unexpected argument.
fn main_parameter(error: &clap::Error) -> Option<String> {
    let context = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg];
    let Some(ContextValue::String(argument)) = context.into_iter().find_map(|kind| error.get(kind))
    else {
        return None;
    };
    let text = format!(
        "Was passed main parameter '{}' but no main parameter was defined",
        Escaped(argument)
    );
    (!argument.starts_with('-')).then_some(text)
}

/// The Java agent shows how it is used where a file that was named does not exist.
pub(super) fn show() {
    let usage = Cli::command().render_usage();
    // The message that comes next says what is wrong.
    terminal::tell(Stream::Stderr, &format!("{usage}\n")).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"kinetail").chain(arguments))
    }

    #[test]
    fn an_argument_that_is_no_option_is_named_in_the_java_agents_words() {
        let text = |arguments: &[&str]| main_parameter(&parsed(arguments).unwrap_err());
        let expected = "Was passed main parameter 'foo' but no main parameter was defined";
        assert_eq!(text(&["foo"]).as_deref(), Some(expected));
        assert_eq!(text(&["-c", "f", "foo"]).as_deref(), Some(expected));
        assert_eq!(text(&["run", "foo"]).as_deref(), Some(expected));
        assert_eq!(text(&["--foo"]), None);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_seen() {
        let hostile = |text: &str| is_hostile(["kinetail".into(), text.into()].into_iter());
        assert!(hostile("chec\u{1b}[31m") && hostile("a\u{202e}") && !hostile("größe"));
        let error = parsed(&["chec\u{1b}[31m"]).unwrap_err();
        let text = main_parameter(&error).unwrap();
        assert!(text.contains("'chec\\u{1b}[31m'"), "{text}");
    }
}
