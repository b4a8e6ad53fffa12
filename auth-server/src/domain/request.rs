//! The authorization request (OAuth 2.1 section 4.1.1), once client and redirect URI are known to be
//! good: from here on, every mistake is told to the client.

use dpop::Thumbprint;
use serde::{Deserialize, Serialize};
use shared::oauth::{CodeChallenge, ErrorCode, ScopeSet, Sensitive};

use super::{Allowance, Client, LoginWish, Resources, identity::MAX_NONCE};

/// Longer hints are left out.
const MAX_HINT: usize = 256;

/// Longer ones are not echoed faithfully by everything in between.
const MAX_STATE: usize = 2048;

/// The parameters as they were sent.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) response_type: Option<String>,
    pub(crate) response_mode: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) code_challenge_method: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) max_age: Option<String>,
    pub(crate) login_hint: Option<String>,
    pub(crate) id_token_hint: Option<Sensitive>,
    pub(crate) request: Option<String>,
    pub(crate) request_uri: Option<String>,
    pub(crate) authorization_details: Option<String>,
    pub(crate) dpop_jkt: Option<String>,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    /// The resources that tokens can be for.
    pub(crate) resources: &'a Resources,
    /// The scopes that the client can have. One that asks for none of them gets all of them.
    pub(crate) allowance: Allowance<'a>,
}

/// A request that can be put before the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthorizationRequest {
    /// Who asks.
    pub(crate) client_id: String,
    /// Where the answer goes, exactly as it was sent.
    pub(crate) redirect_uri: String,
    /// What the client wants to see again, exactly as it was sent.
    pub(crate) state: Option<String>,
    /// The code of the device that waits for the answer, as its user has typed it; the answer goes
    /// to our own page then.
    #[serde(default)]
    pub(crate) user_code: Option<String>,
    /// The key that the tokens will be bound to, if the client has committed itself to one
    /// (RFC 9449 section 10).
    #[serde(default)]
    pub(crate) key: Option<Thumbprint>,
    /// What the code will be bound to.
    pub(crate) challenge: CodeChallenge,
    /// What will be allowed.
    pub(crate) scope: ScopeSet,
    /// The audience of the tokens.
    pub(crate) resource: String,
    /// What the client wants to see again in the identity token.
    #[serde(default)]
    pub(crate) nonce: Option<String>,
    /// Whether no page may be shown (`prompt=none`).
    #[serde(default)]
    pub(crate) silent: bool,
    /// Whether the user is to be asked even if he has agreed before (`prompt=consent`).
    #[serde(default)]
    pub(crate) consent_again: bool,
    /// How the client wants its user to log in.
    #[serde(default)]
    pub(crate) login: LoginWish,
}

/// Why a request cannot be put before the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("{0}")]
    Params(String),
    #[error("requests must be handed in at the pushed authorization request endpoint")]
    NotPushed,
    #[error("state has at most {MAX_STATE} characters")]
    LongState,
    #[error("nonce has at most {MAX_NONCE} characters")]
    LongNonce,
    #[error("response_type is missing")]
    NoResponseType,
    #[error("the only response_type is code")]
    ResponseType,
    #[error("the only response_mode is query")]
    ResponseMode,
    #[error("request objects are not supported")]
    RequestObject,
    #[error("request_uri is not supported")]
    RequestUri,
    #[error("authorization_details are not supported")]
    AuthorizationDetails,
    #[error("code_challenge is missing: PKCE is required")]
    NoChallenge,
    #[error("code_challenge_method must be S256")]
    ChallengeMethod,
    #[error("an S256 code_challenge has 43 characters of A-Z a-z 0-9 - _")]
    Challenge,
    #[error("the resource is not one that tokens are issued for here")]
    Resource,
    #[error("dpop_jkt is not the SHA-256 thumbprint of a key")]
    Key,
    #[error("scope is malformed")]
    Scope,
    #[error("the operator of this server allows this client none of these scopes")]
    NoScope,
    #[error("prompt=none goes with no other prompt")]
    Prompt,
    #[error("max_age is a number of seconds")]
    MaxAge,
    #[error(
        "id_token_hint is no identity token of this server, or so old that its key is gone; leave it out"
    )]
    IdTokenHint,
    #[error("nobody is logged in who fulfils this request, and prompt=none allows no login")]
    LoginRequired,
    #[error("the user has to be asked, and prompt=none allows no page")]
    ConsentRequired,
}

