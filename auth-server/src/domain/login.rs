//! A login at an identity provider that is on the way: what was asked, by which browser, and what
//! for.
//!
//! Nothing that is kept lets anybody finish it. The `nonce` and the proof key are computed from the
//! `state` in the address and the key in the browser's cookie; the store has neither.

use std::time::Duration;

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use shared::oauth::{CodeVerifier, NotACodeVerifier};

use super::{
    Session, User, WrongTurn,
    ticket::{BrowserKey, BrowserKind, Digest, Nonce, sha256_hex},
};

/// What is kept of a login that is on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The provider that was asked. An answer on another one's way back is none.
    pub(crate) upstream: String,
    /// What names the browser's cookie; for a client, its transaction.
    pub(crate) handle: String,
    /// What the login is for.
    pub(crate) goal: Goal,
    /// How old it may be.
    pub(crate) freshness: Freshness,
    browser: Digest<BrowserKind>,
    expires_at: Timestamp,
}

/// What somebody logs in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// To let a client in.
    Client,
    /// To see which clients are in.
    Apps,
}

/// How long ago the user may have typed a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Freshness {
    /// That is for the provider to say.
    Any,
    /// Not before this moment, if the provider tells (`prompt=login`; some do not tell).
    Since(Timestamp),
    /// Not before this moment, and the provider has to tell (`max_age`).
    Proven(Timestamp),
}

/// How a client wants its user to log in (`OpenID` Connect Core section 3.1.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginWish {
    /// Again, whoever is logged in (`prompt=login`).
    pub(crate) again: bool,
    /// As somebody to be chosen (`prompt=select_account`).
    pub(crate) choose: bool,
    /// Within so many seconds (`max_age`).
    pub(crate) max_age: Option<u64>,
    /// Who it probably is: text of an unknown author.
    pub(crate) hint: Option<String>,
    /// Who it has to be (`id_token_hint`).
    pub(crate) user: Option<String>,
}

impl Login {
    /// A login of this browser that has been asked for.
    pub(crate) fn begin(
        upstream: &str,
        handle: &str,
        goal: Goal,
        freshness: Freshness,
        (browser, expires_at): (&BrowserKey, Timestamp),
    ) -> Self {
        let (upstream, handle) = (upstream.to_owned(), handle.to_owned());
        Self { upstream, handle, goal, freshness, browser: browser.digest(), expires_at }
    }

    /// Whether this browser may go on with it now.
    pub(crate) fn check(
        &self,
        browser: Option<&BrowserKey>,
        now: Timestamp,
    ) -> Result<(), WrongTurn> {
        if self.expires_at <= now {
            return Err(WrongTurn::Expired);
        }
        let ours = browser.is_some_and(|key| self.browser.is_of(key));
        if ours { Ok(()) } else { Err(WrongTurn::OtherBrowser) }
    }
}

impl LoginWish {
    /// What the provider is told.
    pub(crate) const fn prompt(&self) -> Option<&'static str> {
        match (self.again, self.choose) {
            (true, true) => Some("login select_account"),
            (true, false) => Some("login"),
            (false, true) => Some("select_account"),
            (false, false) => None,
        }
    }

    /// How old a login may be that fulfils it.
    pub(crate) fn freshness(&self, now: Timestamp) -> Freshness {
        match self.max_age {
            Some(seconds) => Freshness::Proven(now - Duration::from_secs(seconds)),
            None if self.again => Freshness::Since(now),
            None => Freshness::Any,
        }
    }

    /// Whether it is for this user.
    pub(crate) fn is_for(&self, user: &User) -> bool {
        self.user.as_ref().is_none_or(|sub| *sub == user.sub)
    }

    /// Whether who is logged in need not log in again. Where nobody has told when that was, no age is
    /// proven.
    pub(crate) fn accepts(&self, session: &Session, now: Timestamp) -> bool {
        let is_recent = |seconds| {
            let then = session.auth_time;
            then.is_some_and(|then| now.since(then) <= Duration::from_secs(seconds))
        };
        let is_enough = !self.again && !self.choose && self.max_age.is_none_or(is_recent);
        is_enough && self.is_for(&session.user)
    }
}

/// What the identity token must repeat.
pub(crate) fn login_nonce(state: &Nonce, browser: &BrowserKey) -> String {
    sha256_hex(&["login nonce", state.expose(), browser.expose()])
}

/// What the code is bound to (RFC 7636).
pub(crate) fn login_verifier(
    state: &Nonce,
    browser: &BrowserKey,
) -> Result<CodeVerifier, NotACodeVerifier> {
    sha256_hex(&["login verifier", state.expose(), browser.expose()]).parse()
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;

    use super::*;
    use crate::domain::Ticket;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    #[test]
    fn it_belongs_to_one_browser_and_ends() {
        let entropy = Entropy::seeded(1);
        let (mine, other) = (Ticket::random(&entropy), Ticket::random(&entropy));
        let login = Login::begin("corp", "h", Goal::Apps, Freshness::Any, (&mine, NOW));
        let before = Timestamp::from_secs(999);
        assert_eq!(login.check(Some(&mine), before), Ok(()));
        assert_eq!(login.check(Some(&other), before), Err(WrongTurn::OtherBrowser));
        assert_eq!(login.check(None, before), Err(WrongTurn::OtherBrowser));
        assert_eq!(login.check(Some(&mine), NOW), Err(WrongTurn::Expired));
    }

    #[test]
    fn nonce_and_proof_key_are_of_one_login_and_one_browser() {
        let entropy = Entropy::seeded(1);
        let (state, key) = (Ticket::random(&entropy), Ticket::random(&entropy));
        let (other_state, other_key) = (Ticket::random(&entropy), Ticket::random(&entropy));
        let nonce = login_nonce(&state, &key);
        assert_eq!(nonce, login_nonce(&state, &key));
        assert_ne!(nonce, login_nonce(&other_state, &key));
        assert_ne!(nonce, login_nonce(&state, &other_key));
        assert_ne!(nonce, login_verifier(&state, &key).unwrap().expose());
    }

    #[test]
    fn who_has_logged_in_lately_need_not_do_so_again() {
        let wish = |again, choose, max_age| LoginWish { again, choose, max_age, ..default() };
        let then = Timestamp::from_secs(940);
        let (told, untold) = (session(Some(then)), session(None));
        for (wish, is_enough) in [
            (wish(false, false, None), true),
            (wish(false, false, Some(60)), true),
            (wish(false, false, Some(59)), false),
            (wish(true, false, None), false),
            (wish(false, true, None), false),
        ] {
            assert_eq!(wish.accepts(&told, NOW), is_enough, "{wish:?}");
        }
        assert!(default().accepts(&untold, NOW));
        assert!(!wish(false, false, Some(u64::MAX)).accepts(&untold, NOW));
        assert_eq!(wish(true, false, None).freshness(NOW), Freshness::Since(NOW));
        assert_eq!(wish(true, false, Some(60)).freshness(NOW), Freshness::Proven(then));
    }

    #[test]
    fn a_wish_may_be_for_one_user_only() {
        let wish = |sub: &str| LoginWish { user: Some(sub.to_owned()), ..default() };
        assert!(wish("alice").accepts(&session(None), NOW));
        assert!(!wish("Alice").accepts(&session(None), NOW));
    }

    fn default() -> LoginWish {
        LoginWish::default()
    }

    fn session(auth_time: Option<Timestamp>) -> Session {
        let user = User {
            sub: "alice".into(),
            name: "Alice".into(),
            email: None,
            is_email_verified: false,
        };
        Session { user, upstream: "corp".into(), auth_time, expires_at: NOW }
    }
}
