//! Where people log in: identity providers that speak `OpenID` Connect to us. The mock is one of
//! them and gets no favours; that it lives in this process is known to `wire` alone.
//!
//! Each provider has a way back of its own, so that an answer cannot be taken for another one's, and
//! every login has its own `state`, `nonce` and proof key. What a provider says is believed if its
//! signature, issuer, audience, nonce and times are right, and nothing else of it is. Decision 0016.

mod admission;
mod discovery;
mod identity;
mod settings;
mod wire;

use std::fmt;

use ambient::{Clock, Secret};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use shared::oauth::{CodeChallenge, CodeVerifier};
use url::form_urlencoded::{Serializer, byte_serialize};

pub use self::settings::UpstreamSettings;
use self::{
    admission::Admission,
    discovery::{Discovery, Metadata},
    identity::{Expected, LONGEST},
    settings::{MOCK_NAME, Provider},
    wire::Wire,
};
pub(crate) use self::{admission::NotAdmitted, discovery::DiscoveryError, identity::Identity};
use crate::{
    assertions::{AssertionError, Assertions, BadClaim, BadJwt, Jwt, PublicKeys, RemoteError},
    domain::{Freshness, Issuer, KeySource, Unique, user_id},
    fetch::{FetchError, Fetcher},
    http::{mounted, query},
    idp::Idp,
};

/// All providers, in the order of the settings; at least one.
pub(crate) struct Upstreams(Vec<Upstream>);

/// One provider.
pub(crate) struct Upstream {
    provider: Provider,
    /// Where it sends browsers back to.
    redirect_uri: String,
    wire: Wire,
    discovery: Discovery,
}

/// What a browser is sent to a provider with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) challenge: &'a CodeChallenge,
    pub(crate) prompt: Option<&'static str>,
    pub(crate) max_age: Option<u64>,
    pub(crate) login_hint: Option<&'a str>,
}

/// What came back, and what it must fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) code: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a CodeVerifier,
    pub(crate) freshness: Freshness,
}

/// Why nobody has logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("the provider is not known: {0}")]
    Discovery(#[from] DiscoveryError),
    #[error("the provider does not answer: {0}")]
    Silent(FetchError),
    #[error("the provider says that it lets nobody in right now")]
    Away,
    #[error("the provider does not know this login, or it was used")]
    UnknownLogin,
    #[error("the provider refuses this server: {0}")]
    Refused(String),
    #[error("the answer of the provider is not one to a token request")]
    Form,
    #[error("the identity token is not accepted: {0}")]
    IdToken(#[from] AssertionError),
    #[error("{0}")]
    NotAdmitted(#[from] NotAdmitted),
}

/// The answer of a token endpoint, as far as it matters.
#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<String>,
    error: Option<String>,
}

impl UpstreamError {
    /// Whether it may work in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Discovery(DiscoveryError::Fetch(error)) | Self::Silent(error) => {
                // Also a proxy's 404 in front of a provider that is away is no word of its own.
                !matches!(error, FetchError::OutOfReach | FetchError::Scheme)
            }
            Self::IdToken(error) => error.is_passing(),
            Self::Away => true,
            Self::Discovery(_)
            | Self::UnknownLogin
            | Self::Refused(_)
            | Self::Form
            | Self::NotAdmitted(_) => false,
        }
    }
}

impl From<BadJwt> for UpstreamError {
    fn from(error: BadJwt) -> Self {
        Self::IdToken(error.into())
    }
}

impl From<BadClaim> for UpstreamError {
    fn from(error: BadClaim) -> Self {
        Self::IdToken(error.into())
    }
}

impl Upstreams {
    /// The providers of the settings, and the mock if it is one of them.
    pub(crate) fn new(
        settings: &UpstreamSettings,
        issuer: &Issuer,
        idp: Option<&Idp>,
        clock: &Clock,
    ) -> Result<Self, reqwest::Error> {
        let upstream = |provider: Provider, wire| Upstream {
            redirect_uri: callback(issuer, &provider.name),
            discovery: Discovery::new(provider.issuer.clone(), clock.clone()),
            provider,
            wire,
        };
        let mut all = Vec::new();
        for provider in &settings.providers {
            let wire = Wire::Network(Fetcher::of_operator(clock.clone())?);
            all.push(upstream(provider.clone(), wire));
        }
        if let Some(idp) = idp {
            let wire = Wire::Here(Box::new(mounted(issuer, idp.router())));
            all.push(upstream(mock(idp), wire));
        }
        Ok(Self(all))
    }

    /// The provider with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Upstream> {
        self.0.iter().find(|upstream| upstream.name() == name)
    }

    /// The only one, if there is only one.
    pub(crate) fn only(&self) -> Option<&Upstream> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Upstream> {
        self.0.iter()
    }
}

/// Where a provider sends browsers back to.
pub(crate) fn callback(issuer: &Issuer, name: &str) -> String {
    issuer.at(&format!("/upstream/{name}/callback"))
}

/// Where the mock sends browsers back to.
pub(crate) fn mock_callback(issuer: &Issuer) -> String {
    callback(issuer, MOCK_NAME)
}

fn mock(idp: &Idp) -> Provider {
    Provider {
        name: MOCK_NAME.to_owned(),
        label: "Demo users (mock)".to_owned(),
        issuer: idp.issuer().to_owned(),
        client_id: crate::idp::CLIENT_ID.to_owned(),
        client_secret: None,
        scopes: "openid profile email".to_owned(),
        admission: Admission::default(),
    }
}

impl Upstream {
    /// Its name in settings and addresses.
    pub(crate) fn name(&self) -> &str {
        &self.provider.name
    }

