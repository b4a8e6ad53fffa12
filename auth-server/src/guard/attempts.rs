//! Attempts to log in. Each is counted as a failure before the password is looked at, so that a
//! thousand at once get no further than one after the other; the good one is taken back.

use std::{convert::Infallible, time::Duration};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Record, StoreError, UpdateError};

use super::{Caller, Guard, Ladder, Refusal};
use crate::domain::sha256_hex;

/// How long failures are remembered after the last one and its pause.
const MEMORY: Duration = Duration::from_hours(24);

/// The attempts on one account, or from one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    failures: u32,
    /// When the next one may be made.
    open_at: Timestamp,
}

impl Record for Attempts {
    const PREFIX: &'static str = "auth:ladder:";
}

/// An attempt that may go on, counted as a failure so far.
#[derive(Debug)]
#[must_use = "a login that was good is taken back"]
pub(crate) struct Login {
    account: String,
    address: Option<String>,
}

impl Attempts {
    /// One more, or how long to wait.
    fn one_more(self, ladder: &Ladder, now: Timestamp) -> Result<Self, Duration> {
        if now < self.open_at {
            return Err(self.open_at.since(now));
        }
        let failures = self.failures.saturating_add(1);
        Ok(Self { failures, open_at: now + ladder.pause_after(failures) })
    }

    /// One less: it was no failure. The pause it may have begun has no ground any more.
    fn one_less(self) -> Self {
        Self { failures: self.failures.saturating_sub(1), open_at: Timestamp::default() }
    }
}

impl Guard {
    /// Begins an attempt to log in to an account, whether there is one of this name or not.
    pub(crate) async fn begin_login(&self, name: &str, caller: &Caller) -> Result<Login, Refusal> {
        let names = &self.0.names;
        let account = format!("account:{}", names.alias(&sha256_hex(&["account", name])));
        let address = caller.prefix();
        let address = address.map(|prefix| format!("address:{}", names.alias(&prefix)));
        if let Some(address) = &address {
            self.attempt(address, &self.0.settings.address_ladder).await?;
        }
        self.attempt(&account, &self.0.settings.account_ladder).await?;
        Ok(Login { account, address })
    }

    /// The password was right. The account begins anew; the address does not, or an attacker could
    /// clear it with a login of his own.
    pub(crate) async fn end_login(&self, login: Login) -> Result<(), StoreError> {
        let attempts = &self.0.attempts;
        attempts.remove(&login.account).await?;
        match &login.address {
            Some(address) => self.take_back(address).await,
            None => Ok(()),
        }
    }

    /// The password was not looked at, for a reason of ours: nothing was tried.
    pub(crate) async fn abandon_login(&self, login: Login) -> Result<(), StoreError> {
        self.take_back(&login.account).await?;
        match &login.address {
            Some(address) => self.take_back(address).await,
            None => Ok(()),
        }
    }

