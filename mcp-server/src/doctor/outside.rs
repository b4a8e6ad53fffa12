//! What a client sees of the running server at its public URL, through every proxy before it.

use std::time::SystemTime;

use ambient::Clock;
use chassis::{client::read_capped, findings::clocks};
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::{Client, Response};
use serde_json::Value;
use shared::{
    mcp::headers,
    oauth::{ProtectedResourceMetadata, well_known},
};

use super::{Bad, Doubtful, Finding, Found, Good};
use crate::{AuthConfig, Config, config::ENDPOINT as PATH};

/// What the finding about the endpoint itself is called.
pub(super) const ENDPOINT: &str = "endpoint";

/// The largest document that is looked at, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// The largest body that is sent, in bytes. One that is too large for a proxy is less.
const MOST_SENT: usize = 16 * 1024 * 1024;

/// Where MCP Inspector, which runs in a browser, calls from.
const BROWSER: &str = "http://localhost:6274";

/// The server that is examined.
pub(super) struct Patient<'a> {
    pub(super) config: &'a Config,
    pub(super) http: &'a Client,
    pub(super) clock: &'a Clock,
}

/// What was found of a server, and whether it was this one that answered.
pub(super) struct Seen {
    pub(super) found: Found,
    pub(super) is_ours: bool,
}

impl Patient<'_> {
    pub(super) async fn examine(&self) -> Seen {
        let url = self.config.resource();
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let request = self.http.post(&url).header(header::CONTENT_TYPE, "application/json");
        let Ok(response) = request.body(ping).send().await else {
            let words = format!("{url} cannot be reached; is the server up, and BASE_URI right?");
            return Seen { found: vec![(ENDPOINT, Bad(words))], is_ours: false };
        };
        let is_ours = is_ours(response.status(), response.headers());
        let is_protected = matches!(self.config.auth, AuthConfig::Required(_));
        let mut found = vec![
            (ENDPOINT, endpoint(is_protected, response.status(), response.headers())),
            ("slash", self.slashed(&url).await),
            ("large body", self.large(&url).await),
            ("clock", clocks(date(&response), self.clock.now())),
        ];
        if is_protected {
            found.push(("metadata", self.metadata().await));
        }
        found.push(("CORS", self.cors().await));
        Seen { found, is_ours }
    }

    /// Whether clients that write a slash at the end are served as well: a redirect loses their body.
    async fn slashed(&self, url: &str) -> Finding {
        let request = self.http.post(format!("{url}/"));
        let request = request.header(header::CONTENT_TYPE, "application/json").body("{}");
        match request.send().await {
            Ok(answer) => slashed(answer.status(), answer.headers()),
            Err(_) => Bad(format!("{url}/ cannot be reached, and {url} can")),
        }
    }

    /// Whether a body of the greatest size that the server takes comes through: many proxies take no
    /// more than 1 MiB.
    async fn large(&self, url: &str) -> Finding {
        let size = self.config.max_body.min(MOST_SENT);
        // Whatever is wrong with it, it is not its size: spaces and no message.
        let request = self.http.post(url).header(header::CONTENT_TYPE, "application/json");
        match request.body(vec![b' '; size]).send().await {
            Ok(answer) => large(size, answer.status(), answer.headers()),
            Err(_) => {
                Doubtful(format!("a body of {size} bytes was not answered, and a small one was"))
            }
        }
    }

    /// Whether the running server has the public URL that is set here.
    async fn metadata(&self) -> Finding {
        let url = format!("{}{}{PATH}", self.config.base, well_known::PROTECTED_RESOURCE);
        let document = match self.document(&url).await {
            Ok(document) => document,
            Err(why) => return Bad(format!("{url} {why}; clients cannot find where to log in")),
        };
        let ours = self.config.resource();
        if document.resource != ours {
            return Bad(format!(
                "the server at {url} calls itself {}, and {ours} is set here; clients refuse a \
                 resource that is not the URL they were given: set BASE_URI to that URL",
                document.resource
            ));
        }
        Good("the server knows its public URL".to_owned())
    }

    async fn document(&self, url: &str) -> Result<ProtectedResourceMetadata, String> {
        let answer = self.http.get(url).send().await.map_err(|_| "cannot be reached".to_owned())?;
        if !answer.status().is_success() {
            return Err(format!("answers {}", answer.status()));
        }
        let body = read_capped(answer, MAX_DOCUMENT).await.map_err(|error| error.to_string())?;
        let value: Value = serde_json::from_slice(&body).map_err(|_| "is not JSON".to_owned())?;
        serde_json::from_value(value).map_err(|_| "is no resource metadata".to_owned())
    }

    /// Whether a client in a browser is let through.
    async fn cors(&self) -> Finding {
        let asked = "authorization,content-type,mcp-protocol-version";
        let request = self
            .http
            .request(Method::OPTIONS, self.config.resource())
            .header(header::ORIGIN, BROWSER)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, asked);
        let Ok(answer) = request.send().await else {
            return Bad("a preflight is not answered".to_owned());
        };
        cors(answer.status(), answer.headers())
    }
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether this server has answered, well or not: others have no such id, and our other server has no
/// such path.
fn is_ours(status: StatusCode, headers: &HeaderMap) -> bool {
    headers.contains_key("x-request-id") && status != StatusCode::NOT_FOUND
}