impl RequestError {
    /// The reason as clients understand it.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Params(_)
            | Self::NotPushed
            | Self::LongState
            | Self::LongNonce
            | Self::NoResponseType
            | Self::ResponseMode
            | Self::NoChallenge
            | Self::ChallengeMethod
            | Self::Prompt
            | Self::MaxAge
            | Self::IdTokenHint
            | Self::Key
            | Self::Challenge => ErrorCode::InvalidRequest,
            Self::ResponseType => ErrorCode::UnsupportedResponseType,
            Self::RequestObject => ErrorCode::RequestNotSupported,
            Self::RequestUri => ErrorCode::RequestUriNotSupported,
            Self::AuthorizationDetails => ErrorCode::InvalidAuthorizationDetails,
            Self::Resource => ErrorCode::InvalidTarget,
            Self::Scope | Self::NoScope => ErrorCode::InvalidScope,
            Self::LoginRequired => ErrorCode::LoginRequired,
            Self::ConsentRequired => ErrorCode::ConsentRequired,
        }
    }
}

impl AuthorizationRequest {
    /// Checks what `client` wants.
    pub(crate) fn new(
        wanted: Wanted,
        client: &Client,
        redirect_uri: String,
        offer: Offer<'_>,
    ) -> Result<Self, RequestError> {
        wanted.check_kind()?;
        let challenge = wanted.challenge()?;
        let (scope, resource) = wanted.target(offer)?;
        let key = wanted.dpop_jkt.as_ref().map(|key| key.parse()).transpose();
        Ok(Self {
            key: key.map_err(|_| RequestError::Key)?,
            client_id: client.id.clone(),
            redirect_uri,
            silent: wanted.has_prompt("none"),
            consent_again: wanted.has_prompt("consent"),
            login: wanted.login()?,
            state: wanted.state,
            user_code: None,
            challenge,
            scope,
            resource,
            nonce: wanted.nonce,
        })
    }

    /// Whether the answer goes to the client, or to our own page about the device that waits for it.
    pub(crate) fn may_be_answered(&self, client: &Client) -> bool {
        self.user_code.is_some() || client.may_be_answered_at(&self.redirect_uri)
    }
}

impl Wanted {
    /// What the tokens will be for: the scopes and the audience.
    pub(crate) fn target(&self, offer: Offer<'_>) -> Result<(ScopeSet, String), RequestError> {
        self.check_unsupported()?;
        let scope = scope(self, offer.allowance)?;
        let resource = match &self.resource {
            // Clients of 2025-03-26 do not know of resources.
            None => offer.resources.default_audience(),
            Some(name) => offer.resources.audience(name).ok_or(RequestError::Resource)?,
        };
        Ok((scope, resource.to_owned()))
    }

    /// To ignore these would be to answer a request that was not made.
    const fn check_unsupported(&self) -> Result<(), RequestError> {
        if self.request.is_some() {
            return Err(RequestError::RequestObject);
        }
        if self.request_uri.is_some() {
            return Err(RequestError::RequestUri);
        }
        if self.authorization_details.is_some() {
            return Err(RequestError::AuthorizationDetails);
        }
        Ok(())
    }

