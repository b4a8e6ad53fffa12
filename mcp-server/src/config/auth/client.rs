//! Our own credentials at the introspection endpoint.

use std::{fmt, fs, net::IpAddr, path::PathBuf};

use ambient::{
    Reader, Secret,
    values::{BaseUrl, Switch},
};
use jsonwebtoken::{Algorithm, EncodingKey};
use url::{Host, Url};

use super::{
    super::{profile::Profile, values::ClientAuth},
    jwk,
};

/// The credentials that both servers share on a developer's machine. Refused for any issuer that
/// is not on loopback.
const DEVELOPMENT_SECRET: &str = "development-only-secret";

/// Our own credentials.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Our client id.
    pub id: String,
    /// Our client secret.
    pub secret: Option<Secret>,
    /// Our private key.
    pub key: Option<ClientKey>,
    /// A token of our own.
    pub bearer: Option<Secret>,
    /// How we authenticate, if that is not left to what is offered.
    pub chosen: Option<ClientAuth>,
    /// The audience of our assertions, if it is not the issuer.
    pub assertion_audience: Option<String>,
}

/// A private key that signs assertions (RFC 7523).
#[derive(Clone)]
pub struct ClientKey {
    pub(crate) key: EncodingKey,
    pub(crate) algorithm: Algorithm,
    pub(crate) id: Option<String>,
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} [redacted]", self.algorithm)
    }
}

impl Credentials {
    /// Whether there is anything to authenticate with, or nothing is needed.
    #[must_use]
    pub fn can_authenticate(&self) -> bool {
        self.chosen.map_or_else(
            || self.secret.is_some() || self.key.is_some() || self.bearer.is_some(),
            |method| self.has(method),
        )
    }

    fn has(&self, method: ClientAuth) -> bool {
        match method {
            ClientAuth::Basic | ClientAuth::Post => self.secret.is_some(),
            ClientAuth::PrivateKeyJwt => self.key.is_some(),
            ClientAuth::Bearer => self.bearer.is_some(),
            ClientAuth::None => true,
        }
    }

    /// The best method that is offered and that we have the means for. Who offers nothing is taken
    /// to offer what RFC 8414 says is the default.
    pub(super) fn method(&self, offered: &[String]) -> Option<ClientAuth> {
        if let Some(chosen) = self.chosen {
            return Some(chosen);
        }
        let is_offered =
            |name: &str| offered.is_empty() || offered.iter().any(|offer| offer == name);
        if self.key.is_some() && is_offered("private_key_jwt") {
            return Some(ClientAuth::PrivateKeyJwt);
        }
        if self.secret.is_some() && is_offered("client_secret_basic") {
            return Some(ClientAuth::Basic);
        }
        if self.secret.is_some() && is_offered("client_secret_post") {
            return Some(ClientAuth::Post);
        }
        self.bearer.is_some().then_some(ClientAuth::Bearer)
    }
}

pub(super) fn read(
    read: &mut Reader<'_>,
    issuer: &BaseUrl,
    profile: &Profile,
    endpoint: Option<&Url>,
) -> Credentials {
    let id = read
        .setting("MCP_AUTH_CLIENT_ID", "Client id of the MCP server at the authorization server.")
        .or("mcp-server".to_owned());
    let secret = read.secret_or_file(
        ("MCP_AUTH_CLIENT_SECRET", "Client secret of the MCP server there."),
        ("MCP_AUTH_CLIENT_SECRET_FILE", "File that holds MCP_AUTH_CLIENT_SECRET."),
    );
    let bearer = secret_bearer(read);
    let key = key(read);
    let chosen = method(read, profile, endpoint);
    let assertion_audience = read
        .setting(
            "MCP_AUTH_ASSERTION_AUDIENCE",
            "Audience of our assertions for private_key_jwt; AUTH_SERVER_URL when not set.",
        )
        .optional();
    let nothing_else = key.is_none()
        && bearer.is_none()
        && chosen.is_none_or(|method| matches!(method, ClientAuth::Basic | ClientAuth::Post));
    let secret = secret.or_else(|| {
        let is_usual = nothing_else && issuer.is_loopback();
        is_usual.then(|| development_secret(read))
    });
    let credentials = Credentials { id, secret, key, bearer, chosen, assertion_audience };
    if let Some(method) = chosen.filter(|method| !credentials.has(*method)) {
        let (setting, needs) = match method {
            ClientAuth::PrivateKeyJwt => ("MCP_AUTH_CLIENT_KEY_FILE", "the private key"),
            ClientAuth::Bearer => ("MCP_AUTH_BEARER", "the token"),
            ClientAuth::Basic | ClientAuth::Post | ClientAuth::None => {
                ("MCP_AUTH_CLIENT_SECRET", "the secret")
            }
        };
        let usual_only = profile.client_auth == Some(method);
        if !usual_only {
            read.mistake(setting, format!("is needed: MCP_AUTH_CLIENT_AUTH={method} uses {needs}"));
        }
    }
    credentials
}