    async fn take_back(&self, id: &str) -> Result<(), StoreError> {
        match self.0.attempts.update(id, |seen| Ok::<_, Infallible>(seen.one_less())).await {
            Ok(_) => Ok(()),
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Change(never)) => match never {},
        }
    }

    async fn attempt(&self, id: &str, ladder: &Ladder) -> Result<(), Refusal> {
        let (attempts, now) = (&self.0.attempts, self.0.clock.now());
        let keep = MEMORY + ladder.longest();
        let one_more = |seen: Attempts| seen.one_more(ladder, now);
        let first = Attempts::default().one_more(ladder, now).unwrap_or_default();
        // The record can come and go in between, but not for ever.
        loop {
            match attempts.update(id, one_more).await {
                Ok(Some(_)) => {
                    attempts.get_and_keep(id, keep).await?;
                    return Ok(());
                }
                Ok(None) if attempts.claim(id, &first, keep).await? => return Ok(()),
                Ok(None) => {}
                Err(UpdateError::Change(wait)) => return Err(Refusal::TooMany { wait }),
                Err(UpdateError::Store(error)) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Clock;
    use store::Store;
    use tokio::task::JoinSet;

    use super::*;
    use crate::guard::GuardSettings;

    fn guard(clock: &Clock) -> Guard {
        let ladder: Ladder = "3:60,5:600".parse().unwrap();
        let settings = GuardSettings {
            account_ladder: ladder.clone(),
            address_ladder: ladder,
            ..GuardSettings::default()
        };
        Guard::new(settings, clock.clone(), &Store::memory(clock.clone()))
    }

    fn from(address: &str) -> Caller {
        let peer = std::net::SocketAddr::new(address.parse().unwrap(), 1);
        Caller::of(Some(peer), &http::HeaderMap::new(), &"".parse().unwrap())
    }

    async fn wait(guard: &Guard, name: &str, address: &str) -> Option<u64> {
        match guard.begin_login(name, &from(address)).await {
            Ok(_) => None,
            Err(Refusal::TooMany { wait }) => Some(wait.as_secs()),
            Err(Refusal::Store(error)) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn each_step_has_a_longer_pause() {
        let clock = Clock::manual(Timestamp::from_secs(1000));
        let guard = guard(&clock);
        for _ in 0..3 {
            assert_eq!(wait(&guard, "alice", "127.0.0.1").await, None);
        }
        assert_eq!(wait(&guard, "alice", "127.0.0.1").await, Some(60));
        assert_eq!(wait(&guard, "bob", "127.0.0.1").await, None);
        clock.advance(Duration::from_mins(1));
        assert_eq!(wait(&guard, "alice", "127.0.0.1").await, None);
        assert_eq!(wait(&guard, "alice", "127.0.0.1").await, None);
        assert_eq!(wait(&guard, "alice", "127.0.0.1").await, Some(600));
    }

    #[tokio::test]
    async fn a_thousand_at_once_get_no_further_than_one_after_the_other() {
        let guard = guard(&Clock::manual(Timestamp::from_secs(1000)));
        let mut tries = JoinSet::new();
        for _ in 0..1000 {
            let guard = guard.clone();
            tries.spawn(async move { wait(&guard, "alice", "127.0.0.1").await });
        }
        let through = tries.join_all().await.into_iter().filter(Option::is_none).count();
        assert_eq!(through, 3);
    }

    #[tokio::test]
    async fn who_tries_many_accounts_is_stopped_by_address() {
        let guard = guard(&Clock::manual(Timestamp::from_secs(1000)));
        for name in ["a", "b", "c"] {
            assert_eq!(wait(&guard, name, "2001:db8::1").await, None);
        }
        assert_eq!(wait(&guard, "d", "2001:db8::ffff").await, Some(60));
        assert_eq!(wait(&guard, "d", "2001:db8:0:1::1").await, None);
    }

    #[tokio::test]
    async fn a_good_login_clears_the_account_and_not_the_address() {
        let guard = guard(&Clock::manual(Timestamp::from_secs(1000)));
        let address = "203.0.113.7";
        for _ in 0..2 {
            assert_eq!(wait(&guard, "alice", address).await, None);
        }
        let good = guard.begin_login("alice", &from(address)).await.unwrap();
        guard.end_login(good).await.unwrap();
        assert_eq!(wait(&guard, "alice", address).await, None);
        assert_eq!(wait(&guard, "bob", address).await, Some(60));
        assert_eq!(wait(&guard, "alice", "203.0.113.8").await, None);
    }

    #[tokio::test]
    async fn failures_are_forgotten_a_day_after_the_last_pause() {
        let clock = Clock::manual(Timestamp::from_secs(1000));
        let guard = guard(&clock);
        for _ in 0..3 {
            assert_eq!(wait(&guard, "alice", "127.0.0.1").await, None);
        }
        clock.advance(MEMORY + Duration::from_mins(10));
        for _ in 0..3 {
            assert_eq!(wait(&guard, "alice", "127.0.0.1").await, None);
        }
    }
}
