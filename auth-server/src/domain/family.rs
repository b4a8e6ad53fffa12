//! A token family: everything that comes of one login, and the one place where it lives or dies.
//!
//! A refresh token is good once. Who redeems it gets its successor; who redeems it again soon after,
//! because the answer was lost or two windows raced, gets the *same* successor; anything else means
//! that two parties hold the same token, and the family dies (OAuth 2.1 section 4.3.1, RFC 9700
//! section 4.14.2). The record is changed by compare-and-set, so this holds over all instances.

use std::time::Duration;

use ambient::Timestamp;
use dpop::Thumbprint;
use serde::{Deserialize, Serialize};

use super::{
    Grant, Sealed,
    ticket::{Digest, RefreshKind},
};

/// What is kept of a family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Family {
    /// Its tokens are good until they expire.
    Alive(Box<Living>),
    /// None of its tokens is good. Kept, so that it cannot come alive again.
    Revoked,
}

/// A family that is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Living {
    /// What the user has allowed.
    pub(crate) grant: Grant,
    /// When its first tokens were made. None in records of versions that did not note it.
    #[serde(default)]
    pub(crate) begun_at: Option<Timestamp>,
    /// No token of the family lives longer.
    pub(crate) expires_at: Timestamp,
    /// The refresh token that is good; none if the client gets none.
    pub(crate) current: Option<Digest<RefreshKind>>,
    /// The refresh token before that.
    pub(crate) previous: Option<Previous>,
}

/// No more of a family than whether it lives: all that is read of it where a token is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Life {
    state: State,
}

/// The variants of [`Family`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Alive,
    Revoked,
}

/// A refresh token that has been redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    digest: Digest<RefreshKind>,
    /// Until when it may be redeemed again for the same successor.
    until: Timestamp,
    /// What it was redeemed for; only the token itself opens it.
    successor: Sealed,
}

/// A refresh token that takes the place of another.
#[derive(Clone, Debug)]
pub(crate) struct Successor {
    pub(crate) digest: Digest<RefreshKind>,
    /// The answer it goes out in, sealed with the token it replaces.
    pub(crate) sealed: Sealed,
    /// Until when the replaced token gets that answer again.
    pub(crate) until: Timestamp,
    /// The key that it is bound to from now on, if whoever holds it has nothing else to show.
    pub(crate) key: Option<Thumbprint>,
}

/// What redeeming a refresh token means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// It is the good one: it gets a successor.
    Advance,
    /// It was redeemed just now: it gets the same answer again.
    Repeat(Sealed),
    /// It was redeemed before: somebody else has it.
    Reuse,
    /// The family is dead already.
    Dead,
}

impl Life {
    /// Whether tokens of the family may be good.
    pub(crate) const fn is_alive(self) -> bool {
        matches!(self.state, State::Alive)
    }
}

impl Living {
    /// When its refresh token was last redeemed, if one was; `grace` is how long the one before
    /// gets the same answer.
    pub(crate) fn refreshed_at(&self, grace: Duration) -> Option<Timestamp> {
        self.previous.as_ref().map(|previous| previous.until - grace)
    }
}