    fn check_kind(&self) -> Result<(), RequestError> {
        if self.state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
            return Err(RequestError::LongState);
        }
        if self.nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_NONCE) {
            return Err(RequestError::LongNonce);
        }
        self.check_unsupported()?;
        match self.response_type.as_deref() {
            None => return Err(RequestError::NoResponseType),
            Some("code") => {}
            Some(_) => return Err(RequestError::ResponseType),
        }
        if self.response_mode.as_ref().is_some_and(|mode| mode != "query") {
            return Err(RequestError::ResponseMode);
        }
        if self.has_prompt("none") && self.prompts().count() > 1 {
            return Err(RequestError::Prompt);
        }
        Ok(())
    }

    fn prompts(&self) -> impl Iterator<Item = &str> {
        self.prompt.as_deref().unwrap_or_default().split(' ').filter(|word| !word.is_empty())
    }

    fn has_prompt(&self, prompt: &str) -> bool {
        self.prompts().any(|word| word == prompt)
    }

    fn login(&self) -> Result<LoginWish, RequestError> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = |text: &str| text.parse().ok().filter(|_| digits(text));
        let max_age = self.max_age.as_deref().map(|text| seconds(text).ok_or(RequestError::MaxAge));
        // It only saves typing: one that is too long is left out.
        let hint = self.login_hint.clone().filter(|hint| hint.len() <= MAX_HINT);
        Ok(LoginWish {
            again: self.has_prompt("login"),
            choose: self.has_prompt("select_account"),
            max_age: max_age.transpose()?,
            hint,
            user: None,
        })
    }

    /// RFC 7636 section 4.3: without a method it would be `plain`, which does not exist here.
    fn challenge(&self) -> Result<CodeChallenge, RequestError> {
        let challenge = self.code_challenge.as_ref().ok_or(RequestError::NoChallenge)?;
        if self.code_challenge_method.as_deref() != Some("S256") {
            return Err(RequestError::ChallengeMethod);
        }
        challenge.parse().map_err(|_| RequestError::Challenge)
    }
}

/// What is unknown is left out (RFC 6749 section 3.3); the token response says what is left.
fn scope(request: &Wanted, allowance: Allowance<'_>) -> Result<ScopeSet, RequestError> {
    let wanted = request.scope.as_deref().unwrap_or_default();
    let wanted: ScopeSet = wanted.parse().map_err(|_| RequestError::Scope)?;
    if allowance.refuses(&wanted) {
        return Err(RequestError::NoScope);
    }
    let user = allowance.of_user(&wanted);
    let names_some = !wanted.limited_to(allowance.scopes).is_empty();
    let of_resource = if names_some {
        allowance.of(&wanted)
    } else if !user.is_empty() && request.resource.is_none() {
        // Who asks for the user and names no resource wants to know who it is, and nothing else.
        ScopeSet::default()
    } else {
        allowance.all()
    };
    let granted = of_resource.and(&user);
    if granted.is_empty() { Err(RequestError::NoScope) } else { Ok(granted) }
}

#[cfg(test)]
mod tests {
    use ambient::{Entropy, Timestamp};
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::domain::Registration;

    fn parse(changes: &[(&str, Option<&str>)]) -> Result<AuthorizationRequest, RequestError> {
        parse_within(None, changes)
    }

    fn parse_within(
        limit: Option<&str>,
        changes: &[(&str, Option<&str>)],
    ) -> Result<AuthorizationRequest, RequestError> {
        let mut wanted = json!({
            "response_type": "code",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            "state": "s",
        });
        for (name, value) in changes {
            wanted[*name] = json!(value);
        }
        let metadata = serde_json::from_value(json!({"redirect_uris": ["https://a.example/"]}));
        let now = Timestamp::default();
        let made = Registration::new(metadata.unwrap(), now, &Entropy::seeded(1)).unwrap();
        let resources = Resources::of_mcp_server(&Url::parse("https://mcp.example").unwrap());
        let scopes = "mcp notes".parse().unwrap();
        let limit = limit.map(|limit| limit.parse().unwrap());
        let allowance = Allowance { scopes: &scopes, limit: limit.as_ref(), wish: None };
        let offer = Offer { resources: &resources, allowance };
        let wanted = serde_json::from_value(wanted).unwrap();
        AuthorizationRequest::new(wanted, &made.client, "https://a.example/".into(), offer)
    }

