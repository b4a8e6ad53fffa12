//! The settings about tokens: which authorization server, how it is asked, what it must say.
//!
//! Values come from three places: the variable, the profile of the provider, and what is usual.
//! What cannot work together is a mistake here, with the name of the setting that mends it.

mod client;
mod jwk;
mod plain;
mod rules;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use ambient::{
    Reader,
    values::{BaseUrl, Seconds, Switch},
};
use shared::oauth::ScopeSet;
use url::Url;

pub use self::{
    client::{ClientKey, Credentials},
    plain::PlainHosts,
};
use super::{
    AuthConfig,
    profile::Profile,
    values::{AuthMode, ClientAuth, Outage, Scopes, Validation, Words},
};
use crate::auth::{OutboundStartError, Policy};

/// The authorization server, our own credentials there, and what a token must say.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// The issuer, byte for byte.
    pub issuer: String,
    /// The provider whose usual settings are the defaults.
    pub profile: Profile,
    /// How a token is checked.
    pub validation: Validation,
    /// Where the authorization server describes itself.
    pub discovery: Discovery,
    /// Where tokens are asked about, if that is not taken from the metadata.
    pub introspection_url: Option<Url>,
    /// Where the issuer's keys are, if that is not taken from the metadata.
    pub jwks_url: Option<Url>,
    /// Our own credentials.
    pub credentials: Credentials,
    /// The scopes that every request needs.
    pub required_scopes: ScopeSet,
    /// The scopes that clients are told to ask for.
    pub scopes_supported: ScopeSet,
    /// The issuers that clients are sent to.
    pub advertised_servers: Vec<String>,
    /// Whether the authorization server's metadata is repeated here, for clients of 2025-03-26.
    pub legacy_metadata: bool,
    /// How the results of checks are remembered.
    pub cache: CacheSettings,
    /// How the issuer's keys are kept.
    pub jwks: JwksSettings,
    /// How long any question may take.
    pub timeout: Duration,
    /// The longest answer that is read, in bytes.
    pub max_response: usize,
    /// The longest token that is looked at, in bytes.
    pub max_token: usize,
    /// What holds while tokens cannot be checked.
    pub outage: Outage,
    /// Whether proofs of possession must carry a nonce of ours (RFC 9449 section 9).
    pub dpop_nonce: bool,
    /// Certificates that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The time between two looks at the metadata.
    pub discovery_refresh: Duration,
    /// Hosts that may be spoken to over http.
    pub plain_hosts: PlainHosts,
    pub(crate) policy: Policy,
}

/// Where the authorization server describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Nowhere: every URL is a setting.
    Off,
    /// At its well-known URLs, in the order of MCP.
    WellKnown,
    /// At this one.
    At(Url),
}

/// How the results of checks are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// How long a token that was good may be used without asking again: the revocation latency.
    pub ttl: Duration,
    /// How long a token that was bad is bad without asking again.
    pub negative_ttl: Duration,
    /// How many are remembered, of the good and of the bad each.
    pub entries: u64,
}

/// How the issuer's keys are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwksSettings {
    /// How long they are fresh, unless the issuer says otherwise.
    pub ttl: Duration,
    /// The least time between two fetches for keys that are not known.
    pub cooldown: Duration,
    /// How long they are used beyond their freshness while no newer ones can be had.
    pub stale: Duration,
}

/// What the rest of the configuration says to the settings about tokens.
pub(super) struct Place<'a> {
    /// Whether this machine alone reaches this server. A public URL says that something leads others
    /// here, although the address is loopback.
    pub(super) is_private: bool,
    /// What clients may call the resource that tokens are for.
    pub(super) resources: &'a [String],
}

const CA_FILE: &str = "MCP_AUTH_CA_FILE";

/// All headers of a request have 32 KiB together, and a token is one of them.
const MAX_TOKEN: usize = 24 * 1024;

/// Reads all settings about tokens.
pub(super) fn read(read: &mut Reader<'_>, place: &Place<'_>) -> AuthConfig {
    let mode = read
        .setting("MCP_AUTH", "required, or none: everybody may do everything.")
        .or(AuthMode::Required);
    let knows = read
        .setting(
            "MCP_AUTH_I_KNOW",
            "`none` allows MCP_AUTH=none where others reach this server, as HOST or BASE_URI say.",
        )
        .optional::<AuthMode>();
    let settings = settings(read, place);
    read.refuse_unknown("MCP_AUTH");
    match mode {
        AuthMode::Required => AuthConfig::Required(Box::new(settings)),
        AuthMode::None => {
            if !place.is_private && knows != Some(AuthMode::None) {
                read.mistake(
                    "MCP_AUTH",
                    "`none` is for loopback only, and HOST or BASE_URI say that others reach this \
                     server; set HOST=127.0.0.1 and leave BASE_URI out, or MCP_AUTH_I_KNOW=none if \
                     all of them may do everything",
                );
            }
            AuthConfig::Off
        }
    }
}

