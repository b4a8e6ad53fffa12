//! From what a client says about itself (RFC 7591) to a client.

use std::time::Duration;

use ambient::{Entropy, Timestamp};
use shared::oauth::{
    ClientMetadata, GrantType, RegisteredClient, Sensitive, TokenEndpointAuthMethod,
};

use super::{
    Authentication, BadKeySource, Client, Issuer, KeySource, Management, PreviousSecret,
    RedirectUri, client_id,
    redirect_uri::BadRedirectUri,
    ticket::{ClientSecret, ManagementToken, Ticket},
};

/// How long a secret is good after another has taken its place.
const OVERLAP: Duration = Duration::from_hours(24);

const MAX_REDIRECT_URIS: usize = 20;
const MAX_NAME: usize = 200;

/// Of addresses and scopes together, in bytes: a registration is kept for months. Real clients need
/// less than a tenth.
const MAX_TEXT: usize = 8 * 1024;

/// Why a client cannot be registered like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("redirect_uris must name 1 to {MAX_REDIRECT_URIS} URIs")]
    RedirectUriCount,
    #[error("redirect_uris, number {}: {why}", index + 1)]
    RedirectUri { index: usize, why: BadRedirectUri },
    #[error(
        "post_logout_redirect_uris names at most {MAX_REDIRECT_URIS} URIs, each one that could be a redirect URI"
    )]
    AfterLogout,
    #[error("post_logout_redirect_uris, number {}: {why}", index + 1)]
    AfterLogoutUri { index: usize, why: BadRedirectUri },
    #[error(
        "redirect_uris, post_logout_redirect_uris and scope have at most {MAX_TEXT} characters \
             together; register the addresses that are used"
    )]
    TooLong,
    #[error("client_name has at most {MAX_NAME} characters and no control characters")]
    Name,
    #[error(
        "token_endpoint_auth_method must be none, client_secret_basic, \
             client_secret_post or private_key_jwt"
    )]
    AuthMethod,
    #[error(
        "token_endpoint_auth_method must stay one with a secret for this client, whose identifier \
             carries it; register anew"
    )]
    CarriedSecret,
    #[error("{0}")]
    Keys(#[from] BadKeySource),
    #[error("grant_types must contain authorization_code or the grant of RFC 8628")]
    GrantTypes,
    #[error("response_types must contain code")]
    ResponseTypes,
    #[error("application_type must be native or web")]
    ApplicationType,
}

/// A client and what it alone is told.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The client, to be kept.
    pub(crate) client: Client,
    /// What shows that a caller may change it; none for public clients.
    pub(crate) management: Option<Management>,
    /// Its secret, to be told once.
    secret: Option<ClientSecret>,
    /// What it may change its registration with.
    token: Option<ManagementToken>,
}

