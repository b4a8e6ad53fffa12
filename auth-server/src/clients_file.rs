//! Clients that the operator has registered, in a file:
//!
//! ```json
//! {"clients": [{"client_id": "nightly-report", "client_secret_sha256": ["9f86d0…"], "scope": "mcp"}]}
//! ```
//!
//! Without `redirect_uris` they act for themselves, and have no users; with them, or with `devices`
//! (RFC 8628), they act for users instead, and need no secret then. Two hashes let a secret be changed
//! without a gap. Instead of secrets a client can have public keys, as `jwks` or at a `jwks_uri`
//! (RFC 7523). `scope` is a limit (decision 0078); for a client that acts for users it can name
//! `openid`, and with it `profile` and `email`.
//!
//! `blocked` has the names of registered clients, and URLs of documents, that are not let in.

use std::collections::HashSet;

use ambient::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use shared::oauth::{ScopeSet, Sensitive};

use crate::domain::{
    Authentication, Client, ClientUrl, KeySource, RedirectUri, SecretHash, client_id, known_scopes,
    lacks_openid,
};

/// Shorter secrets can be guessed.
pub(crate) const MIN_SECRET: usize = 32;

const MAX_ID: usize = 100;

/// What a name is not that is to be blocked.
pub(crate) const CANNOT_BE_BLOCKED: &str = "is neither a client_id that registration has given out \
                                            nor the https URL of a client's document";

/// The clients of a file.
#[derive(Clone, Debug, Default)]
pub struct GivenClients {
    pub(crate) clients: Vec<Client>,
    /// Whether the file has secrets that whoever reads it could use.
    pub(crate) has_clear_secrets: bool,
    /// What is not let in of what has registered or has a document.
    blocked: HashSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clients: Vec<Entry>,
    #[serde(default)]
    blocked: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client_id: String,
    client_name: Option<String>,
    client_secret: Option<Sensitive>,
    #[serde(default)]
    client_secret_sha256: Vec<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    scope: Option<ScopeSet>,
    /// Where it is answered, if it acts for users.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// Where a browser may be sent after a logout.
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    /// Whether it may run on devices that borrow the user's browser (RFC 8628).
    #[serde(default)]
    devices: bool,
    /// Whether it always shows a key (RFC 9449).
    #[serde(default)]
    dpop_bound_access_tokens: bool,
}

impl GivenClients {
    /// Reads a file's text, or says what is wrong with it. `scopes` are those that exist, `taken`
    /// is an identifier that is not free.
    pub(crate) fn read(text: &str, scopes: &ScopeSet, taken: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| {
            // The parser's message could repeat a secret that is in the wrong place: of what it says,
            // the name of a member is told.
            let (said, place) = (error.to_string(), (error.line(), error.column()));
            let unknown =
                said.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
            let why = unknown.map(|(name, _)| format!("; the member `{name}` is not known"));
            let why = why.unwrap_or_default();
            format!("is not a file of clients (line {}, column {}){why}", place.0, place.1)
        })?;
        let has_clear_secrets = file.clients.iter().any(|entry| entry.client_secret.is_some());
        let mut clients: Vec<Client> = Vec::new();
        for (index, entry) in file.clients.into_iter().enumerate() {
            let number = index + 1;
            let is_taken = |id: &str| id == taken || clients.iter().any(|client| client.id == id);
            if is_taken(&entry.client_id) {
                return Err(format!("client {number}: the client_id is taken; choose another"));
            }
            let client = entry.client(scopes);
            clients.push(client.map_err(|problem| format!("client {number}: {problem}"))?);
        }
        if let Some(id) = file.blocked.iter().find(|id| !can_be_blocked(id)) {
            let id: String = id.chars().take(MAX_ID).collect();
            return Err(format!("blocked: `{}` {CANNOT_BE_BLOCKED}", id.escape_debug()));
        }
        let blocked = file.blocked.iter().map(|id| client_id::blocked_by(id).into_owned());
        Ok(Self { clients, has_clear_secrets, blocked: blocked.collect() })
    }

    /// Whether the operator has blocked what registers so, or has this document.
    pub(crate) fn blocks(&self, id: &str) -> bool {
        !self.blocked.is_empty() && self.blocked.contains(&*client_id::blocked_by(id))
    }

    /// Whether one of them acts for itself.
    pub(crate) fn act_for_themselves(&self) -> bool {
        self.clients.iter().any(|client| client.acts_for_itself)
    }

    /// The client of this name.
    pub(crate) fn find(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }
}

