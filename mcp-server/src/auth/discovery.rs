//! Finds out what an authorization server offers (RFC 8414, `OpenID` Connect Discovery), and how
//! its tokens can be checked.

use std::{fmt, sync::Arc, time::Duration};

use ambient::values::shown;
use http::{StatusCode, header};
use serde_json::Value;
use url::Url;

use super::outbound::{Outbound, OutboundError, describe};
use crate::config::{AuthSettings, ClientAuth, Discovery, Validation};

/// What is used of an authorization server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationServer {
    /// How tokens are checked there.
    pub(crate) way: Way,
    /// Its metadata as it was read; none if nothing is read.
    pub(crate) document: Option<Arc<Value>>,
    /// Where that was.
    pub(crate) place: Option<Url>,
}

/// How tokens are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The server is asked.
    Ask {
        /// Where.
        endpoint: Url,
        /// How we say who we are.
        method: ClientAuth,
        /// The issuer's keys, for tokens that the endpoint does not answer for.
        fallback: Option<Url>,
    },
    /// By their signatures.
    Jwt {
        /// Where the issuer's keys are.
        keys: Url,
    },
    /// By their signatures, and then the server is asked.
    Both {
        /// Where it is asked.
        endpoint: Url,
        /// How we say who we are.
        method: ClientAuth,
        /// Where the issuer's keys are.
        keys: Url,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signatures =
            |keys: &Url| format!("signatures, with the keys at {}", shown(keys.as_str()));
        let asking = |endpoint: &Url, method: &ClientAuth| {
            format!("introspection at {}, {method}", shown(endpoint.as_str()))
        };
        match self {
            Self::Ask { endpoint, method, .. } => f.write_str(&asking(endpoint, method)),
            Self::Jwt { keys } => f.write_str(&signatures(keys)),
            Self::Both { endpoint, method, keys } => {
                write!(f, "{}, then {}", signatures(keys), asking(endpoint, method))
            }
        }
    }
}

/// Why nothing could be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("AUTH_SERVER_URL is not a URL that metadata can be found at")]
    BadIssuer,
    #[error(transparent)]
    NoAnswer(#[from] OutboundError),
    #[error("no metadata was found ({0}); see MCP_AUTH_DISCOVERY_URL")]
    NoMetadata(String),
    #[error("it is asked for its metadata too often (429), and is left alone for {} s", .0.as_secs())]
    TooMany(Duration),
    #[error("its metadata names another issuer, `{0}`; set AUTH_SERVER_URL to exactly that")]
    OtherIssuer(String),
    #[error(
        "its metadata has no introspection_endpoint; set MCP_AUTH_INTROSPECTION_URL, or \
         MCP_AUTH_VALIDATION=jwt if its access tokens are JWTs"
    )]
    NoIntrospection,
    #[error(
        "its introspection endpoint does not offer a method that there are credentials for \
         ({0}); set MCP_AUTH_CLIENT_SECRET or MCP_AUTH_CLIENT_KEY_FILE, or MCP_AUTH_CLIENT_AUTH"
    )]
    NoMethod(String),
    #[error(
        "its metadata has no jwks_uri; set MCP_AUTH_JWKS_URL, or MCP_AUTH_VALIDATION=introspection"
    )]
    NoKeys,
    #[error(
        "tokens can be checked in no way: introspection needs an endpoint and \
         MCP_AUTH_CLIENT_SECRET, and the metadata has no jwks_uri for MCP_AUTH_VALIDATION=jwt"
    )]
    NoWay,
    #[error(
        "the {member} of its metadata is no URL of http or https, and it is needed: mend it there, or \
         set {setting}"
    )]
    Odd { member: &'static str, setting: &'static str },
    #[error(
        "its metadata names `{0}`, which is less safe than the issuer: tokens would travel open; it \
         must be https, or on a host of MCP_AUTH_PLAIN_HTTP_HOSTS if the issuer, or \
         MCP_AUTH_DISCOVERY_URL, is on one"
    )]
    Insecure(String),
}

impl DiscoveryError {
    /// Whether waiting does not mend it: the settings, or the server's, must be changed.
    pub(crate) const fn is_final(&self) -> bool {
        !matches!(self, Self::NoAnswer(_) | Self::NoMetadata(_) | Self::TooMany(_))
    }
}

