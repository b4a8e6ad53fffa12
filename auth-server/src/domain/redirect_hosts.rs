//! The hosts that answers may go to, if the operator has named some.

use super::{Client, MetadataError, RedirectUri, redirect_uri::BadRedirectUri};

/// Hosts in lower case; any host if there are none. Programs on the user's computer are not hosts:
/// they are let in as always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedirectHosts(Vec<String>);

impl RedirectHosts {
    pub(crate) fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Self(hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// Whether the operator vouches for where `uri` leads: for a host that he has named.
    pub(crate) fn vouch_for(&self, uri: &str) -> bool {
        RedirectUri::https_host(uri).is_some_and(|host| self.has(host))
    }

    /// Whether a browser may go to `uri`, which may be registered.
    pub(crate) fn allow(&self, uri: &str) -> bool {
        self.0.is_empty() || RedirectUri::https_host(uri).is_none_or(|host| self.has(host))
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Refuses a client that wants to be answered elsewhere, or to send a browser elsewhere after a
    /// logout.
    pub(crate) fn check(&self, client: &Client) -> Result<(), MetadataError> {
        let elsewhere =
            |uris: &[RedirectUri]| uris.iter().position(|uri| !self.allow(uri.as_str()));
        let why = BadRedirectUri::NotAllowed;
        if let Some(index) = elsewhere(&client.redirect_uris) {
            return Err(MetadataError::RedirectUri { index, why });
        }
        match elsewhere(&client.after_logout) {
            Some(index) => Err(MetadataError::AfterLogoutUri { index, why }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_whole_and_programs_are_none() {
        let hosts = RedirectHosts::new(["Claude.ai".to_owned(), "app.example".to_owned()]);
        for (uri, allowed) in [
            ("https://claude.ai/api/mcp/auth_callback", true),
            ("https://CLAUDE.ai:443/x", true),
            ("https://evil.claude.ai/x", false),
            ("https://claude.ai.evil.example/x", false),
            ("https://evil.example/?claude.ai", false),
            ("http://127.0.0.1:7/callback", true),
            ("cursor://anysphere.cursor-mcp/oauth/callback", true),
        ] {
            assert_eq!(hosts.allow(uri), allowed, "{uri}");
            assert!(RedirectHosts::default().allow(uri), "{uri}");
        }
    }

    #[test]
    fn only_for_a_host_that_is_named_is_vouched() {
        let hosts = RedirectHosts::new(["claude.ai".to_owned()]);
        for (uri, vouched) in [
            ("https://claude.ai/bye", true),
            ("https://evil.example/bye", false),
            ("cursor://anysphere.cursor-mcp/oauth/callback", false),
        ] {
            assert_eq!(hosts.vouch_for(uri), vouched, "{uri}");
            assert!(!RedirectHosts::default().vouch_for(uri), "{uri}");
        }
    }
}