/// Whether this can be a client that is not the operator's own.
pub(crate) fn can_be_blocked(id: &str) -> bool {
    client_id::is_registered(id) || ClientUrl::parse(id, true).is_ok()
}

impl Entry {
    fn client(self, scopes: &ScopeSet) -> Result<Client, &'static str> {
        if !is_id(&self.client_id) {
            return Err("a client_id has 1 to 100 letters, digits, `-`, `_` and `.`, \
                        and is none of those that registration gives out");
        }
        let hashes = self.client_secret_sha256.iter().map(|text| SecretHash::parse(text));
        let mut hashes: Vec<_> = hashes
            .collect::<Option<_>>()
            .ok_or("client_secret_sha256 has hashes of 64 hexadecimal digits")?;
        if let Some(secret) = self.client_secret {
            if secret.expose().len() < MIN_SECRET {
                return Err(
                    "client_secret is shorter than 32 characters; use `openssl rand -hex 32`",
                );
            }
            hashes.push(SecretHash::of(&Secret::new(secret.expose())));
        }
        let has_keys = self.jwks.is_some() || self.jwks_uri.is_some();
        let authentication = match (hashes.is_empty(), has_keys) {
            (false, false) => Authentication::Given(hashes),
            (true, true) => {
                let keys = KeySource::new(self.jwks.as_ref(), self.jwks_uri.as_deref());
                let keys = keys.map_err(
                    |_| "it has both jwks and jwks_uri, or no public keys for signatures in them",
                )?;
                Authentication::Keys { keys, or_none: false }
            }
            (true, false) if self.devices || !self.redirect_uris.is_empty() => {
                Authentication::Public
            }
            (true, false) => {
                return Err("it has no secret; give it client_secret_sha256, jwks or jwks_uri");
            }
            (false, true) => return Err("it has a secret and keys; leave one away"),
        };
        let redirect_uris = addresses(&self.redirect_uris)?;
        let acts_for_users = !redirect_uris.is_empty() || self.devices;
        if let Some(scope) = &self.scope {
            check_limit(scope, scopes, acts_for_users)?;
        }
        let is_public = authentication == Authentication::Public;
        Ok(Client {
            id: self.client_id,
            name: self.client_name,
            redirect_uris,
            authentication,
            refreshes: acts_for_users,
            devices: self.devices,
            acts_for_itself: !acts_for_users,
            // Who cannot be told from others is not spoken to about users.
            takes_assertions: !is_public,
            scope: self.scope,
            application_type: None,
            shows_key: self.dpop_bound_access_tokens,
            after_logout: addresses(&self.post_logout_redirect_uris)?,
            issued_at: Timestamp::default(),
        })
    }
}

/// A client can be limited to what exists, and to what is about the user if it has users.
fn check_limit(
    scope: &ScopeSet,
    scopes: &ScopeSet,
    acts_for_users: bool,
) -> Result<(), &'static str> {
    let known = if acts_for_users { &known_scopes(scopes) } else { scopes };
    if scope.is_empty() || !scope.is_within(known) {
        return Err("its scope is empty or names one that is not in AUTH_SCOPES; with \
             redirect_uris or devices it may also name openid, profile and email");
    }
    if lacks_openid(scope) {
        return Err(
            "its scope names profile or email, which mean nothing without openid: name that \
             too, or leave them out",
        );
    }
    Ok(())
}

