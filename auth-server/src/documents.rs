//! Clients that are known by a document of theirs: fetched when a person brings the client along,
//! and kept for as long as HTTP allows.
//!
//! What a host says is final: a document that is gone or wrong withdraws the client. That a host
//! cannot be reached says nothing, and the copy that is there goes on for a while.

use std::time::{Duration, SystemTime};

use ambient::{Clock, Timestamp};
use http::{HeaderMap, Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};
use moka::future::Cache;

use crate::{
    config::ClientDocuments,
    domain::{BadDocument, Client, ClientUrl, MetadataError, read_document},
    fetch::{FetchError, Fetcher},
};

/// How many documents are kept.
const MAX_KEPT: u64 = 1000;

/// A document is kept at least this long, and so is the knowledge that there is none.
const MIN_FRESH: Duration = Duration::from_secs(30);

/// A document is kept no longer than this, whatever its host says, and used no longer if its host
/// cannot be reached.
const MAX_FRESH: Duration = Duration::from_hours(24);

/// All documents that are known.
pub(crate) struct Documents {
    fetcher: Fetcher,
    policy: ClientDocuments,
    clock: Clock,
    kept: Cache<String, Kept>,
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("documents of this host are not read here")]
    Host,
    #[error("the document could not be fetched: {0}")]
    Fetch(#[from] FetchError),
    #[error("the document is not that of a client: {0}")]
    Bad(#[from] BadDocument),
}

/// What came of a document.
#[derive(Clone)]
struct Kept {
    result: Result<Client, DocumentError>,
    /// When it is asked for again.
    fresh_until: Timestamp,
    /// How long a client goes on while its host cannot be reached.
    usable_until: Timestamp,
}

impl Documents {
    /// Nothing is known yet.
    pub(crate) fn new(fetcher: Fetcher, policy: ClientDocuments, clock: Clock) -> Self {
        Self { fetcher, policy, clock, kept: Cache::new(MAX_KEPT) }
    }

    /// The client of this name, as its document says. All who ask at the same time wait for one
    /// fetch.
    pub(crate) async fn client(&self, url: &ClientUrl) -> Result<Client, DocumentError> {
        let hosts = &self.policy.hosts;
        if !hosts.is_empty() && !hosts.iter().any(|host| host == url.host()) {
            return Err(DocumentError::Host);
        }
        let before = self.kept.get(url.as_str()).await;
        let entry = self.kept.entry_by_ref(url.as_str());
        let is_stale = |kept: &Kept| kept.fresh_until <= self.clock.now();
        let now = entry.or_insert_with_if(self.ask(url, before), is_stale).await;
        now.into_value().result
    }

    /// Whether nothing has to be fetched to know this client.
    pub(crate) async fn knows(&self, url: &ClientUrl) -> bool {
        let kept = self.kept.get(url.as_str()).await;
        kept.is_some_and(|kept| self.clock.now() < kept.fresh_until)
    }

    async fn ask(&self, url: &ClientUrl, before: Option<Kept>) -> Kept {
        let fetched = self.fetcher.json(url.url()).await;
        let now = self.clock.now();
        let mut fresh_until = now + MIN_FRESH;
        let result = match fetched {
            Ok(fetched) => {
                let anywhere = self.policy.allow_private;
                let client = read_document(url, &fetched.body, now).and_then(|client| {
                    client.check_keys(anywhere).map_err(MetadataError::from)?;
                    Ok(client)
                });
                if client.is_ok() {
                    fresh_until = now + fresh_for(url, &fetched.headers, now);
                }
                client.map_err(DocumentError::from)
            }
            Err(error) => {
                let usable = before.filter(|kept| error.is_passing() && now < kept.usable_until);
                if let Some(Kept { result: Ok(client), usable_until, .. }) = usable {
                    tracing::warn!(client = url.as_str(), %error, "an old document is used");
                    let fresh_until = fresh_until.min(usable_until);
                    return Kept { result: Ok(client), fresh_until, usable_until };
                }
                Err(error.into())
            }
        };
        if matches!(result, Err(DocumentError::Fetch(FetchError::Busy | FetchError::TooOften))) {
            // That was our own doing, and says nothing about the document.
            fresh_until = now;
        }
        Kept { result, fresh_until, usable_until: now + MAX_FRESH }
    }
}

impl DocumentError {
    /// Whether the client has been withdrawn by its host.
    pub(crate) fn is_withdrawal(&self) -> bool {
        match self {
            Self::Bad(_) => true,
            Self::Fetch(error) => matches!(
                error,
                FetchError::Status(StatusCode::NOT_FOUND | StatusCode::GONE)
                    | FetchError::MediaType
                    | FetchError::TooLarge
            ),
            Self::Host => false,
        }
    }

    /// Whether it may work in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.is_passing())
    }
}

/// How long a document may be used without asking again (RFC 9111), within our limits.
fn fresh_for(url: &ClientUrl, headers: &HeaderMap, now: Timestamp) -> Duration {
    let mut response = Response::new(());
    *response.headers_mut() = headers.clone();
    let Ok(request) = Request::get(url.url().as_str()).body(()) else { return MIN_FRESH };
    let now = SystemTime::UNIX_EPOCH + now.since(Timestamp::default());
    let policy = CachePolicy::new_options(&request, &response, now, CacheOptions::default());
    policy.time_to_live(now).clamp(MIN_FRESH, MAX_FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_kept_as_http_says_within_limits() {
        let now = Timestamp::from_secs(784_111_777);
        let url = ClientUrl::parse("https://a.example/c", false).unwrap();
        let table = [
            (vec![("cache-control", "max-age=600")], 600),
            (vec![("cache-control", "max-age=600"), ("age", "100")], 500),
            (vec![("cache-control", "max-age=1")], 30),
            (vec![("cache-control", "no-store")], 30),
            (vec![("cache-control", "max-age=31536000")], 86400),
            (vec![], 30),
            (
                vec![
                    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                    ("expires", "Sun, 06 Nov 1994 09:49:37 GMT"),
                ],
                3600,
            ),
        ];
        for (pairs, seconds) in table {
            let header = |(name, value): &(&'static str, &str)| {
                (name.parse().unwrap(), value.parse().unwrap())
            };
            let headers = pairs.iter().map(header).collect();
            assert_eq!(fresh_for(&url, &headers, now).as_secs(), seconds, "{pairs:?}");
        }
    }

    #[test]
    fn only_what_a_host_says_is_final() {
        let status = |code| FetchError::Status(StatusCode::from_u16(code).unwrap());
        for error in [status(404), status(410), FetchError::TooLarge, FetchError::MediaType] {
            assert!(DocumentError::from(error).is_withdrawal(), "{error}");
        }
        for error in [status(500), status(503), FetchError::Transport, FetchError::Busy] {
            let error = DocumentError::from(error);
            assert!(error.is_passing() && !error.is_withdrawal(), "{error}");
        }
        for error in [status(302), status(403), FetchError::OutOfReach, FetchError::Scheme] {
            let error = DocumentError::from(error);
            assert!(!error.is_passing() && !error.is_withdrawal(), "{error}");
        }
    }
}
