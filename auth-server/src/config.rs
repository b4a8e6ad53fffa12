//! Settings: read once, checked once, every mistake told with its mend.

use std::{net::IpAddr, time::Duration};

use ambient::{
    Clock, Entropy, Env, Mistakes, Reader, Secret, Settings,
    values::{BaseUrl, List, Seconds, Switch},
};
use chassis::{
    Shutdown,
    faults::FaultSettings,
    telemetry::{LogFilter, LogFormat, TelemetrySettings},
};
use shared::oauth::ScopeSet;
use store::Store;

pub use crate::domain::TokenFormat;
use crate::{
    clients_file::{GivenClients, MIN_SECRET},
    domain::{Issuer, KeySource, RedirectHosts},
    grants::TrustedIssuers,
    guard::GuardSettings,
    keys::{Keys, Policy, SigningKeys},
    upstream::UpstreamSettings,
};

/// What the server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public URL: the issuer, byte for byte, without a slash at the end.
    pub issuer: Issuer,
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on.
    pub port: u16,
    /// The public base URL of the MCP server; tokens are for `{mcp_base}/mcp`.
    pub mcp_base: String,
    /// The MCP server as a client of introspection.
    pub resource_server: ResourceServer,
    /// The scopes that exist.
    pub scopes: ScopeSet,
    /// Clients that the operator has registered.
    pub clients: GivenClients,
    /// In which ways clients come in that the operator does not know.
    pub strangers: Strangers,
    /// Clients that are known by a document of theirs.
    pub documents: ClientDocuments,
    /// The hosts that answers may go to.
    pub(crate) redirect_hosts: RedirectHosts,
    /// Whether authorization requests must be handed in ahead of the browser (RFC 9126).
    pub require_pushed: bool,
    /// Whether proofs of possession must carry a nonce (RFC 9449 section 8).
    pub dpop_nonce: bool,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// How often what may be done.
    pub guard: GuardSettings,
    /// How tokens are signed.
    pub signing_keys: SigningKeys,
    /// Identity providers that may speak for their users.
    pub id_jag: TrustedIssuers,
    /// Where people log in.
    pub upstreams: UpstreamSettings,
    /// What access tokens look like.
    pub token_format: TokenFormat,
    /// Redis for all state; in memory if there is none.
    pub redis: Option<store::RedisOptions>,
    /// Whether faults may be asked for.
    pub faults: FaultSettings,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log_filter: String,
    /// What is measured and traced.
    pub telemetry: TelemetrySettings,
    /// How it ends.
    pub shutdown: Shutdown,
}

/// A client that may ask about tokens (RFC 7662).
#[derive(Clone, Debug)]
pub struct ResourceServer {
    /// Its client id.
    pub id: String,
    /// Its client secret; none if it signs.
    pub secret: Option<Secret>,
    /// The one before, as long as an instance of it may still show that.
    pub previous_secret: Option<Secret>,
    /// Its public keys, if it signs.
    pub(crate) keys: Option<KeySource>,
    /// Whether the secret is the one that everybody knows, for development.
    pub is_development: bool,
}

/// In which ways clients come in that the operator does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strangers {
    /// They register (RFC 7591).
    pub may_register: bool,
    /// They are known by a client ID metadata document.
    pub by_document: bool,
}

impl Strangers {
    fn read(read: &mut Reader<'_>) -> Self {
        let registration = "0 to let no client register itself (RFC 7591).";
        let documents = "0 to read no client ID metadata documents.";
        Self {
            may_register: read.setting("AUTH_DCR", registration).or(Switch(true)).0,
            by_document: read.setting("AUTH_CIMD", documents).or(Switch(true)).0,
        }
    }
}

/// Which client ID metadata documents are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientDocuments {
    /// Those of these hosts, in lower case; those of all if there are none.
    pub hosts: Vec<String>,
    /// Also those of private addresses, and over http on this machine: for development.
    pub allow_private: bool,
}

/// How long things live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token.
    pub access_token: Duration,
    /// A refresh token that is not used.
    pub refresh_token: Duration,
    /// Everything that comes of one login, however often it is refreshed.
    pub family: Duration,
    /// How long a refresh token that was redeemed gets the same answer again.
    pub refresh_grace: Duration,
    /// How long a browser stays logged in; zero is not at all.
    pub session: Duration,
}

impl Default for Lifetimes {
    /// 15 minutes, 30 days, 180 days, 60 seconds, 8 hours.
    fn default() -> Self {
        Self {
            access_token: Duration::from_mins(15),
            refresh_token: Duration::from_hours(30 * 24),
            family: Duration::from_hours(180 * 24),
            refresh_grace: Duration::from_mins(1),
            session: Duration::from_hours(8),
        }
    }
}

