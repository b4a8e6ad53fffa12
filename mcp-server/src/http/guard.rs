//! What is checked before anybody is asked who they are: host, origin, media types.
//!
//! A web page that makes a browser talk to a server on the user's machine (DNS rebinding) is
//! recognised by the `Host` and `Origin` that the browser sends and the page cannot choose.

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Around, Begun, names_this_machine};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use shared::mcp::ErrorCode;
use url::Url;

use super::{Form, Rejection, endpoint, sse_2024};
use crate::{
    Config, Server,
    config::{ENDPOINT, SSE},
};

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
        let is_named = |own: &String| own.eq_ignore_ascii_case(without_port(host));
        names_this_machine(host) || self.hosts.iter().any(is_named)
    }

    /// Whether pages of an origin may call. Pages of this machine may: developers' tools are such.
    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let local =
            Url::parse(origin).is_ok_and(|url| url.host_str().is_some_and(names_this_machine));
        local || self.origins.contains(&origin.to_ascii_lowercase())
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses what was not meant for this server, or comes from a page that may not call.
#[derive(Clone)]
pub(super) struct Check {
    server: Server,
    pages: Pages,
}

/// Which pages of a browser are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    /// Those that [may call](Guard::allows_origin).
    Known,
    /// All of them: what is told here is told to everybody. A page that rebinds its name is still
    /// known by it.
    All,
}

impl Check {
    /// For what does something, or tells what not everybody may know.
    pub(super) fn pages(server: &Server) -> Self {
        Self { server: server.clone(), pages: Pages::Known }
    }

    /// For documents that [every page may read](super::cors::public).
    pub(super) fn documents(server: &Server) -> Self {
        Self { server: server.clone(), pages: Pages::All }
    }
}

impl Around for Check {
    /// What is allowed there, if that is asked for.
    type Kept = Option<&'static str>;

    fn before(&self, request: &mut Request) -> Begun<Self::Kept> {
        let asks = *request.method() == Method::OPTIONS;
        let allowed = asks.then(|| allowed_at(request.uri().path())).flatten();
        checked(self.server.guard(), self.pages, request).map_or_else(
            |refused| Begun::refused(None, refused.into_response()),
            |()| Begun::with(allowed),
        )
    }

