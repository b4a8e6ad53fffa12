//! Which scopes a client can have (decision 0078).
//!
//! What the operator writes into his file is a limit: for whatever flow, for scopes about the user
//! too, and for every refresh. What a client has registered for itself is a wish, in which scopes of
//! others may stand: it is what a request gets that names no scope. One that names some is the newer
//! wish, and often the larger one: a client registers for the first scope that it was asked for, and is
//! asked for more later (`insufficient_scope`).

use shared::oauth::ScopeSet;

use super::identity::{identity, known_scopes};

/// The scopes that one client can have today.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance<'a> {
    /// Those of the resource that there are.
    pub(crate) scopes: &'a ScopeSet,
    /// What the operator limits the client to; none if it is not his, or not limited.
    pub(crate) limit: Option<&'a ScopeSet>,
    /// What the client has registered for itself.
    pub(crate) wish: Option<&'a ScopeSet>,
}

impl Allowance<'_> {
    /// All of the resource that a client gets which names none: at least one, unless the operator's
    /// limit has none of them.
    pub(crate) fn all(&self) -> ScopeSet {
        self.all_of(self.scopes)
    }

    /// The same where somebody else has a say: no more than these.
    pub(crate) fn all_of(&self, allowed: &ScopeSet) -> ScopeSet {
        self.wished(self.of(allowed))
    }

    /// What it gets of these, which it names; nothing if it can have none of them. Those about the user
    /// are not among it ([`Self::of_user`]).
    pub(crate) fn of(&self, wanted: &ScopeSet) -> ScopeSet {
        self.limited(&wanted.limited_to(self.scopes))
    }

    /// What it gets of these about the user.
    pub(crate) fn of_user(&self, wanted: &ScopeSet) -> ScopeSet {
        identity(&self.limited(wanted))
    }

    /// Whether nothing of what is wanted is within the operator's limit.
    pub(crate) fn refuses(&self, wanted: &ScopeSet) -> bool {
        !wanted.is_empty() && self.limited(wanted).is_empty()
    }

    /// What of these, which were granted once, can be granted still. A wish has been heard by then.
    pub(crate) fn still(&self, granted: &ScopeSet) -> ScopeSet {
        self.limited(&granted.limited_to(&known_scopes(self.scopes)))
    }

    fn limited(&self, scopes: &ScopeSet) -> ScopeSet {
        self.limit.map_or_else(|| scopes.clone(), |limit| scopes.limited_to(limit))
    }

    fn wished(&self, granted: ScopeSet) -> ScopeSet {
        let Some(wish) = self.wish else { return granted };
        let wished = granted.limited_to(wish);
        if wished.is_empty() { granted } else { wished }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    #[test]
    fn a_limit_holds_for_all_scopes_and_a_wish_for_none_that_the_client_names() {
        let (scopes, notes) = (set("mcp notes"), set("notes"));
        let limited = Allowance { scopes: &scopes, limit: Some(&notes), wish: None };
        assert_eq!(limited.all(), notes);
        assert_eq!(limited.of(&set("mcp notes admin")), notes);
        assert_eq!((limited.of(&set("mcp")), limited.refuses(&set("mcp"))), (set(""), true));
        assert_eq!(limited.of_user(&set("openid email")), set(""));
        assert_eq!(limited.still(&set("mcp notes openid")), notes);
        let wishing = Allowance { scopes: &scopes, limit: None, wish: Some(&notes) };
        assert_eq!(wishing.all(), notes);
        assert_eq!(wishing.of(&set("mcp")), set("mcp"));
        assert_eq!(wishing.of(&set("mcp notes")), set("mcp notes"), "it steps up");
        assert_eq!(wishing.all_of(&set("mcp notes admin")), notes);
        assert_eq!(wishing.all_of(&set("mcp admin")), set("mcp"));
        assert_eq!(wishing.of(&set("admin")), set(""));
        assert_eq!(wishing.of_user(&set("openid email mcp")), set("email openid"));
        assert_eq!(wishing.still(&set("mcp openid admin")), set("mcp openid"));
        let foreign = set("claudeai");
        let foreign = Allowance { scopes: &scopes, limit: None, wish: Some(&foreign) };
        assert_eq!(foreign.all(), scopes);
    }

    #[test]
    fn a_limit_can_name_what_is_about_the_user() {
        let (scopes, limit) = (set("mcp notes"), set("notes openid"));
        let limited = Allowance { scopes: &scopes, limit: Some(&limit), wish: None };
        assert_eq!(limited.of_user(&set("openid email")), set("openid"));
        assert_eq!(limited.all(), set("notes"));
        let without = set("notes email");
        let without = Allowance { limit: Some(&without), ..limited };
        assert_eq!(without.of_user(&set("openid email")), set(""), "email alone means nothing");
    }
}