/// The credentials that both servers share on a developer's machine. Refused for any issuer that
/// is not on loopback.
const DEVELOPMENT_SECRET: &str = "development-only-secret";

impl Config {
    /// Reads the settings; returns them as documentation either way.
    pub fn from_env(env: &Env) -> (Result<Self, Mistakes>, Settings) {
        env.read(Self::read)
    }

    /// Where it listens when nobody says otherwise.
    pub const PORT: u16 = 3001;

    /// The store of one who can read what is known of users. What is in memory nobody else reads.
    pub(crate) fn sealed(&self, store: &Store, entropy: &Entropy) -> Store {
        if store.is_shared() {
            store.sealed(self.signing_keys.seal(entropy))
        } else {
            store.clone()
        }
    }

    /// The signing keys that all instances on this store share.
    pub(crate) fn keys(&self, store: &Store, clock: &Clock, entropy: &Entropy) -> Keys {
        let policy = Policy {
            algorithm: self.signing_keys.algorithm,
            period: self.signing_keys.period,
            // Who checks them may have a clock that is a little late.
            signatures_live: self.lifetimes.access_token + Duration::from_mins(1),
        };
        let sealer = self.signing_keys.sealer(store.is_shared(), entropy);
        Keys::new(store, sealer, policy, (clock.clone(), entropy.clone()))
    }

    fn read(read: &mut Reader<'_>) -> Self {
        let host = read
            .setting("HOST", "Address to listen on. 0.0.0.0 listens on every interface.")
            .or(IpAddr::from([127, 0, 0, 1]));
        let port =
            read.setting("AUTH_SERVER_PORT", "Port of the authorization server.").or(Self::PORT);
        let issuer = issuer(read, port);
        let upstreams = UpstreamSettings::read(read, &issuer);
        let resource_server = resource_server(read, &issuer);
        let scopes = scopes(read);
        let redis = store::RedisOptions::read(read);
        let config = Self {
            host,
            port,
            clients: clients(read, &scopes, &resource_server.id),
            mcp_base: mcp_base(read),
            resource_server,
            upstreams,
            scopes,
            strangers: Strangers::read(read),
            documents: documents(read, &issuer),
            redirect_hosts: redirect_hosts(read),
            require_pushed: require_pushed(read),
            dpop_nonce: dpop_nonce(read),
            lifetimes: lifetimes(read),
            guard: GuardSettings::read(read),
            faults: FaultSettings::read(read, host.is_loopback() && issuer.is_loopback()),
            signing_keys: SigningKeys::read(read, &issuer, redis.is_some()),
            redis,
            id_jag: TrustedIssuers::read(read),
            token_format: read
                .setting("AUTH_TOKEN_FORMAT", "Form of access tokens: opaque, or jwt (RFC 9068).")
                .or(TokenFormat::default()),
            log_format: read
                .setting("LOG_FORMAT", "Form of the log: pretty, compact or json.")
                .or(LogFormat::default()),
            log_filter: LogFilter::read(read).into_text(),
            telemetry: TelemetrySettings::read(read),
            shutdown: Shutdown::read(read),
            issuer: Issuer::from(&issuer),
        };
        read.refuse_unknown("AUTH_");
        read.refuse_misspelt(&["MCP_"]);
        config
    }
}

/// The issuer is never derived from a request, and it never changes: clients keep their
/// registrations by it.
fn issuer(read: &mut Reader<'_>, port: u16) -> BaseUrl {
    const NAME: &str = "AUTH_SERVER_URL";
    let issuer = read
        .setting(NAME, "Public URL of the authorization server: its issuer. It may have a path.")
        .or(BaseUrl::localhost(port));
    if let Some(trouble) = Issuer::from(&issuer).trouble() {
        read.mistake(NAME, trouble);
    }
    // Clients compare it byte by byte, and whoever names it elsewhere writes it as it is here.
    let written = issuer.as_written();
    if written.strip_suffix('/').unwrap_or(written) != issuer.as_str() {
        read.mistake(NAME, format!("is another way to write {issuer}; write that"));
    }
    if !issuer.is_https() && !issuer.is_loopback() {
        read.mistake(NAME, "is not https; OAuth without TLS is for localhost only");
    }
    issuer
}

fn mcp_base(read: &mut Reader<'_>) -> String {
    const NAME: &str = "BASE_URI";
    let base = read
        .setting(NAME, "Public URL of the MCP server. The endpoint is BASE_URI/mcp.")
        .or(BaseUrl::localhost(3232));
    if base.as_str().ends_with("/mcp") {
        read.mistake(NAME, "is the URL of the server, not of its endpoint: leave /mcp away");
    }
    base.to_string()
}