/// What is read of the metadata.
#[derive(Default)]
struct Metadata {
    issuer: String,
    introspection_endpoint: Member,
    jwks_uri: Member,
    introspection_endpoint_auth_methods_supported: Vec<String>,
}

/// A URL in the metadata.
#[derive(Clone, Default)]
enum Member {
    #[default]
    Absent,
    /// Something else stands there. Nobody minds while it is not needed.
    Odd,
    There(Url),
}

impl Member {
    fn of(document: &Value, name: &str) -> Self {
        let written = match document.get(name) {
            None | Some(Value::Null) => return Self::Absent,
            Some(written) => written.as_str().and_then(|text| Url::parse(text).ok()),
        };
        let url = written.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        url.map_or(Self::Odd, Self::There)
    }

    const fn url(&self) -> Option<&Url> {
        match self {
            Self::There(url) => Some(url),
            Self::Absent | Self::Odd => None,
        }
    }
}

impl Metadata {
    /// A document without an issuer is of something else. All other members may be missing, or wrong.
    fn of(document: &Value) -> Option<Self> {
        let methods = document.get("introspection_endpoint_auth_methods_supported");
        let methods = methods.and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            issuer: document.get("issuer")?.as_str()?.to_owned(),
            introspection_endpoint: Member::of(document, "introspection_endpoint"),
            jwks_uri: Member::of(document, "jwks_uri"),
            introspection_endpoint_auth_methods_supported: methods
                .filter_map(|method| method.as_str().map(str::to_owned))
                .collect(),
        })
    }
}

/// Asks at the well-known URLs in the order of the MCP specification, or wherever the settings say;
/// first of all at the `known` one. A server that says nothing there is not waited for elsewhere.
pub(crate) async fn fetch(
    outbound: &Outbound,
    settings: &AuthSettings,
    known: Option<&Url>,
) -> Result<AuthorizationServer, DiscoveryError> {
    let mut candidates = match &settings.discovery {
        Discovery::Off => {
            let way = way(&Metadata::default(), settings)?;
            return Ok(AuthorizationServer { way, document: None, place: None });
        }
        Discovery::At(url) => vec![url.clone()],
        Discovery::WellKnown => well_known(&settings.issuer).ok_or(DiscoveryError::BadIssuer)?,
    };
    candidates.sort_by_key(|candidate| Some(candidate) != known);
    let mut misses = Vec::new();
    for candidate in candidates {
        let is_known = known == Some(&candidate);
        match read(outbound, &candidate, is_known).await? {
            Ok((document, metadata)) => {
                let (way, document) = (usable(&metadata, settings)?, Some(Arc::new(document)));
                return Ok(AuthorizationServer { way, document, place: Some(candidate) });
            }
            Err(why) => misses.push(format!("{}: {why}", shown(candidate.as_str()))),
        }
    }
    Err(DiscoveryError::NoMetadata(misses.join("; ")))
}

/// The metadata at one place, or why there is none: there may be some elsewhere then, unless it was
/// there the last time and there is no answer at all.
async fn read(
    outbound: &Outbound,
    url: &Url,
    is_known: bool,
) -> Result<Result<(Value, Metadata), String>, DiscoveryError> {
    let request = outbound.http.get(url.clone()).header(header::ACCEPT, "application/json");
    let reply = match outbound.ask(request).await {
        Ok(reply) => reply,
        Err(error @ OutboundError::Unreachable(_)) if is_known => return Err(error.into()),
        Err(error) if error.is_of_the_host() => return Err(error.into()),
        Err(error) => return Ok(Err(describe(&error))),
    };
    if reply.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(DiscoveryError::TooMany(reply.rest(outbound.now())));
    }
    if reply.status != StatusCode::OK {
        return Ok(Err(reply.status.as_u16().to_string()));
    }
    let document = serde_json::from_slice::<Value>(&reply.body).ok();
    let found = document.and_then(|document| {
        let metadata = Metadata::of(&document)?;
        Some((document, metadata))
    });
    Ok(found.ok_or_else(|| "what is there is no metadata of an authorization server".to_owned()))
}