/// What a request without a token must be answered.
fn endpoint(is_protected: bool, status: StatusCode, headers: &HeaderMap) -> Finding {
    if status.is_redirection() {
        let to = text(headers, header::LOCATION);
        return Bad(format!(
            "it redirects to {to}: clients lose their body or their token on the way; serve it \
             without a redirect, with and without a slash at the end"
        ));
    }
    if !headers.contains_key("x-request-id") {
        return Bad(format!("something else than this server answers there, with {status}"));
    }
    let challenge = text(headers, header::WWW_AUTHENTICATE);
    match status {
        StatusCode::FORBIDDEN => {
            Bad("the host name is refused: add it to ALLOWED_HOSTS, or let the proxy hand on Host"
                .to_owned())
        }
        StatusCode::UNAUTHORIZED if !challenge.contains("resource_metadata=") => {
            Bad("the 401 has no challenge: a proxy takes WWW-Authenticate away".to_owned())
        }
        StatusCode::UNAUTHORIZED => {
            Good("it asks for a token, and says where to get one".to_owned())
        }
        StatusCode::NOT_FOUND => {
            Bad("it answers 404: nothing is served at that path; is BASE_URI right? It is the URL \
                 of the server, and the endpoint is /mcp below it"
                .to_owned())
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            Bad("it is degraded (503): see its page and /readyz for the reason".to_owned())
        }
        _ if is_protected => Bad(format!("it answers {status} to a request without a token")),
        status if status.is_server_error() => Bad(format!("it answers {status}")),
        _ => Good("it answers".to_owned()),
    }
}

/// What the endpoint with a slash at its end must be answered: the same, whatever that is.
fn slashed(status: StatusCode, headers: &HeaderMap) -> Finding {
    if status.is_redirection() {
        let to = text(headers, header::LOCATION);
        return Bad(format!(
            "with a slash at the end it redirects to {to}: clients lose their body or their token on \
             the way; let the proxy hand both on"
        ));
    }
    if !is_ours(status, headers) {
        return Bad(format!(
            "with a slash at the end something else answers, with {status}; let the proxy hand both on"
        ));
    }
    Good("it is the same with a slash at the end".to_owned())
}

/// What a body of so many bytes must be answered: anything but that it is too large.
fn large(size: usize, status: StatusCode, headers: &HeaderMap) -> Finding {
    let is_ours = headers.contains_key("x-request-id");
    match status {
        StatusCode::PAYLOAD_TOO_LARGE if is_ours => Bad(format!(
            "the running server refuses {size} bytes, which MAX_BODY_BYTES allows here: it runs with \
             another setting"
        )),
        StatusCode::PAYLOAD_TOO_LARGE => Bad(format!(
            "a proxy refuses {size} bytes, which MAX_BODY_BYTES allows: raise its limit \
             (`client_max_body_size` of nginx, `request_body max_size` of Caddy)"
        )),
        _ if is_ours => Good(format!("a body of {size} bytes comes through")),
        status => {
            Doubtful(format!("something else than this server answers {size} bytes, with {status}"))
        }
    }
}

