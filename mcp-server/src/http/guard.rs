//! What is checked before anybody is asked who they are: host, origin, media types.
//!
//! A web page that makes a browser talk to a server on the user's machine (DNS rebinding) is
//! recognised by the `Host` and `Origin` that the browser sends and the page cannot choose.

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Around, Begun};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::mcp::ErrorCode;
use url::Url;

use super::{Form, Rejection};
use crate::{Config, Server};

/// Which hosts and origins are ours.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// Names of this server, without ports.
    hosts: Vec<String>,
    /// Whole origins of pages that may call.
    origins: Vec<String>,
}

impl Guard {
    pub(crate) fn new(config: &Config) -> Self {
        let own = Url::parse(config.base.as_str()).ok();
        let own_host = own.as_ref().and_then(|url| url.host_str()).map(str::to_owned);
        let own_origin = own.map(|url| url.origin().ascii_serialization());
        let lower = |text: &String| text.to_ascii_lowercase();
        Self {
            hosts: own_host.into_iter().chain(config.allowed_hosts.iter().map(lower)).collect(),
            origins: own_origin
                .into_iter()
                .chain(config.allowed_origins.iter().map(lower))
                .collect(),
        }
    }

    /// Whether a `Host` header, with or without a port, names this server. Loopback always does:
    /// a page of another site cannot make a browser send it.
    fn allows_host(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        is_loopback(&name) || self.hosts.contains(&name)
    }

    /// Whether pages of an origin may call. Pages of this machine may: developers' tools are such.
    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let local = Url::parse(origin).is_ok_and(|url| url.host_str().is_some_and(is_loopback));
        local || self.origins.contains(&origin.to_ascii_lowercase())
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || name == "[::1]"
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses what was not meant for this server, or comes from a page that may not call.
#[derive(Clone)]
pub(super) struct Check(pub(super) Server);

impl Around for Check {
    type Kept = ();

    fn before(&self, request: &mut Request) -> Begun<()> {
        checked(self.0.guard(), request).map_or_else(
            |refused| Begun::refused((), refused.into_response()),
            |()| Begun::with(()),
        )
    }

    fn after((): (), response: Response) -> Response {
        response
    }
}

fn checked(guard: &Guard, request: &Request) -> Result<(), Rejection> {
    let headers = request.headers();
    // HTTP/2 has the host in the URL.
    let host = match headers.get(header::HOST) {
        Some(host) => host.to_str().ok(),
        None => request.uri().authority().map(http::uri::Authority::as_str),
    };
    let forbidden = |message: &str| {
        Err(Rejection::new(StatusCode::FORBIDDEN, ErrorCode::INVALID_REQUEST, message))
    };
    if !host.is_some_and(|host| guard.allows_host(host)) {
        return forbidden("This host name is not served; add it to ALLOWED_HOSTS");
    }
    if headers.get(header::ORIGIN).is_some_and(|origin| !guard.allows_origin(origin)) {
        return forbidden("Pages of this origin may not call; add it to ALLOWED_ORIGINS");
    }
    Ok(())
}

/// A POST holds JSON.
pub(super) fn content_type(headers: &HeaderMap) -> Result<(), Rejection> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Rejection::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::INVALID_REQUEST,
        "Content-Type must be application/json",
    ))
}

/// The forms of an answer that the client accepts. Clients are required to accept both and many do
/// not say so: what they do say is honoured, and silence means both.
pub(super) fn accepted(headers: &HeaderMap) -> Result<Form, Rejection> {
    let (json, stream) = (accepts(headers, "application/json"), accepts(headers, EVENT_STREAM));
    match (json, stream) {
        (true, true) => Ok(Form::Either),
        (true, false) => Ok(Form::Json),
        (false, true) => Ok(Form::Stream),
        (false, false) => Err(Rejection::new(
            StatusCode::NOT_ACCEPTABLE,
            ErrorCode::INVALID_REQUEST,
            "Accept must include application/json and text/event-stream",
        )),
    }
}

/// The media type of streams.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Whether a media type is accepted; without an `Accept` header everything is.
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut ranges = ranges(headers).peekable();
    let kind = media_type.split('/').next().unwrap_or_default();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let of_kind =
                || range.strip_suffix("/*").is_some_and(|of| of.eq_ignore_ascii_case(kind));
            range == "*/*" || range.eq_ignore_ascii_case(media_type) || of_kind()
        })
}

/// Whether a media type is accepted by its very name.
pub(super) fn named(headers: &HeaderMap, media_type: &str) -> bool {
    ranges(headers).any(|range| range.eq_ignore_ascii_case(media_type))
}

/// The media ranges of all `Accept` headers, without their parameters.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(','));
    ranges.map(|range| range.split(';').next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    fn guard() -> Guard {
        let env = Env::from([
            ("BASE_URI", "https://mcp.example.com"),
            ("MCP_AUTH_CLIENT_SECRET", "x"),
            ("ALLOWED_HOSTS", "inner.example"),
            ("ALLOWED_ORIGINS", "https://app.example"),
        ]);
        Guard::new(&Config::from_env(&env).0.unwrap())
    }

    #[test]
    fn only_our_own_names_and_loopback_are_served() {
        for host in [
            "mcp.example.com",
            "MCP.example.com:443",
            "inner.example:8080",
            "localhost:1",
            "127.0.0.1",
            "[::1]:80",
        ] {
            assert!(guard().allows_host(host), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::2]"]
        {
            assert!(!guard().allows_host(host), "{host}");
        }
    }

    #[test]
    fn only_our_own_pages_and_those_of_this_machine_may_call() {
        for origin in [
            "https://mcp.example.com",
            "https://app.example",
            "http://localhost:6274",
            "http://127.0.0.1",
        ] {
            assert!(guard().allows_origin(&HeaderValue::from_static(origin)), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "http://mcp.example.com",
            "null",
            "",
            "http://localhost.evil.example",
        ] {
            assert!(!guard().allows_origin(&HeaderValue::from_static(origin)), "{origin}");
        }
    }

    #[test]
    fn silence_and_wildcards_accept_everything() {
        let form = |accept: Option<&'static str>| {
            let value = accept.map(HeaderValue::from_static);
            accepted(&value.map(|value| (header::ACCEPT, value)).into_iter().collect()).ok()
        };
        assert_eq!(form(None), Some(Form::Either));
        assert_eq!(form(Some("*/*")), Some(Form::Either));
        assert_eq!(form(Some("application/json, text/event-stream")), Some(Form::Either));
        assert_eq!(form(Some("application/*;q=0.5")), Some(Form::Json));
        assert_eq!(form(Some("text/event-stream")), Some(Form::Stream));
        assert_eq!(form(Some("text/html")), None);
    }
}
