//! What an operator decides, read from the environment once, at the start.

mod former;

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use ambient::{
    Env, Mistakes, Reader, Secret, Settings,
    values::{BaseUrl, List, Seconds},
};
use chassis::telemetry::LogFormat;
use shared::oauth::ScopeSet;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; zero lets the system choose.
    pub port: u16,
    /// Where clients find this server, without a slash at the end.
    pub base: BaseUrl,
    /// How callers are told apart.
    pub auth: AuthConfig,
    /// Where state lives; in memory when absent.
    pub redis_url: Option<Secret>,
    /// How long a session lives without being used.
    pub session_ttl: Duration,
    /// Seals what a modern call gives the client to bring back; random when absent.
    pub state_key: Option<Secret>,
    /// Host names under which this server may be addressed, beside that of `base` and loopback.
    pub allowed_hosts: Vec<String>,
    /// Web origins that may call this server, beside its own and loopback.
    pub allowed_origins: Vec<String>,
    /// The largest body of a request, in bytes.
    pub max_body: usize,
    /// The form of the log.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log_filter: String,
}

/// How callers are told apart.
#[derive(Clone, Debug)]
pub enum AuthConfig {
    /// Not at all: everybody is the same anonymous caller.
    Off,
    /// By a bearer token that the authorization server vouches for.
    Required(Introspection),
}

/// The authorization server and our own credentials there.
#[derive(Clone, Debug)]
pub struct Introspection {
    /// The issuer, byte for byte.
    pub issuer: String,
    /// Our client id.
    pub client_id: String,
    /// Our client secret.
    pub client_secret: Secret,
    /// The scopes that every request needs.
    pub required_scopes: ScopeSet,
    /// How long a token that was good may be used without asking again: the revocation latency.
    pub cache_ttl: Duration,
}

/// The credentials that both servers share on a developer's machine. Refused for any issuer that
/// is not on loopback.
const DEVELOPMENT_SECRET: &str = "development-only-secret";

/// The path of the one MCP endpoint.
pub(crate) const ENDPOINT: &str = "/mcp";

impl Config {
    /// Reads the settings; returns them as documentation either way.
    pub fn from_env(env: &Env) -> (Result<Self, Mistakes>, Settings) {
        env.read(Self::read)
    }

    fn read(read: &mut Reader<'_>) -> Self {
        let host = read
            .setting("HOST", "Address to listen on. 0.0.0.0 listens on every interface.")
            .or(IpAddr::from([127, 0, 0, 1]));
        let port = read.setting("PORT", "Port of the MCP server.").or(3232);
        let base = read
            .setting("BASE_URI", "Public URL of the MCP server. The endpoint is BASE_URI/mcp.")
            .or(BaseUrl::localhost(port));
        let auth = auth(read, &host);
        former::refuse(read);
        Self {
            host,
            port,
            base,
            auth,
            redis_url: read
                .setting("REDIS_URL", "Redis or Valkey for all state; in memory when not set.")
                .secret(),
            session_ttl: read
                .setting("SESSION_TTL", "Seconds that an unused session lives.")
                .or(Seconds(300))
                .into(),
            state_key: state_key(read),
            allowed_hosts: read
                .setting("ALLOWED_HOSTS", "Further host names of this server, comma separated.")
                .or(List(Vec::new()))
                .0,
            allowed_origins: read
                .setting("ALLOWED_ORIGINS", "Further web origins that may call, comma separated.")
                .or(List(Vec::new()))
                .0,
            max_body: read
                .setting("MAX_BODY_BYTES", "Largest body of a request, in bytes.")
                .or(4 * 1024 * 1024),
            log_format: read
                .setting("LOG_FORMAT", "Form of the log: pretty, compact or json.")
                .or(LogFormat::default()),
            log_filter: read
                .setting(
                    "RUST_LOG",
                    "What is logged, as `level` or `target=level`, comma separated.",
                )
                .or("info".to_owned()),
        }
    }

    /// The resource that tokens must be meant for: the URL of the endpoint (RFC 8707).
    #[must_use]
    pub fn resource(&self) -> String {
        format!("{}{ENDPOINT}", self.base)
    }
}