fn cors(status: StatusCode, headers: &HeaderMap) -> Finding {
    let origin = text(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN);
    let allowed = text(headers, header::ACCESS_CONTROL_ALLOW_HEADERS).to_ascii_lowercase();
    let lets_in = status.is_success() && (origin == BROWSER || origin == "*");
    if lets_in && allowed.contains(headers::PROTOCOL_VERSION) {
        return Good("clients in a browser may call".to_owned());
    }
    Bad(format!(
        "a preflight from {BROWSER} is answered {status}: clients in a browser may not call; let \
         the proxy hand OPTIONS on, and add other origins to ALLOWED_ORIGINS"
    ))
}

fn date(response: &Response) -> Option<SystemTime> {
    httpdate::parse_http_date(text(response.headers(), header::DATE)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    fn said(finding: &Finding) -> &str {
        match finding {
            Good(words) | Doubtful(words) | Bad(words) => words,
        }
    }

    #[test]
    fn an_endpoint_asks_for_a_token_and_says_where_to_get_one() {
        let challenge = ("www-authenticate", "Bearer resource_metadata=\"https://x/\"");
        let ours = ("x-request-id", "1");
        let good = endpoint(true, StatusCode::UNAUTHORIZED, &headers(&[ours, challenge]));
        assert!(matches!(good, Good(_)), "{good:?}");
        for (status, fields, word) in [
            (308, vec![("location", "https://x/mcp/")], "redirects to https://x/mcp/"),
            (401, vec![ours], "WWW-Authenticate"),
            (401, vec![challenge], "something else"),
            (403, vec![ours], "ALLOWED_HOSTS"),
            (404, vec![ours], "is BASE_URI right?"),
            (503, vec![ours], "degraded"),
            (200, vec![ours], "without a token"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let found = endpoint(true, status, &headers(&fields));
            assert!(matches!(found, Bad(_)) && said(&found).contains(word), "{found:?}");
        }
        assert!(matches!(endpoint(false, StatusCode::BAD_REQUEST, &headers(&[ours])), Good(_)));
    }

    #[test]
    fn a_server_that_is_degraded_is_ours_all_the_same() {
        let ours = headers(&[("x-request-id", "1")]);
        assert!(is_ours(StatusCode::SERVICE_UNAVAILABLE, &ours));
        assert!(!is_ours(StatusCode::SERVICE_UNAVAILABLE, &headers(&[])));
        assert!(!is_ours(StatusCode::NOT_FOUND, &ours));
    }

    #[test]
    fn an_endpoint_is_the_same_with_a_slash() {
        let ours = ("x-request-id", "1");
        assert!(matches!(slashed(StatusCode::UNAUTHORIZED, &headers(&[ours])), Good(_)));
        for (status, fields, word) in [
            (301, vec![("location", "https://x/mcp")], "redirects to https://x/mcp:"),
            (401, vec![], "something else"),
            (404, vec![ours], "something else"),
        ] {
            let found = slashed(StatusCode::from_u16(status).unwrap(), &headers(&fields));
            assert!(matches!(found, Bad(_)) && said(&found).contains(word), "{found:?}");
        }
    }

    #[test]
    fn a_large_body_is_refused_by_a_proxy_or_by_a_server_with_another_setting() {
        let found = |status, fields: &[_]| {
            large(9, StatusCode::from_u16(status).unwrap(), &headers(fields))
        };
        let ours = ("x-request-id", "1");
        assert!(matches!(found(401, &[ours]), Good(_)));
        assert!(matches!(found(502, &[]), Doubtful(_)));
        for (fields, word) in [(vec![], "client_max_body_size"), (vec![ours], "another setting")] {
            let found = found(413, &fields);
            assert!(matches!(found, Bad(_)) && said(&found).contains(word), "{found:?}");
        }
    }

    #[test]
    fn a_preflight_lets_browsers_in() {
        let origin = ("access-control-allow-origin", BROWSER);
        let allowed = ("access-control-allow-headers", "authorization,mcp-protocol-version");
        assert!(matches!(cors(StatusCode::OK, &headers(&[origin, allowed])), Good(_)));
        for (status, fields) in [(200, vec![origin]), (405, vec![origin, allowed]), (200, vec![])] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(cors(status, &headers(&fields)), Bad(_)), "{status}");
        }
    }
}
