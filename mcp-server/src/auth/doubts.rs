//! What may be right about the settings and, seen next to what the authorization server says of itself,
//! probably is not: for `check-auth`, the doctor and the log.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::discovery::{AuthorizationServer, Way};
use crate::config::{AuthSettings, Validation};

/// A name and what to do, for each of them.
pub(super) fn all(
    settings: &AuthSettings,
    server: &AuthorizationServer,
) -> Vec<(&'static str, String)> {
    let said = server.document.iter().flat_map(|document| of(settings, document));
    open(settings, server).into_iter().chain(said).collect()
}

/// What travels open because the operator allows it.
fn open(settings: &AuthSettings, server: &AuthorizationServer) -> Option<(&'static str, String)> {
    let (asked, keys) = match &server.way {
        Way::Ask { endpoint, fallback, .. } => (Some(endpoint), fallback.as_ref()),
        Way::Both { endpoint, keys, .. } => (Some(endpoint), Some(keys)),
        Way::Jwt { keys } => (None, Some(keys)),
    };
    let places = [asked, keys, server.place.as_ref()].into_iter().flatten().cloned();
    let advertised =
        settings.advertised_servers.iter().filter_map(|issuer| Url::parse(issuer).ok());
    let open = places.chain(advertised).filter(|url| settings.plain_hosts.open(url));
    let hosts: BTreeSet<_> = open.filter_map(|url| url.host_str().map(str::to_owned)).collect();
    if hosts.is_empty() {
        return None;
    }
    let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
    let why = format!(
        "spoken to over http: {hosts} (MCP_AUTH_PLAIN_HTTP_HOSTS). Whoever is on the way reads \
         tokens and our own secret, and can make tokens of anybody; give it a certificate, and its \
         authority to MCP_AUTH_CA_FILE"
    );
    Some(("plain http", why))
}

/// What its metadata makes doubtful.
fn of(settings: &AuthSettings, metadata: &Value) -> Vec<(&'static str, String)> {
    let scopes = unlisted(settings, metadata).map(|scopes| {
        let why = format!(
            "the server does not list {scopes} in its scopes_supported; if it does not know it, \
             nobody gets a token that is good here: see MCP_AUTH_REQUIRED_SCOPES, and \
             MCP_AUTH_SCOPE_MAP if it has another name there"
        );
        ("required scopes", why)
    });
    let opaque = leaves_introspection(settings, metadata).then(|| {
        let why = "MCP_AUTH_VALIDATION=jwt, and the server offers introspection: if its access \
                   tokens are opaque, as those of this project's are unless \
                   AUTH_TOKEN_FORMAT=jwt, all are refused. Leave it unset and set \
                   MCP_AUTH_CLIENT_SECRET, or try a token with --token";
        ("signatures only", why.to_owned())
    });
    let unasked = unoffered(settings, metadata).map(|offered| {
        let why = format!(
            "the introspection endpoint offers {offered}, and there are no credentials for that: \
             tokens are checked by their signatures alone, and one that was revoked is good until \
             it ends. Set MCP_AUTH_CLIENT_KEY_FILE for private_key_jwt, MCP_AUTH_CLIENT_SECRET for \
             the others, or MCP_AUTH_VALIDATION=jwt if that is meant"
        );
        ("introspection", why)
    });
    scopes.into_iter().chain(opaque).chain(unasked).collect()
}

/// Tells the log.
pub(super) fn warn(settings: &AuthSettings, server: &AuthorizationServer) {
    for (about, why) in all(settings, server) {
        tracing::warn!(about, "{why}");
    }
}

/// The scopes that every request needs and the server does not list. One that lists none may know all.
fn unlisted(settings: &AuthSettings, metadata: &Value) -> Option<String> {
    let listed = metadata["scopes_supported"].as_array()?;
    let listed = listed.iter().filter_map(Value::as_str);
    let listed: Vec<_> = listed.map(|scope| settings.policy.our_scope(scope)).collect();
    let required = settings.required_scopes.iter().map(shared::oauth::Scope::as_str);
    let unlisted: Vec<_> = required.filter(|scope| !listed.contains(scope)).collect();
    (!unlisted.is_empty()).then(|| unlisted.join(" "))
}