impl Family {
    /// Whose login it is; nobody's if it has ended.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Alive(living) => Some(&living.grant.user.sub),
            Self::Revoked => None,
        }
    }

    /// What redeeming this token now means.
    pub(crate) fn rotation(&self, token: &Digest<RefreshKind>, now: Timestamp) -> Rotation {
        let Self::Alive(living) = self else { return Rotation::Dead };
        if living.expires_at <= now {
            return Rotation::Dead;
        }
        if living.current.as_ref() == Some(token) {
            return Rotation::Advance;
        }
        match &living.previous {
            Some(previous) if previous.digest == *token && now < previous.until => {
                Rotation::Repeat(previous.successor.clone())
            }
            _ => Rotation::Reuse,
        }
    }

    /// Puts a successor in the place of `token`, if that is the good one.
    pub(crate) fn advance(
        self,
        token: &Digest<RefreshKind>,
        successor: &Successor,
        now: Timestamp,
    ) -> Result<Self, Rotation> {
        match (self.rotation(token, now), self) {
            (Rotation::Advance, Self::Alive(mut living)) => {
                living.current = Some(successor.digest.clone());
                if successor.key.is_some() {
                    living.grant.key.clone_from(&successor.key);
                }
                living.previous = Some(Previous {
                    digest: token.clone(),
                    until: successor.until,
                    successor: successor.sealed.clone(),
                });
                Ok(Self::Alive(living))
            }
            (rotation, _) => Err(rotation),
        }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;

    use super::*;
    use crate::domain::{RefreshToken, Ticket, User, seal};

    const NOW: Timestamp = Timestamp::from_secs(100);
    const LATER: Timestamp = Timestamp::from_secs(160);

    struct Line {
        tokens: [RefreshToken; 3],
        family: Family,
    }

    fn line() -> Line {
        let entropy = Entropy::seeded(1);
        let tokens = [0; 3].map(|_| Ticket::random(&entropy));
        let user = User {
            sub: "alice".into(),
            name: "Alice".into(),
            email: None,
            is_email_verified: false,
        };
        let scope = "mcp".parse().unwrap();
        let family = Family::Alive(Box::new(Living {
            grant: Grant {
                client_id: "c".into(),
                user,
                scope,
                resource: "r".into(),
                auth_time: None,
                key: None,
            },
            begun_at: None,
            expires_at: Timestamp::from_secs(1000),
            current: Some(tokens[0].digest()),
            previous: None,
        }));
        Line { tokens, family }
    }

    fn successor(token: &RefreshToken, by: &RefreshToken) -> Successor {
        let sealed = seal(by, b"answer", &Entropy::seeded(2));
        Successor { digest: token.digest(), sealed, until: LATER, key: None }
    }

    #[test]
    fn the_good_token_gets_a_successor_and_gets_it_again_for_a_while() {
        let Line { tokens: [first, second, _], family } = line();
        let next = successor(&second, &first);
        let family = family.advance(&first.digest(), &next, NOW).unwrap();
        assert_eq!(family.rotation(&first.digest(), NOW), Rotation::Repeat(next.sealed));
        assert_eq!(family.rotation(&first.digest(), LATER), Rotation::Reuse);
        assert_eq!(family.rotation(&second.digest(), NOW), Rotation::Advance);
    }

    #[test]
    fn a_token_two_generations_old_is_reuse_at_once() {
        let Line { tokens: [first, second, third], family } = line();
        let family = family.advance(&first.digest(), &successor(&second, &first), NOW).unwrap();
        let family = family.advance(&second.digest(), &successor(&third, &second), NOW).unwrap();
        assert_eq!(family.rotation(&first.digest(), NOW), Rotation::Reuse);
    }

    #[test]
    fn of_two_who_redeem_at_once_one_advances() {
        let Line { tokens: [first, second, third], family } = line();
        let family = family.advance(&first.digest(), &successor(&second, &first), NOW).unwrap();
        let other = family.advance(&first.digest(), &successor(&third, &first), NOW);
        assert!(matches!(other, Err(Rotation::Repeat(_))));
    }

    #[test]
    fn whether_a_family_lives_is_read_without_the_rest() {
        for (family, alive) in [(line().family, true), (Family::Revoked, false)] {
            let stored = serde_json::to_vec(&family).unwrap();
            let life: Life = serde_json::from_slice(&stored).unwrap();
            assert_eq!(life.is_alive(), alive);
        }
    }

    #[test]
    fn a_dead_family_stays_dead() {
        let Line { tokens: [first, ..], family } = line();
        assert_eq!(family.rotation(&first.digest(), Timestamp::from_secs(1000)), Rotation::Dead);
        assert_eq!(Family::Revoked.rotation(&first.digest(), NOW), Rotation::Dead);
    }
}
