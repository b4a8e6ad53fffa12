//! The scopes of `OpenID` Connect: they are about the user and not about a resource.

use shared::oauth::{Scope, ScopeSet};

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

/// What is asked for about the user.
pub(super) fn identity(wanted: &ScopeSet) -> ScopeSet {
    if wanted.contains(OPENID) {
        wanted.limited_to(&identity_scopes())
    } else {
        ScopeSet::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_without_openid() {
        let identity = |text: &str| identity(&text.parse().unwrap()).to_string();
        assert_eq!(identity("mcp profile email"), "");
        assert_eq!(identity("mcp openid email"), "email openid");
        assert_eq!(identity_scopes().iter().count(), 3);
    }
}
