//! Questions to the authorization server: few at a time, each with an end, each answer of bounded
//! length.

use std::{
    fs,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use ambient::{Clock, Stopwatch, Timestamp};
use bytes::Bytes;
use chassis::{
    client::{ReadError, Timeouts, http_client_trusting, read_capped},
    telemetry::Asking,
};
use http::{HeaderMap, StatusCode};
use reqwest::{Certificate, RequestBuilder, Response};
use tokio::sync::Semaphore;

use crate::{
    config::AuthSettings,
    flow::{Flow, Hop, Kind, Place},
};

/// The most questions that are in progress at a time. Who comes later waits, but no longer than a
/// question may take.
const MAX_QUESTIONS: usize = 64;

/// How our questions name who asks.
pub(crate) const AGENT: &str = concat!("mcp-server/", env!("CARGO_PKG_VERSION"));

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// How long a server is left alone that says it is asked too much and not for how long.
const USUAL_REST: Duration = Duration::from_secs(5);

/// The longest that a server is left alone, because it says so, without which nobody is let in: a minute
/// is what most limits are counted by.
pub(super) const LONGEST_REST: Duration = Duration::from_mins(1);

/// Asks.
#[derive(Clone)]
pub(crate) struct Outbound {
    pub(super) http: reqwest::Client,
    measured: Asking,
    clock: Clock,
    places: Arc<Semaphore>,
    timeout: Duration,
    max_response: usize,
    flow: Flow,
}

/// An answer, all of it.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error(transparent)]
    Unreadable(ReadError),
    #[error("too many questions are waiting for its answers")]
    Busy,
}

impl OutboundError {
    /// Whether nothing else would be answered there either.
    pub(super) fn is_of_the_host(&self) -> bool {
        match self {
            Self::Unreachable(error) => error.is_connect(),
            Self::Unreadable(_) => false,
            Self::Busy => true,
        }
    }
}

/// An error with its causes.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundStartError {
    #[error("the file of MCP_AUTH_CA_FILE cannot be read; set it to a PEM file of certificates")]
    CaFile(#[source] std::io::Error),
    #[error("the file of MCP_AUTH_CA_FILE holds no certificates in PEM form")]
    NoCertificates,
    #[error("no HTTP client could be made to check tokens with")]
    Client(#[from] reqwest::Error),
}

/// The certificates that are trusted beside those of the system.
pub(crate) fn trusted(settings: &AuthSettings) -> Result<Vec<Certificate>, OutboundStartError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    let pem = fs::read(path).map_err(OutboundStartError::CaFile)?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() { Err(OutboundStartError::NoCertificates) } else { Ok(found) }
}

impl Outbound {
    pub(crate) fn new(
        settings: &AuthSettings,
        clock: Clock,
        measured: Asking,
    ) -> Result<Self, OutboundStartError> {
        let trusted = trusted(settings)?;
        let timeouts = Timeouts { connect: CONNECT.min(settings.timeout), total: settings.timeout };
        Ok(Self {
            http: http_client_trusting(AGENT, timeouts, trusted)?,
            measured,
            clock,
            places: Arc::new(Semaphore::new(MAX_QUESTIONS)),
            timeout: settings.timeout,
            max_response: settings.max_response,
            flow: Flow::default(),
        })
    }

    /// Its questions are shown to whoever watches.
    #[must_use]
    pub(crate) fn shown_in(self, flow: &Flow) -> Self {
        Self { flow: flow.clone(), ..self }
    }

