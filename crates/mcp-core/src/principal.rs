//! Who calls.

use std::collections::BTreeSet;

use ambient::Timestamp;

/// A caller, as the authorization server describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Who says so.
    pub issuer: String,
    /// Which user; none for a client that acts for itself.
    pub user: Option<String>,
    /// Through which client.
    pub client: Option<String>,
    /// For people to read; never a reason to allow something.
    pub username: Option<String>,
    /// What the caller may do.
    pub scopes: BTreeSet<String>,
    /// Until when; long streams end then. Never for a caller without a token.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// The one caller of a server without authorization.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Whether the caller may do what a scope stands for.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// Whether the caller may do what a scope stands for, or nobody is asked who they are: without
    /// authorization there are no scopes to have.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.is_anonymous() || self.has_scope(scope)
    }

    /// Whether nobody is asked who they are: this is everybody.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        *self == Self::anonymous()
    }

    /// One text for issuer, user and client together. Different callers have different ones.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { issuer, user, client, .. } = self;
        // Texts can always be written.
        serde_json::to_string(&(issuer, user, client)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_not_the_user_of_the_same_name() {
        let name = Some("x".to_owned());
        let user = Principal { user: name.clone(), ..Principal::anonymous() };
        let client = Principal { client: name, ..Principal::anonymous() };
        assert_ne!(user.identity(), client.identity());
    }
}
