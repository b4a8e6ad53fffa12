//! Token introspection (RFC 7662): what a resource server asks and learns.

use serde::{Deserialize, Serialize};

use super::{ScopeSet, Sensitive, TokenType};

/// Is this token good?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntrospectionRequest {
    /// The token.
    pub token: Sensitive,
}

/// The answer, to be written: whoever reads one goes by `active`, and not by which members there are.
/// There is one shape of "no", which says nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum IntrospectionResponse {
    /// The token is good, now and for the resource server that asks, and stands for this.
    Active(Box<ActiveToken>),
    /// The token is unknown, expired, revoked or none of the caller's business.
    Inactive {
        /// That it is not good.
        active: bool,
    },
}

/// The key that a token is bound to (RFC 7800 section 3.1, RFC 9449 section 6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Its thumbprint.
    pub jkt: String,
}

/// What a good token stands for (RFC 7662 section 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActiveToken {
    /// That it is good. A member like the others: beside them, it would be collected with them in a map
    /// for every answer.
    pub active: bool,
    /// What it allows.
    pub scope: ScopeSet,
    /// Whom it was issued to.
    pub client_id: String,
    /// Who has allowed it: a name for people.
    pub username: String,
    /// How it is used.
    pub token_type: TokenType,
    /// When it ends, in whole seconds since the Unix epoch.
    pub exp: u64,
    /// When it was issued, in whole seconds since the Unix epoch.
    pub iat: u64,
    /// Before when it is not good: when it was issued. None of an authorization server that does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Who has allowed it: a stable identifier.
    pub sub: String,
    /// The resource it is for.
    pub aud: String,
    /// Who has issued it: the issuer of the metadata, byte for byte.
    pub iss: String,
    /// The name of the token, which is no secret.
    pub jti: String,
    /// The key without which it is of no use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl IntrospectionResponse {
    /// The token is good.
    #[must_use]
    pub fn active(token: ActiveToken) -> Self {
        Self::Active(Box::new(token))
    }

    /// The token is unknown, expired, revoked or none of the caller's business.
    #[must_use]
    pub const fn inactive() -> Self {
        Self::Inactive { active: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_says_nothing_more() {
        let written = serde_json::to_string(&IntrospectionResponse::inactive()).unwrap();
        assert_eq!(written, r#"{"active":false}"#);
    }

    #[test]
    fn yes_comes_with_whole_seconds() {
        let token = ActiveToken {
            active: true,
            scope: "mcp".parse().unwrap(),
            client_id: "c".into(),
            username: "Alice".into(),
            token_type: TokenType::Bearer,
            exp: 2,
            iat: 1,
            nbf: Some(1),
            sub: "alice".into(),
            aud: "https://mcp.example/mcp".into(),
            iss: "https://auth.example".into(),
            jti: "j".into(),
            cnf: None,
        };
        let response = IntrospectionResponse::active(token);
        let written = serde_json::to_value(&response).unwrap();
        assert_eq!((&written["active"], &written["exp"]), (&true.into(), &2.into()));
    }
}