impl Registration {
    /// Registers a client, or says what is wrong with it.
    ///
    /// What a client may leave out gets the default of RFC 7591 section 2, with one exception: who
    /// does not name `grant_types` may refresh, as with the original server.
    pub(crate) fn new(
        metadata: ClientMetadata,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Self, MetadataError> {
        // RFC 7591 section 2: a client that says nothing is confidential and uses Basic.
        let method = metadata.token_endpoint_auth_method.clone();
        let method = method.unwrap_or(TokenEndpointAuthMethod::ClientSecretBasic);
        let (authentication, secret) = authentication(method, &metadata, entropy)?;
        // What is public is shared by all who register the same: nobody may change it.
        let is_own = authentication != Authentication::Public;
        let id = if is_own { client_id::own(entropy) } else { entropy.hex::<16>() };
        let client = client(id, metadata, authentication, now)?;
        let token = is_own.then(|| Ticket::random(entropy));
        Ok(Self { client, management: token.as_ref().map(Management::of), secret, token })
    }

    /// A registration that a client comes back to with its token.
    pub(crate) fn known(client: Client, token: ManagementToken) -> Self {
        let management = Some(Management::of(&token));
        Self { client, management, secret: None, token: Some(token) }
    }

    /// The client `before` as it wants to be from now on: of the same name, and still one that proves
    /// who it is. Its way of proving who it is stays if it names none: the default of RFC 7591 would
    /// make a secret that nobody asked for. A secret that it names stays; what is not named is to be
    /// deleted (RFC 7592 section 2.2), so there is a new one, and the old one is good for a day.
    ///
    /// A secret that the name itself carries cannot be left behind: a restart would bring it back.
    pub(crate) fn change(
        metadata: ClientMetadata,
        (before, names_secret): (&Client, bool),
        token: ManagementToken,
        (now, entropy): (Timestamp, &Entropy),
    ) -> Result<Self, MetadataError> {
        let method = metadata.token_endpoint_auth_method.clone().unwrap_or_else(|| before.method());
        let is_carried = client_id::open(&before.id).is_some();
        let (authentication, secret) = match &before.authentication {
            Authentication::Secret { digest, previous, .. } if has_secret(&method) => {
                if names_secret || is_carried {
                    let (digest, previous) = (digest.clone(), previous.clone());
                    (Authentication::Secret { method, digest, previous }, None)
                } else {
                    let until = now + OVERLAP;
                    let previous = Some(PreviousSecret { digest: digest.clone(), until });
                    let secret = Ticket::random(entropy);
                    let digest = secret.digest();
                    (Authentication::Secret { method, digest, previous }, Some(secret))
                }
            }
            _ => authentication(method, &metadata, entropy)?,
        };
        if authentication == Authentication::Public {
            return Err(MetadataError::AuthMethod);
        }
        let keeps_secret = matches!(authentication, Authentication::Secret { .. });
        if !keeps_secret && is_carried {
            return Err(MetadataError::CarriedSecret);
        }
        let client = client(before.id.clone(), metadata, authentication, before.issued_at)?;
        Ok(Self { secret, ..Self::known(client, token) })
    }

    /// The answer to the client (RFC 7591 section 3.2.1): what was registered, not what was asked.
    pub(crate) fn document(&self, issuer: &Issuer) -> RegisteredClient {
        let client = &self.client;
        let (secret, token) = (self.secret.as_ref(), self.token.as_ref());
        RegisteredClient {
            client_id: client.id.clone(),
            client_id_issued_at: client.issued_at.as_secs(),
            client_secret: secret.map(|secret| Sensitive::new(secret.expose())),
            client_secret_expires_at: secret.map(|_| 0),
            registration_access_token: token.map(|token| Sensitive::new(token.expose())),
            registration_client_uri: token.map(|_| issuer.at(&format!("/register/{}", client.id))),
            metadata: metadata(client),
        }
    }
}

/// What a client is registered with, in the words of RFC 7591.
pub(super) fn metadata(client: &Client) -> ClientMetadata {
    let (jwks, jwks_uri) = client.keys();
    ClientMetadata {
        redirect_uris: texts(&client.redirect_uris),
        client_name: client.name.clone(),
        token_endpoint_auth_method: Some(client.method()),
        grant_types: Some(client.grant_types()),
        response_types: client.may_be_answered().then(|| vec!["code".to_owned()]),
        scope: client.scope.clone(),
        jwks,
        jwks_uri,
        dpop_bound_access_tokens: client.shows_key.then_some(true),
        post_logout_redirect_uris: Some(texts(&client.after_logout))
            .filter(|uris| !uris.is_empty()),
        application_type: client.application_type.clone(),
    }
}

fn texts(uris: &[RedirectUri]) -> Vec<String> {
    uris.iter().map(ToString::to_string).collect()
}

/// A client of this name that is as `metadata` says, or what is wrong with it.
pub(super) fn client(
    id: String,
    metadata: ClientMetadata,
    authentication: Authentication,
    now: Timestamp,
) -> Result<Client, MetadataError> {
    if metadata.client_name.as_ref().is_some_and(|name| !is_name(name)) {
        return Err(MetadataError::Name);
    }
    let after_logout_uris = metadata.post_logout_redirect_uris.unwrap_or_default();
    let uris = metadata.redirect_uris.iter().chain(&after_logout_uris);
    let scope = metadata.scope.as_ref().map_or(0, |scope| scope.to_string().len());
    if uris.map(String::len).sum::<usize>() + scope > MAX_TEXT {
        return Err(MetadataError::TooLong);
    }
    let grant_types = metadata.grant_types.as_deref();
    let devices = grant_types.is_some_and(|types| types.contains(&GrantType::DeviceCode));
    let codes = grant_types.is_none_or(|types| types.contains(&GrantType::AuthorizationCode));
    // A program that runs on devices only is never answered at an address.
    let redirect_uris = match (codes, devices) {
        (true, _) => redirect_uris(&metadata.redirect_uris)?,
        (false, true) => Vec::new(),
        (false, false) => return Err(MetadataError::GrantTypes),
    };
    let response_types = metadata.response_types;
    if codes && response_types.is_some_and(|types| types.iter().all(|name| name != "code")) {
        return Err(MetadataError::ResponseTypes);
    }
    let application_type = metadata.application_type;
    if application_type.as_deref().is_some_and(|kind| !matches!(kind, "native" | "web")) {
        return Err(MetadataError::ApplicationType);
    }
    let can_be_known = !matches!(authentication, Authentication::Public);
    Ok(Client {
        id,
        name: metadata.client_name.filter(|name| !name.trim().is_empty()),
        redirect_uris,
        authentication,
        refreshes: grant_types.is_none_or(|types| types.contains(&GrantType::RefreshToken)),
        devices,
        acts_for_itself: false,
        // Who cannot be told from others is not spoken to about users. Who can do without a proof has
        // to show one for this.
        takes_assertions: can_be_known
            && grant_types.is_some_and(|types| types.contains(&GrantType::JwtBearer)),
        scope: metadata.scope,
        application_type,
        shows_key: metadata.dpop_bound_access_tokens.unwrap_or_default(),
        after_logout: after_logout(&after_logout_uris)?,
        issued_at: now,
    })
}

fn redirect_uris(texts: &[String]) -> Result<Vec<RedirectUri>, MetadataError> {
    if !(1..=MAX_REDIRECT_URIS).contains(&texts.len()) {
        return Err(MetadataError::RedirectUriCount);
    }
    let checked = texts.iter().enumerate().map(|(index, text)| {
        RedirectUri::register(text).map_err(|why| MetadataError::RedirectUri { index, why })
    });
    checked.collect()
}

/// Where a browser may be sent after a logout: nobody is told anything there, but a script is a
/// script.
fn after_logout(texts: &[String]) -> Result<Vec<RedirectUri>, MetadataError> {
    let checked = texts.iter().map(|text| RedirectUri::register(text));
    let uris: Vec<_> = checked.collect::<Result<_, _>>().map_err(|_| MetadataError::AfterLogout)?;
    if uris.len() > MAX_REDIRECT_URIS { Err(MetadataError::AfterLogout) } else { Ok(uris) }
}

fn is_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control)
}

