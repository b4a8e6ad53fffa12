//! What is remembered of checks: by the hash of the whole token, for a short time, never beyond the
//! token's own end.

use std::time::Duration;

use ambient::{Secret, Timestamp};
use moka::future::Cache;
use sha2::{Digest as _, Sha256};

use super::token::{Inactive, Validated};
use crate::config::{CacheSettings, Outage};

/// A token is remembered by the hash of all of it, never by a part and never itself.
pub(super) type TokenHash = [u8; 32];

pub(super) fn hash(token: &Secret) -> TokenHash {
    Sha256::digest(token.expose()).into()
}

#[derive(Clone)]
struct Good {
    validated: Validated,
    fresh_until: Timestamp,
}

/// The good and the bad, apart from each other: garbage cannot push out a good token.
pub(super) struct TokenCache {
    settings: CacheSettings,
    /// How long beyond its freshness a good token is kept, for an outage.
    stale: Duration,
    good: Cache<TokenHash, Good>,
    bad: Cache<TokenHash, (Inactive, Timestamp)>,
}

impl TokenCache {
    pub(super) fn new(settings: CacheSettings, outage: Outage) -> Self {
        let stale = match outage {
            Outage::Closed => Duration::ZERO,
            Outage::Stale(time) => time,
        };
        // The lifetimes here bound what is kept; what is believed is decided on every hit.
        let cache =
            |life| Cache::builder().max_capacity(settings.entries).time_to_live(life).build();
        Self {
            settings,
            stale,
            good: cache(settings.ttl.saturating_add(stale)),
            bad: Cache::builder()
                .max_capacity(settings.entries)
                .time_to_live(settings.negative_ttl)
                .build(),
        }
    }

    /// Whether every request is to be checked for itself.
    pub(super) const fn is_off(&self) -> bool {
        self.settings.ttl.is_zero() || self.settings.entries == 0
    }