/// Whether signatures are all that is looked at by choice, though the server would answer questions.
fn leaves_introspection(settings: &AuthSettings, metadata: &Value) -> bool {
    let is_chosen =
        settings.validation == Validation::Jwt && settings.profile.validation != Validation::Jwt;
    is_chosen && metadata["introspection_endpoint"].is_string()
}

/// The ways to authenticate that are offered where we could ask if we had the means for one of them.
fn unoffered(settings: &AuthSettings, metadata: &Value) -> Option<String> {
    let asks = settings.validation == Validation::Auto && settings.can_ask();
    let is_there =
        settings.introspection_url.is_some() || metadata["introspection_endpoint"].is_string();
    let offered = metadata["introspection_endpoint_auth_methods_supported"].as_array()?;
    let offered = offered.iter().filter_map(Value::as_str).map(str::to_owned);
    let offered: Vec<_> = offered.collect();
    (asks && is_there && settings.client_auth(&offered).is_none()).then(|| offered.join(" "))
}

#[cfg(test)]
mod tests {
    use ambient::Env;
    use serde_json::json;

    use super::*;
    use crate::{AuthConfig, Config};

    fn doubts(set: &[(&str, &str)], metadata: &Value) -> Vec<&'static str> {
        let env = set.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
        let AuthConfig::Required(settings) = Config::from_env(&env).0.unwrap().auth else {
            panic!("authorization is required")
        };
        of(&settings, metadata).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_scope_that_the_server_does_not_list_is_doubtful() {
        let lists = |scopes: &[&str]| json!({ "scopes_supported": scopes });
        let scope = ("MCP_AUTH_REQUIRED_SCOPES", "tools");
        assert_eq!(doubts(&[scope], &lists(&["mcp"])), ["required scopes"]);
        assert!(doubts(&[scope], &lists(&["mcp", "tools"])).is_empty());
        assert!(doubts(&[scope], &json!({})).is_empty());
        let mapped = [scope, ("MCP_AUTH_SCOPE_MAP", "api/tools=tools")];
        assert!(doubts(&mapped, &lists(&["api/tools"])).is_empty());
    }

    #[test]
    fn signatures_alone_are_doubtful_where_questions_are_answered() {
        let asks = json!({ "introspection_endpoint": "https://as.example/introspect" });
        let jwt = ("MCP_AUTH_VALIDATION", "jwt");
        assert_eq!(doubts(&[jwt], &asks), ["signatures only"]);
        assert!(doubts(&[], &asks).is_empty() && doubts(&[jwt], &json!({})).is_empty());
        // Its access tokens are known to be signed.
        let of_cognito = doubts(&[jwt, ("MCP_AUTH_PROFILE", "cognito")], &asks);
        assert!(!of_cognito.contains(&"signatures only"));
    }

    #[test]
    fn a_secret_that_is_of_no_use_at_the_endpoint_is_doubtful() {
        let offers = |methods: &[&str]| {
            json!({
                "introspection_endpoint": "https://as.example/introspect",
                "introspection_endpoint_auth_methods_supported": methods,
            })
        };
        let secret = ("MCP_AUTH_CLIENT_SECRET", "s");
        assert_eq!(doubts(&[secret], &offers(&["private_key_jwt"])), ["introspection"]);
        let jwt = [secret, ("MCP_AUTH_VALIDATION", "jwt")];
        assert!(!doubts(&jwt, &offers(&["private_key_jwt"])).contains(&"introspection"));
        for methods in [&["client_secret_post", "private_key_jwt"][..], &[]] {
            assert!(doubts(&[secret], &offers(methods)).is_empty(), "{methods:?}");
        }
    }
}