/// How a client will prove who it is, and its new secret if that is how.
fn authentication(
    method: TokenEndpointAuthMethod,
    metadata: &ClientMetadata,
    entropy: &Entropy,
) -> Result<(Authentication, Option<ClientSecret>), MetadataError> {
    match method {
        TokenEndpointAuthMethod::None => Ok((Authentication::Public, None)),
        TokenEndpointAuthMethod::ClientSecretBasic | TokenEndpointAuthMethod::ClientSecretPost => {
            let secret = Ticket::random(entropy);
            let (digest, previous) = (secret.digest(), None);
            Ok((Authentication::Secret { method, digest, previous }, Some(secret)))
        }
        TokenEndpointAuthMethod::PrivateKeyJwt => {
            let keys = KeySource::new(metadata.jwks.as_ref(), metadata.jwks_uri.as_deref())?;
            Ok((Authentication::Keys { keys, or_none: false }, None))
        }
        TokenEndpointAuthMethod::Other(_) => Err(MetadataError::AuthMethod),
    }
}

fn has_secret(method: &TokenEndpointAuthMethod) -> bool {
    use TokenEndpointAuthMethod::{ClientSecretBasic, ClientSecretPost};
    matches!(method, ClientSecretBasic | ClientSecretPost)
}

#[cfg(test)]
mod tests {
    use ambient::values::BaseUrl;
    use serde_json::{Value, json};

    use super::*;

    fn register(metadata: Value) -> Result<Registration, MetadataError> {
        let metadata = serde_json::from_value(metadata).unwrap();
        Registration::new(metadata, Timestamp::from_secs(7), &Entropy::seeded(1))
    }

    fn issuer() -> Issuer {
        Issuer::from(&"https://as.example".parse::<BaseUrl>().unwrap())
    }

    #[test]
    fn a_secret_that_the_identifier_carries_is_not_left_behind_for_keys() {
        let Registration { client, management, .. } =
            register(json!({ "redirect_uris": ["https://client.example/cb"] })).unwrap();
        let id = client_id::carry(&client, management.as_ref()).unwrap();
        let change = |id: String| {
            let keys = json!({
                "redirect_uris": ["https://client.example/cb"],
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks_uri": "https://client.example/keys",
            });
            let (before, entropy) = (Client { id, ..client.clone() }, Entropy::seeded(2));
            let (token, now) = (Ticket::random(&entropy), Timestamp::from_secs(7));
            let keys = serde_json::from_value(keys).unwrap();
            Registration::change(keys, (&before, false), token, (now, &entropy))
        };
        assert_eq!(change(id).unwrap_err(), MetadataError::CarriedSecret);
        assert!(change(client.id.clone()).is_ok(), "what is kept in a record can be changed there");
    }

