//! Error logs of Apache and nginx.

use super::super::parse::Fields;
use super::tokens::{Found, Tokens, put};

/// `[time] [module:severity] [pid N:tid N] [client HOST] message`, each part but the first two
/// only if it is there; 2.2 has `[severity]` alone.
pub(super) fn apache(line: &str, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(line);
    put(into, "time", tokens.bracketed()?)?;
    let level = tokens.bracketed()?;
    let (module, severity) = level.rsplit_once(':').unwrap_or(("-", level));
    put(into, "module", if module.is_empty() { "-" } else { module })?;
    put(into, "severity", severity)?;
    let (mut pid, mut tid, mut client) = ("-", "-", "-");
    while tokens.rest.starts_with('[') {
        let mut after = tokens;
        let part = after.bracketed()?;
        if let Some(numbers) = part.strip_prefix("pid ") {
            (pid, tid) = numbers.split_once(":tid ").unwrap_or((numbers, "-"));
        } else if let Some(number) = part.strip_prefix("tid ") {
            tid = number;
        } else if part.starts_with("client ") || part.starts_with("remote ") {
            client = part.split_once(' ').map_or("-", |(_, host)| host);
        } else {
            break;
        }
        tokens = after;
    }
    put(into, "pid", pid)?;
    put(into, "tid", tid)?;
    put(into, "client", client)?;
    put(into, "message", tokens.rest)
}

/// `date time [severity] PID#TID: *CONNECTION message`.
pub(super) fn nginx(line: &str, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(line);
    let (date, time) = (tokens.word()?, tokens.word()?);
    let is_date = date.len() == 10 && date.as_bytes().get(4) == Some(&b'/');
    if !is_date {
        return Err(Tokens::new(line).error());
    }
    // They stand side by side.
    let both = line.get(..date.len() + 1 + time.len()).filter(|both| both.ends_with(time));
    put(into, "time", both.ok_or_else(|| Tokens::new(line).error())?)?;
    put(into, "severity", tokens.bracketed()?)?;
    put(into, "pid", tokens.until("#")?)?;
    put(into, "tid", tokens.until(": ")?)?;
    let connection = tokens.rest.strip_prefix('*').and_then(|rest| rest.split_once(' '));
    let number = connection.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    put(into, "connection", number.map_or("-", |(number, _)| number))?;
    put(into, "message", number.map_or(tokens.rest, |(_, message)| message))
}