    #[test]
    fn scope_and_resource_have_defaults() {
        let request = parse(&[]).unwrap();
        assert_eq!(request.resource, "https://mcp.example/mcp");
        assert_eq!(request.scope.to_string(), "mcp notes");
    }

    #[test]
    fn unknown_scopes_are_left_out() {
        let scope = |text| parse(&[("scope", Some(text))]).unwrap().scope.to_string();
        assert_eq!(scope("mcp offline_access"), "mcp");
        assert_eq!(scope("offline_access profile"), "mcp notes");
    }

    #[test]
    fn who_the_user_is_can_be_asked_with_a_resource_and_without() {
        let scope = |text, resource| {
            let changes = [("scope", Some(text)), ("resource", resource)];
            parse(&changes).unwrap().scope.to_string()
        };
        let resource = Some("https://mcp.example/mcp");
        assert_eq!(scope("openid email", None), "email openid");
        assert_eq!(scope("openid mcp", None), "mcp openid");
        assert_eq!(scope("openid", resource), "mcp notes openid");
    }

    #[test]
    fn nobody_gets_more_than_the_operator_has_limited_it_to() {
        let resource = Some("https://mcp.example/mcp");
        let table = [
            ("notes", "", None, Some("notes")),
            ("notes", "mcp notes", None, Some("notes")),
            ("notes", "openid notes email", resource, Some("notes")),
            ("notes", "mcp", None, None),
            ("notes", "openid email", None, None),
            ("notes", "openid mcp", resource, None),
            ("notes", "offline_access", None, None),
            ("notes openid", "openid email", None, Some("openid")),
            ("notes openid", "openid", resource, Some("notes openid")),
            ("notes openid", "openid mcp", resource, Some("openid")),
            ("openid email", "openid email", None, Some("email openid")),
            ("openid email", "", None, None),
            ("openid email", "email", None, None),
        ];
        for (limit, scope, resource, granted) in table {
            let changes = [("scope", Some(scope)), ("resource", resource)];
            let told = parse_within(Some(limit), &changes).map(|request| request.scope.to_string());
            let granted = granted.map(ToOwned::to_owned).ok_or(RequestError::NoScope);
            assert_eq!(told, granted, "{scope} within {limit}");
        }
        assert_eq!(RequestError::NoScope.code(), ErrorCode::InvalidScope);
    }

    #[test]
    fn each_mistake_has_its_code() {
        use ErrorCode as Code;
        let table = [
            ("response_type", None, Code::InvalidRequest),
            ("response_type", Some("token"), Code::UnsupportedResponseType),
            ("response_type", Some("code id_token"), Code::UnsupportedResponseType),
            ("response_mode", Some("fragment"), Code::InvalidRequest),
            ("code_challenge", None, Code::InvalidRequest),
            ("code_challenge", Some("short"), Code::InvalidRequest),
            ("code_challenge_method", None, Code::InvalidRequest),
            ("code_challenge_method", Some("plain"), Code::InvalidRequest),
            ("code_challenge_method", Some("s256"), Code::InvalidRequest),
            ("resource", Some("https://other.example/mcp"), Code::InvalidTarget),
            ("scope", Some("a\"b"), Code::InvalidScope),
            ("prompt", Some("none login"), Code::InvalidRequest),
            ("max_age", Some("-1"), Code::InvalidRequest),
            ("max_age", Some("+5"), Code::InvalidRequest),
            ("dpop_jkt", Some("short"), Code::InvalidRequest),
            ("request", Some("x"), Code::RequestNotSupported),
            ("request_uri", Some("https://x"), Code::RequestUriNotSupported),
            ("authorization_details", Some("[]"), Code::InvalidAuthorizationDetails),
        ];
        for (name, value, code) in table {
            assert_eq!(parse(&[(name, value)]).unwrap_err().code(), code, "{name}={value:?}");
        }
        assert_eq!(parse(&[("state", Some(&"x".repeat(2049)))]), Err(RequestError::LongState));
        assert_eq!(parse(&[("nonce", Some(&"x".repeat(513)))]), Err(RequestError::LongNonce));
    }
}
