//! The only place of this server that opens connections to others, to addresses that strangers have
//! chosen. What may be reached, how long it may take and how much may come are decided here.
//!
//! A connection goes to an address that was checked, never to a name that is resolved again; the
//! address that has answered is checked once more. Nothing is followed, nothing is sent along.

use std::{
    error::Error as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use ambient::{Clock, Timestamp};
use bytes::Bytes;
pub(crate) use chassis::reach::Reach;
use chassis::{
    client::{ReadError, Timeouts, guarded_http_client, read_capped},
    reach::{self, Guard, Lookup, OutOfReach},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use moka::future::Cache;
use reqwest::Response;
use tokio::sync::Semaphore;
use url::{Host, Url};

/// The largest document, in bytes.
const MAX_DOCUMENT: usize = 5 * 1024;

/// How many are fetched at once.
const MAX_IN_FLIGHT: usize = 8;

/// How many are on the way at once to hosts that the operator has chosen.
const MAX_OF_OPERATOR: usize = 64;

/// How often one host is asked in a minute, however many documents it has: we are not to be the
/// means of flooding it.
const MAX_PER_MINUTE: u32 = 20;

/// How many hosts are counted.
const MAX_HOSTS: u64 = 10_000;

/// How long a document may take, from the name service to the last byte: a person is waiting.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_millis(1500), total: Duration::from_millis(2500) };

/// Fetches small JSON documents.
pub(crate) struct Fetcher {
    http: reqwest::Client,
    reach: Reach,
    clock: Clock,
    in_flight: Semaphore,
    hosts: Cache<String, Arc<Mutex<Window>>>,
}

/// The requests to one host in a minute.
#[derive(Clone, Copy)]
struct Window {
    began: Timestamp,
    count: u32,
}

/// What has come.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The headers, for the rules of caching.
    pub(crate) headers: HeaderMap,
    /// The document.
    pub(crate) body: Bytes,
}

/// Why nothing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("too many documents are being fetched")]
    Busy,
    #[error("the host has been asked too often")]
    TooOften,
    #[error("the URL is not https")]
    Scheme,
    #[error("the host is not on the public Internet")]
    OutOfReach,
    #[error("the host cannot be reached, or is too slow")]
    Transport,
    #[error("the host answers {0}")]
    Status(StatusCode),
    #[error("the media type is not that of JSON")]
    MediaType,
    #[error("the document is too large")]
    TooLarge,
}

impl FetchError {
    /// Whether the host has said nothing, and may say something in a moment.
    pub(crate) const fn is_passing(self) -> bool {
        match self {
            Self::Busy | Self::TooOften | Self::Transport => true,
            Self::Status(status) => status.as_u16() >= 500,
            Self::Scheme | Self::OutOfReach | Self::MediaType | Self::TooLarge => false,
        }
    }
}

impl Fetcher {
    /// A fetcher that asks the name service of the machine.
    pub(crate) fn new(reach: Reach, clock: Clock) -> Result<Self, reqwest::Error> {
        Self::with(reach::system(), reach, clock, TIMEOUTS)
    }

    /// The same for hosts that the operator has chosen, wherever they are. More may be on the way at
    /// once: every login has one, and none of them is a stranger's choice.
    pub(crate) fn of_operator(clock: Clock) -> Result<Self, reqwest::Error> {
        let fetcher = Self::new(Reach::Anywhere, clock)?;
        Ok(Self { in_flight: Semaphore::new(MAX_OF_OPERATOR), ..fetcher })
    }

    fn with(
        lookup: Lookup,
        reach: Reach,
        clock: Clock,
        timeouts: Timeouts,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: guarded_http_client("mcp-auth-server", timeouts, Guard { lookup, reach })?,
            reach,
            clock,
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            hosts: Cache::new(MAX_HOSTS),
        })
    }

    /// Fetches a JSON document.
    pub(crate) async fn json(&self, url: &Url) -> Result<Fetched, FetchError> {
        self.json_within(url, MAX_DOCUMENT).await
    }

    /// Fetches a JSON document of at most `limit` bytes.
    pub(crate) async fn json_within(&self, url: &Url, limit: usize) -> Result<Fetched, FetchError> {
        self.check(url)?;
        // Who would have to wait is turned away: what fills the places is slow by intention.
        let _place = self.in_flight.try_acquire().map_err(|_| FetchError::Busy)?;
        self.count(url.host_str().unwrap_or_default()).await?;
        let request = self.http.get(url.clone()).header(header::ACCEPT, "application/json");
        let response = request.send().await.map_err(|error| classify(&error))?;
        let peer = response.remote_addr().map(|address| address.ip());
        if !peer.is_some_and(|peer| self.reach.includes(peer)) {
            return Err(FetchError::OutOfReach);
        }
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        if !is_json(response.headers()) {
            return Err(FetchError::MediaType);
        }
        read(response, limit).await
    }

    /// Sends a form to an address that the operator's settings lead to, and gives what is answered,
    /// whatever the status. Such hosts are not counted: they get what people do, and not what
    /// strangers name.
    pub(crate) async fn post_form(
        &self,
        url: &Url,
        form: String,
        authorization: Option<HeaderValue>,
        limit: usize,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        self.check(url)?;
        let _place = self.in_flight.try_acquire().map_err(|_| FetchError::Busy)?;
        let request = self.http.post(url.clone()).body(form);
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        let request = match authorization {
            Some(value) => request.header(header::AUTHORIZATION, value),
            None => request,
        };
        let response = request.send().await.map_err(|error| classify(&error))?;
        let status = response.status();
        Ok((status, read(response, limit).await?.body))
    }

    /// What can be told from the URL alone. Names are checked when they are resolved.
    fn check(&self, url: &Url) -> Result<(), FetchError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if url.scheme() != "https" && self.reach == Reach::Internet {
            return Err(FetchError::Scheme);
        }
        let is_within = address.is_none_or(|address| self.reach.includes(address));
        if is_within { Ok(()) } else { Err(FetchError::OutOfReach) }
    }

    async fn count(&self, host: &str) -> Result<(), FetchError> {
        let now = self.clock.now();
        let new = async { Arc::new(Mutex::new(Window { began: now, count: 0 })) };
        let window = self.hosts.get_with_by_ref(host, new).await;
        // A poisoned lock would mean a panic between two assignments of numbers.
        let Ok(mut window) = window.lock() else { return Err(FetchError::TooOften) };
        if now.since(window.began) >= Duration::from_mins(1) {
            *window = Window { began: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        if window.count > MAX_PER_MINUTE { Err(FetchError::TooOften) } else { Ok(()) }
    }
}

async fn read(response: Response, limit: usize) -> Result<Fetched, FetchError> {
    let headers = response.headers().clone();
    match read_capped(response, limit).await {
        Ok(body) => Ok(Fetched { headers, body }),
        Err(ReadError::TooLarge { .. }) => Err(FetchError::TooLarge),
        Err(ReadError::Transport(_)) => Err(FetchError::Transport),
    }
}

/// The guard's refusal lies at the bottom of the client's error.
fn classify(error: &reqwest::Error) -> FetchError {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<OutOfReach>() {
            return FetchError::OutOfReach;
        }
        source = cause.source();
    }
    FetchError::Transport
}

/// `application/json`, or another type that is JSON too.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.unwrap_or_default().split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

#[cfg(test)]
mod tests;
