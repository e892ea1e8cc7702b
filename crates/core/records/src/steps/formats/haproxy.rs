//! Logs of `HAProxy` for HTTP and TCP, as they are or behind what syslog writes in front of them.

use super::super::parse::Fields;
use super::syslog::message_of;
use super::tokens::{Found, Tokens, put, put_request};

/// Which parts are numbers.
pub(super) const NUMBERS: &[&str] = &["status", "bytes", "port"];

/// `client:port [time] frontend backend/server …`.
pub(super) fn parse(line: &str, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(message_of(line, "haproxy").unwrap_or(line));
    let (client, port) = tokens.word()?.rsplit_once(':').ok_or_else(|| tokens.error())?;
    put(into, "client", client)?;
    put(into, "port", port)?;
    put(into, "time", tokens.bracketed()?)?;
    if let Some((place, message)) = tokens
        .rest
        .split_once(": ")
        .filter(|(place, _)| !place.contains(' ') && place.contains('/'))
    {
        // A connection that did not get as far as a request.
        let (frontend, bind) = place.split_once('/').unwrap_or((place, "-"));
        put(into, "frontend", frontend)?;
        put(into, "bind", bind)?;
        return put(into, "message", message);
    }
    put(into, "frontend", tokens.word()?)?;
    let place = tokens.word()?;
    let (backend, server) = place.split_once('/').ok_or_else(|| tokens.error())?;
    put(into, "backend", backend)?;
    put(into, "server", server)?;
    put(into, "timers", tokens.word()?)?;
    let http = tokens.rest.ends_with('"') || tokens.rest.contains(" \"");
    if http {
        put(into, "status", tokens.word()?)?;
    }
    put(into, "bytes", tokens.word()?)?;
    if http {
        put(into, "requestCookie", tokens.word()?)?;
        put(into, "responseCookie", tokens.word()?)?;
    }
    // Four letters of how it ended, of which `--` is none.
    into.push_named("termination", Some(tokens.word()?))?;
    put(into, "connections", tokens.word()?)?;
    put(into, "queues", tokens.word()?)?;
    if !http {
        return if tokens.is_empty() { Ok(()) } else { Err(tokens.error()) };
    }
    // The request comes last, and what headers captured may have quotes, too.
    let captured = tokens.rest.find('"').ok_or_else(|| tokens.error())?;
    let captured = match tokens.rest.rfind("} \"") {
        Some(at) => at + 2,
        None => captured,
    };
    let (headers, request) = tokens.rest.split_at(captured);
    if !headers.trim().is_empty() {
        put(into, "headers", headers.trim())?;
    }
    let request = request.strip_prefix('"').unwrap_or(request);
    // A long one is cut off, with its quote.
    put_request(into, request.strip_suffix('"').unwrap_or(request))
}