fn settings(read: &mut Reader<'_>, place: &Place<'_>) -> AuthSettings {
    let (issuer, plain_hosts) = issuer(read);
    let profile = read
        .setting(
            "MCP_AUTH_PROFILE",
            "Provider whose usual settings are the defaults: generic auth0 okta keycloak entra \
             cognito hydra workos stytch descope rauthy mas.",
        )
        .or(Profile::default());
    let validation = read
        .setting(
            "MCP_AUTH_VALIDATION",
            "How tokens are checked: introspection, jwt, both, or auto: introspection where that \
             is possible, jwt elsewhere.",
        )
        .or(profile.validation);
    let discovery = discovery(read, &plain_hosts);
    let (introspection_url, jwks_url) = endpoints(read, &plain_hosts);
    let credentials = client::read(read, &issuer, &profile, introspection_url.as_ref());
    let required_scopes = scopes(read, &profile);
    let policy = rules::read(read, issuer.as_written(), &profile, place.resources);
    let settings = AuthSettings {
        issuer: issuer.as_written().to_owned(),
        profile,
        validation,
        discovery,
        introspection_url,
        jwks_url,
        credentials,
        scopes_supported: scopes_supported(read, &required_scopes),
        required_scopes,
        advertised_servers: advertised(read, issuer.as_written(), &plain_hosts),
        legacy_metadata: legacy_metadata(read),
        cache: cache(read, &profile),
        jwks: jwks(read),
        timeout: timeout(read),
        max_response: read
            .setting("MCP_AUTH_MAX_RESPONSE", "Longest answer of the server, in bytes.")
            .within(256..=16 * 1024 * 1024, 256 * 1024),
        max_token: max_token(read),
        outage: outage(read),
        dpop_nonce: dpop_nonce(read),
        ca_file: read
            .setting(CA_FILE, "PEM file of certificates to trust beside the system's.")
            .optional(),
        discovery_refresh: read
            .setting("MCP_AUTH_DISCOVERY_REFRESH", "Seconds between two looks at the metadata.")
            .or(Seconds(profile.discovery_refresh))
            .into(),
        plain_hosts,
        policy,
    };
    settings.must_work(read);
    settings
}

fn issuer(read: &mut Reader<'_>) -> (BaseUrl, PlainHosts) {
    const NAME: &str = "AUTH_SERVER_URL";
    let issuer =
        read.setting(NAME, "Issuer URL of the authorization server.").or(BaseUrl::localhost(3001));
    let plain = plain::read(read);
    if !issuer.is_https() && !issuer.is_loopback() && !plain.name(issuer.host()) {
        let why = format!(
            "must be https: tokens and secrets travel there; if that is in a network of your own, \
             where nobody listens, {}={} allows http",
            plain::NAME,
            issuer.host()
        );
        read.mistake(NAME, why);
    }
    (issuer, plain)
}

fn timeout(read: &mut Reader<'_>) -> Duration {
    let timeout = read
        .setting("MCP_AUTH_TIMEOUT", "Seconds that a question to the server may take.")
        .or(Seconds(3));
    if timeout.0 == 0 {
        read.mistake("MCP_AUTH_TIMEOUT", "must be 1 at least: nothing answers in no time");
    }
    timeout.into()
}

fn max_token(read: &mut Reader<'_>) -> usize {
    const NAME: &str = "MCP_AUTH_MAX_TOKEN";
    let longest = read.setting(NAME, "Longest token that is looked at, in bytes.").or(8 * 1024);
    if !(1024..=MAX_TOKEN).contains(&longest) {
        read.mistake(NAME, "is not between 1024 and 24576: no request has headers for longer ones");
    }
    longest
}

fn outage(read: &mut Reader<'_>) -> Outage {
    read.setting(
        "MCP_AUTH_OUTAGE",
        "While tokens cannot be checked: closed, or stale:SECONDS to let those in who were let in \
         before.",
    )
    .or(Outage::Closed)
}

fn dpop_nonce(read: &mut Reader<'_>) -> bool {
    let meaning = "1 to accept only proofs of possession that carry a nonce (RFC 9449); clients \
                   need one request more every few minutes.";
    read.setting("MCP_AUTH_DPOP_NONCE", meaning).or(Switch(false)).0
}

