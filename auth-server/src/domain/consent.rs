//! Consent that is remembered, and when it may speak for the user (decision 0017).
//!
//! It is for one client, one redirect URI, one set of scopes and one resource, to the byte. And even
//! then somebody else may have sent the browser here: a server in the middle can ride on what its
//! victim has once allowed (GHSA-6x8h-498w-gv8c). So it is silent only if the way here is a safe one.

use std::time::Duration;

use ambient::Timestamp;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{Authentication, AuthorizationRequest, Client, ClientUrl, Destination, RedirectUri};

/// How long a yes is remembered.
pub(crate) const CONSENT_LIFE: Duration = Duration::from_hours(90 * 24);

/// How many are remembered for one client of one user.
const MAX_KEPT: usize = 20;

/// What one user has allowed one client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consents {
    kept: Vec<Consent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Consent {
    redirect_uri: String,
    scope: String,
    resource: String,
    until: Timestamp,
}

impl Consents {
    /// Remembers what a request asks for.
    #[must_use]
    pub(crate) fn with(mut self, request: &AuthorizationRequest, now: Timestamp) -> Self {
        self.kept.retain(|consent| !consent.is_for(request) && now < consent.until);
        if self.kept.len() >= MAX_KEPT {
            self.kept.remove(0);
        }
        self.kept.push(Consent {
            redirect_uri: request.redirect_uri.clone(),
            scope: request.scope.to_string(),
            resource: request.resource.clone(),
            until: now + CONSENT_LIFE,
        });
        self
    }

    /// Whether exactly this was allowed before.
    pub(crate) fn allow(&self, request: &AuthorizationRequest, now: Timestamp) -> bool {
        self.kept.iter().any(|consent| consent.is_for(request) && now < consent.until)
    }
}

impl Consent {
    fn is_for(&self, request: &AuthorizationRequest) -> bool {
        self.redirect_uri == request.redirect_uri
            && self.scope == request.scope.to_string()
            && self.resource == request.resource
    }
}

/// Whether an earlier yes may ever speak for the user. What listens on this computer, and what owns a
/// scheme, can be any program; and a public registration is shared by all that have registered the
/// same text. Only the operator can vouch for these (`is_given`). A device is compared each time: the
/// code that it shows is the only thing that tells it from a stranger's.
pub(crate) fn can_be_silent(
    request: &AuthorizationRequest,
    client: &Client,
    is_given: bool,
) -> bool {
    let destination = RedirectUri::destination(&request.redirect_uri);
    let is_public = matches!(client.authentication, Authentication::Public);
    let is_shared = is_public && !ClientUrl::is_meant(&client.id);
    let can_be_known = !is_shared && matches!(destination, Destination::Host(_));
    request.user_code.is_none() && (is_given || can_be_known)
}

/// Whether the user has come by an own act: typed the address, opened it from another program, or
/// followed a link of ours. A browser that does not tell has not said so. Where the issuer has a path
/// (`shares_origin`), a link of the same origin may be anybody's: that of a wiki beside it.
pub(crate) fn comes_by_itself(headers: &HeaderMap, shares_origin: bool) -> bool {
    let site = headers.get("sec-fetch-site");
    let is_ours = |site| !shares_origin && site == "same-origin";
    let is_own = site.is_some_and(|site| site == "none" || is_ours(site));
    let is_window = headers.get("sec-fetch-dest").is_none_or(|dest| dest == "document");
    is_own && is_window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LoginWish;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn request(redirect_uri: &str, scope: &str, resource: &str) -> AuthorizationRequest {
        AuthorizationRequest {
            client_id: "c".into(),
            redirect_uri: redirect_uri.into(),
            state: None,
            user_code: None,
            key: None,
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap(),
            scope: scope.parse().unwrap(),
            resource: resource.into(),
            nonce: None,
            silent: false,
            consent_again: false,
            login: LoginWish::default(),
        }
    }

    #[test]
    fn exactly_what_was_allowed_is_remembered_for_a_while() {
        let asked = request("https://a.example/cb", "mcp notes", "r");
        let consents = Consents::default().with(&asked, NOW);
        assert!(consents.allow(&request("https://a.example/cb", "notes mcp", "r"), NOW));
        for other in [
            request("https://a.example/cb?x", "mcp notes", "r"),
            request("https://a.example/cb", "mcp", "r"),
            request("https://a.example/cb", "mcp notes", "s"),
        ] {
            assert!(!consents.allow(&other, NOW), "{other:?}");
        }
        assert!(!consents.allow(&asked, NOW + CONSENT_LIFE));
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let number = |number: usize| request(&format!("https://a.example/{number}"), "mcp", "r");
        let all = (0..=MAX_KEPT).map(number);
        let consents = all.fold(Consents::default(), |kept, request| kept.with(&request, NOW));
        assert!(!consents.allow(&number(0), NOW) && consents.allow(&number(1), NOW));
        assert_eq!(consents.kept.len(), MAX_KEPT);
    }

    fn client(id: &str) -> Client {
        Client {
            id: id.into(),
            name: None,
            redirect_uris: Vec::new(),
            authentication: Authentication::Public,
            refreshes: true,
            devices: true,
            acts_for_itself: false,
            takes_assertions: false,
            scope: None,
            application_type: None,
            shows_key: false,
            after_logout: Vec::new(),
            issued_at: NOW,
        }
    }

    #[test]
    fn no_program_on_this_computer_is_let_in_silently_unless_the_operator_vouches() {
        let client = client("https://a.example/client.json");
        for (uri, can) in [
            ("https://a.example/cb", true),
            ("http://127.0.0.1:7/cb", false),
            ("http://localhost/cb", false),
            ("cursor://cb", false),
        ] {
            let request = request(uri, "mcp", "r");
            assert_eq!(can_be_silent(&request, &client, false), can, "{uri}");
            assert!(can_be_silent(&request, &client, true));
        }
    }

    #[test]
    fn no_registration_that_others_share_is_let_in_silently() {
        let request = request("https://a.example/cb", "mcp", "r");
        assert!(!can_be_silent(&request, &client("mcpc_common"), false));
        assert!(can_be_silent(&request, &client("mcpc_common"), true));
    }

    #[test]
    fn no_device_is_let_in_silently() {
        let asked = request("https://auth.example/device/done", "mcp", "r");
        let request = AuthorizationRequest { user_code: Some("BCDF-GHJK".into()), ..asked };
        assert!(!can_be_silent(&request, &client("https://a.example/client.json"), true));
    }

    #[test]
    fn who_is_sent_by_another_site_has_not_come_alone() {
        let table: [(&[(&'static str, &str)], bool); 6] = [
            (&[("sec-fetch-site", "none"), ("sec-fetch-dest", "document")], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none"), ("sec-fetch-dest", "iframe")], false),
            (&[], false),
        ];
        for (pairs, alone) in table {
            let pairs = pairs.iter();
            let headers =
                pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers = headers.collect();
            assert_eq!(comes_by_itself(&headers, false), alone);
            let is_ours = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
            assert_eq!(comes_by_itself(&headers, true), alone && !is_ours);
        }
    }
}