    /// What time it is for whoever is to be left alone for a while.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The whole answer, whatever its status. Waiting for a place and asking have one end together.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Reply, OutboundError> {
        let waited = self.clock.stopwatch();
        let place = self.clock.timeout(self.timeout, self.places.acquire()).await;
        let _place = place.map_err(|_| OutboundError::Busy)?.map_err(|_| OutboundError::Busy)?;
        let left = self.timeout.saturating_sub(waited.elapsed());
        if left.is_zero() {
            return Err(OutboundError::Busy);
        }
        let request = request.timeout(left);
        let shown = self.flow.is_watched().then(|| self.show(&request)).flatten();
        let sent = self.measured.send(request).await;
        if let Some((what, watch)) = shown {
            self.show_answer(&what, &watch, sent.as_ref().ok().map(Response::status));
        }
        // The URL is known, and may hold what an operator has put there.
        let mut response = sent.map_err(|e| OutboundError::Unreachable(e.without_url()))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = read_capped(response, self.max_response).await;
        Ok(Reply { status, headers, body: body.map_err(OutboundError::Unreadable)? })
    }
}

impl Outbound {
    /// Shows a question: its path, for what is asked may be a token.
    fn show(&self, request: &RequestBuilder) -> Option<(String, Stopwatch)> {
        let request = request.try_clone()?.build().ok()?;
        let what = format!("{} {}", request.method(), request.url().path());
        self.flow.note(|| Hop::new(Place::Instance, Place::Auth, Kind::Request, what.clone()));
        Some((what, self.clock.stopwatch()))
    }

    fn show_answer(&self, what: &str, watch: &Stopwatch, status: Option<StatusCode>) {
        let took = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.flow.note(|| {
            let status = status.map_or_else(|| "no answer".to_owned(), |s| s.as_u16().to_string());
            let failed = !status.starts_with('2');
            let what = format!("{status} to {what}");
            Hop::new(Place::Auth, Place::Instance, Kind::Response, what).took(took).failed(failed)
        });
    }
}

/// Seconds, or the time until a moment, between one second and a quarter of an hour.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let until = || {
        let moment = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(moment.as_secs().saturating_sub(now.as_secs()))
    };
    let seconds = text.parse().ok().or_else(until)?;
    Some(Duration::from_secs(seconds.clamp(1, 900)))
}

impl Reply {
    /// How long the server wants to be left alone (RFC 9110 section 10.2.3), and for no longer than
    /// a quarter of an hour: a mistake there must not leave us with what is old for a day.
    pub(super) fn rest(&self, now: Timestamp) -> Duration {
        let text = self.headers.get(http::header::RETRY_AFTER).and_then(|text| text.to_str().ok());
        text.and_then(|text| wait(text.trim(), now)).unwrap_or(USUAL_REST)
    }

    /// How long the answer is fresh, if it says so (RFC 9111 section 5.2.2.1).
    pub(super) fn max_age(&self) -> Option<Duration> {
        let values = self.headers.get_all(http::header::CACHE_CONTROL).iter();
        let mut directives =
            values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let seconds = directives.find_map(|directive| {
            let (name, seconds) = directive.trim().split_once('=')?;
            name.eq_ignore_ascii_case("max-age").then(|| seconds.trim_matches('"').parse().ok())?
        });
        seconds.map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn rest(retry_after: Option<&'static str>) -> u64 {
        let value = retry_after.map(HeaderValue::from_static);
        let headers = value.map(|value| (http::header::RETRY_AFTER, value)).into_iter().collect();
        let (status, body) = (StatusCode::TOO_MANY_REQUESTS, Bytes::new());
        // Sun, 06 Nov 1994 08:49:37 GMT
        Reply { status, headers, body }.rest(Timestamp::from_secs(784_111_777)).as_secs()
    }

    #[test]
    fn a_server_is_left_alone_for_seconds_or_until_a_moment() {
        for (said, seconds) in [
            ("7", 7),
            (" 7 ", 7),
            ("0", 1),
            ("86400", 900),
            ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
            ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 1),
            ("Mon, 07 Nov 1994 08:49:37 GMT", 900),
            ("soon", 5),
            ("-1", 5),
        ] {
            assert_eq!(rest(Some(said)), seconds, "{said}");
        }
        assert_eq!(rest(None), 5);
    }
}
