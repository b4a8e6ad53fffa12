//! What an operator decides, read from the environment once, at the start.

mod auth;
mod former;
mod pages;
mod profile;
mod values;
mod web;

use std::net::IpAddr;

use ambient::{
    Env, Mistake, Mistakes, Reader, Secret, Settings,
    values::{BaseUrl, Seconds},
};
use chassis::{
    Limits, Shutdown,
    faults::FaultSettings,
    telemetry::{LogFilter, LogFormat, TelemetrySettings},
};

use mcp_core::Features;

use crate::{quota::StreamLimits, session::SessionLimits};

pub use self::{
    auth::{
        AuthSettings, CacheSettings, ClientKey, Credentials, Discovery, JwksSettings, PlainHosts,
    },
    pages::{PageSettings, TraceAddress},
    profile::Profile,
    values::{ClientAuth, Outage, SessionCheck, Validation},
};

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
    pub redis: Option<store::RedisOptions>,
    /// How many sessions there may be, and for how long.
    pub sessions: SessionLimits,
    /// How a request makes sure that its session is still there.
    pub session_check: SessionCheck,
    /// Seals what a modern call gives the client to bring back; random when absent.
    pub state_key: Option<Secret>,
    /// Host names under which this server may be addressed, beside that of `base` and loopback.
    pub allowed_hosts: Vec<String>,
    /// Web origins that may call this server, beside its own and loopback.
    pub allowed_origins: Vec<String>,
    /// The largest body of a request, in bytes.
    pub max_body: usize,
    /// How many streams may be open on an instance.
    pub streams: StreamLimits,
    /// How many requests one caller may make in a second; zero is any number.
    pub requests_per_second: u32,
    /// What is served beside the protocol.
    pub pages: PageSettings,
    /// Whether faults may be asked for.
    pub faults: FaultSettings,
    /// The form of the log.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log_filter: String,
    /// What is measured and traced.
    pub telemetry: TelemetrySettings,
    /// How it ends.
    pub shutdown: Shutdown,
}

/// How callers are told apart.
#[derive(Clone, Debug)]
pub enum AuthConfig {
    /// Not at all: everybody is the same anonymous caller.
    Off,
    /// By a bearer token that the authorization server vouches for.
    Required(Box<AuthSettings>),
}

/// The path of the one MCP endpoint.
pub(crate) const ENDPOINT: &str = "/mcp";

/// The path of the stream that clients of 2024-11-05 are given instead.
pub(crate) const SSE: &str = "/sse";

/// Connections beyond those of the streams: requests that are about to be answered.
const BESIDE_STREAMS: usize = 6_384;

impl Config {
    /// What connections may take: there may be one for each stream, and others beside them, so that
    /// streams alone never keep an instance from answering.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let max_connections = self.streams.in_all.saturating_add(BESIDE_STREAMS);
        Limits { max_connections, ..Limits::default() }
    }

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
        if base.as_str().ends_with(ENDPOINT) {
            read.mistake(
                "BASE_URI",
                "is the URL of the server, not of its endpoint: leave /mcp away",
            );
        }
        // URL libraries make `https://host` a `https://host/`.
        let resources =
            [ENDPOINT, SSE].map(|path| [format!("{base}{path}"), format!("{base}{path}/")]);
        let is_private = host.is_loopback() && base.is_loopback();
        let place = auth::Place { is_private, resources: resources.as_flattened() };
        // Before settings that are not known are refused with less to say.
        former::refuse(read);
        let auth = auth::read(read, &place);
        let config = Self {
            host,
            port,
            base,
            auth,
            redis: store::RedisOptions::read(read),
            sessions: sessions(read),
            session_check: session_check(read),
            state_key: state_key(read),
            allowed_hosts: read
                .setting("ALLOWED_HOSTS", "Further host names of this server, comma separated.")
                .or(web::Hosts::default())
                .0,
            allowed_origins: read
                .setting("ALLOWED_ORIGINS", "Further web origins that may call, comma separated.")
                .or(web::Origins::default())
                .0,
            max_body: read
                .setting("MAX_BODY_BYTES", "Largest body of a request, in bytes.")
                .within(1024..=1024 * 1024 * 1024, 4 * 1024 * 1024),
            streams: streams(read),
            requests_per_second: read
                .setting(
                    "MCP_REQUESTS_PER_SECOND",
                    "Requests of one caller in a second on one instance; 0 is any number.",
                )
                .or(0),
            pages: pages::read(read, is_private),
            faults: FaultSettings::read(read, is_private),
            log_format: read
                .setting("LOG_FORMAT", "Form of the log: pretty, compact or json.")
                .or(LogFormat::default()),
            log_filter: LogFilter::read(read).into_text(),
            telemetry: TelemetrySettings::read(read),
            shutdown: Shutdown::read(read),
        };
        read.refuse_misspelt(&["MCP_"]);
        config
    }

    /// Whether this machine alone reaches the server, and by a name of its own.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.host.is_loopback() && self.base.is_loopback()
    }

    /// Whether these settings may serve `features`. What is for callers with a scope is not for
    /// everybody who can reach an address of others: an operator who lets all of them in has thought
    /// of the other tools.
    ///
    /// # Errors
    /// When they may not.
    pub fn suits(&self, features: &Features) -> Result<(), Mistakes> {
        let is_open = matches!(self.auth, AuthConfig::Off) && !self.is_private();
        let Some(tool) = features.scoped_tool().filter(|_| is_open) else { return Ok(()) };
        let problem = format!(
            "`none` would let everybody call `{tool}`, which is for callers with its scope, where \
             others reach this server, as HOST or BASE_URI say; set MCP_AUTH=required, or \
             HOST=127.0.0.1 and leave BASE_URI out, or leave the tool out of MCP_TOOLSETS"
        );
        let setting = "MCP_AUTH".to_owned();
        Err(Mistakes(vec![Mistake { setting, source: "as it is set", problem }]))
    }

    /// The resource that tokens must be meant for: the URL of the endpoint (RFC 8707).
    #[must_use]
    pub fn resource(&self) -> String {
        format!("{}{ENDPOINT}", self.base)
    }
}