    /// The router would count a HEAD that is refused.
    fn after(allowed: Self::Kept, mut response: Response) -> Response {
        if let Some(allowed) = allowed {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

/// The methods of the protocol's addresses.
fn allowed_at(path: &str) -> Option<&'static str> {
    match path {
        SSE => Some("GET"),
        sse_2024::MESSAGES => Some("POST"),
        _ => (path.trim_end_matches('/') == ENDPOINT).then_some(endpoint::METHODS),
    }
}

fn checked<B>(guard: &Guard, pages: Pages, request: &http::Request<B>) -> Result<(), Rejection> {
    let headers = request.headers();
    let forbidden = |message: &str| {
        Err(Rejection::new(StatusCode::FORBIDDEN, ErrorCode::INVALID_REQUEST, message))
    };
    let mut hosts = headers.get_all(header::HOST).iter();
    let (named, another) = (hosts.next(), hosts.next());
    // HTTP/2 has the host in the URL, and so has a request that is written for a proxy: it counts
    // for more than the header (RFC 9112 section 3.2.2), and whoever has read the header goes by that.
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    if another.is_some() || (named.is_none() && target.is_none()) {
        return Err(Rejection::invalid_request("There must be one Host header"));
    }
    let named = named.map(|host| host.to_str().unwrap_or_default());
    if named.into_iter().chain(target).any(|host| !guard.allows_host(host)) {
        return forbidden("This host name is not served; add it to ALLOWED_HOSTS");
    }
    if pages == Pages::All {
        return Ok(());
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next();
    if origins.next().is_some() || origin.is_some_and(|origin| !guard.allows_origin(origin)) {
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
    // What almost every client says, word for word.
    let mut values = headers.get_all(header::ACCEPT).iter();
    if values.next().is_some_and(|value| value == BOTH) && values.next().is_none() {
        return Ok(Form::Either);
    }
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

const BOTH: &str = "application/json, text/event-stream";

/// The media type of streams.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Whether a media type is accepted; without an `Accept` header everything is. Of the ranges that it
/// is in, the closest one decides (RFC 9110 section 12.5.1).
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let kind = media_type.split('/').next().unwrap_or_default();
    let (mut closest, mut is_empty) = (None, true);
    for (range, is_wanted) in ranges(headers) {
        is_empty = false;
        let of_kind = || range.strip_suffix("/*").is_some_and(|of| of.eq_ignore_ascii_case(kind));
        let closeness = match range {
            range if range.eq_ignore_ascii_case(media_type) => 3,
            _ if of_kind() => 2,
            "*/*" => 1,
            _ => continue,
        };
        closest = closest.max(Some((closeness, is_wanted)));
    }
    is_empty || closest.is_some_and(|(_, is_wanted)| is_wanted)
}

/// Whether a media type is accepted by its very name.
pub(super) fn named(headers: &HeaderMap, media_type: &str) -> bool {
    let mut ranges = ranges(headers);
    ranges.any(|(range, is_wanted)| is_wanted && range.eq_ignore_ascii_case(media_type))
}

/// The media ranges of all `Accept` headers, each with whether it is wanted: `q=0` says that it is
/// not.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = (&str, bool)> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        (name, !parts.any(is_weight_of_nothing))
    })
}

/// `q=0`, in any of the ways to write it.
fn is_weight_of_nothing(parameter: &str) -> bool {
    let weight =
        parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, value)| value.trim().parse() == Ok(0.0_f32))
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

    #[test]
    fn a_weight_of_nothing_refuses_and_the_closest_range_decides() {
        let form = |accept: &'static str| {
            let value = (header::ACCEPT, HeaderValue::from_static(accept));
            accepted(&[value].into_iter().collect()).ok()
        };
        assert_eq!(form("application/json;q=0, text/event-stream"), Some(Form::Stream));
        assert_eq!(form("text/event-stream; Q=0.000, */*;q=0.1"), Some(Form::Json));
        assert_eq!(form("application/*;q=0, application/json, text/*;q=0"), Some(Form::Json));
        assert_eq!(form("*/*;q=0"), None);
        assert_eq!(form("application/json;q=0.001, text/event-stream;q=x"), Some(Form::Either));
    }

    #[test]
    fn every_name_of_the_host_and_the_origin_is_judged() {
        let status = |target: &str, headers: &[(&str, &str)]| {
            let mut request = http::Request::builder().uri(target);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(()).unwrap();
            let refused = checked(&guard(), Pages::Known, &request).err();
            refused.map(|refused| axum::response::IntoResponse::into_response(refused).status())
        };
        let here = ("host", "localhost");
        assert_eq!(status("/mcp", &[here]), None);
        assert_eq!(status("http://localhost/mcp", &[here]), None);
        assert_eq!(status("http://localhost/mcp", &[]), None);
        assert_eq!(status("/mcp", &[]), Some(StatusCode::BAD_REQUEST));
        assert_eq!(status("/mcp", &[here, here]), Some(StatusCode::BAD_REQUEST));
        assert_eq!(
            status("/mcp", &[here, ("host", "evil.example")]),
            Some(StatusCode::BAD_REQUEST)
        );
        let foreign = Some(StatusCode::FORBIDDEN);
        assert_eq!(status("http://evil.example/mcp", &[here]), foreign);
        assert_eq!(status("http://localhost/mcp", &[("host", "evil.example")]), foreign);
        let page = ("origin", "http://localhost:6274");
        assert_eq!(status("/mcp", &[here, page]), None);
        assert_eq!(status("/mcp", &[here, page, ("origin", "http://evil.example")]), foreign);
    }
}
