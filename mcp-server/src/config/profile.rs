//! What is usual at a provider: defaults, and nothing else. Every variable that is set wins
//! (decision 0024).

use std::{fmt, str::FromStr};

use super::values::{ClientAuth, Validation};

/// A provider's usual settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that the setting has.
    pub(super) name: &'static str,
    pub(crate) validation: Validation,
    pub(super) client_auth: Option<ClientAuth>,
    pub(super) scope_claims: &'static str,
    pub(super) user_claim: &'static str,
    pub(super) token_types: &'static str,
    pub(super) required_claims: &'static str,
    /// A claim that an operator must pin, because the issuer serves more than one customer.
    pub(super) must_pin: Option<&'static str>,
    pub(super) required_scopes: &'static str,
    pub(super) cache_ttl: u64,
    pub(super) discovery_refresh: u64,
}

/// What holds when no provider is named: our own authorization server, and any that keeps to the
/// standards.
const GENERIC: Profile = Profile {
    name: "generic",
    validation: Validation::Auto,
    client_auth: None,
    scope_claims: "scope scp",
    user_claim: "sub",
    token_types: "at+jwt jwt -",
    required_claims: "",
    must_pin: None,
    required_scopes: "mcp",
    cache_ttl: 30,
    discovery_refresh: 5,
};

/// A provider that somebody else runs: its metadata is not a pulse to be felt, and it knows no
/// scope of ours until an operator has made one there.
const VENDOR: Profile = Profile { required_scopes: "-", discovery_refresh: 3600, ..GENERIC };

/// Every provider that is known.
const ALL: [Profile; 12] = [
    GENERIC,
    Profile {
        name: "auth0",
        validation: Validation::Jwt,
        scope_claims: "scope permissions",
        token_types: "at+jwt jwt",
        ..VENDOR
    },
    Profile { name: "okta", user_claim: "uid sub", cache_ttl: 60, ..VENDOR },
    Profile { name: "keycloak", ..VENDOR },
    Profile {
        name: "entra",
        validation: Validation::Jwt,
        scope_claims: "scp roles",
        user_claim: "oid",
        token_types: "jwt",
        must_pin: Some("tid"),
        ..VENDOR
    },
    Profile {
        name: "cognito",
        validation: Validation::Jwt,
        token_types: "-",
        required_claims: "token_use=access",
        ..VENDOR
    },
    Profile { name: "hydra", validation: Validation::Introspection, ..VENDOR },
    Profile {
        name: "workos",
        validation: Validation::Introspection,
        client_auth: Some(ClientAuth::Post),
        ..VENDOR
    },
    Profile {
        name: "stytch",
        validation: Validation::Introspection,
        client_auth: Some(ClientAuth::Post),
        ..VENDOR
    },
    Profile {
        name: "descope",
        validation: Validation::Jwt,
        scope_claims: "scope permissions",
        token_types: "jwt",
        ..VENDOR
    },
    Profile { name: "rauthy", ..VENDOR },
    Profile { name: "mas", validation: Validation::Introspection, ..VENDOR },
];

impl Default for Profile {
    fn default() -> Self {
        GENERIC
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Profile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = ALL.into_iter().find(|profile| profile.name == text);
        found.ok_or(
            "it is none of generic auth0 okta keycloak entra cognito hydra workos stytch descope \
             rauthy mas",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_found_by_its_name_and_named_in_the_mistake() {
        let mistake = "okto".parse::<Profile>().unwrap_err();
        for profile in ALL {
            assert_eq!(profile.name.parse(), Ok(profile));
            assert!(mistake.contains(profile.name), "{mistake}");
        }
    }

    #[test]
    fn defaults_can_be_read_as_what_they_are() {
        for profile in ALL {
            assert!(profile.required_claims.is_empty() || profile.required_claims.contains('='));
            assert!(profile.required_scopes.parse::<super::super::values::Scopes>().is_ok());
        }
    }
}
