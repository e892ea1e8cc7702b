//! From a request's head to a whole response. No I/O: the body of a request is never read.

use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};

use super::server::Reach;
use super::status::{AdminState, FlowSnapshot};
use super::{file_lag, health, host, page};
use crate::metrics::prometheus::escape_label;
use crate::shown::{self, Escaped};

/// What is served, for whoever asks for something else.
const PATHS: &str = "/         status page (HTML)\n\
                     /metrics  Prometheus metrics\n\
                     /healthz  liveness: 200, or 503 with reasons\n\
                     /readyz   readiness: 200, or 503 with reasons\n\
                     /status   flow and file status (JSON)\n\
                     /history  rate and lag of each flow over the last hour (JSON)\n";

/// A page for people, with everything in it that it needs.
const OVERVIEW: &str = include_str!("overview.html");

/// It loads nothing from elsewhere, runs nothing but its own script, and is in no frame.
const POLICY: &str = include_str!("overview.policy");

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// Answers a request that arrived at `now`. For HEAD, hyper leaves the body out.
pub(super) fn respond<B: Body>(
    request: &Request<B>,
    state: &AdminState,
    reach: Reach,
    now: Instant,
) -> Response<Full<Bytes>> {
    if let Some(refusal) = refusal(request, reach) {
        return refusal;
    }
    match request.uri().path() {
        "/" => {
            let mut page = reply(StatusCode::OK, HTML, OVERVIEW.to_owned());
            page.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            page
        }
        "/metrics" => {
            let mut text = state.prometheus.render();
            let flows = state.snapshot(now).flows;
            file_lag::render(&mut text, &flows);
            let text = without_others(&text, &flows);
            reply(StatusCode::OK, PROMETHEUS, text)
        }
        "/healthz" => verdict(&health::liveness_problems(&state.snapshot(now))),
        "/readyz" => verdict(&health::readiness_problems(&state.snapshot(now))),
        "/status" => match page::render(&state.snapshot(now)) {
            Ok(text) => reply(StatusCode::OK, JSON, text),
            Err(error) => {
                reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("render: {error}\n"))
            }
        },
        "/history" => match serde_json::to_string(&state.history.past(now)) {
            Ok(text) => reply(StatusCode::OK, JSON, shown::json(&text).into_owned()),
            Err(error) => {
                reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("render: {error}\n"))
            }
        },
        _ => reply(StatusCode::NOT_FOUND, TEXT, format!("not found; available paths:\n{PATHS}")),
    }
}

/// Without the series of flows that are not there any more: a gauge would stay at its last value.
fn without_others(text: &str, flows: &[FlowSnapshot]) -> String {
    let labels: Vec<String> =
        flows.iter().map(|flow| format!("flow=\"{}\"", escape_label(&flow.status.flow))).collect();
    let of_none = |line: &str| {
        let is_series = !line.starts_with('#') && line.contains("{flow=\"");
        is_series && !labels.iter().any(|label| line.contains(label))
    };
    let kept = text.split_inclusive('\n').filter(|line| !of_none(line));
    kept.collect()
}

/// Refuses what a scraper, a supervisor or a person would not send.
fn refusal<B: Body>(request: &Request<B>, reach: Reach) -> Option<Response<Full<Bytes>>> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(name), None) = (hosts.next(), hosts.next()) else {
        let text = "exactly one Host header is required\n";
        return Some(reply(StatusCode::BAD_REQUEST, TEXT, text.to_owned()));
    };
    let target = request.uri().authority().map(Authority::as_str);
    let named = [name.to_str().ok(), target.or(Some("localhost"))];
    if !named.into_iter().all(|name| name.is_some_and(|name| host::is_allowed(name, reach))) {
        let text = "Host must be localhost or an IP address\n";
        return Some(reply(StatusCode::FORBIDDEN, TEXT, text.to_owned()));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "method not allowed; use GET or HEAD\n".to_owned();
        let mut refusal = reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(refusal);
    }
    if !request.body().is_end_stream() {
        let text = "a request must not have a body\n".to_owned();
        return Some(reply(StatusCode::PAYLOAD_TOO_LARGE, TEXT, text));
    }
    None
}

/// 200, or 503 with one reason a line.
fn verdict(reasons: &[String]) -> Response<Full<Bytes>> {
    if reasons.is_empty() {
        return reply(StatusCode::OK, TEXT, "ok\n".to_owned());
    }
    let lines: Vec<String> = reasons.iter().map(|reason| Escaped(reason).to_string()).collect();
    reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, lines.join("\n") + "\n")
}

fn reply(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers: [(HeaderName, &'static str); 3] = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