/// The secret that everybody knows; whoever looks at what is in effect sees that it is.
fn development_secret(read: &mut Reader<'_>) -> Secret {
    read.holds("MCP_AUTH_CLIENT_SECRET", "[development secret]");
    Secret::new(DEVELOPMENT_SECRET)
}

fn secret_bearer(read: &mut Reader<'_>) -> Option<Secret> {
    read.secret_or_file(
        ("MCP_AUTH_BEARER", "Token for MCP_AUTH_CLIENT_AUTH=bearer."),
        ("MCP_AUTH_BEARER_FILE", "File that holds MCP_AUTH_BEARER."),
    )
}

fn key(read: &mut Reader<'_>) -> Option<ClientKey> {
    const FILE: &str = "MCP_AUTH_CLIENT_KEY_FILE";
    let path = read
        .setting(FILE, "Private key for MCP_AUTH_CLIENT_AUTH=private_key_jwt: a PEM or JWK file.")
        .optional::<PathBuf>();
    let id = read
        .setting(
            "MCP_AUTH_CLIENT_KEY_ID",
            "`kid` of that key, as the authorization server knows it.",
        )
        .optional();
    let algorithm = read
        .setting(
            "MCP_AUTH_CLIENT_KEY_ALG",
            "Algorithm of that key; RS256, ES256 or EdDSA by its kind when not set.",
        )
        .optional::<Algorithm>();
    let path = path?;
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) => {
            read.mistake(FILE, format!("names a file that cannot be read: {error}"));
            return None;
        }
    };
    let key = private_key(&text, algorithm, id.as_ref());
    if key.is_none() {
        read.mistake(
            FILE,
            "holds no private key as PEM or JWK that fits MCP_AUTH_CLIENT_KEY_ALG; `openssl genpkey \
             -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one",
        );
    }
    key
}

/// The key, with the algorithm it is for. It has signed something once, so that it will again.
fn private_key(text: &[u8], wanted: Option<Algorithm>, id: Option<&String>) -> Option<ClientKey> {
    let jwk = jwk::read(text).map(|found| (found.key, found.usual, found.id));
    let pem = [
        (EncodingKey::from_ec_pem(text).ok(), Algorithm::ES256),
        (EncodingKey::from_ec_pem(text).ok(), Algorithm::ES384),
        (EncodingKey::from_ed_pem(text).ok(), Algorithm::EdDSA),
        (EncodingKey::from_rsa_pem(text).ok(), Algorithm::RS256),
    ];
    let pem = pem.into_iter().filter_map(|(key, usual)| Some((key?, usual, None)));
    let found = jwk.into_iter().chain(pem);
    let mut candidates = found.map(|(key, usual, named)| ClientKey {
        key,
        algorithm: wanted.unwrap_or(usual),
        id: id.cloned().or(named),
    });
    candidates.find(|one| jsonwebtoken::crypto::sign(b"trial", &one.key, one.algorithm).is_ok())
}

fn method(read: &mut Reader<'_>, profile: &Profile, endpoint: Option<&Url>) -> Option<ClientAuth> {
    let chosen = read.setting(
        "MCP_AUTH_CLIENT_AUTH",
        "How the MCP server authenticates for introspection: basic, post, private_key_jwt, bearer or \
         none; the best that is offered when not set.",
    );
    let chosen = match profile.client_auth {
        Some(usual) => Some(chosen.or(usual)),
        None => chosen.optional(),
    };
    let allowed = read
        .setting(
            "MCP_AUTH_ALLOW_UNAUTHENTICATED_INTROSPECTION",
            "1 allows MCP_AUTH_CLIENT_AUTH=none at a public address.",
        )
        .or(Switch(false));
    let is_near = endpoint.is_some_and(is_private);
    if chosen == Some(ClientAuth::None) && !is_near && !allowed.0 {
        read.mistake(
            "MCP_AUTH_CLIENT_AUTH",
            "`none` needs MCP_AUTH_INTROSPECTION_URL at a loopback or private address, or \
             MCP_AUTH_ALLOW_UNAUTHENTICATED_INTROSPECTION=1",
        );
    }
    chosen
}

/// The ends of names that only a private resolver knows: RFC 6761, RFC 6762, RFC 8375, what ICANN has
/// set aside, and services of Kubernetes.
const PRIVATE_ENDS: [&str; 5] = [".localhost", ".internal", ".local", ".home.arpa", ".svc"];

/// Whether an address is on this machine or in a private network. A name without a dot is one that
/// only a private resolver knows.
pub(super) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            !name.contains('.') || PRIVATE_ENDS.iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(address)) => is_private_address(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_private_address(IpAddr::V6(address)),
        None => false,
    }
}

const fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}