fn session_check(read: &mut Reader<'_>) -> SessionCheck {
    let meaning = "`near` believes for up to a second what this instance has seen of a session; \
                   `strict` asks the store at every request.";
    read.setting("SESSION_CHECK", meaning).or(SessionCheck::Strict)
}

fn streams(read: &mut Reader) -> StreamLimits {
    let defaults = StreamLimits::default();
    StreamLimits {
        of_caller: read
            .setting("MCP_STREAMS_PER_CALLER", "Open streams of one caller on one instance.")
            .within(1..=1_000_000, defaults.of_caller),
        in_all: read
            .setting("MCP_MAX_STREAMS", "Open streams of all callers on one instance.")
            .within(1..=1_000_000, defaults.in_all),
    }
}

fn sessions(read: &mut Reader<'_>) -> SessionLimits {
    let defaults = SessionLimits::default();
    let limits = SessionLimits {
        idle: read
            .setting("SESSION_TTL", "Seconds that an unused session lives.")
            .within(Seconds(1)..=Seconds::MAX, Seconds(defaults.idle.as_secs()))
            .into(),
        age: read
            .setting("SESSION_MAX_AGE", "Seconds that a session lives at most.")
            .within(Seconds(1)..=Seconds::MAX, Seconds(defaults.age.as_secs()))
            .into(),
        of_owner: read
            .setting("MCP_SESSIONS_PER_OWNER", "Sessions of one user at one time.")
            .within(1..=u16::MAX, defaults.of_owner),
        in_all: read
            .setting("MCP_MAX_SESSIONS", "Sessions of all users at one time, on all instances.")
            .within(1..=u32::MAX, defaults.in_all),
    };
    if limits.age < limits.idle {
        read.mistake("SESSION_MAX_AGE", "must not be less than SESSION_TTL");
    }
    limits
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
    fn tools_with_a_scope_are_not_served_to_everybody_on_an_address_of_others() {
        let with = |toolsets, mode, (name, value)| {
            let env = Env::from([
                ("MCP_TOOLSETS", toolsets),
                ("PRINT_ENV_PREFIXES", "DEMO_"),
                ("MCP_AUTH_I_KNOW", "none"),
                ("MCP_AUTH", mode),
                (name, value),
            ]);
            let config = Config::from_env(&env).0.unwrap();
            config.suits(&crate::features::offered(&env).0.unwrap()).map_err(|it| it.to_string())
        };
        let guarded = "everything,diagnostics";
        let public =
            [("HOST", "0.0.0.0"), ("HOST", "10.0.0.1"), ("BASE_URI", "https://mcp.example")];
        for place in public {
            let text = with(guarded, "none", place).unwrap_err();
            let names = ["MCP_TOOLSETS", "MCP_AUTH", "HOST", "BASE_URI", "print-env"];
            assert!(names.iter().all(|name| text.contains(name)), "{text}");
            assert_eq!(with(guarded, "required", place), Ok(()));
            assert_eq!(with("everything", "none", place), Ok(()));
        }
        assert_eq!(with(guarded, "none", ("HOST", "127.0.0.1")), Ok(()));
    }

    #[test]
    fn introspection_at_a_remote_server_needs_a_secret_of_its_own() {
        let url = ("AUTH_SERVER_URL", "https://auth.example.com");
        let asks = ("MCP_AUTH_VALIDATION", "introspection");
        let wrong = config([url, asks]).unwrap_err();
        assert_eq!(wrong.0[0].setting, "MCP_AUTH_CLIENT_SECRET");
        assert!(config([url, asks, ("MCP_AUTH_CLIENT_SECRET", "x")]).is_ok());
        // Signatures can be checked by everybody.
        assert!(config([url]).is_ok());
    }

    #[test]
    fn no_authorization_is_for_loopback_only() {
        assert!(config([("MCP_AUTH", "none")]).is_ok());
        for here in ["http://localhost:3232", "http://127.0.0.1:3232", "http://[::1]:3232"] {
            assert!(config([("MCP_AUTH", "none"), ("BASE_URI", here)]).is_ok(), "{here}");
        }
        // A proxy on this machine makes an address of everybody's of one that is loopback.
        let public =
            [("HOST", "0.0.0.0"), ("HOST", "10.0.0.1"), ("BASE_URI", "https://mcp.example")];
        for place in public {
            let wrong = config([("MCP_AUTH", "none"), place]).unwrap_err();
            assert_eq!(wrong.0[0].setting, "MCP_AUTH", "{place:?}");
            assert!(config([("MCP_AUTH", "none"), place, ("MCP_AUTH_I_KNOW", "none")]).is_ok());
        }
    }

    #[test]
    fn the_base_has_no_slash_at_the_end() {
        let base = config([("BASE_URI", "https://mcp.example.com/")]).unwrap().base;
        assert_eq!(base.as_str(), "https://mcp.example.com");
    }

    #[test]
    fn streams_alone_never_take_all_connections() {
        for (most, connections) in [("10000", 16_384), ("100000", 106_384)] {
            let config = config([("MCP_MAX_STREAMS", most)]).unwrap();
            assert_eq!(config.limits().max_connections, connections);
        }
    }

    #[test]
    fn a_value_that_can_never_work_is_refused_with_its_name() {
        let table = [
            ("MAX_BODY_BYTES", "0"),
            ("SESSION_TTL", "0"),
            ("SESSION_MAX_AGE", "0"),
            ("MCP_MAX_SESSIONS", "0"),
            ("MCP_SESSIONS_PER_OWNER", "0"),
            ("MCP_MAX_STREAMS", "0"),
            ("MCP_STREAMS_PER_CALLER", "0"),
            ("ALLOWED_ORIGINS", "app.example"),
            ("ALLOWED_HOSTS", "https://mcp.example"),
            ("BASE_URI", "https://mcp.example/mcp"),
            ("BASE_URI", "http://localhost:3232/mcp/"),
            ("RUST_LOG", "foo=bar=baz"),
            ("REDIS_URL", "http://x"),
            ("MCP_AUTH_CA_FILE", "/nope"),
            ("MCP_AUTH_CA_FILE", "/dev/null"),
            ("MCP_AUTH_CACHE_TTL", "99999999999999999"),
            ("SHUTDOWN_TIMEOUT_MS", "99999999999999999"),
            ("MCP_STATE_KEYS", "1"),
            ("REDIS_PASSWORD_FILE", "/dev/null"),
        ];
        for (name, value) in table {
            let wrong = config([(name, value)]).unwrap_err();
            assert!(wrong.0.iter().any(|mistake| mistake.setting == name), "{value}: {wrong}");
        }
    }

    #[test]
    fn variables_of_others_are_none_of_ours() {
        // Kubernetes sets the first two, Claude Code the third for what it starts.
        let others =
            [("MCP_SERVER_PORT", "tcp://10.0.0.1:80"), ("REDIS_PORT", "x"), ("MCP_TIMEOUT", "9")];
        assert!(config(others).is_ok());
    }

    #[test]
    fn a_state_key_is_64_hexadecimal_digits() {
        assert!(config([("MCP_STATE_KEY", "abc")]).is_err());
        assert!(config([("MCP_STATE_KEY", "ab".repeat(32).as_str())]).is_ok());
    }
}
