//! What an authorization server says of a token, in any dialect, and what that makes of the caller.
//!
//! Servers write audiences as a text or a list and times as whole or broken numbers; both are read.
//! What is neither is a refusal, never an absence.

use std::collections::BTreeSet;

use ambient::Timestamp;
use mcp_core::Principal;
use serde::Deserialize;
use serde_json::Value;

/// The answer of an introspection endpoint (RFC 7662 section 2.2).
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    /// Nothing but `true` is active.
    #[serde(default)]
    active: Value,
    #[serde(default)]
    scope: Words,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    aud: Audience,
    #[serde(default)]
    iss: Option<String>,
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    token_use: Option<String>,
    #[serde(default)]
    cnf: Option<Value>,
}

/// The key that a token is bound to. A binding of another kind cannot be checked here, and a token
/// that is bound must not pass for one that is not.
fn bound_key(cnf: Option<Value>) -> Result<Option<String>, &'static str> {
    const OTHER: &str = "The token is bound in a way that is not supported here";
    let Some(cnf) = cnf else { return Ok(None) };
    let members = cnf.as_object().filter(|members| members.len() == 1).ok_or(OTHER)?;
    let key = members.get("jkt").and_then(Value::as_str).ok_or(OTHER)?;
    Ok(Some(key.to_owned()))
}

/// Words between spaces, or a list of them.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Words {
    #[default]
    None,
    Text(String),
    List(Vec<String>),
}

