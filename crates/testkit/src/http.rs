//! A plain HTTP client that keeps its eyes open: every answer is held against the promises that
//! all answers keep, and the shapes of OAuth errors are one call away.

mod promises;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::RequestBuilder;
use serde_json::Value;
use url::Url;

pub(crate) use self::promises::{check_head, check_text, header, media_type};
use crate::{fail::OrFail as _, secrets, wait::PATIENCE, within};

/// A client for one origin. It follows no redirect and knows no proxy.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    base: Url,
}

impl Http {
    /// A client for the server at `base`, for example `http://127.0.0.1:3001`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self { client: client(), base: Url::parse(base).or_fail("the base is a URL") }
    }

    /// The absolute address of a path, or of an address that is absolute already.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        self.base.join(path).or_fail("a path makes a URL")
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(http::Method::GET, path)).await
    }

    /// `POST` with `application/x-www-form-urlencoded`.
    pub async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.request(http::Method::POST, path).form(form)).await
    }

    /// `POST` with `application/json`.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(http::Method::POST, path).json(body)).await
    }

    /// A request to be made wrong, or better, before it is sent.
    pub fn request(&self, method: http::Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Sends a request; fails the test if there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.or_fail("the server answers")
    }

    /// Sends a request to a server that may be gone.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        within(PATIENCE, async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let url = response.url().clone();
            let answer = Answer { url, status, headers, body: response.bytes().await? };
            secrets::note_answer(&answer.headers, &answer.body);
            promises::check(&answer);
            Ok(answer)
        })
        .await
    }
}

/// An answer that has been read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The address that answered.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// Fails the test unless this is the status.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// The one field of this name, if it is there.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).or_fail("a body is UTF-8")
    }

    /// The body as JSON, which its content type must announce.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(media_type(&self.headers), Some("application/json"), "{self}");
        serde_json::from_slice(&self.body).or_fail(self)
    }

    /// Fails the test unless this is an OAuth error with this status and code, of exactly the
    /// shape of RFC 6749 section 5.2: known members only, all of them text, and never stored. One
    /// member is ours: the name of the request, as in the header.
    #[track_caller]
    pub fn expect_oauth_error(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self}");
        let body = self.json();
        let members = body.as_object().or_fail("an OAuth error is an object");
        assert_eq!(body["error"], code, "{self}");
        for (name, value) in members {
            let known =
                ["error", "error_description", "error_uri", "request_id"].contains(&name.as_str());
            assert!(known && value.is_string(), "`{name}` in an OAuth error: {self}");
        }
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{self}");
        self.expect_no_store();
    }

    /// Fails the test if a cache may keep this answer.
    #[track_caller]
    pub fn expect_no_store(&self) {
        let directives = self.header("cache-control").unwrap_or_default();
        assert!(
            directives.split(',').any(|directive| directive.trim() == "no-store"),
            "a cache may keep this: {self}"
        );
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} from {}", self.status, self.url)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

/// The connection pool of one test client. Never shared: a pool belongs to the runtime it was made
/// in, and every test has its own.
#[expect(
    clippy::disallowed_methods,
    reason = "tests must see redirects and broken lines as they are; waits are bounded outside"
)]
#[must_use]
pub fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.no_proxy().build().or_fail("an HTTP client can be made")
}
