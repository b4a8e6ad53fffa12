//! Who comes too often, and who guesses: limits per address and the ladder of failed logins.
//!
//! Everything is counted in the store, so it holds whatever instance is asked. A store that does not
//! answer is an outage and never an open door. Why the limits are as they are: decision 0018.

mod address;
mod attempts;
mod budget;
mod ladder;
mod settings;

use std::{sync::Arc, time::Duration};

use ambient::Clock;
use store::{Counter, Store, StoreError, Table};

use self::attempts::Attempts;
pub(crate) use self::{address::Caller, budget::Budget};
pub use self::{
    address::TrustedProxies,
    budget::Rate,
    ladder::{Ladder, Step},
    settings::GuardSettings,
};

/// What the keys of all counts begin with.
const COUNTS: &str = "auth:limit:";

/// Counts who comes how often. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Inner>);

struct Inner {
    settings: GuardSettings,
    clock: Clock,
    names: Store,
    counts: Counter,
    attempts: Table<Attempts>,
}

/// Why somebody is not let through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there were too many requests; the next one may come in {} seconds", seconds(*wait))]
    TooMany { wait: Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Guard {
    /// Nothing has been counted yet, or what others have counted in the same store.
    pub(crate) fn new(settings: GuardSettings, clock: Clock, store: &Store) -> Self {
        let (counts, attempts) = (store.counter(COUNTS), store.table());
        Self(Arc::new(Inner { settings, clock, names: store.clone(), counts, attempts }))
    }

    /// Which hops are believed about where a request comes from.
    pub(crate) fn proxies(&self) -> &TrustedProxies {
        &self.0.settings.proxies
    }

    /// Takes one from what the caller may do in a while. This machine's own addresses are not
    /// counted: who comes from there is at home, or hides behind a proxy that we were not told of,
    /// and then all the world would share one budget.
    pub(crate) async fn spend(&self, budget: Budget, caller: &Caller) -> Result<(), Refusal> {
        match caller.prefix() {
            Some(prefix) => self.count(budget, &self.0.names.alias(&prefix)).await,
            None => Ok(()),
        }
    }

    /// Takes one from what all callers together may do in a while.
    pub(crate) async fn spend_for_all(&self, budget: Budget) -> Result<(), Refusal> {
        self.count(budget, "all").await
    }

    async fn count(&self, budget: Budget, whose: &str) -> Result<(), Refusal> {
        let Some(rate) = self.0.settings.rate(budget) else { return Ok(()) };
        let name = format!("{}:{whose}", budget.name());
        let count = self.0.counts.add(&name, rate.window).await?;
        if count.value <= rate.count {
            Ok(())
        } else {
            Err(Refusal::TooMany { wait: count.ends_in })
        }
    }
}

/// A wait in whole seconds, at least one: what `Retry-After` says.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let table = [(0, 1), (1, 1), (1000, 1), (1001, 2), (60_000, 60)];
        for (millis, whole) in table {
            assert_eq!(seconds(Duration::from_millis(millis)), whole, "{millis}");
        }
    }
}