fn resource_server(read: &mut Reader<'_>, issuer: &BaseUrl) -> ResourceServer {
    let id = read
        .setting("MCP_AUTH_CLIENT_ID", "Client id of the MCP server at the authorization server.")
        .or("mcp-server".to_owned());
    let secret = read.secret_or_file(
        ("MCP_AUTH_CLIENT_SECRET", "Client secret of the MCP server there."),
        ("MCP_AUTH_CLIENT_SECRET_FILE", "File that holds MCP_AUTH_CLIENT_SECRET."),
    );
    let previous_secret = previous_secret(read);
    let keys = resource_server_keys(read);
    let is_development = match &secret {
        None => keys.is_none(),
        Some(secret) => secret.expose() == DEVELOPMENT_SECRET,
    };
    if !issuer.is_loopback() {
        let mend = "for a server that is not on localhost; make one with `openssl rand -hex 32` and \
                    set it for both servers";
        let is_short = secret.as_ref().is_some_and(|secret| secret.expose().len() < MIN_SECRET);
        if is_development {
            read.mistake("MCP_AUTH_CLIENT_SECRET", format!("is needed {mend}"));
        } else if is_short {
            let problem =
                format!("has less than {MIN_SECRET} characters, which is too short {mend}");
            read.mistake("MCP_AUTH_CLIENT_SECRET", problem);
        }
    }
    let secret = if is_development {
        read.holds("MCP_AUTH_CLIENT_SECRET", "[development secret]");
        Some(Secret::new(DEVELOPMENT_SECRET))
    } else {
        secret
    };
    ResourceServer { id, secret, previous_secret, keys, is_development }
}

/// Two are good at once, so that a change needs no moment at which both servers restart.
fn previous_secret(read: &mut Reader<'_>) -> Option<Secret> {
    const NAME: &str = "AUTH_INTROSPECTION_SECRET_PREVIOUS";
    let meaning = "The MCP server's secret before the last change, good until this is removed.";
    let secret = read.setting(NAME, meaning).secret()?;
    if secret.expose().len() < MIN_SECRET {
        read.mistake(NAME, format!("has less than {MIN_SECRET} characters; remove it"));
        return None;
    }
    Some(secret)
}

fn resource_server_keys(read: &mut Reader<'_>) -> Option<KeySource> {
    const NAME: &str = "AUTH_INTROSPECTION_JWKS";
    let meaning =
        "JWKS of the MCP server, a file or an https URL, if it signs instead of showing a secret.";
    let place: String = read.setting(NAME, meaning).optional()?;
    let keys = if place.contains("://") {
        KeySource::at(&place).map_err(|why| why.to_string())
    } else {
        let text = std::fs::read(&place).map_err(|error| format!("cannot be read: {error}"));
        let set = text.and_then(|text| serde_json::from_slice(&text).map_err(|e| e.to_string()));
        set.and_then(|set| KeySource::new(Some(&set), None).map_err(|why| why.to_string()))
    };
    keys.map_err(|why| read.mistake(NAME, format!("`{place}` cannot be used: {why}"))).ok()
}

fn scopes(read: &mut Reader<'_>) -> ScopeSet {
    const NAME: &str = "AUTH_SCOPES";
    let meaning = "The scopes that can be granted, between spaces.";
    let scopes: ScopeSet = read.setting(NAME, meaning).or("mcp".parse().unwrap_or_default());
    if scopes.is_empty() {
        read.mistake(NAME, "names no scope; leave it unset, or name at least one");
    }
    scopes
}

fn clients(read: &mut Reader<'_>, scopes: &ScopeSet, taken: &str) -> GivenClients {
    const NAME: &str = "AUTH_CLIENTS_FILE";
    let meaning = "JSON file of clients of the operator, with hashes of their secrets; those with \
                   redirect_uris act for users, the others for themselves.";
    let path: Option<String> = read.setting(NAME, meaning).optional();
    let Some(path) = path else { return GivenClients::default() };
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| format!("`{path}` cannot be read: {error}"));
    text.and_then(|text| GivenClients::read(&text, scopes, taken)).unwrap_or_else(|problem| {
        read.mistake(NAME, problem);
        GivenClients::default()
    })
}

