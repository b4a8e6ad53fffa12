//! The authorization flow as an MCP client walks it, step by step.
//!
//! [`OAuth::discover`] goes from a 401 to the authorization server's metadata; then come
//! registration, an authorization request with PKCE, and the tokens. Each step checks what the
//! specification promises a client, and each can be taken alone and with wrong values. What happens
//! in between in the [`Browser`](crate::browser::Browser) is up to the test: the pages are not part
//! of any specification.

use ambient::Entropy;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{
    fail::OrFail as _,
    http::{Answer, Http},
    secrets,
};

/// What a client has found out about an MCP server and its authorization server.
#[derive(Clone, Debug)]
pub struct OAuth {
    http: Http,
    /// The parameters of the challenge, by name.
    pub challenge: Vec<(String, String)>,
    /// The resource's metadata (RFC 9728).
    pub resource_metadata: Value,
    /// The resource's identifier: what tokens are for.
    pub resource: String,
    /// The issuer's identifier.
    pub issuer: String,
    /// The issuer's metadata (RFC 8414).
    pub metadata: Value,
}

/// A registered client (RFC 7591).
#[derive(Clone, Debug)]
pub struct Client {
    /// Its identifier.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<String>,
    /// Where it listens.
    pub redirect_uri: String,
    /// The whole answer to its registration.
    pub registration: Value,
}

/// An authorization request. All of it can be changed before it is made.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// The authorization endpoint.
    pub endpoint: Url,
    /// The query, in its order.
    pub query: Vec<(String, String)>,
    /// The secret behind the challenge (RFC 7636).
    pub verifier: String,
    /// What must come back.
    pub state: String,
}

/// What a token request has brought.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token, if there is one.
    pub refresh: Option<String>,
    /// The whole answer.
    pub answer: Value,
}

impl OAuth {
    /// Finds everything out, beginning with a request without a token.
    pub async fn discover(endpoint: &str) -> Self {
        let request = Http::new(endpoint).request(http::Method::POST, endpoint);
        Self::discover_by(request.json(&json!({})), endpoint).await
    }

    /// The same, beginning with this request, by a client that was given `endpoint`.
    pub async fn discover_by(request: RequestBuilder, endpoint: &str) -> Self {
        let http = Http::new(endpoint);
        let refused = http.send(request).await.expect(401);
        let challenge = challenge(refused.header("www-authenticate").unwrap_or_default());
        let named = challenge.iter().find(|(name, _)| name == "resource_metadata");
        let (_, at) = named.or_fail(format!("a challenge names the metadata: {refused}"));
        let resource_metadata = http.get(at).await.expect(200).json();
        assert_eq!(resource_metadata["resource"], endpoint, "RFC 9728 section 3.3");
        let issuer = text(&resource_metadata["authorization_servers"][0], "an issuer");
        let metadata = http.get(&well_known(&issuer)).await.expect(200).json();
        assert_eq!(metadata["issuer"], issuer, "RFC 8414 section 3.3");
        let methods = &metadata["code_challenge_methods_supported"];
        assert_eq!(methods, &json!(["S256"]), "a client that finds no S256 must give up");
        let resource = endpoint.to_owned();
        Self { http, challenge, resource_metadata, resource, issuer, metadata }
    }

