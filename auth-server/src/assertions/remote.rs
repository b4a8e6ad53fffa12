//! Keys that are published at an address: fetched when an assertion needs them, kept for a while,
//! and asked for again when one names a key that is not among them.

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Timestamp};
use moka::future::Cache;
use serde_json::Value;
use url::Url;

use super::{BadKeys, PublicKeys};
use crate::{
    domain::Unique,
    fetch::{FetchError, Fetcher},
};

/// How many documents are kept.
const MAX_KEPT: u64 = 1000;

/// Larger documents are refused. Those of large providers carry certificates.
const MAX_DOCUMENT: usize = 64 * 1024;

/// How long keys are kept without being asked for again.
const FRESH: Duration = Duration::from_mins(10);

/// How soon keys are asked for again at the earliest, whatever strangers name.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// How long keys go on if their host cannot be reached.
const USABLE: Duration = Duration::from_hours(1);

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("their address is not a URL")]
    Url,
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("{0}")]
    Keys(#[from] BadKeys),
}

impl RemoteError {
    /// Whether it may work in a moment.
    pub(crate) const fn is_passing(self) -> bool {
        matches!(self, Self::Fetch(error) if error.is_passing())
    }
}

/// The documents that are known.
pub(super) struct RemoteKeys {
    fetcher: Fetcher,
    clock: Clock,
    kept: Cache<String, Kept>,
}

#[derive(Clone)]
struct Kept {
    result: Result<Arc<PublicKeys>, RemoteError>,
    asked_at: Timestamp,
    /// When the host has last told these keys.
    told_at: Timestamp,
}

impl RemoteKeys {
    pub(super) fn new(fetcher: Fetcher, clock: Clock) -> Self {
        Self { fetcher, clock, kept: Cache::new(MAX_KEPT) }
    }

    /// The keys at this address. They are asked for again if they are not `enough`.
    pub(super) async fn keys(
        &self,
        url: &Url,
        enough: impl Fn(&PublicKeys) -> bool + Send + Sync,
    ) -> Result<Arc<PublicKeys>, RemoteError> {
        let before = self.kept.get(url.as_str()).await;
        let is_stale = |kept: &Kept| {
            let age = self.clock.now().since(kept.asked_at);
            match &kept.result {
                Ok(keys) => age >= FRESH || age >= COOL_DOWN && !enough(keys),
                Err(_) => age >= COOL_DOWN,
            }
        };
        let entry = self.kept.entry_by_ref(url.as_str());
        let now = entry.or_insert_with_if(self.ask(url, before), is_stale).await;
        now.into_value().result
    }

    async fn ask(&self, url: &Url, before: Option<Kept>) -> Kept {
        let result = self.fetch(url).await;
        let now = self.clock.now();
        if let (Err(error), Some(kept)) = (&result, before) {
            let is_usable = kept.result.is_ok() && now < kept.told_at + USABLE;
            if error.is_passing() && is_usable {
                tracing::warn!(url = url.as_str(), %error, "old keys are used");
                return Kept { asked_at: now, ..kept };
            }
        }
        Kept { result, asked_at: now, told_at: now }
    }

    async fn fetch(&self, url: &Url) -> Result<Arc<PublicKeys>, RemoteError> {
        let fetched = self.fetcher.json_within(url, MAX_DOCUMENT).await?;
        let set = serde_json::from_slice::<Unique>(&fetched.body);
        let Unique(set) = set.unwrap_or(Unique(Value::Null));
        Ok(Arc::new(PublicKeys::read(&set)?))
    }
}
