//! The demo users. Their password is public; that it is hashed all the same shows how it is done.

use std::sync::Arc;

use ambient::Secret;
use argon2::{
    Argon2,
    password_hash::{PasswordVerifier as _, phc::PasswordHash},
};
use chassis::Fault;
use tokio::sync::Semaphore;

use crate::domain::User;

/// The password of every demo user.
pub(super) const DEMO_PASSWORD: &str = "wonderland";

/// Longer ones are not hashed at all.
const MAX_PASSWORD: usize = 1024;

/// How many passwords are hashed at once: each takes 19 MiB and a thread while it lasts.
const HASHES_AT_ONCE: usize = 2;

/// How many may wait for that: at some 50 milliseconds each, about a second and a half. Who comes
/// while all places are taken is told so at once.
const WAITING: usize = 62;

/// Why it is not known whether a password is right.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("too many passwords are being checked")]
    Busy,
    #[error("a password could not be checked")]
    Fault(Fault),
}

/// Somebody who can log in.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) sub: &'static str,
    pub(super) name: &'static str,
    /// Argon2id with 19 MiB and two passes (OWASP's least), in PHC form.
    hash: &'static str,
}

impl Account {
    /// Whether somebody means this one.
    pub(super) fn is(&self, hint: &str) -> bool {
        self.sub == hint || self.email() == hint
    }

    fn email(&self) -> String {
        format!("{}@example.com", self.sub)
    }
}

const ACCOUNTS: [Account; 3] = [
    Account {
        sub: "alice",
        name: "Alice Adams",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$YWxpY2UtbW9jay1pZHAtc2FsdA$weBxvuc4g5e4v5JxS2ZB5ncO+nHr7wqi4Yet8BPDwuM",
    },
    Account {
        sub: "bob",
        name: "Bob Brown",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$Ym9iLW1vY2staWRwLXNhbHQ$T7+5x7HrW8dGMzZRScXa/lblK37jbKJA8yTuU1lL5Hg",
    },
    Account {
        sub: "carol",
        name: "Carol Clark",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$Y2Fyb2wtbW9jay1pZHAtc2FsdA$pQWHQnmMsPAF6g9qn5+bEWjwdyfHQ7B9hw+nY6xeI+0",
    },
];

/// The users, and how much hashing goes on.
#[derive(Debug)]
pub(super) struct Users {
    accounts: &'static [Account],
    /// Who may hash, and who may wait for it.
    places: Arc<Semaphore>,
    permits: Arc<Semaphore>,
}

impl Users {
    /// Alice, Bob and Carol.
    pub(super) fn demo() -> Self {
        Self {
            accounts: &ACCOUNTS,
            places: Arc::new(Semaphore::new(HASHES_AT_ONCE + WAITING)),
            permits: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
        }
    }

    /// Who there is to choose from.
    pub(super) fn accounts(&self) -> &'static [Account] {
        self.accounts
    }

    /// The user of this name, if the password is right. An unknown name takes as long as a wrong
    /// password.
    pub(super) async fn log_in(
        &self,
        sub: &str,
        password: &Secret,
    ) -> Result<Option<User>, CheckError> {
        if password.expose().len() > MAX_PASSWORD {
            return Ok(None);
        }
        let account = self.accounts.iter().find(|account| account.sub == sub);
        let hash = account.or(self.accounts.first()).map_or("", |account| account.hash);
        let is_right = self.verify(password.clone(), hash).await?;
        let user = account.filter(|_| is_right);
        Ok(user.map(|account| User {
            sub: account.sub.to_owned(),
            name: account.name.to_owned(),
            email: Some(account.email()),
            is_email_verified: false,
        }))
    }

    async fn verify(&self, password: Secret, hash: &'static str) -> Result<bool, CheckError> {
        // Both are kept until the hashing is done.
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| CheckError::Busy)?;
        // Given back when the hashing is done, even if nobody waits for it any more.
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(fault)?;
        let verify = move || {
            let _both = (place, permit);
            let Ok(hash) = PasswordHash::new(hash) else { return false };
            Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
        };
        tokio::task::spawn_blocking(verify).await.map_err(fault)
    }
}

fn fault(error: impl Into<Fault>) -> CheckError {
    CheckError::Fault(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn log_in(sub: &str, password: &str) -> Option<User> {
        Users::demo().log_in(sub, &Secret::new(password)).await.unwrap()
    }

    #[tokio::test]
    async fn every_demo_user_can_log_in_with_the_demo_password() {
        for account in &ACCOUNTS {
            assert_eq!(log_in(account.sub, DEMO_PASSWORD).await.unwrap().name, account.name);
        }
    }

    #[tokio::test]
    async fn nobody_else_can() {
        assert_eq!(log_in("alice", "Wonderland").await, None);
        assert_eq!(log_in("alice", "").await, None);
        assert_eq!(log_in("mallory", DEMO_PASSWORD).await, None);
        assert_eq!(log_in("alice", &"x".repeat(2000)).await, None);
    }

    #[tokio::test]
    async fn who_finds_all_places_taken_is_told_so_and_not_made_to_wait() {
        let users = Users::demo();
        let all = u32::try_from(HASHES_AT_ONCE + WAITING).unwrap();
        let taken = users.places.try_acquire_many(all).unwrap();
        let refused = users.log_in("alice", &Secret::new(DEMO_PASSWORD)).await;
        assert!(matches!(refused, Err(CheckError::Busy)), "{refused:?}");
        drop(taken);
        assert!(users.log_in("alice", &Secret::new(DEMO_PASSWORD)).await.unwrap().is_some());
    }

    #[test]
    fn the_hashes_are_as_strong_as_they_should_be() {
        for account in &ACCOUNTS {
            assert!(account.hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        }
    }
}