    /// Its name for people.
    pub(crate) fn label(&self) -> &str {
        &self.provider.label
    }

    /// Where it sends browsers back to: what has to be registered there.
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Whether it lets everybody in.
    pub(crate) fn is_mock(&self) -> bool {
        self.provider.name == MOCK_NAME
    }

    /// Where a browser is sent to log in.
    pub(crate) async fn login_url(&self, question: &Question<'_>) -> Result<String, UpstreamError> {
        let metadata = self.discovery.metadata(&self.wire).await?;
        let max_age = question.max_age.map(|seconds| seconds.to_string());
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &*self.provider.client_id),
            ("redirect_uri", &*self.redirect_uri),
            ("scope", &*self.provider.scopes),
            ("state", question.state),
            ("nonce", question.nonce),
            ("code_challenge", question.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        parameters.extend(question.prompt.map(|prompt| ("prompt", prompt)));
        parameters.extend(max_age.as_deref().map(|seconds| ("max_age", seconds)));
        parameters.extend(question.login_hint.map(|hint| ("login_hint", hint)));
        Ok(query::append(&metadata.authorization_endpoint, &parameters))
    }

    /// Whether an answer to a browser is this provider's own (RFC 9207): the right name, or none if
    /// it does not promise to give one.
    pub(crate) async fn is_own_answer(&self, iss: Option<&str>) -> Result<bool, UpstreamError> {
        let metadata = self.discovery.metadata(&self.wire).await?;
        Ok(iss.map_or(!metadata.names_itself, |iss| iss == self.discovery.issuer()))
    }

    /// Who has logged in.
    pub(crate) async fn redeem(
        &self,
        reply: &Reply<'_>,
        assertions: &Assertions,
    ) -> Result<Identity, UpstreamError> {
        let metadata = self.discovery.metadata(&self.wire).await?;
        let text = self.id_token(&metadata, reply).await?;
        let jwt = Jwt::read(&text)?;
        // RFC 8725 section 3.11: who names a type of its own means something else by it.
        if jwt.typ().is_some_and(|typ| typ.ends_with("+jwt") && typ != "id_token+jwt") {
            return Err(BadClaim::Value("typ").into());
        }
        let keys = self.keys(&metadata).await?;
        assertions.check_signature(&jwt, &keys).await?;
        assertions.check_times(jwt.claims(), LONGEST)?;
        let expected = Expected {
            issuer: self.discovery.issuer(),
            client_id: &self.provider.client_id,
            nonce: reply.nonce,
            freshness: reply.freshness,
        };
        let mut identity = identity::read(jwt.claims(), &expected)?;
        self.provider.admission.check(self.discovery.issuer(), jwt.claims())?;
        if !self.is_mock() {
            identity.user.sub = user_id(self.discovery.issuer(), &identity.user.sub);
        }
        Ok(identity)
    }

    async fn id_token(
        &self,
        metadata: &Metadata,
        reply: &Reply<'_>,
    ) -> Result<String, UpstreamError> {
        let (form, authorization) = self.token_request(metadata, reply);
        let sent = self.wire.post(&metadata.token_endpoint, form, authorization).await;
        let (status, body) = sent.map_err(UpstreamError::Silent)?;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(UpstreamError::Silent(FetchError::Status(status)));
        }
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| UpstreamError::Form)?;
        match answer {
            TokenAnswer { id_token: Some(token), error: None } if status == StatusCode::OK => {
                Ok(token)
            }
            TokenAnswer { error: Some(error), .. } if error == "invalid_grant" => {
                Err(UpstreamError::UnknownLogin)
            }
            TokenAnswer { error: Some(error), .. } => {
                // A line of the log is one line, whatever a provider says.
                let error = error.chars().filter(|c| !c.is_control()).take(100).collect();
                Err(UpstreamError::Refused(error))
            }
            TokenAnswer { .. } => Err(UpstreamError::Form),
        }
    }

    /// The form, and the header if the secret goes there (RFC 6749 section 2.3.1).
    fn token_request(
        &self,
        metadata: &Metadata,
        reply: &Reply<'_>,
    ) -> (String, Option<HeaderValue>) {
        let id = &*self.provider.client_id;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", reply.code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", reply.verifier.expose());
        let header = match &self.provider.client_secret {
            Some(secret) if !metadata.secret_in_form => basic(id, secret),
            Some(secret) => {
                form.append_pair("client_id", id).append_pair("client_secret", secret.expose());
                None
            }
            None => {
                form.append_pair("client_id", id);
                None
            }
        };
        (form.finish(), header)
    }

    /// The keys that its identity tokens are signed with.
    async fn keys(&self, metadata: &Metadata) -> Result<KeySource, UpstreamError> {
        match &self.wire {
            // Fetched, bounded and kept where those of other signers are.
            Wire::Network(_) => Ok(KeySource::At(metadata.jwks_uri.to_string())),
            Wire::Here(_) => {
                let body = self.wire.get(&metadata.jwks_uri).await;
                let body = body.map_err(UpstreamError::Silent)?;
                let set = serde_json::from_slice(&body).unwrap_or(Unique(Value::Null));
                let keys = PublicKeys::read(&set.0).map_err(RemoteError::Keys);
                Ok(KeySource::Here(keys.map_err(AssertionError::Remote)?))
            }
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.name())
    }
}

/// Both halves are encoded first, which most forget.
fn basic(id: &str, secret: &Secret) -> Option<HeaderValue> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let both = format!("{}:{}", encoded(id), encoded(secret.expose()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both))).ok()?;
    value.set_sensitive(true);
    Some(value)
}
