//! A registered client.

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::oauth::{GrantType, ScopeSet, TokenEndpointAuthMethod};

use super::{BadKeySource, ClientUrl, KeySource, RedirectUri, SecretHash, ticket};

/// A registered client, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one grant, which the client may have or not whatever the others are"
)]
pub(crate) struct Client {
    /// Its identifier, which anybody may know.
    pub(crate) id: String,
    /// What it calls itself: text of an unknown author.
    pub(crate) name: Option<String>,
    /// Where it may be answered; nowhere if it only acts for itself.
    pub(crate) redirect_uris: Vec<RedirectUri>,
    /// How it proves who it is.
    pub(crate) authentication: Authentication,
    /// Whether it may have refresh tokens.
    pub(crate) refreshes: bool,
    /// Whether it may run on devices that borrow the user's browser.
    #[serde(default)]
    pub(crate) devices: bool,
    /// Whether it may have tokens for itself, without a user.
    #[serde(default)]
    pub(crate) acts_for_itself: bool,
    /// Whether an identity provider may speak for users to it.
    #[serde(default)]
    pub(crate) takes_assertions: bool,
    /// The scopes that it wishes for if it names none, or those that the operator limits it to
    /// (decision 0078).
    pub(crate) scope: Option<ScopeSet>,
    /// `native` or `web`, if it said so.
    pub(crate) application_type: Option<String>,
    /// Whether it always shows a key, to which its tokens are bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) shows_key: bool,
    /// Where a browser may be sent after a logout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) after_logout: Vec<RedirectUri>,
    /// When it was registered.
    pub(crate) issued_at: Timestamp,
}

/// How a client proves who it is. Which of the two places a secret travels in is not enforced:
/// clients and libraries mix them up, and it protects nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Authentication {
    /// Not at all. PKCE and the redirect URI have to do.
    Public,
    /// By a secret, of which only the hash is kept.
    Secret {
        /// What it said it would use.
        method: TokenEndpointAuthMethod,
        /// SHA-256 of the secret, in hexadecimal.
        digest: ticket::Digest<ticket::SecretKind>,
        /// The secret before, which is good for a while: the client may run in several places.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<PreviousSecret>,
    },
    /// By one of the secrets that the operator has given it.
    Given(Vec<SecretHash>),
    /// By a signature.
    Keys {
        /// Its public keys.
        keys: KeySource,
        /// Whether it said that it can do without as well. Then nothing is gained by insisting.
        or_none: bool,
    },
}

/// A secret that has been replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousSecret {
    pub(crate) digest: ticket::Digest<ticket::SecretKind>,
    /// Until when it is good.
    pub(crate) until: Timestamp,
}

impl PreviousSecret {
    /// Whether this is the secret, and still good.
    pub(crate) fn is(&self, secret: &ticket::ClientSecret, now: Timestamp) -> bool {
        now < self.until && self.digest.is_of(secret)
    }
}

impl Client {
    /// Whether a request may be answered at `uri`.
    pub(crate) fn may_be_answered_at(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered.allows(uri))
    }

    /// Whether there is any address that it may be answered at.
    pub(crate) const fn may_be_answered(&self) -> bool {
        !self.redirect_uris.is_empty()
    }

    /// The only redirect URI, if there is only one.
    pub(crate) fn only_redirect_uri(&self) -> Option<&RedirectUri> {
        match self.redirect_uris.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether somebody may call in its name without a proof: then a key that its tokens are bound to
    /// is all that tells it from a thief.
    pub(crate) const fn may_call_unproven(&self) -> bool {
        matches!(
            self.authentication,
            Authentication::Public | Authentication::Keys { or_none: true, .. }
        )
    }

    /// What has to be known of it while its user is asked about an answer at `uri`: every question
    /// that anybody puts is kept for a while, and this with it. How it proves who it is is nobody's
    /// business then, only whether it can. One that is known by a document stays whole, since the
    /// document as the user has seen it is what is remembered.
    pub(crate) fn asked_at(self, uri: &str) -> Self {
        if ClientUrl::is_meant(&self.id) {
            return self;
        }
        let mut redirect_uris = self.redirect_uris;
        redirect_uris.retain(|registered| registered.allows(uri));
        let authentication = match self.authentication {
            Authentication::Public => Authentication::Public,
            _ => Authentication::Given(Vec::new()),
        };
        let (scope, after_logout) = (None, Vec::new());
        Self { redirect_uris, authentication, scope, after_logout, ..self }
    }

    /// Its grant types, for the registration document.
    pub(crate) fn grant_types(&self) -> Vec<GrantType> {
        let code = self.may_be_answered().then_some(GrantType::AuthorizationCode);
        let refresh = self.refreshes.then_some(GrantType::RefreshToken);
        let device = self.devices.then_some(GrantType::DeviceCode);
        let assertions = self.takes_assertions.then_some(GrantType::JwtBearer);
        code.into_iter().chain(refresh).chain(device).chain(assertions).collect()
    }

    /// Its public keys as it registered them, in the place where it did.
    pub(crate) fn keys(&self) -> (Option<Value>, Option<String>) {
        match &self.authentication {
            Authentication::Keys { keys: KeySource::Here(keys), .. } => {
                (serde_json::to_value(keys).ok(), None)
            }
            Authentication::Keys { keys: KeySource::At(url), .. } => (None, Some(url.clone())),
            _ => (None, None),
        }
    }

    /// Refuses keys that could not be fetched later; `anywhere` is whether private addresses are.
    pub(crate) fn check_keys(&self, anywhere: bool) -> Result<(), BadKeySource> {
        match &self.authentication {
            Authentication::Keys { keys, .. } if keys.is_without_tls() && !anywhere => {
                Err(BadKeySource::Url)
            }
            _ => Ok(()),
        }
    }

    /// Its authentication method, for the registration document.
    pub(crate) fn method(&self) -> TokenEndpointAuthMethod {
        match &self.authentication {
            Authentication::Public => TokenEndpointAuthMethod::None,
            Authentication::Secret { method, .. } => method.clone(),
            Authentication::Keys { .. } => TokenEndpointAuthMethod::PrivateKeyJwt,
            Authentication::Given(_) => TokenEndpointAuthMethod::ClientSecretBasic,
        }
    }
}