fn documents(read: &mut Reader<'_>, issuer: &BaseUrl) -> ClientDocuments {
    const PRIVATE: &str = "AUTH_CIMD_ALLOW_PRIVATE";
    let hosts: List = read
        .setting(
            "AUTH_CIMD_HOSTS",
            "Hosts whose client ID metadata documents are read, comma separated; all when not set.",
        )
        .optional()
        .unwrap_or_default();
    let private = read
        .setting(PRIVATE, "1 to read client ID metadata documents of private addresses too.")
        .or(Switch(false));
    if private.0 && !issuer.is_loopback() {
        read.mistake(
            PRIVATE,
            "is for development; on a server that is not on localhost it would let strangers \
             look around in your network, so leave it unset",
        );
    }
    let hosts = hosts.0.into_iter().map(|host| host.to_ascii_lowercase()).collect();
    ClientDocuments { hosts, allow_private: private.0 }
}

fn require_pushed(read: &mut Reader<'_>) -> bool {
    let meaning = "1 to accept only authorization requests that were pushed ahead (RFC 9126); \
                   few MCP clients do that.";
    read.setting("AUTH_REQUIRE_PAR", meaning).or(Switch(false)).0
}

fn redirect_hosts(read: &mut Reader<'_>) -> RedirectHosts {
    let meaning = "Hosts that answers to clients, and browsers after a logout, may go to over \
                   https, comma separated; all when not set. Clients in AUTH_CLIENTS_FILE may name others.";
    let hosts: Option<List> = read.setting("AUTH_REDIRECT_HOSTS", meaning).optional();
    RedirectHosts::new(hosts.unwrap_or_default().0)
}

fn dpop_nonce(read: &mut Reader<'_>) -> bool {
    let meaning = "1 to accept only proofs of possession that carry a nonce (RFC 9449); clients \
                   need one request more every few minutes.";
    read.setting("AUTH_DPOP_NONCE", meaning).or(Switch(false)).0
}

