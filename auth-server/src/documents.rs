//! Clients that are known by a document of theirs: fetched when a person brings the client along,
//! and kept for as long as HTTP allows.
//!
//! What a host says is final: a document that is gone or wrong withdraws the client, if the host says
//! it twice. That a host cannot be reached says nothing, and the copy that is there goes on for a while.
//!
//! Each instance has copies of its own. What the store has heard since counts more than a copy
//! ([`Heard`]): whoever holds the older word asks the host again.

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

/// The last that any instance has heard of a client from its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// What the document said at this moment has let the client in.
    Good(Timestamp),
    /// At this moment it was gone or wrong.
    Withdrawn(Timestamp),
}

/// There is no client.
#[derive(Clone, Debug)]
pub(crate) struct NoClient {
    /// Why.
    pub(crate) why: DocumentError,
    /// When that was found out.
    pub(crate) at: Timestamp,
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
    /// When the host was asked.
    at: Timestamp,
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
    /// fetch. `heard` is what the store knows.
    pub(crate) async fn client(
        &self,
        url: &ClientUrl,
        heard: Option<Heard>,
    ) -> Result<Client, NoClient> {
        let hosts = &self.policy.hosts;
        if !hosts.is_empty() && !hosts.iter().any(|host| host == url.host()) {
            return Err(NoClient { why: DocumentError::Host, at: self.clock.now() });
        }
        let before = self.kept.get(url.as_str()).await.filter(|kept| kept.stands(heard));
        let entry = self.kept.entry_by_ref(url.as_str());
        let is_stale = |kept: &Kept| !kept.is_fresh(heard, self.clock.now());
        let now = entry.or_insert_with_if(self.ask(url, before, heard), is_stale).await;
        let Kept { result, at, .. } = now.into_value();
        result.map_err(|why| NoClient { why, at })
    }

    /// Whether nothing has to be fetched to know this client.
    pub(crate) async fn knows(&self, url: &ClientUrl, heard: Option<Heard>) -> bool {
        let kept = self.kept.get(url.as_str()).await;
        kept.is_some_and(|kept| kept.is_fresh(heard, self.clock.now()))
    }

    async fn ask(&self, url: &ClientUrl, before: Option<Kept>, heard: Option<Heard>) -> Kept {
        let mut read = self.read(url, heard).await;
        if read.as_ref().is_err_and(DocumentError::is_withdrawal) {
            // What ends every login of a client is no single answer of a host with many machines.
            read = self.read(url, heard).await;
        }
        let now = self.clock.now();
        let (at, usable_until) = (later_than(heard, now), now + MAX_FRESH);
        match read {
            Ok((client, fresh)) => {
                Kept { result: Ok(client), at, fresh_until: now + fresh, usable_until }
            }
            Err(error) => {
                let usable = before.filter(|kept| error.is_passing() && now < kept.usable_until);
                if let Some(Kept { result: Ok(client), at, usable_until, .. }) = usable {
                    tracing::warn!(client = url.as_str(), %error, "an old document is used");
                    let fresh_until = (now + MIN_FRESH).min(usable_until);
                    return Kept { result: Ok(client), at, fresh_until, usable_until };
                }
                // What was our own doing says nothing about the document.
                let is_ours =
                    matches!(error, DocumentError::Fetch(FetchError::Busy | FetchError::TooOften));
                let fresh_until = if is_ours { now } else { now + MIN_FRESH };
                Kept { result: Err(error), at, fresh_until, usable_until }
            }
        }
    }

    /// The client that the document makes now, and how long it may be used.
    async fn read(
        &self,
        url: &ClientUrl,
        heard: Option<Heard>,
    ) -> Result<(Client, Duration), DocumentError> {
        let fetched = self.fetcher.json(url.url()).await?;
        let now = self.clock.now();
        let client = read_document(url, &fetched.body, later_than(heard, now))?;
        let anywhere = self.policy.allow_private;
        client.check_keys(anywhere).map_err(|why| BadDocument::from(MetadataError::from(why)))?;
        Ok((client, fresh_for(url, &fetched.headers, now)))
    }
}

impl Kept {
    fn is_fresh(&self, heard: Option<Heard>, now: Timestamp) -> bool {
        now < self.fresh_until && self.stands(heard)
    }

    /// Whether nobody has heard the contrary since.
    fn stands(&self, heard: Option<Heard>) -> bool {
        match (&self.result, heard) {
            (Ok(_), Some(Heard::Withdrawn(at))) | (Err(_), Some(Heard::Good(at))) => at < self.at,
            (Ok(_), Some(Heard::Good(_))) | (Err(_), Some(Heard::Withdrawn(_))) | (_, None) => true,
        }
    }
}

/// Now; and after what was heard before, however the clocks of the instances differ.
fn later_than(heard: Option<Heard>, now: Timestamp) -> Timestamp {
    let Some(Heard::Good(at) | Heard::Withdrawn(at)) = heard else { return now };
    now.max(at + Duration::from_millis(1))
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
    fn what_is_heard_later_is_later_on_every_clock() {
        let (now, ahead) = (Timestamp::from_secs(100), Timestamp::from_secs(160));
        assert_eq!(later_than(None, now), now);
        for heard in [Heard::Good(ahead), Heard::Withdrawn(ahead)] {
            assert!(later_than(Some(heard), now) > ahead, "{heard:?}");
            assert_eq!(later_than(Some(heard), Timestamp::from_secs(200)).as_secs(), 200);
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