fn auth(read: &mut Reader<'_>, host: &IpAddr) -> AuthConfig {
    let mode = read
        .setting("MCP_AUTH", "required, or none: everybody may do everything.")
        .or(AuthMode::Required);
    let issuer = read
        .setting("AUTH_SERVER_URL", "Issuer URL of the authorization server.")
        .or(BaseUrl::localhost(3001));
    let client_id = read
        .setting("MCP_AUTH_CLIENT_ID", "Client id of the MCP server at the authorization server.")
        .or("mcp-server".to_owned());
    let client_secret =
        read.setting("MCP_AUTH_CLIENT_SECRET", "Client secret of the MCP server there.").secret();
    let cache_ttl = read
        .setting(
            "MCP_AUTH_CACHE_TTL",
            "Seconds a token is trusted without asking again; 0 is never.",
        )
        .or(Seconds(30))
        .into();
    let required_scopes = read
        .setting("MCP_AUTH_REQUIRED_SCOPES", "Scopes that every request needs, between spaces.")
        .or("mcp".parse::<ScopeSet>().unwrap_or_default());
    if mode == AuthMode::None {
        if !host.is_loopback() {
            read.mistake("MCP_AUTH", "`none` is for loopback only; set HOST=127.0.0.1");
        }
        return AuthConfig::Off;
    }
    if client_secret.is_none() && !issuer.is_loopback() {
        read.mistake(
            "MCP_AUTH_CLIENT_SECRET",
            "is needed for an authorization server that is not on this machine; \
             set it to the secret that the server gave to MCP_AUTH_CLIENT_ID",
        );
    }
    let client_secret = client_secret.unwrap_or_else(|| Secret::new(DEVELOPMENT_SECRET));
    AuthConfig::Required(Introspection {
        issuer: issuer.as_written().to_owned(),
        client_id,
        client_secret,
        required_scopes,
        cache_ttl,
    })
}

/// The key must be the same on every instance, so it cannot be made up when there are several.
fn state_key(read: &mut Reader<'_>) -> Option<Secret> {
    const MEANING: &str = "Seals the state of interrupted calls: 64 hexadecimal digits, the same \
                           on every instance; random when not set.";
    let key = read.setting("MCP_STATE_KEY", MEANING).secret()?;
    if decode_hex(key.expose()).is_none() {
        read.mistake(
            "MCP_STATE_KEY",
            "must be 64 hexadecimal digits; `openssl rand -hex 32` makes some",
        );
    }
    Some(key)
}

/// Reads 64 hexadecimal digits.
pub(crate) fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AuthMode {
    Required,
    None,
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required",
            Self::None => "none",
        })
    }
}

impl FromStr for AuthMode {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "required" => Ok(Self::Required),
            "none" => Ok(Self::None),
            _ => Err("it is neither `required` nor `none`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, Mistakes> {
        Config::from_env(&Env::from(pairs)).0
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = config([]).unwrap();
        assert_eq!(config.resource(), "http://localhost:3232/mcp");
        let elsewhere = self::config([("PORT", "4000")]).unwrap();
        assert_eq!(elsewhere.resource(), "http://localhost:4000/mcp");
        assert!(config.host.is_loopback());
        assert!(
            matches!(config.auth, AuthConfig::Required(auth) if auth.issuer == "http://localhost:3001")
        );
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let wrong = config([("PORT", "70000"), ("BASE_URI", "mcp.example"), ("SESSION_TTL", "5m")]);
        let text = wrong.unwrap_err().to_string();
        for name in ["PORT", "BASE_URI", "SESSION_TTL"] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn a_remote_authorization_server_needs_a_secret_of_its_own() {
        let wrong = config([("AUTH_SERVER_URL", "https://auth.example.com")]).unwrap_err();
        assert_eq!(wrong.0[0].setting, "MCP_AUTH_CLIENT_SECRET");
        let url = ("AUTH_SERVER_URL", "https://auth.example.com");
        assert!(config([url, ("MCP_AUTH_CLIENT_SECRET", "x")]).is_ok());
    }

    #[test]
    fn no_authorization_is_for_loopback_only() {
        assert!(config([("MCP_AUTH", "none")]).is_ok());
        let wrong = config([("MCP_AUTH", "none"), ("HOST", "0.0.0.0")]).unwrap_err();
        assert_eq!(wrong.0[0].setting, "MCP_AUTH");
    }

    #[test]
    fn the_base_has_no_slash_at_the_end() {
        let base = config([("BASE_URI", "https://mcp.example.com/")]).unwrap().base;
        assert_eq!(base.as_str(), "https://mcp.example.com");
    }

    #[test]
    fn a_state_key_is_64_hexadecimal_digits() {
        assert!(config([("MCP_STATE_KEY", "abc")]).is_err());
        assert!(config([("MCP_STATE_KEY", "ab".repeat(32).as_str())]).is_ok());
    }
}