fn lifetimes(read: &mut Reader<'_>) -> Lifetimes {
    const DAY: u64 = 24 * 60 * 60;
    let Lifetimes { access_token, refresh_token, family, refresh_grace, session } =
        Lifetimes::default();
    let mut seconds = |name, meaning, default: Duration, range: std::ops::RangeInclusive<u64>| {
        let seconds = read.setting(name, meaning).or(Seconds(default.as_secs()));
        if !range.contains(&seconds.0) {
            let (least, most) = range.into_inner();
            read.mistake(name, format!("is out of range; use {least} to {most} seconds"));
        }
        Duration::from_secs(seconds.0)
    };
    Lifetimes {
        access_token: seconds(
            "ACCESS_TOKEN_TTL",
            "Seconds that an access token lives.",
            access_token,
            10..=DAY,
        ),
        refresh_token: seconds(
            "REFRESH_TOKEN_TTL",
            "Seconds that an unused refresh token lives.",
            refresh_token,
            60..=365 * DAY,
        ),
        family: seconds(
            "LOGIN_TTL",
            "Seconds after which a user has to log in again, however often tokens were refreshed.",
            family,
            60..=365 * DAY,
        ),
        refresh_grace: seconds(
            "REFRESH_GRACE_SECS",
            "Seconds in which a redeemed refresh token gets the same answer again; 0 is never.",
            refresh_grace,
            0..=600,
        ),
        session: seconds(
            "AUTH_SESSION_TTL",
            "Seconds that a browser stays logged in at the authorization server; 0 is not at all.",
            session,
            0..=30 * DAY,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, Mistakes> {
        Config::from_env(&Env::from(pairs)).0
    }

    fn mistakes<const N: usize>(pairs: [(&str, &str); N]) -> Vec<String> {
        config(pairs).unwrap_err().0.into_iter().map(|mistake| mistake.setting).collect()
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = config([]).unwrap();
        assert_eq!(config.issuer.as_str(), "http://localhost:3001");
        assert_eq!((config.port, config.host.is_loopback()), (3001, true));
        assert!(config.resource_server.is_development);
        assert_eq!(config.lifetimes, Lifetimes::default());
        assert_eq!(config.scopes.to_string(), "mcp");
    }

    #[test]
    fn the_issuer_has_no_slash_at_the_end_and_a_path_that_can_be_served() {
        let with = |url: &str| config([("AUTH_SERVER_URL", url)]);
        for path in ["", "/a", "/a/b"] {
            let issuer = with(&format!("http://localhost:4000{path}/")).unwrap().issuer;
            assert_eq!(issuer.as_str(), format!("http://localhost:4000{path}"));
        }
        for wrong in [
            "http://localhost:4000/a//b",
            "http://localhost:4000/livez",
            "http://localhost:4000/a//",
            "http://localhost:4000/x/../a",
            "http://localhost:4000/x/%2e%2e/a",
            "http://localhost:4000\\a",
            "http://LOCALHOST:4000/a",
            "http://localhost:80/a",
        ] {
            assert_eq!(mistakes([("AUTH_SERVER_URL", wrong)]), ["AUTH_SERVER_URL"], "{wrong}");
        }
        assert!(with("localhost:4000").is_err());
    }

    #[test]
    fn a_misspelt_name_of_what_both_servers_read_is_told() {
        assert_eq!(mistakes([("MCP_AUTH_CLIENT_SERCET", "x")]), ["MCP_AUTH_CLIENT_SERCET"]);
        assert!(config([("MCP_STATE_KEY", "x"), ("MCP_TIMEOUT", "1")]).is_ok());
    }

    #[test]
    fn the_endpoint_is_not_taken_for_the_server() {
        assert_eq!(mistakes([("BASE_URI", "https://mcp.example.com/mcp")]), ["BASE_URI"]);
        assert!(config([("BASE_URI", "https://mcp.example.com/tools")]).is_ok());
    }

    #[test]
    fn a_public_server_needs_tls_a_secret_and_a_word_about_the_mock() {
        let url = ("AUTH_SERVER_URL", "http://auth.example.com");
        assert_eq!(mistakes([url]), ["AUTH_SERVER_URL", "AUTH_MOCK_IDP", "MCP_AUTH_CLIENT_SECRET"]);
        let url = ("AUTH_SERVER_URL", "https://auth.example.com");
        let secret = ("MCP_AUTH_CLIENT_SECRET", "a secret of its own, of 32 letters");
        let public = config([url, secret, ("AUTH_MOCK_IDP", "1")]).unwrap();
        assert!(public.issuer.is_https() && !public.resource_server.is_development);
    }

    #[test]
    fn the_development_secret_is_refused_in_public() {
        let url = ("AUTH_SERVER_URL", "https://auth.example.com");
        let secret = ("MCP_AUTH_CLIENT_SECRET", DEVELOPMENT_SECRET);
        assert_eq!(mistakes([url, secret, ("AUTH_MOCK_IDP", "1")]), ["MCP_AUTH_CLIENT_SECRET"]);
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_in_public() {
        const LONG: &str = "0123456789abcdef0123456789abcdef";
        const NAME: &str = "MCP_AUTH_CLIENT_SECRET";
        let public = [("AUTH_SERVER_URL", "https://auth.example.com"), ("AUTH_MOCK_IDP", "1")];
        let [url, mock] = public;
        assert_eq!(mistakes([url, mock, (NAME, &LONG[1..])]), [NAME]);
        assert!(config([url, mock, (NAME, LONG)]).is_ok());
        assert!(config([(NAME, "short")]).is_ok(), "at home anything goes");
    }

    #[test]
    fn documents_of_private_addresses_are_for_development() {
        let private = ("AUTH_CIMD_ALLOW_PRIVATE", "1");
        assert!(config([private]).unwrap().documents.allow_private);
        assert!(!config([]).unwrap().documents.allow_private);
        let url = ("AUTH_SERVER_URL", "https://auth.example.com");
        let secret = ("MCP_AUTH_CLIENT_SECRET", "a secret of its own, of 32 letters");
        let public = [url, secret, ("AUTH_MOCK_IDP", "1"), private];
        assert_eq!(mistakes(public), ["AUTH_CIMD_ALLOW_PRIVATE"]);
    }

    #[test]
    fn a_name_that_is_spelled_wrong_is_a_mistake_and_that_of_the_other_server_is_not() {
        let wrong = [("AUTH_REDIRECT_HOST", "a.example"), ("AUTH_LIMIT_TOKENS", "1/1")];
        assert_eq!(mistakes(wrong), ["AUTH_LIMIT_TOKENS", "AUTH_REDIRECT_HOST"]);
        let of_both = [("MCP_AUTH_CACHE_TTL", "1"), ("AUTH_SERVER_URL", "http://localhost:1")];
        assert!(config(of_both).is_ok());
        let unused = [("AUTH_UPSTREAM_CORP_ISSUER", "https://id.example")];
        assert_eq!(mistakes(unused), ["AUTH_UPSTREAM_CORP_ISSUER"]);
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let wrong = [("AUTH_SERVER_PORT", "70000"), ("ACCESS_TOKEN_TTL", "1"), ("LOGIN_TTL", "5m")];
        assert_eq!(mistakes(wrong), ["AUTH_SERVER_PORT", "ACCESS_TOKEN_TTL", "LOGIN_TTL"]);
    }
}
