//! Who a user is, and the scopes of `OpenID` Connect: they are about the user and not about a
//! resource.

use shared::oauth::{Scope, ScopeSet};

use super::sha256_hex;

/// Without this one, the others mean nothing.
pub(crate) const OPENID: &str = "openid";
pub(crate) const PROFILE: &str = "profile";
pub(crate) const EMAIL: &str = "email";

/// Longer nonces are refused: they travel in the identity token.
pub(super) const MAX_NONCE: usize = 512;

/// All scopes about the user.
pub(crate) fn identity_scopes() -> ScopeSet {
    [OPENID, PROFILE, EMAIL].iter().filter_map(|name| name.parse::<Scope>().ok()).collect()
}

/// All scopes that there are: those of the resource, and those about the user.
pub(crate) fn known_scopes(of_resource: &ScopeSet) -> ScopeSet {
    of_resource.and(&identity_scopes())
}

/// Whether these name something about the user that means nothing, since `openid` is missing.
pub(crate) fn lacks_openid(scopes: &ScopeSet) -> bool {
    !scopes.contains(OPENID) && !scopes.limited_to(&identity_scopes()).is_empty()
}

/// What is asked for about the user.
pub(super) fn identity(wanted: &ScopeSet) -> ScopeSet {
    if wanted.contains(OPENID) {
        wanted.limited_to(&identity_scopes())
    } else {
        ScopeSet::default()
    }
}

/// What a user of an identity provider is called here, whether he has logged in there or is vouched
/// for. The same `sub` at two providers is two people, and an address for mail is nobody: only issuer
/// and `sub` together are the same for ever.
pub(crate) fn user_id(issuer: &str, sub: &str) -> String {
    sha256_hex(&["upstream user", issuer, sub])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sub_at_two_providers_is_two_people() {
        assert_eq!(user_id("a", "b"), user_id("a", "b"));
        assert_ne!(user_id("a", "b"), user_id("ab", ""));
        assert_ne!(user_id("https://a.example", "7"), user_id("https://b.example", "7"));
    }

    #[test]
    fn nothing_is_told_without_openid() {
        let identity = |text: &str| identity(&text.parse().unwrap()).to_string();
        assert_eq!(identity("mcp profile email"), "");
        assert_eq!(identity("mcp openid email"), "email openid");
        assert_eq!(identity_scopes().iter().count(), 3);
        let lacks = |text: &str| lacks_openid(&text.parse().unwrap());
        assert!(lacks("mcp profile") && !lacks("openid email") && !lacks("mcp"));
    }
}
