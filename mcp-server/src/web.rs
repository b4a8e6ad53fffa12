//! The public web, for features: the only place of this server that connects to addresses that
//! callers have chosen.
//!
//! A connection goes to an address that was checked, never to a name that is resolved again; the
//! address that has answered is checked once more. Nothing is followed, nothing is sent along.

use std::{error::Error as _, fmt::Display, sync::Arc, time::Duration};

use chassis::{
    client::{ReadError, Timeouts, guarded_http_client, read_capped},
    reach::{self, Guard, Lookup, OutOfReach, Reach},
};
use futures_util::future::BoxFuture;
use http::header::LOCATION;
use mcp_core::{Answered, Web, WebError};
use reqwest::Response;
use tokio::{
    sync::{OnceCell, Semaphore},
    task::spawn_blocking,
};
use url::{Host, Url};

/// How many requests are out at once, for all callers together.
const MOST_AT_ONCE: usize = 8;

/// How long one request may take. A feature that wants less gives up earlier.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(5), total: Duration::from_mins(1) };

/// Fetches what features ask for.
pub(crate) struct PublicWeb {
    /// Made when a feature asks for the first time: that reads all certificates of the system, which
    /// takes longer than the rest of the start, and most servers never need it.
    http: OnceCell<reqwest::Client>,
    lookup: Lookup,
    reach: Reach,
    places: Semaphore,
}

impl PublicWeb {
    /// A web that begins where the public Internet does.
    pub(crate) fn new() -> Self {
        Self::with(reach::system(), Reach::Internet)
    }

    fn with(lookup: Lookup, reach: Reach) -> Self {
        Self { http: OnceCell::new(), lookup, reach, places: Semaphore::new(MOST_AT_ONCE) }
    }

    async fn http(&self) -> Result<&reqwest::Client, WebError> {
        let make = || async {
            let guard = Guard { lookup: Arc::clone(&self.lookup), reach: self.reach };
            let client = move || guarded_http_client("mcp-server", TIMEOUTS, guard);
            let client = spawn_blocking(client).await.map_err(|error| unmade(&error))?;
            client.map_err(|error| unmade(&error))
        };
        self.http.get_or_try_init(make).await
    }

    async fn fetch(&self, url: &str, most: usize) -> Result<Answered, WebError> {
        let url = self.checked(url)?;
        // Who would have to wait is turned away: what fills the places may be slow by intention.
        let _place = self.places.try_acquire().map_err(|_| WebError::Busy)?;
        let response =
            self.http().await?.get(url).send().await.map_err(|error| classified(&error))?;
        let peer = response.remote_addr().map(|address| address.ip());
        if !peer.is_some_and(|peer| self.reach.includes(peer)) {
            return Err(WebError::OutOfReach);
        }
        answered(response, most).await
    }

    /// What can be told from the URL alone. Names are checked when they are resolved.
    fn checked(&self, url: &str) -> Result<Url, WebError> {
        let url: Url = url.parse().map_err(|_| WebError::Unusable)?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !["http", "https"].contains(&url.scheme()) || has_user {
            return Err(WebError::Unusable);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(WebError::Unusable),
        };
        let is_within = address.is_none_or(|address| self.reach.includes(address));
        if is_within { Ok(url) } else { Err(WebError::OutOfReach) }
    }
}

/// Without a client, nothing is fetched. Why is the operator's business.
fn unmade(error: &dyn Display) -> WebError {
    tracing::error!(%error, "no HTTP client could be made for features");
    WebError::Failed
}

async fn answered(response: Response, most: usize) -> Result<Answered, WebError> {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    if let Some(location) = location.filter(|_| status.is_redirection()) {
        return Ok(Answered::Moved(location.to_owned()));
    }
    if !status.is_success() {
        return Ok(Answered::Status(status.as_u16()));
    }
    match read_capped(response, most).await {
        Ok(content) => Ok(Answered::Content(content)),
        Err(ReadError::TooLarge { .. }) => Err(WebError::TooLarge { most }),
        Err(ReadError::Transport(_)) => Err(WebError::Failed),
    }
}

/// The guard's refusal lies at the bottom of the client's error.
fn classified(error: &reqwest::Error) -> WebError {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<OutOfReach>() {
            return WebError::OutOfReach;
        }
        source = cause.source();
    }
    WebError::Failed
}

impl Web for PublicWeb {
    fn get<'a>(&'a self, url: &'a str, most: usize) -> BoxFuture<'a, Result<Answered, WebError>> {
        Box::pin(self.fetch(url, most))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use ambient::Clock;
    use axum::{Router, response::Redirect, routing::get};
    use chassis::{Lifecycle, Limits};
    use http::StatusCode;
    use tokio::net::TcpListener;

    use super::*;

    /// A host, and a web in which every name leads to it.
    struct Host {
        address: SocketAddr,
        lifecycle: Lifecycle,
    }

    impl Drop for Host {
        fn drop(&mut self) {
            self.lifecycle.abort();
        }
    }

    impl Host {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let lifecycle = Lifecycle::new(Clock::system(), Duration::ZERO);
            let life = lifecycle.clone();
            lifecycle.spawn(async move {
                chassis::serve(listener, routes(), Limits::default(), &life).await.unwrap();
            });
            Self { address, lifecycle }
        }

        async fn fetch(&self, reach: Reach, path: &str) -> Result<Answered, WebError> {
            let ip = self.address.ip();
            let lookup: Lookup = Arc::new(move |_| Box::pin(async move { Ok(vec![ip]) }));
            let url = format!("http://a.example:{}{path}", self.address.port());
            PublicWeb::with(lookup, reach).get(&url, 10).await
        }
    }

    fn routes() -> Router {
        Router::new()
            .route("/small", get(|| async { "hello" }))
            .route("/large", get(|| async { "hello, everybody" }))
            .route("/moved", get(|| async { Redirect::to("http://127.0.0.1/") }))
            .route("/gone", get(|| async { (StatusCode::GONE, "hello") }))
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_gets_no_connection() {
        let host = Host::start().await;
        assert_eq!(host.fetch(Reach::Internet, "/small").await, Err(WebError::OutOfReach));
    }

    #[tokio::test]
    async fn content_comes_if_it_is_small_enough() {
        let host = Host::start().await;
        let small = host.fetch(Reach::Anywhere, "/small").await;
        assert_eq!(small, Ok(Answered::Content("hello".into())));
        let large = host.fetch(Reach::Anywhere, "/large").await;
        assert_eq!(large, Err(WebError::TooLarge { most: 10 }));
    }

    #[tokio::test]
    async fn nothing_is_followed_and_no_failure_is_content() {
        let host = Host::start().await;
        let moved = host.fetch(Reach::Anywhere, "/moved").await;
        assert_eq!(moved, Ok(Answered::Moved("http://127.0.0.1/".to_owned())));
        assert_eq!(host.fetch(Reach::Anywhere, "/gone").await, Ok(Answered::Status(410)));
    }

    #[tokio::test]
    async fn an_address_in_the_url_is_checked_as_well() {
        let web = PublicWeb::new();
        for url in
            ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "http://0x7f.1/"]
        {
            assert_eq!(web.get(url, 10).await, Err(WebError::OutOfReach), "{url}");
            assert!(!web.http.initialized(), "what is not fetched needs no client");
        }
        for url in [
            "file:///etc/passwd",
            "http://user@example.com/",
            "http://:pass@example.com/",
            "nothing",
        ] {
            assert_eq!(web.get(url, 10).await, Err(WebError::Unusable), "{url}");
        }
    }
}