fn usable(metadata: &Metadata, settings: &AuthSettings) -> Result<Way, DiscoveryError> {
    let named = match settings.discovery {
        // Who names the document may also name those it speaks for.
        Discovery::At(_) => settings.policy.issuers.contains(&metadata.issuer),
        Discovery::Off | Discovery::WellKnown => metadata.issuer == settings.issuer,
    };
    if !named {
        return Err(DiscoveryError::OtherIssuer(metadata.issuer.clone()));
    }
    // Every token and our own secret go there, and keys that make anybody a caller come from there.
    // A host that the operator has named may be spoken to openly, whatever the issuer that it tells
    // of is called, and so may no other that it names itself.
    let open = |url: &Url| settings.plain_hosts.open(url);
    let is_named = Url::parse(&settings.issuer).is_ok_and(|issuer| open(&issuer))
        || matches!(&settings.discovery, Discovery::At(url) if open(url));
    if is_named || settings.issuer.starts_with("https:") {
        let taken = [
            (metadata.introspection_endpoint.url(), &settings.introspection_url),
            (metadata.jwks_uri.url(), &settings.jwks_url),
        ];
        let is_as_safe = |url: &Url| url.scheme() == "https" || (is_named && open(url));
        let mut taken =
            taken.into_iter().filter(|(_, set)| set.is_none()).filter_map(|(url, _)| url);
        if let Some(open) = taken.find(|url| !is_as_safe(url)) {
            return Err(DiscoveryError::Insecure(shown(open.as_str()).into_owned()));
        }
    }
    way(metadata, settings)
}

fn way(metadata: &Metadata, settings: &AuthSettings) -> Result<Way, DiscoveryError> {
    let endpoint = settings.introspection_url.as_ref();
    let endpoint = endpoint.or(metadata.introspection_endpoint.url()).cloned();
    let keys = settings.jwks_url.as_ref().or(metadata.jwks_uri.url()).cloned();
    let offered = &metadata.introspection_endpoint_auth_methods_supported;
    let method = settings.client_auth(offered);
    let no_method = || DiscoveryError::NoMethod(offered.join(" "));
    let no_endpoint = || match metadata.introspection_endpoint {
        Member::Odd => DiscoveryError::Odd {
            member: "introspection_endpoint",
            setting: "MCP_AUTH_INTROSPECTION_URL",
        },
        _ => DiscoveryError::NoIntrospection,
    };
    let without_keys = |why| match metadata.jwks_uri {
        Member::Odd => DiscoveryError::Odd { member: "jwks_uri", setting: "MCP_AUTH_JWKS_URL" },
        _ => why,
    };
    match settings.validation {
        Validation::Introspection => Ok(Way::Ask {
            endpoint: endpoint.ok_or_else(no_endpoint)?,
            method: method.ok_or_else(no_method)?,
            fallback: None,
        }),
        Validation::Jwt => {
            Ok(Way::Jwt { keys: keys.ok_or_else(|| without_keys(DiscoveryError::NoKeys))? })
        }
        Validation::Both => Ok(Way::Both {
            endpoint: endpoint.ok_or_else(no_endpoint)?,
            method: method.ok_or_else(no_method)?,
            keys: keys.ok_or_else(|| without_keys(DiscoveryError::NoKeys))?,
        }),
        Validation::Auto => match (endpoint, method, keys) {
            (Some(endpoint), Some(method), fallback) if settings.can_ask() => {
                Ok(Way::Ask { endpoint, method, fallback })
            }
            // One that is broken is not one that is not there: who could be asked is not replaced by
            // signatures, of which nobody says that they were revoked.
            (None, ..)
                if settings.can_ask() && matches!(metadata.introspection_endpoint, Member::Odd) =>
            {
                Err(no_endpoint())
            }
            (_, _, Some(keys)) => Ok(Way::Jwt { keys }),
            (_, _, None) => Err(without_keys(DiscoveryError::NoWay)),
        },
    }
}

