//! The identity token of a provider (`OpenID` Connect Core section 3.1.3.7): who has logged in, if
//! everything about it is right.

use std::time::Duration;

use ambient::Timestamp;

use crate::{
    assertions::{BadClaim, Claims, SKEW},
    domain::{Freshness, User},
};

/// No provider issues identity tokens for longer; one that says so means something else.
pub(super) const LONGEST: Duration = Duration::from_hours(30 * 24);

/// The longest `sub` (section 2).
const MAX_SUB: usize = 255;

/// Longer names are cut.
const MAX_NAME: usize = 100;

/// Longer addresses are none (RFC 5321).
const MAX_EMAIL: usize = 254;

/// What an identity token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) freshness: Freshness,
}

/// Who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: User,
    /// When, if the provider has told.
    pub(crate) auth_time: Option<Timestamp>,
}

impl Identity {
    /// When he has logged in, if the provider has told: nobody has in the future, whatever it says. Who
    /// comes from one that does not tell may have typed his password a month ago.
    pub(crate) fn auth_time_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.auth_time.map(|told| told.min(now))
    }
}

/// Checks claims whose signature and times are good.
pub(super) fn read(claims: &Claims, expected: &Expected<'_>) -> Result<Identity, BadClaim> {
    claims.expect("iss", expected.issuer)?;
    // A list of several would need trust in all of them.
    claims.expect_one_of("aud", &[expected.client_id])?;
    if claims.text("azp")?.is_some_and(|party| party != expected.client_id) {
        return Err(BadClaim::Value("azp"));
    }
    claims.present("iat")?;
    claims.expect("nonce", expected.nonce)?;
    let sub = claims.required("sub")?;
    if sub.len() > MAX_SUB {
        return Err(BadClaim::Type("sub"));
    }
    let auth_time = claims.time("auth_time")?;
    let is_fresh = match expected.freshness {
        Freshness::Any => true,
        Freshness::Since(moment) => auth_time.is_none_or(|at| moment <= at + SKEW),
        Freshness::Proven(moment) => {
            moment <= auth_time.ok_or(BadClaim::Missing("auth_time"))? + SKEW
        }
    };
    if !is_fresh {
        return Err(BadClaim::Value("auth_time"));
    }
    Ok(Identity { user: user(claims, sub), auth_time })
}

/// What is shown to people is taken as it comes, and left out if it does not fit.
fn user(claims: &Claims, sub: &str) -> User {
    let text = |name| claims.text(name).ok().flatten();
    let email = text("email").filter(|email| email.len() <= MAX_EMAIL);
    let name = text("name").or_else(|| text("preferred_username")).or(email).unwrap_or(sub);
    let name = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    let is_email_verified = email.is_some() && claims.has("email_verified", "true");
    User { sub: sub.to_owned(), name, email: email.map(ToOwned::to_owned), is_email_verified }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn check(name: &str, value: Value, freshness: Freshness) -> Result<Identity, BadClaim> {
        let mut claims = json!({
            "iss": "https://id.example", "aud": "us", "sub": "7", "iat": 1, "nonce": "n",
            "name": "Ann\u{7}", "email": "ann@id.example",
        });
        claims[name] = value;
        let Value::Object(members) = claims else { panic!("an object") };
        let expected =
            Expected { issuer: "https://id.example", client_id: "us", nonce: "n", freshness };
        read(&Claims::new(members), &expected)
    }

    #[test]
    fn each_wrong_claim_has_its_name() {
        let good = check("x", json!(1), Freshness::Any).unwrap().user;
        assert_eq!((&*good.sub, &*good.name), ("7", "Ann"));
        let table = [
            ("iss", json!("https://id.example/"), BadClaim::Value("iss")),
            ("aud", json!("them"), BadClaim::Value("aud")),
            ("aud", json!(["us", "them"]), BadClaim::Type("aud")),
            ("azp", json!("them"), BadClaim::Value("azp")),
            ("nonce", json!("m"), BadClaim::Value("nonce")),
            ("nonce", json!(null), BadClaim::Type("nonce")),
            ("sub", json!(7), BadClaim::Type("sub")),
            ("sub", json!("x".repeat(256)), BadClaim::Type("sub")),
            ("auth_time", json!("1"), BadClaim::Type("auth_time")),
        ];
        for (name, value, why) in table {
            assert_eq!(check(name, value.clone(), Freshness::Any), Err(why), "{name}: {value}");
        }
    }

    #[test]
    fn an_old_password_does_not_count_as_a_new_one() {
        let at = |seconds: u64| json!(seconds);
        let old = at(NOW.as_secs() - 31);
        let wrong = Err(BadClaim::Value("auth_time"));
        for freshness in [Freshness::Since(NOW), Freshness::Proven(NOW)] {
            assert_eq!(check("auth_time", old.clone(), freshness), wrong, "{freshness:?}");
            assert!(check("auth_time", at(NOW.as_secs() - 30), freshness).is_ok());
        }
        assert!(check("x", json!(1), Freshness::Since(NOW)).is_ok());
        let silent = check("x", json!(1), Freshness::Proven(NOW));
        assert_eq!(silent, Err(BadClaim::Missing("auth_time")));
    }
}
