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

    /// Whether the operator has named some, and so vouches for all that are allowed.
    pub(crate) fn are_named(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether an answer may go to `uri`, which may be registered.
    pub(crate) fn allow(&self, uri: &str) -> bool {
        let Some(host) = RedirectUri::https_host(uri) else { return true };
        self.0.is_empty() || self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Refuses a client that wants to be answered elsewhere.
    pub(crate) fn check(&self, client: &Client) -> Result<(), MetadataError> {
        let elsewhere = |uri: &RedirectUri| !self.allow(uri.as_str());
        match client.redirect_uris.iter().position(elsewhere) {
            Some(index) => {
                Err(MetadataError::RedirectUri { index, why: BadRedirectUri::NotAllowed })
            }
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
}