/// Where the metadata of an issuer may be (2026-07-28 authorization-server-discovery).
pub(crate) fn well_known(issuer: &str) -> Option<Vec<Url>> {
    let base = Url::parse(issuer).ok()?;
    let path = base.path().trim_end_matches('/');
    let at = |path: String| base.join(&path).ok();
    let mut urls = vec![
        at(format!("/.well-known/oauth-authorization-server{path}"))?,
        at(format!("/.well-known/openid-configuration{path}"))?,
    ];
    if !path.is_empty() {
        urls.push(at(format!("{path}/.well-known/openid-configuration"))?);
    }
    Some(urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(issuer: &str) -> Vec<String> {
        well_known(issuer).unwrap().iter().map(|url| url.path().to_owned()).collect()
    }

    #[test]
    fn metadata_is_looked_for_where_the_specification_says() {
        assert_eq!(
            paths("https://auth.example.com"),
            ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
        );
        assert_eq!(
            paths("https://auth.example.com/tenant1/"),
            [
                "/.well-known/oauth-authorization-server/tenant1",
                "/.well-known/openid-configuration/tenant1",
                "/tenant1/.well-known/openid-configuration"
            ]
        );
    }

    fn settings(more: &[(&str, &str)]) -> AuthSettings {
        let env = ambient::Env::default()
            .with("AUTH_SERVER_URL", "https://as.example")
            .with("BASE_URI", "https://mcp.example");
        let env = more.iter().fold(env, |env, (name, value)| env.with(name, value));
        match crate::Config::from_env(&env).0.unwrap().auth {
            crate::AuthConfig::Required(settings) => *settings,
            crate::AuthConfig::Off => panic!("it is required"),
        }
    }

    fn metadata(issuer: &str, endpoint: Option<&str>, keys: Option<&str>) -> Metadata {
        let document = serde_json::json!({
            "issuer": issuer, "introspection_endpoint": endpoint, "jwks_uri": keys,
        });
        Metadata::of(&document).unwrap()
    }

    const ISSUER: &str = "https://as.example";
    const ENDPOINT: Option<&str> = Some("https://as.example/i");
    const KEYS: Option<&str> = Some("https://as.example/k");
    const SECRET: (&str, &str) = ("MCP_AUTH_CLIENT_SECRET", "s");

    #[test]
    fn tokens_are_not_sent_less_safely_than_the_issuer_is_asked() {
        let open = Some("http://as.example/x");
        for wrong in [metadata(ISSUER, open, KEYS), metadata(ISSUER, ENDPOINT, open)] {
            let found = usable(&wrong, &settings(&[SECRET]));
            assert!(matches!(found, Err(DiscoveryError::Insecure(_))));
        }
        // What an operator has written is the operator's.
        let near = ("MCP_AUTH_INTROSPECTION_URL", "http://hydra-admin:4445/introspect");
        assert!(usable(&metadata(ISSUER, open, KEYS), &settings(&[SECRET, near])).is_ok());
    }

    #[test]
    fn a_host_that_is_named_speaks_openly_for_itself_and_for_no_other() {
        let issuer = "http://as.internal:8080";
        let set = settings(&[
            ("AUTH_SERVER_URL", issuer),
            ("MCP_AUTH_PLAIN_HTTP_HOSTS", "as.internal"),
            SECRET,
        ]);
        let found = |endpoint| usable(&metadata(issuer, Some(endpoint), KEYS), &set);
        assert!(
            found("http://as.internal:8080/i").is_ok() && found("https://as.example/i").is_ok()
        );
        for other in ["http://as.example/i", "http://x.as.internal/i"] {
            assert!(matches!(found(other), Err(DiscoveryError::Insecure(_))), "{other}");
        }
    }

    #[test]
    fn a_host_that_is_named_and_tells_of_an_issuer_elsewhere_speaks_openly_for_itself() {
        let place =
            ("MCP_AUTH_DISCOVERY_URL", "http://as.internal/.well-known/openid-configuration");
        let named = ("MCP_AUTH_PLAIN_HTTP_HOSTS", "as.internal");
        let found = |endpoint| {
            usable(&metadata(ISSUER, Some(endpoint), KEYS), &settings(&[SECRET, place, named]))
        };
        assert!(found("http://as.internal/i").is_ok());
        assert!(matches!(found("http://other.internal/i"), Err(DiscoveryError::Insecure(_))));
    }

    #[test]
    fn the_issuer_is_compared_byte_by_byte() {
        for other in ["https://as.example/", "https://AS.example", "https://as.example:443"] {
            let found = usable(&metadata(other, ENDPOINT, KEYS), &settings(&[SECRET]));
            assert!(matches!(found, Err(DiscoveryError::OtherIssuer(_))), "{other}");
        }
    }

    #[test]
    fn auto_asks_where_it_can_and_reads_signatures_elsewhere() {
        let way =
            |endpoint, keys, more: &[_]| usable(&metadata(ISSUER, endpoint, keys), &settings(more));
        assert!(matches!(way(ENDPOINT, KEYS, &[SECRET]), Ok(Way::Ask { fallback: Some(_), .. })));
        assert!(matches!(way(ENDPOINT, KEYS, &[]), Ok(Way::Jwt { .. })));
        assert!(matches!(way(None, KEYS, &[SECRET]), Ok(Way::Jwt { .. })));
        assert!(matches!(way(ENDPOINT, None, &[]), Err(DiscoveryError::NoWay)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let say = |validation, endpoint, keys| {
            let settings = settings(&[SECRET, ("MCP_AUTH_VALIDATION", validation)]);
            usable(&metadata(ISSUER, endpoint, keys), &settings).unwrap_err().to_string()
        };
        assert!(say("introspection", None, KEYS).contains("MCP_AUTH_INTROSPECTION_URL"));
        assert!(say("jwt", ENDPOINT, None).contains("MCP_AUTH_JWKS_URL"));
        assert!(say("both", ENDPOINT, None).contains("MCP_AUTH_JWKS_URL"));
    }

    #[test]
    fn an_odd_member_is_named_where_it_is_needed_and_harms_nobody_elsewhere() {
        let odd = ["", "/jwks", "as.example/x", "mailto:a@as.example", "data:,x"];
        for odd in odd.map(Some) {
            let way = |endpoint, keys, validation| {
                let settings = settings(&[SECRET, ("MCP_AUTH_VALIDATION", validation)]);
                usable(&metadata(ISSUER, endpoint, keys), &settings).map_err(|why| why.to_string())
            };
            let said = |way: Result<Way, String>, member: &str| {
                let why = way.unwrap_err();
                assert!(why.contains(member) && why.contains("MCP_AUTH_"), "{odd:?}: {why}");
            };
            assert!(way(ENDPOINT, odd, "introspection").is_ok(), "{odd:?}");
            assert!(way(odd, KEYS, "jwt").is_ok(), "{odd:?}");
            said(way(odd, KEYS, "auto"), "the introspection_endpoint of its metadata");
            assert!(matches!(way(ENDPOINT, odd, "auto"), Ok(Way::Ask { fallback: None, .. })));
            said(way(odd, KEYS, "introspection"), "the introspection_endpoint of its metadata");
            said(way(ENDPOINT, odd, "jwt"), "the jwks_uri of its metadata");
            said(way(odd, None, "auto"), "the introspection_endpoint of its metadata");
            said(way(None, odd, "auto"), "the jwks_uri of its metadata");
            // Nobody would ask there, or the operator says where.
            let found = |more: &[_]| usable(&metadata(ISSUER, odd, KEYS), &settings(more));
            assert!(matches!(found(&[]), Ok(Way::Jwt { .. })), "{odd:?}");
            let place = ("MCP_AUTH_INTROSPECTION_URL", "https://as.example/i");
            assert!(matches!(found(&[SECRET, place]), Ok(Way::Ask { .. })), "{odd:?}");
        }
    }

    #[test]
    fn members_of_other_types_are_absent() {
        let odd = [serde_json::json!(7), Value::Null, serde_json::json!({ "x": [] })];
        for odd in odd {
            let document = serde_json::json!({
                "issuer": ISSUER, "introspection_endpoint": ENDPOINT, "jwks_uri": odd,
                "introspection_endpoint_auth_methods_supported": odd, "scopes_supported": odd,
            });
            let found = Metadata::of(&document).unwrap();
            assert!(usable(&found, &settings(&[SECRET])).is_ok(), "{odd}");
            assert!(Metadata::of(&serde_json::json!({ "issuer": odd })).is_none(), "{odd}");
        }
        let methods = serde_json::json!({
            "issuer": ISSUER, "introspection_endpoint": ENDPOINT,
            "introspection_endpoint_auth_methods_supported": [null, "client_secret_post", 7],
        });
        let found = usable(&Metadata::of(&methods).unwrap(), &settings(&[SECRET]));
        assert!(matches!(found, Ok(Way::Ask { method: ClientAuth::Post, .. })));
    }
}