    /// What is known of a token now.
    pub(super) async fn get(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Option<Result<Validated, Inactive>> {
        if let Some(good) = self.good.get(hash).await
            && now < good.fresh_until
            && now < good.validated.expires_at
        {
            return Some(Ok(good.validated));
        }
        let (why, until) = self.bad.get(hash).await?;
        (now < until).then_some(Err(why))
    }

    /// What was known of it lately, for an outage.
    pub(super) async fn stale(&self, hash: &TokenHash, now: Timestamp) -> Option<Validated> {
        let good = self.good.get(hash).await?;
        let usable = now < good.fresh_until + self.stale && now < good.validated.expires_at;
        (usable && !self.stale.is_zero()).then_some(good.validated)
    }

    pub(super) async fn remember(
        &self,
        hash: TokenHash,
        outcome: Result<Validated, Inactive>,
        now: Timestamp,
    ) {
        match outcome {
            Ok(_) if self.settings.ttl.is_zero() && self.stale.is_zero() => {}
            Ok(validated) => {
                let fresh_until = validated.expires_at.min(now + self.settings.ttl);
                self.bad.invalidate(&hash).await;
                self.good.insert(hash, Good { validated, fresh_until }).await;
            }
            Err(why) => {
                // What was good and is no longer must not come back in an outage.
                self.good.invalidate(&hash).await;
                if !self.settings.negative_ttl.is_zero() {
                    self.bad.insert(hash, (why, now + self.settings.negative_ttl)).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mcp_core::Principal;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn cache(ttl: u64, negative_ttl: u64, outage: Outage) -> TokenCache {
        let [ttl, negative_ttl] = [ttl, negative_ttl].map(Duration::from_secs);
        TokenCache::new(CacheSettings { ttl, negative_ttl, entries: 10_000 }, outage)
    }

    fn good(expires_at: u64) -> Validated {
        let principal = Arc::new(Principal::anonymous());
        Validated::new(principal, Timestamp::from_secs(expires_at), None)
    }

    fn later(seconds: u64) -> Timestamp {
        NOW + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn ten_thousand_garbage_tokens_do_not_push_out_a_good_one() {
        let cache = cache(30, 5, Outage::Closed);
        cache.remember([1; 32], Ok(good(2000)), NOW).await;
        for n in 0..10_000_u32 {
            let garbage = hash(&Secret::new(format!("garbage-{n}")));
            assert!(cache.get(&garbage, NOW).await.is_none());
            cache.remember(garbage, Err(Inactive::NotActive), NOW).await;
        }
        cache.good.run_pending_tasks().await;
        assert!(cache.get(&[1; 32], later(29)).await.is_some_and(|known| known.is_ok()));
    }

    #[tokio::test]
    async fn it_holds_no_more_than_it_has_places_for() {
        let settings = CacheSettings {
            ttl: Duration::from_mins(1),
            negative_ttl: Duration::from_mins(1),
            entries: 100,
        };
        let cache = TokenCache::new(settings, Outage::Closed);
        for n in 0..1000_u32 {
            let of = |kind| hash(&Secret::new(format!("{kind}-{n}")));
            cache.remember(of("good"), Ok(good(2000)), NOW).await;
            cache.remember(of("bad"), Err(Inactive::NotActive), NOW).await;
        }
        cache.good.run_pending_tasks().await;
        cache.bad.run_pending_tasks().await;
        let held = [cache.good.entry_count(), cache.bad.entry_count()];
        assert!(held.into_iter().all(|count| (1..=100).contains(&count)), "{held:?}");
    }

    #[tokio::test]
    async fn a_token_is_never_good_beyond_its_own_end_nor_its_time_here() {
        let cache = cache(30, 5, Outage::Stale(Duration::from_mins(1)));
        cache.remember([1; 32], Ok(good(1010)), NOW).await;
        assert!(cache.get(&[1; 32], later(9)).await.is_some());
        assert!(cache.get(&[1; 32], later(10)).await.is_none());
        assert!(cache.stale(&[1; 32], later(10)).await.is_none());
        cache.remember([2; 32], Ok(good(2000)), NOW).await;
        assert!(cache.get(&[2; 32], later(30)).await.is_none());
        assert!(cache.stale(&[2; 32], later(89)).await.is_some());
        assert!(cache.stale(&[2; 32], later(90)).await.is_none());
    }

    #[tokio::test]
    async fn zero_switches_off() {
        let cache = cache(0, 0, Outage::Closed);
        assert!(cache.is_off());
        cache.remember([1; 32], Ok(good(2000)), NOW).await;
        cache.remember([2; 32], Err(Inactive::NotActive), NOW).await;
        for key in [[1; 32], [2; 32]] {
            assert!(cache.get(&key, NOW).await.is_none());
        }
    }

    #[tokio::test]
    async fn what_was_revoked_does_not_come_back_in_an_outage() {
        let cache = cache(30, 5, Outage::Stale(Duration::from_mins(1)));
        cache.remember([1; 32], Ok(good(2000)), NOW).await;
        cache.remember([1; 32], Err(Inactive::NotActive), later(31)).await;
        assert!(cache.stale(&[1; 32], later(32)).await.is_none());
        assert_eq!(cache.get(&[1; 32], later(35)).await, Some(Err(Inactive::NotActive)));
        assert_eq!(cache.get(&[1; 32], later(36)).await, None);
    }

    #[tokio::test]
    async fn tokens_that_differ_in_one_place_are_two_tokens() {
        let cache = cache(30, 5, Outage::Closed);
        let token = "a".repeat(2000);
        cache.remember(hash(&Secret::new(token.clone())), Ok(good(2000)), NOW).await;
        for place in [0, 255, 256, 1023, 1999] {
            let mut other = token.clone();
            other.replace_range(place..=place, "b");
            assert!(cache.get(&hash(&Secret::new(other)), NOW).await.is_none(), "{place}");
        }
        let longer = Secret::new(format!("{token}a"));
        assert!(cache.get(&hash(&longer), NOW).await.is_none());
        assert!(cache.get(&hash(&Secret::new(token)), NOW).await.is_some());
    }
}