    /// The address of an endpoint, by its name in the metadata, for example `token_endpoint`.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> String {
        text(&self.metadata[name], name)
    }

    /// Registers with any metadata, and hands over whatever is answered.
    pub async fn register(&self, metadata: &Value) -> Answer {
        self.http.post_json(&self.endpoint("registration_endpoint"), metadata).await
    }

    /// Registers a public client that listens at `redirect_uri`. Each has a name of its own, since
    /// public clients that register the same may be the same.
    pub async fn public_client(&self, redirect_uri: &str) -> Client {
        let metadata = json!({
            "client_name": format!("testkit {}", random()),
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        });
        let answer = self.register(&metadata).await.expect(201);
        answer.expect_no_store();
        let registration = answer.json();
        assert_eq!(registration["redirect_uris"], metadata["redirect_uris"]);
        Client {
            id: text(&registration["client_id"], "client_id"),
            secret: registration["client_secret"].as_str().map(ToOwned::to_owned),
            redirect_uri: redirect_uri.to_owned(),
            registration,
        }
    }

    /// A correct authorization request, with a verifier and a state of its own.
    #[must_use]
    pub fn authorization(&self, client: &Client) -> Authorization {
        let verifier = random();
        secrets::note(&verifier);
        let state = random();
        let challenge = s256(&verifier);
        let query = [
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &client.redirect_uri),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("state", &state),
            ("resource", &self.resource),
        ];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let endpoint = Url::parse(&self.endpoint("authorization_endpoint"));
        Authorization { endpoint: endpoint.or_fail("an address"), query, verifier, state }
    }

    /// Makes any token request, and hands over whatever is answered.
    pub async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.http.post_form(&self.endpoint("token_endpoint"), form).await
    }

    /// Redeems the code in a callback, which must be a success.
    pub async fn redeem(
        &self,
        client: &Client,
        authorization: &Authorization,
        callback: &Url,
    ) -> Tokens {
        let code = self.code(authorization, callback);
        let form = self.redemption(client, authorization, &code);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Tokens::read(&self.token(&form).await)
    }

    /// The form that redeems a code, to be changed or sent.
    #[must_use]
    pub fn redemption(
        &self,
        client: &Client,
        authorization: &Authorization,
        code: &str,
    ) -> Vec<(&'static str, String)> {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", client.redirect_uri.clone()),
            ("client_id", client.id.clone()),
            ("code_verifier", authorization.verifier.clone()),
            ("resource", self.resource.clone()),
        ];
        form.extend(client.secret.clone().map(|secret| ("client_secret", secret)));
        form
    }

    /// Redeems a refresh token, and hands over whatever is answered.
    pub async fn try_refresh(&self, client: &Client, refresh_token: &str) -> Answer {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", &client.id),
        ];
        form.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
        self.token(&form).await
    }

    /// Redeems a refresh token, which must be a success.
    pub async fn refresh(&self, client: &Client, tokens: &Tokens) -> Tokens {
        let refresh_token = tokens.refresh.as_deref().or_fail("there is a refresh token");
        Tokens::read(&self.try_refresh(client, refresh_token).await)
    }

    /// Revokes a token (RFC 7009), which always looks like a success.
    pub async fn revoke(&self, client: &Client, token: &str) {
        let form = [("token", token), ("client_id", client.id.as_str())];
        let answer = self.http.post_form(&self.endpoint("revocation_endpoint"), &form).await;
        let _ = answer.expect(200);
    }

    /// Asks what a token is worth (RFC 7662), with the resource server's credentials.
    pub async fn introspect(&self, credentials: (&str, &str), token: &str) -> Answer {
        let endpoint = self.endpoint("introspection_endpoint");
        let request = self.http.request(http::Method::POST, &endpoint);
        let request = request.basic_auth(credentials.0, Some(credentials.1));
        self.http.send(request.form(&[("token", token)])).await
    }

    /// The code in a callback, which must be a success of this request and from this issuer.
    #[must_use]
    pub fn code(&self, authorization: &Authorization, callback: &Url) -> String {
        let field = |name| query(callback, name);
        assert_eq!(field("error"), None, "{callback}");
        assert_eq!(field("state").as_deref(), Some(&*authorization.state), "{callback}");
        assert_eq!(field("iss").as_deref(), Some(&*self.issuer), "RFC 9207: {callback}");
        field("code").or_fail(format!("a callback brings a code: {callback}"))
    }
}

impl Authorization {
    /// The address to open in a browser.
    #[must_use]
    pub fn url(&self) -> String {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs(&self.query);
        url.into()
    }

    /// Sets a parameter, in place of any of that name.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.query.push((name.to_owned(), value.to_owned()));
        changed
    }

    /// Leaves a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.query.retain(|(given, _)| given != name);
        self
    }
}

impl Tokens {
    /// Reads a successful answer, of exactly the shape of RFC 6749 section 5.1.
    #[must_use]
    pub fn read(answer: &Answer) -> Self {
        assert_eq!(answer.status.as_u16(), 200, "{answer}");
        answer.expect_no_store();
        let body = answer.json();
        assert_eq!(body["token_type"], "Bearer", "{answer}");
        assert!(body["expires_in"].as_u64().is_some_and(|seconds| seconds > 0), "{answer}");
        Self {
            access: text(&body["access_token"], "access_token"),
            refresh: body["refresh_token"].as_str().map(ToOwned::to_owned),
            answer: body,
        }
    }
}

/// A parameter of an address's query; fails the test if it is there twice.
#[must_use]
pub fn query(url: &Url, name: &str) -> Option<String> {
    let mut values = url.query_pairs().filter(|(given, _)| given == name);
    let value = values.next()?.1.into_owned();
    assert!(values.next().is_none(), "`{name}` is there once: {url}");
    Some(value)
}

/// The S256 challenge of a verifier (RFC 7636 section 4.2).
#[must_use]
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

fn random() -> String {
    URL_SAFE_NO_PAD.encode(Entropy::system().bytes::<32>())
}

fn text(value: &Value, what: &str) -> String {
    value.as_str().or_fail(format!("`{what}` is a text")).to_owned()
}

/// Where an issuer's metadata is: the well-known name goes before the path (RFC 8414 section 3.1).
fn well_known(issuer: &str) -> String {
    let mut url = Url::parse(issuer).or_fail("an issuer is a URL");
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    url.into()
}

/// The parameters of a single Bearer challenge (RFC 6750 section 3), strictly: quoted values, each
/// name once.
fn challenge(header: &str) -> Vec<(String, String)> {
    let rest = header.strip_prefix("Bearer ").or_fail(format!("a Bearer challenge: {header}"));
    let mut found: Vec<(String, String)> = Vec::new();
    for parameter in rest.split("\", ") {
        let parameter = parameter.strip_suffix('"').unwrap_or(parameter);
        let (name, value) = parameter.split_once("=\"").or_fail(format!("quoted: {header}"));
        assert!(found.iter().all(|(given, _)| given != name), "`{name}` twice: {header}");
        found.push((name.to_owned(), value.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests;
