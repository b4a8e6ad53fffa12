//! Asks the authorization server about a token (RFC 7662): one question, and what its answer
//! means.

use std::time::Duration;

use ambient::{Clock, Entropy, Secret, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{StatusCode, header};
use jsonwebtoken::Header;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::{
    outbound::{LONGEST_REST, Outbound, Reply, describe},
    token::Claims,
};
use crate::config::{ClientAuth, Credentials};

/// How long an assertion of ours is good.
const ASSERTION_LIFE: Duration = Duration::from_mins(1);

/// What the endpoint says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// This, of the token; also that it is not active.
    Claims(Claims),
    /// It cannot tell: the request was wrong to it.
    Refused,
    /// It does not answer for tokens of this kind (RFC 7009 section 2.2.1).
    Unsupported,
    /// We are not who it expects.
    BadCredentials,
    /// It is asked too much, and wants to be left alone for so long.
    TooMany(Duration),
    /// Nothing that could be understood.
    Outage(String),
}

/// Asks.
pub(crate) struct Introspector {
    pub(super) outbound: Outbound,
    pub(super) credentials: Credentials,
    /// Who our assertions are for.
    pub(super) issuer: String,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
}

impl Introspector {
    /// What the endpoint says of the token.
    pub(crate) async fn ask(&self, endpoint: &Url, method: ClientAuth, token: &Secret) -> Answer {
        let mut form = vec![
            ("token", token.expose().to_owned()),
            ("token_type_hint", "access_token".to_owned()),
        ];
        let authorization = match self.authenticate(method, &mut form) {
            Ok(authorization) => authorization,
            Err(why) => return Answer::Outage(why.to_owned()),
        };
        let mut request = self.outbound.http.post(endpoint.clone());
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization.expose());
        }
        let request = request.header(header::ACCEPT, "application/json").form(&form);
        match self.outbound.ask(request).await {
            Ok(reply) => meaning(&reply, self.clock.now()),
            Err(error) => Answer::Outage(describe(&error)),
        }
    }

    /// Adds our credentials to the form, or says what goes into the header.
    fn authenticate(
        &self,
        method: ClientAuth,
        form: &mut Vec<(&'static str, String)>,
    ) -> Result<Option<Secret>, &'static str> {
        let Credentials { id, secret, bearer, .. } = &self.credentials;
        match method {
            // A public client says which one it is (RFC 6749 section 3.2.1); an endpoint that is open
            // to everybody does not mind.
            ClientAuth::None => {
                form.push(("client_id", id.clone()));
                Ok(None)
            }
            ClientAuth::Basic => {
                let secret = secret.as_ref().ok_or("MCP_AUTH_CLIENT_SECRET is not set")?;
                Ok(Some(basic(id, secret)))
            }
            ClientAuth::Post => {
                let secret = secret.as_ref().ok_or("MCP_AUTH_CLIENT_SECRET is not set")?;
                form.push(("client_id", id.clone()));
                form.push(("client_secret", secret.expose().to_owned()));
                Ok(None)
            }
            ClientAuth::Bearer => {
                let bearer = bearer.as_ref().ok_or("MCP_AUTH_BEARER is not set")?;
                Ok(Some(Secret::new(format!("Bearer {}", bearer.expose()))))
            }
            ClientAuth::PrivateKeyJwt => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.push(("client_id", id.clone()));
                form.push(("client_assertion_type", kind.to_owned()));
                form.push(("client_assertion", self.assertion()?));
                Ok(None)
            }
        }
    }

    /// A signed statement of who we are, good once (RFC 7523 section 3).
    fn assertion(&self) -> Result<String, &'static str> {
        let Credentials { id, key, assertion_audience, .. } = &self.credentials;
        let key = key.as_ref().ok_or("MCP_AUTH_CLIENT_KEY_FILE is not set")?;
        let now: Timestamp = self.clock.now();
        let claims = json!({
            "iss": id, "sub": id, "aud": assertion_audience.as_ref().unwrap_or(&self.issuer),
            "jti": self.entropy.hex::<16>(), "iat": now.as_secs(),
            "exp": (now + ASSERTION_LIFE).as_secs(),
        });
        let header = Header { kid: key.id.clone(), ..Header::new(key.algorithm) };
        jsonwebtoken::encode(&header, &claims, &key.key)
            .map_err(|_| "the key of MCP_AUTH_CLIENT_KEY_FILE cannot sign")
    }
}

fn meaning(reply: &Reply, now: Timestamp) -> Answer {
    match reply.status {
        StatusCode::OK => match Claims::of_answer(&reply.body) {
            Some(claims) if claims.has("active") => Answer::Claims(claims),
            // Required of every answer, so this is none: somebody else's, before the endpoint.
            Some(_) => Answer::Outage(
                "its answer does not say whether a token is `active` (RFC 7662 section 2.2); see \
                 MCP_AUTH_INTROSPECTION_URL"
                    .to_owned(),
            ),
            None => {
                Answer::Outage("its answer is no JSON object, or says something twice".to_owned())
            }
        },
        StatusCode::BAD_REQUEST => match error_code(&reply.body).as_deref() {
            Some("unsupported_token_type") => Answer::Unsupported,
            Some("invalid_client" | "unauthorized_client") => Answer::BadCredentials,
            Some("temporarily_unavailable" | "server_error") => {
                Answer::Outage("it says that it has failed".to_owned())
            }
            Some(_) => Answer::Refused,
            // Not of the endpoint (RFC 6749 section 5.2): somebody before it has answered.
            None => Answer::Outage("it answers 400 without an error of OAuth".to_owned()),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Answer::BadCredentials,
        StatusCode::TOO_MANY_REQUESTS => Answer::TooMany(reply.rest(now).min(LONGEST_REST)),
        status => Answer::Outage(format!("it answers {}", status.as_u16())),
    }
}

fn error_code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("error")?.as_str().map(str::to_owned)
}

/// Client credentials as RFC 6749 section 2.3.1 wants them: encoded as a form before base64.
fn basic(id: &str, secret: &Secret) -> Secret {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_encoded_as_a_form_before_base64() {
        let header = basic("mcp server", &Secret::new("s:e"));
        assert_eq!(header.expose(), format!("Basic {}", STANDARD.encode("mcp+server:s%3Ae")));
    }
}