impl Words {
    fn into_set(self) -> BTreeSet<String> {
        match self {
            Self::None => BTreeSet::new(),
            Self::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
            Self::List(words) => words.into_iter().collect(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn has(&self, resource: &str) -> bool {
        let is = |audience: &String| audience.strip_suffix('/').unwrap_or(audience) == resource;
        match self {
            Self::None => false,
            Self::One(audience) => is(audience),
            Self::Many(audiences) => audiences.iter().any(is),
        }
    }
}

/// What a token must say to be good here.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    /// Without a slash at the end.
    pub(super) resource: &'a str,
    pub(super) now: Timestamp,
}

/// A caller, and until when he is one.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) principal: Principal,
    /// The thumbprint of the key that the token is bound to.
    pub(super) key: Option<String>,
    pub(super) expires_at: Timestamp,
}

/// The longest life of a token that says nothing of its end.
const UNSAID_LIFE: std::time::Duration = std::time::Duration::from_mins(1);

impl Claims {
    /// The caller, or why the token is no good: a sentence for the challenge.
    pub(super) fn grant(self, expected: &Expected<'_>) -> Result<Grant, &'static str> {
        if self.active != Value::Bool(true) {
            return Err("The token is not active");
        }
        if self.iss.as_ref().is_some_and(|issuer| issuer != expected.issuer) {
            return Err("The token was issued by somebody else");
        }
        if !self.aud.has(expected.resource) {
            return Err("The token was not issued for this server");
        }
        let refresh = |kind: &Option<String>| kind.as_deref() == Some("refresh_token");
        if refresh(&self.token_type) || refresh(&self.token_use) {
            return Err("A refresh token is not an access token");
        }
        let key = bound_key(self.cnf.clone())?;
        let expires_at = match self.exp {
            Some(exp) => moment(exp)?,
            None => expected.now + UNSAID_LIFE,
        };
        if expires_at <= expected.now {
            return Err("The token has expired");
        }
        if self.nbf.map(moment).transpose()?.is_some_and(|nbf| nbf > expected.now + SKEW) {
            return Err("The token is not valid yet");
        }
        let principal = self.principal(expected.issuer)?;
        let principal = Principal { expires_at: Some(expires_at), ..principal };
        Ok(Grant { principal, key, expires_at })
    }

    /// A token without a user belongs to a client, and a client is never mixed up with a user.
    fn principal(self, issuer: &str) -> Result<Principal, &'static str> {
        let user = self.sub.filter(|sub| self.client_id.as_ref() != Some(sub));
        if user.is_none() && self.client_id.is_none() {
            return Err("The token belongs to nobody");
        }
        if [&user, &self.client_id].into_iter().flatten().any(|name| !is_name(name)) {
            return Err("The token belongs to somebody without a proper name");
        }
        Ok(Principal {
            issuer: issuer.to_owned(),
            user,
            client: self.client_id,
            username: self.username,
            scopes: self.scope.into_set(),
            expires_at: None,
        })
    }
}

/// Names go into keys, logs and pages.
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Clocks differ.
const SKEW: std::time::Duration = std::time::Duration::from_secs(30);

/// A `NumericDate` (RFC 7519 section 2).
fn moment(seconds: f64) -> Result<Timestamp, &'static str> {
    std::time::Duration::try_from_secs_f64(seconds)
        .map(|since_epoch| Timestamp::default() + since_epoch)
        .map_err(|_| "The token has a time that is none")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://auth.example",
        resource: "https://mcp.example/mcp",
        now: Timestamp::from_secs(1000),
    };

    fn good() -> Value {
        json!({
            "active": true, "iss": "https://auth.example", "aud": "https://mcp.example/mcp",
            "exp": 2000, "sub": "alice", "client_id": "c1", "scope": "mcp tools", "token_type": "Bearer",
        })
    }

    fn grant(claims: Value) -> Result<Grant, &'static str> {
        serde_json::from_value::<Claims>(claims).map_err(|_| "unreadable")?.grant(&EXPECTED)
    }

    fn with(name: &str, value: Value) -> Result<Grant, &'static str> {
        let mut claims = good();
        claims[name] = value;
        grant(claims)
    }

    #[test]
    fn a_good_token_makes_a_principal() {
        let grant = grant(good()).unwrap();
        assert_eq!(grant.principal.user.as_deref(), Some("alice"));
        assert!(grant.principal.has_scope("tools"));
        assert_eq!(grant.expires_at, Timestamp::from_secs(2000));
    }

    #[test]
    fn a_bound_token_names_its_key() {
        assert_eq!(with("cnf", json!({ "jkt": "x" })).unwrap().key.as_deref(), Some("x"));
        assert_eq!(grant(good()).unwrap().key, None);
    }

    #[test]
    fn dialects_of_audience_and_time_are_read() {
        assert!(with("aud", json!(["x", "https://mcp.example/mcp/"])).is_ok());
        assert!(with("exp", json!(2000.75)).is_ok());
        assert!(with("scope", json!(["mcp", "x"])).unwrap().principal.has_scope("x"));
        assert!(with("iss", Value::Null).is_ok());
    }

    #[test]
    fn every_wrong_claim_is_a_refusal() {
        let wrong = [
            ("active", json!(false)),
            ("active", json!("true")),
            ("active", json!(1)),
            ("iss", json!("https://auth.example/")),
            ("aud", json!("https://other.example/mcp")),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("aud", json!("https://mcp.example/mcp/x")),
            ("exp", json!(1000)),
            ("exp", json!(-1)),
            ("exp", json!("soon")),
            ("nbf", json!(1031)),
            ("token_type", json!("refresh_token")),
            ("token_use", json!("refresh_token")),
            ("cnf", json!({ "x5t#S256": "x" })),
            ("cnf", json!({ "jkt": "x", "x5t#S256": "x" })),
            ("cnf", json!({ "jkt": 5 })),
            ("cnf", json!("x")),
        ];
        for (name, value) in wrong {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn a_strange_answer_is_a_refusal_and_not_an_outage() {
        for active in [json!("true"), json!(1), Value::Null] {
            assert_eq!(with("active", active).unwrap_err(), "The token is not active");
        }
        let nameless = "The token belongs to somebody without a proper name";
        for sub in [json!(""), json!("a\nb"), json!("x".repeat(256))] {
            assert_eq!(with("sub", sub).unwrap_err(), nameless);
        }
    }

    #[test]
    fn a_token_without_a_user_is_a_clients() {
        let of_client = with("sub", json!("c1")).unwrap().principal;
        assert_eq!((of_client.user, of_client.client.as_deref()), (None, Some("c1")));
        let mut claims = good();
        claims["sub"] = Value::Null;
        claims["client_id"] = Value::Null;
        assert!(grant(claims).is_err());
    }
}
