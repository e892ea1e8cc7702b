//! Access logs of nginx and Apache.

use std::net::Ipv6Addr;

use super::super::parse::Fields;
use super::tokens::{Found, Tokens, put, put_escaped, put_request};

/// `client - user [time] "request" status bytes "referer" "agent"`, and what follows: a forwarded
/// address in nginx's `main` format.
pub(super) fn nginx(line: &str, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(line);
    let (who, time) = before_time(&mut tokens)?;
    let (client, user) = who.split_once(" - ").ok_or_else(|| tokens.error())?;
    put(into, "client", client)?;
    put_escaped(into, "user", user)?;
    put(into, "time", time)?;
    rest_of_request(&mut tokens, into)?;
    if !tokens.is_empty() {
        put_escaped(into, "referer", tokens.quoted()?)?;
        put_escaped(into, "agent", tokens.quoted()?)?;
    }
    if tokens.rest.starts_with('"') {
        put_escaped(into, "forwardedFor", tokens.quoted()?)?;
    }
    extra(tokens, into)
}

/// `host ident user [time] "request" status bytes`, perhaps with `"referer" "agent"`, and perhaps
/// with the virtual host in front.
pub(super) fn apache(line: &str, into: &mut Fields) -> Found<()> {
    let mut tokens = Tokens::new(line);
    let (who, time) = before_time(&mut tokens)?;
    let mut who = Tokens::new(who);
    let first = who.word()?;
    let client = if is_virtual_host(first) {
        put(into, "virtualHost", first)?;
        who.word()?
    } else {
        first
    };
    put(into, "client", client)?;
    put(into, "ident", who.word()?)?;
    put_escaped(into, "user", who.rest.trim_end())?;
    put(into, "time", time)?;
    rest_of_request(&mut tokens, into)?;
    if !tokens.is_empty() {
        put_escaped(into, "referer", tokens.quoted()?)?;
        put_escaped(into, "agent", tokens.quoted()?)?;
    }
    extra(tokens, into)
}

/// How long the time is.
const TIME_BYTES: usize = b"29/Nov/2026:10:00:00 +0000".len();

/// What stands before ` [time] `, and the time. A user may have blanks and brackets in its name.
fn before_time<'t>(tokens: &mut Tokens<'t>) -> Found<(&'t str, &'t str)> {
    let line = tokens.rest;
    for (at, _) in line.match_indices(" [") {
        let inner = line.get(at + 2..).unwrap_or_default();
        let Some((time, rest)) = inner.split_at_checked(TIME_BYTES) else { continue };
        // 29/Nov/2026:10:00:00 +0000
        let is_time = rest.starts_with("] \"")
            && time.bytes().enumerate().all(|(place, byte)| match place {
                2 | 6 => byte == b'/',
                3..=5 => byte.is_ascii_alphabetic(),
                11 | 14 | 17 => byte == b':',
                20 => byte == b' ',
                21 => matches!(byte, b'+' | b'-'),
                _ => byte.is_ascii_digit(),
            });
        if is_time {
            tokens.rest = inner.get(time.len() + 2..).unwrap_or_default();
            return Ok((line.get(..at).unwrap_or_default(), time));
        }
    }
    Err(tokens.error())
}

fn rest_of_request(tokens: &mut Tokens<'_>, into: &mut Fields) -> Found<()> {
    put_request(into, tokens.quoted()?)?;
    let status = tokens.word()?;
    let is_status = status == "-" || status.bytes().all(|byte| byte.is_ascii_digit());
    if !is_status {
        return Err(tokens.error());
    }
    put(into, "status", status)?;
    put(into, "bytes", tokens.word()?)
}

/// What a format of one's own has behind the usual parts.
fn extra(tokens: Tokens<'_>, into: &mut Fields) -> Found<()> {
    if tokens.is_empty() { Ok(()) } else { put(into, "extra", tokens.rest) }
}

/// `name:port`, which an address of IPv6 could be taken for.
fn is_virtual_host(word: &str) -> bool {
    let port = word.rsplit_once(':').map(|(_, port)| port);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let address = word.split('%').next().unwrap_or_default();
    port.is_some_and(is_port) && address.parse::<Ipv6Addr>().is_err()
}