fn discovery(read: &mut Reader<'_>, plain: &PlainHosts) -> Discovery {
    let url = place_of(
        read,
        plain,
        "MCP_AUTH_DISCOVERY_URL",
        "Where the metadata is, if not at a well-known URL of AUTH_SERVER_URL.",
    );
    let on = read
        .setting(
            "MCP_AUTH_DISCOVERY",
            "Whether metadata is read; if off, set MCP_AUTH_INTROSPECTION_URL or MCP_AUTH_JWKS_URL.",
        )
        .or(Switch(true));
    match (on.0, url) {
        (false, _) => Discovery::Off,
        (true, Some(url)) => Discovery::At(url),
        (true, None) => Discovery::WellKnown,
    }
}

fn endpoints(read: &mut Reader<'_>, plain: &PlainHosts) -> (Option<Url>, Option<Url>) {
    let introspection = place_of(
        read,
        plain,
        "MCP_AUTH_INTROSPECTION_URL",
        "Introspection endpoint, if it is not the one in the metadata.",
    );
    let jwks = place_of(
        read,
        plain,
        "MCP_AUTH_JWKS_URL",
        "URL of the issuer's keys, if not the one in the metadata.",
    );
    (introspection, jwks)
}

/// A URL of the authorization server: tokens and our own secret go there, or keys and further URLs come
/// from there.
fn place_of(
    read: &mut Reader<'_>,
    plain: &PlainHosts,
    name: &'static str,
    meaning: &'static str,
) -> Option<Url> {
    let url: Url = read.setting(name, meaning).optional()?;
    match url.scheme() {
        "https" => {}
        "http" if client::is_private(&url) || plain.open(&url) => {}
        "http" => read.mistake(
            name,
            "must be https, unless its host is on this machine or in a private network, or one of \
             MCP_AUTH_PLAIN_HTTP_HOSTS: what is said there travels open",
        ),
        _ => read.mistake(name, "does not start with https:// or http://"),
    }
    Some(url)
}

fn scopes(read: &mut Reader<'_>, profile: &Profile) -> ScopeSet {
    let usual = profile.required_scopes.parse().unwrap_or_default();
    read.setting(
        "MCP_AUTH_REQUIRED_SCOPES",
        "Scopes that every request needs, between spaces; - is none.",
    )
    .or::<Scopes>(usual)
    .0
}

fn scopes_supported(read: &mut Reader<'_>, required: &ScopeSet) -> ScopeSet {
    let scopes = read
        .setting(
            "MCP_AUTH_SCOPES_SUPPORTED",
            "Scopes that clients are told to ask for; MCP_AUTH_REQUIRED_SCOPES when not set.",
        )
        .optional::<Scopes>()
        .map_or_else(|| required.clone(), |scopes| scopes.0);
    if scopes.contains("offline_access") {
        read.mistake(
            "MCP_AUTH_SCOPES_SUPPORTED",
            "must not have offline_access: that is between client and authorization server",
        );
    }
    scopes
}

fn advertised(read: &mut Reader<'_>, issuer: &str, plain: &PlainHosts) -> Vec<String> {
    const NAME: &str = "MCP_AUTH_ADVERTISED_SERVERS";
    let meaning = "Issuers that clients are sent to; AUTH_SERVER_URL when not set.";
    let Some(Words(servers)) = read.setting(NAME, meaning).optional() else {
        return vec![issuer.to_owned()];
    };
    let is_safe = |server: &String| {
        let is_safe = |url: BaseUrl| url.is_https() || url.is_loopback() || plain.name(url.host());
        server.parse().is_ok_and(is_safe)
    };
    if !servers.iter().all(is_safe) {
        read.mistake(
            NAME,
            "must be issuers: https URLs without query and fragment, or http ones on a host of \
             MCP_AUTH_PLAIN_HTTP_HOSTS",
        );
    }
    servers
}

fn legacy_metadata(read: &mut Reader<'_>) -> bool {
    read.setting(
        "MCP_AUTH_LEGACY_METADATA",
        "1 repeats the authorization server's metadata on this origin, where clients of 2025-03-26 \
         look for it.",
    )
    .or(Switch(true))
    .0
}