    #[test]
    fn a_secret_that_the_identifier_carries_is_not_changed() {
        let words = json!({ "redirect_uris": ["https://client.example/cb"] });
        let Registration { client, management, .. } = register(words.clone()).unwrap();
        let id = client_id::carry(&client, management.as_ref()).unwrap();
        let (before, entropy) = (Client { id, ..client }, Entropy::seeded(2));
        let (token, now) = (Ticket::random(&entropy), Timestamp::from_secs(8));
        let words = serde_json::from_value(words).unwrap();
        let made = Registration::change(words, (&before, false), token, (now, &entropy)).unwrap();
        assert_eq!(made.client.authentication, before.authentication);
        assert_eq!(made.document(&issuer()).client_secret, None);
    }

    #[test]
    fn cursor_registers_its_three_forms_at_once() {
        let uris = [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ];
        let made = register(json!({"redirect_uris": uris, "token_endpoint_auth_method": "none"}));
        let document = serde_json::to_value(made.unwrap().document(&issuer())).unwrap();
        assert_eq!(document["redirect_uris"], json!(uris));
        assert_eq!(document["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(document.get("client_secret_expires_at"), None);
    }

    #[test]
    fn a_client_that_says_nothing_gets_a_secret_that_is_kept_hashed() {
        let made = register(json!({"redirect_uris": ["https://a.example/cb"]})).unwrap();
        let document = made.document(&issuer());
        let secret = document.client_secret.unwrap();
        assert_eq!(document.client_secret_expires_at, Some(0));
        let kept = serde_json::to_string(&made.client).unwrap();
        assert!(!kept.contains(secret.expose()), "{kept}");
    }

    #[test]
    fn grants_that_do_not_exist_here_are_left_out() {
        let asked = json!(["authorization_code", "urn:ietf:params:oauth:grant-type:saml2-bearer"]);
        let made = register(json!({"redirect_uris": ["https://a.example/"], "grant_types": asked}));
        assert_eq!(made.unwrap().client.grant_types(), [GrantType::AuthorizationCode]);
    }

    #[test]
    fn a_program_for_devices_only_needs_no_address_to_be_answered_at() {
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        let asked = json!({"grant_types": [device, "refresh_token"], "response_types": []});
        let document = serde_json::to_value(register(asked).unwrap().document(&issuer())).unwrap();
        assert_eq!(document["grant_types"], json!(["refresh_token", device]));
        assert_eq!(document["redirect_uris"], json!([]));
        assert_eq!(document.get("response_types"), None);
        let both = json!({"grant_types": ["authorization_code", device]});
        assert_eq!(register(both).unwrap_err(), MetadataError::RedirectUriCount);
    }

    #[test]
    fn addresses_and_scopes_together_are_no_longer_than_any_client_needs() {
        let of_length = |length: usize| {
            let mut uris = vec!["https://a.example/cb".to_owned(); 6];
            let rest = length - 6 * uris[0].len() - 4;
            let each = rest / 6;
            for uri in &mut uris {
                uri.push_str(&"x".repeat(each));
            }
            uris[0].push_str(&"x".repeat(rest - 6 * each));
            let (after, redirects) = uris.split_at(3);
            json!({
                "redirect_uris": redirects, "post_logout_redirect_uris": after, "scope": "mcps",
            })
        };
        assert!(register(of_length(MAX_TEXT)).is_ok());
        assert_eq!(register(of_length(MAX_TEXT + 1)).unwrap_err(), MetadataError::TooLong);
    }

    #[test]
    fn each_mistake_has_its_name() {
        let with = |name: &str, value: Value| {
            let mut metadata = json!({"redirect_uris": ["https://a.example/cb"]});
            metadata[name] = value;
            register(metadata).unwrap_err()
        };
        assert_eq!(with("redirect_uris", json!([])), MetadataError::RedirectUriCount);
        assert_eq!(with("client_name", json!("a\u{7}b")), MetadataError::Name);
        let script = json!(["javascript:alert(1)"]);
        assert_eq!(with("post_logout_redirect_uris", script), MetadataError::AfterLogout);
        assert_eq!(with("grant_types", json!(["refresh_token"])), MetadataError::GrantTypes);
        assert_eq!(with("response_types", json!(["token"])), MetadataError::ResponseTypes);
        assert_eq!(with("application_type", json!("x")), MetadataError::ApplicationType);
        let method = with("token_endpoint_auth_method", json!("client_secret_jwt"));
        assert_eq!(method, MetadataError::AuthMethod);
        let no_key = with("token_endpoint_auth_method", json!("private_key_jwt"));
        assert_eq!(no_key, BadKeySource::Missing.into());
        let why = BadRedirectUri::Scheme;
        let uris = json!(["https://a.example/", "javascript:x"]);
        assert_eq!(with("redirect_uris", uris), MetadataError::RedirectUri { index: 1, why });
    }
}