fn addresses(uris: &[String]) -> Result<Vec<RedirectUri>, &'static str> {
    let checked = uris.iter().map(|uri| RedirectUri::register(uri));
    checked.collect::<Result<_, _>>().map_err(|_| {
        "redirect_uris or post_logout_redirect_uris has one that is not https, on this computer or \
         of an app"
    })
}

/// Neither a URL nor what registration gives out, so that no client can be taken for another.
fn is_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(fits) && !client_id::is_registered(id)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn read(clients: &Value) -> Result<GivenClients, String> {
        let file = json!({ "clients": clients }).to_string();
        GivenClients::read(&file, &"mcp notes".parse().unwrap(), "mcp-server")
    }

    #[test]
    fn secrets_are_hashed_or_become_so() {
        let hashed = read(&json!([{"client_id": "a", "client_secret_sha256": [HASH]}])).unwrap();
        assert!(!hashed.has_clear_secrets && hashed.find("a").is_some());
        let secret = "x".repeat(32);
        let clear = read(&json!([{"client_id": "a", "client_secret": secret}])).unwrap();
        assert!(clear.has_clear_secrets && !format!("{clear:?}").contains(&secret));
    }

    #[test]
    fn a_client_with_users_can_be_limited_to_what_is_about_them() {
        let clients = json!([{"client_id": "a", "devices": true, "scope": "mcp openid email"}]);
        let limit = read(&clients).unwrap().find("a").unwrap().scope.clone();
        assert_eq!(limit, Some("email mcp openid".parse().unwrap()));
    }

    #[test]
    fn a_limit_that_could_never_be_granted_is_refused() {
        let problem = |scope| {
            let clients = json!([{"client_id": "a", "devices": true, "scope": scope}]);
            read(&clients).unwrap_err()
        };
        for scope in ["email", "notes email", "profile email"] {
            assert!(problem(scope).contains("without openid"), "{scope}: {}", problem(scope));
        }
        assert!(problem("admin email").contains("not in AUTH_SCOPES"));
        let alone = json!([{"client_id": "a", "devices": true, "scope": "openid"}]);
        assert!(read(&alone).is_ok(), "to know the user and nothing else");
    }

    #[test]
    fn a_mistake_is_told_without_the_secret() {
        let hash = [HASH];
        let table = [
            json!([{"client_id": "a"}]),
            json!([{"client_id": "a", "jwks": {"keys": []}}]),
            json!([{"client_id": "a", "redirect_uris": ["javascript:alert(1)"]}]),
            json!([{"client_id": "a", "jwks_uri": "http://a.example/"}]),
            json!([{"client_id": "a", "client_secret_sha256": hash, "jwks_uri": "https://a/"}]),
            json!([{"client_id": "a", "client_secret": "short"}]),
            json!([{"client_id": "a", "client_secret_sha256": ["short"]}]),
            json!([{"client_id": "", "client_secret_sha256": hash}]),
            json!([{"client_id": "https://a.example/c", "client_secret_sha256": hash}]),
            json!([{"client_id": "0".repeat(32), "client_secret_sha256": hash}]),
            json!([{"client_id": "mcp-server", "client_secret_sha256": hash}]),
            json!([{"client_id": "a", "client_secret_sha256": hash, "scope": "admin"}]),
            json!([{"client_id": "a", "client_secret_sha256": hash, "scope": "mcp openid"}]),
            json!([{"client_id": "a", "devices": true, "scope": "openid admin"}]),
            json!([{"client_id": "a", "client_secret_sha256": hash, "redirect_uri": "short"}]),
            json!([
                {"client_id": "a", "client_secret_sha256": hash},
                {"client_id": "a", "client_secret_sha256": hash},
            ]),
            json!("short"),
        ];
        for clients in table {
            let problem = read(&clients).unwrap_err();
            assert!(!problem.contains("short "), "{problem}");
        }
    }
}