fn cache(read: &mut Reader<'_>, profile: &Profile) -> CacheSettings {
    CacheSettings {
        ttl: read
            .setting(
                "MCP_AUTH_CACHE_TTL",
                "Seconds a token is trusted without asking again; 0 is never, and a rejected one is \
                 asked about again as well.",
            )
            .or(Seconds(profile.cache_ttl))
            .into(),
        negative_ttl: read
            .setting(
                "MCP_AUTH_NEGATIVE_TTL",
                "Seconds a rejected token is rejected without asking again; 0 is never. Only where \
                 MCP_AUTH_CACHE_TTL is not 0.",
            )
            .or(Seconds(5))
            .into(),
        entries: read
            .setting(
                "MCP_AUTH_CACHE_ENTRIES",
                "How many tokens are remembered, good and rejected ones each; 0 is none.",
            )
            .or(10_000),
    }
}

fn jwks(read: &mut Reader<'_>) -> JwksSettings {
    JwksSettings {
        ttl: read
            .setting(
                "MCP_AUTH_JWKS_TTL",
                "Seconds the issuer's keys are fresh if it does not say how long.",
            )
            .or(Seconds(600))
            .into(),
        cooldown: read
            .setting(
                "MCP_AUTH_JWKS_COOLDOWN",
                "Least seconds between two fetches for a key that is not known.",
            )
            .or(Seconds(30))
            .into(),
        stale: read
            .setting(
                "MCP_AUTH_JWKS_STALE",
                "Seconds that keys are used when they are no longer fresh and there are no newer \
                 ones.",
            )
            .or(Seconds(3600))
            .into(),
    }
}

impl AuthSettings {
    /// What cannot work is told now, with the setting that mends it.
    fn must_work(&self, read: &mut Reader<'_>) {
        let asks = matches!(self.validation, Validation::Introspection | Validation::Both);
        if asks && !self.credentials.can_authenticate() {
            read.mistake(
                "MCP_AUTH_CLIENT_SECRET",
                "is needed for introspection; set it to the secret that the authorization server \
                 gave to MCP_AUTH_CLIENT_ID, or choose another MCP_AUTH_CLIENT_AUTH",
            );
        }
        match crate::auth::trusted(self) {
            Ok(_) => {}
            Err(OutboundStartError::CaFile(why)) => {
                read.mistake(CA_FILE, format!("names a file that cannot be read: {why}"));
            }
            Err(why) => read.mistake(CA_FILE, why.to_string()),
        }
        if self.discovery == Discovery::Off {
            self.must_know_the_way(read);
        }
        let remembers = !self.cache.ttl.is_zero() && self.cache.entries > 0;
        if self.outage != Outage::Closed && !remembers {
            read.mistake(
                "MCP_AUTH_OUTAGE",
                "`stale` lets in who is remembered, and nobody is: it needs a \
                 MCP_AUTH_CACHE_TTL and MCP_AUTH_CACHE_ENTRIES above 0",
            );
        }
        if self.policy.audience_claim.is_none() {
            let limited =
                !self.policy.allowed_clients.is_empty() || !self.required_scopes.is_empty();
            if self.validation != Validation::Introspection || !limited {
                read.mistake(
                    "MCP_AUTH_AUDIENCE_CLAIM",
                    "`none` needs MCP_AUTH_VALIDATION=introspection, and MCP_AUTH_ALLOWED_CLIENTS \
                     or MCP_AUTH_REQUIRED_SCOPES: otherwise tokens for anybody work here",
                );
            }
        }
    }

    fn must_know_the_way(&self, read: &mut Reader<'_>) {
        let (can_ask, has_keys) = (self.introspection_url.is_some(), self.jwks_url.is_some());
        let missing = match self.validation {
            Validation::Introspection | Validation::Both if !can_ask => {
                Some("MCP_AUTH_INTROSPECTION_URL")
            }
            Validation::Jwt | Validation::Both if !has_keys => Some("MCP_AUTH_JWKS_URL"),
            Validation::Auto if !can_ask && !has_keys => Some("MCP_AUTH_INTROSPECTION_URL"),
            Validation::Auto if !self.can_ask() && !has_keys => Some("MCP_AUTH_CLIENT_SECRET"),
            _ => None,
        };
        if let Some(name) = missing {
            read.mistake(name, "is needed, because MCP_AUTH_DISCOVERY is off");
        }
    }

    /// Whether introspection is possible as far as we are concerned.
    pub(crate) fn can_ask(&self) -> bool {
        self.credentials.can_authenticate()
    }

    /// How we authenticate where these methods are offered (RFC 8414 names of them).
    pub(crate) fn client_auth(&self, offered: &[String]) -> Option<ClientAuth> {
        self.credentials.method(offered)
    }
}
