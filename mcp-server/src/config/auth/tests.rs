//! Settings that cannot work, or would let strangers in, are refused with the one that mends it.

use ambient::Env;

use crate::{AuthConfig, Config, config::AuthSettings};

const ISSUER: (&str, &str) = ("AUTH_SERVER_URL", "https://as.example");
const SECRET: (&str, &str) = ("MCP_AUTH_CLIENT_SECRET", "s");

fn env(settings: &[(&str, &str)]) -> Env {
    let env = Env::default().with("BASE_URI", "https://mcp.example");
    settings.iter().fold(env, |env, (name, value)| env.with(name, value))
}

fn mistakes(settings: &[(&str, &str)]) -> String {
    Config::from_env(&env(settings)).0.unwrap_err().to_string()
}

fn settings(settings: &[(&str, &str)]) -> AuthSettings {
    match Config::from_env(&env(settings)).0.unwrap().auth {
        AuthConfig::Required(settings) => *settings,
        AuthConfig::Off => panic!("authorization is required"),
    }
}

#[test]
fn what_cannot_work_is_refused_with_the_setting_that_mends_it() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/p256.pem");
    let table: [(&str, &[(&str, &str)]); 25] = [
        ("AUTH_SERVER_URL", &[("AUTH_SERVER_URL", "http://as.example")]),
        ("AUTH_SERVER_URL", &[("AUTH_SERVER_URL", "as.example")]),
        ("MCP_AUTH_CLIENT_SECRET", &[("MCP_AUTH_VALIDATION", "introspection")]),
        ("MCP_AUTH_CLIENT_SECRET", &[("MCP_AUTH_VALIDATION", "both")]),
        ("MCP_AUTH_CLIENT_SECRET", &[("MCP_AUTH_CLIENT_AUTH", "basic")]),
        ("MCP_AUTH_CLIENT_KEY_FILE", &[("MCP_AUTH_CLIENT_AUTH", "private_key_jwt")]),
        ("MCP_AUTH_CLIENT_KEY_FILE", &[("MCP_AUTH_CLIENT_KEY_FILE", "/nowhere")]),
        ("MCP_AUTH_CLIENT_KEY_FILE", &[("MCP_AUTH_CLIENT_KEY_FILE", "/dev/null")]),
        (
            "MCP_AUTH_CLIENT_KEY_FILE",
            &[("MCP_AUTH_CLIENT_KEY_FILE", key), ("MCP_AUTH_CLIENT_KEY_ALG", "RS256")],
        ),
        ("MCP_AUTH_BEARER", &[("MCP_AUTH_CLIENT_AUTH", "bearer")]),
        ("MCP_AUTH_CLIENT_AUTH", &[("MCP_AUTH_CLIENT_AUTH", "none")]),
        ("MCP_AUTH_CLIENT_AUTH", &[("MCP_AUTH_CLIENT_AUTH", "client_secret_jwt")]),
        ("MCP_AUTH_ALGORITHMS", &[("MCP_AUTH_ALGORITHMS", "none")]),
        ("MCP_AUTH_ALGORITHMS", &[("MCP_AUTH_ALGORITHMS", "RS256 HS256")]),
        ("MCP_AUTH_AUDIENCE_CLAIM", &[SECRET, ("MCP_AUTH_AUDIENCE_CLAIM", "none")]),
        ("MCP_AUTH_ACCEPTED_ISSUERS", &[("MCP_AUTH_ACCEPTED_ISSUERS", "https://x/{tid}")]),
        ("MCP_AUTH_REQUIRED_CLAIMS", &[("MCP_AUTH_PROFILE", "entra")]),
        ("MCP_AUTH_REQUIRED_CLAIMS", &[("MCP_AUTH_REQUIRED_CLAIMS", "tid")]),
        ("MCP_AUTH_CLOCK_SKEW", &[("MCP_AUTH_CLOCK_SKEW", "121")]),
        ("MCP_AUTH_TIMEOUT", &[("MCP_AUTH_TIMEOUT", "0")]),
        ("MCP_AUTH_MAX_TOKEN", &[("MCP_AUTH_MAX_TOKEN", "100000")]),
        ("MCP_AUTH_OUTAGE", &[("MCP_AUTH_OUTAGE", "open")]),
        ("MCP_AUTH_SCOPES_SUPPORTED", &[("MCP_AUTH_SCOPES_SUPPORTED", "mcp offline_access")]),
        ("MCP_AUTH_PROFILE", &[("MCP_AUTH_PROFILE", "okto")]),
        ("MCP_AUTH_ISUER", &[("MCP_AUTH_ISUER", "https://as.example")]),
    ];
    for (name, wrong) in table {
        let text = mistakes(&[&[ISSUER], wrong].concat());
        assert!(text.contains(name), "{wrong:?}: {text}");
    }
}

#[test]
fn what_would_never_do_what_it_says_is_refused() {
    let stale = ("MCP_AUTH_OUTAGE", "stale:300");
    let table: [(&str, &[(&str, &str)]); 10] = [
        ("MCP_AUTH_OUTAGE", &[stale, ("MCP_AUTH_CACHE_TTL", "0")]),
        ("MCP_AUTH_OUTAGE", &[stale, ("MCP_AUTH_CACHE_ENTRIES", "0")]),
        ("MCP_AUTH_ACCEPTED_ISSUERS", &[("MCP_AUTH_ACCEPTED_ISSUERS", "nonsense")]),
        ("MCP_AUTH_ADVERTISED_SERVERS", &[("MCP_AUTH_ADVERTISED_SERVERS", "nonsense")]),
        ("MCP_AUTH_ADVERTISED_SERVERS", &[("MCP_AUTH_ADVERTISED_SERVERS", "http://as.example")]),
        ("MCP_AUTH_ADVERTISED_SERVERS", &[("MCP_AUTH_ADVERTISED_SERVERS", ",")]),
        ("MCP_AUTH_MAX_TOKEN_LIFETIME", &[("MCP_AUTH_MAX_TOKEN_LIFETIME", "0")]),
        ("AUTH_SERVER_URL", &[("MCP_AUTH_ISSUER", "https://as.example")]),
        ("BASE_URI", &[("MCP_PUBLIC_URL", "https://mcp.example")]),
        (
            "MCP_AUTH_CLIENT_SECRET",
            &[
                ("MCP_AUTH_DISCOVERY", "off"),
                ("MCP_AUTH_INTROSPECTION_URL", "https://as.example/i"),
            ],
        ),
    ];
    for (name, wrong) in table {
        let text = mistakes(&[&[ISSUER], wrong].concat());
        assert!(text.starts_with("1 mistake ") && text.contains(name), "{wrong:?}: {text}");
    }
    assert_eq!(settings(&[ISSUER, stale]).cache.ttl.as_secs(), 30);
    let two = "https://as.example https://other.example/v1/";
    assert_eq!(settings(&[("MCP_AUTH_ADVERTISED_SERVERS", two)]).advertised_servers.len(), 2);
}

#[test]
fn a_password_in_a_url_is_not_shown_by_the_mistake_that_names_it() {
    let wrong = "https://u:hun/ter2@other.example";
    for name in ["MCP_AUTH_ACCEPTED_ISSUERS", "MCP_AUTH_ADVERTISED_SERVERS", "AUTH_SERVER_URL"] {
        let listed = format!("https://a.example {wrong}");
        for value in [wrong, &listed] {
            let text = mistakes(&[ISSUER, (name, value)]);
            assert!(text.contains(name) && !text.contains("ter2"), "{text}");
        }
    }
}

#[test]
fn a_list_of_nothing_is_refused_and_one_that_is_not_set_is_not() {
    let lists = [
        "MCP_AUTH_ALLOWED_CLIENTS",
        "MCP_AUTH_REQUIRED_CLAIMS",
        "MCP_AUTH_AUDIENCE",
        "MCP_AUTH_ALGORITHMS",
        "MCP_AUTH_TOKEN_TYPES",
        "MCP_AUTH_SCOPE_CLAIMS",
        "MCP_AUTH_SCOPE_MAP",
        "MCP_AUTH_USER_CLAIM",
        "MCP_AUTH_USERNAME_CLAIMS",
        "MCP_AUTH_CLIENT_CLAIMS",
        "MCP_AUTH_ACCEPTED_ISSUERS",
        "MCP_AUTH_ADVERTISED_SERVERS",
    ];
    for name in lists {
        for nothing in [",", ", ,"] {
            let text = mistakes(&[ISSUER, (name, nothing)]);
            let told = text.starts_with("1 mistake ") && text.contains(name);
            assert!(told && text.contains("a list with nothing in it"), "{name}: {text}");
        }
        assert_eq!(settings(&[ISSUER, (name, " ")]).issuer, ISSUER.1, "{name}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let table: [(&str, &[(&str, &str)]); 7] = [
        ("MCP_AUTH_REQUIRED_CLAIMS", &[("MCP_AUTH_REQUIRED_CLAIMS", "tid=a,tid=b")]),
        ("MCP_AUTH_SCOPE_MAP", &[("MCP_AUTH_SCOPE_MAP", "a=b a=c")]),
        ("MCP_AUTH_TOKEN_TYPES", &[("MCP_AUTH_TOKEN_TYPES", "at+jwt application/Logout+JWT")]),
        ("MCP_AUTH_MAX_RESPONSE", &[("MCP_AUTH_MAX_RESPONSE", "0")]),
        ("MCP_AUTH_MAX_RESPONSE", &[("MCP_AUTH_MAX_RESPONSE", "99999999999")]),
        ("MCP_AUTH_AUDIENCE ", &[("MCP_AUTH_AUDIENCE_CLAIM", "client_id")]),
        ("MCP_AUTH_AUDIENCE ", &[("MCP_AUTH_AUDIENCE_CLAIM", "resource")]),
    ];
    for (name, wrong) in table {
        let text = mistakes(&[&[ISSUER], wrong].concat());
        assert!(text.starts_with("1 mistake ") && text.contains(name), "{wrong:?}: {text}");
    }
    let claim = [("MCP_AUTH_AUDIENCE_CLAIM", "client_id"), ("MCP_AUTH_AUDIENCE", "a b")];
    assert_eq!(settings(&[&[ISSUER][..], &claim].concat()).policy.audiences, ["a", "b"]);
}

#[test]
fn tokens_secrets_and_keys_travel_in_the_open_at_home_only() {
    let names = ["MCP_AUTH_INTROSPECTION_URL", "MCP_AUTH_JWKS_URL", "MCP_AUTH_DISCOVERY_URL"];
    for name in names {
        for far in ["http://as.example/x", "http://8.8.8.8/x", "ftp://localhost/x", "file:///x"] {
            let text = mistakes(&[ISSUER, (name, far)]);
            assert!(text.starts_with("1 mistake ") && text.contains(name), "{far}: {text}");
        }
        for near in ["https://as.example/x", "http://hydra.ory.svc:4445/x", "http://[fd00::1]/x"] {
            assert_eq!(settings(&[ISSUER, (name, near)]).issuer, ISSUER.1);
        }
    }
}

#[test]
fn a_host_that_is_named_may_be_spoken_to_in_the_open_and_no_other() {
    const NAME: &str = "MCP_AUTH_PLAIN_HTTP_HOSTS";
    let issuer = ("AUTH_SERVER_URL", "http://keycloak.internal:8080/realms/r");
    let named = (NAME, "keycloak.internal");
    let told = mistakes(&[issuer, SECRET]);
    assert!(told.starts_with("1 mistake ") && told.contains("MCP_AUTH_PLAIN_HTTP_HOSTS=keycloak"));
    let set = settings(&[issuer, SECRET, named]);
    assert_eq!((&*set.issuer, &*set.advertised_servers), (issuer.1, &[issuer.1.to_owned()][..]));
    for wrong in ["internal", "keycloak.internal.example", "other.internal"] {
        assert!(mistakes(&[issuer, SECRET, (NAME, wrong)]).contains("AUTH_SERVER_URL"), "{wrong}");
    }
    for wrong in ["*", "*.internal", "http://keycloak.internal", "keycloak.internal:8080"] {
        assert!(mistakes(&[issuer, SECRET, (NAME, wrong)]).contains(NAME), "{wrong}");
    }
    // The secret that everybody knows is for this machine.
    assert!(settings(&[issuer, named]).credentials.secret.is_none());
    let places = ["MCP_AUTH_INTROSPECTION_URL", "MCP_AUTH_JWKS_URL", "MCP_AUTH_ADVERTISED_SERVERS"];
    for place in places.map(|name| (name, "http://as.example/x")) {
        assert!(mistakes(&[ISSUER, SECRET, named, place]).contains(place.0));
        assert_eq!(settings(&[ISSUER, SECRET, (NAME, "as.example"), place]).issuer, ISSUER.1);
    }
}

#[test]
fn a_type_is_the_same_with_and_without_its_first_half() {
    let types = |written| settings(&[ISSUER, ("MCP_AUTH_TOKEN_TYPES", written)]).policy.token_types;
    assert_eq!(types("application/AT+jwt -"), ["at+jwt", "-"]);
    assert_eq!(types("at+jwt -"), types("application/at+jwt -"));
}

#[test]
fn without_metadata_the_urls_are_needed() {
    let off = ("MCP_AUTH_DISCOVERY", "off");
    let table = [
        ("introspection", "MCP_AUTH_INTROSPECTION_URL"),
        ("jwt", "MCP_AUTH_JWKS_URL"),
        ("both", "MCP_AUTH_JWKS_URL"),
        ("auto", "MCP_AUTH_INTROSPECTION_URL"),
    ];
    for (validation, name) in table {
        let given = match validation {
            "both" => ("MCP_AUTH_INTROSPECTION_URL", "https://as.example/i"),
            _ => ("MCP_AUTH_CLIENT_ID", "mcp-server"),
        };
        let text = mistakes(&[ISSUER, SECRET, off, given, ("MCP_AUTH_VALIDATION", validation)]);
        assert!(text.contains(name), "{validation}: {text}");
    }
}

#[test]
fn a_private_address_needs_no_credentials_and_a_public_one_a_word() {
    let none = ("MCP_AUTH_CLIENT_AUTH", "none");
    let at = |url| [ISSUER, none, ("MCP_AUTH_INTROSPECTION_URL", url)];
    for near in ["http://10.1.2.3/i", "http://localhost/i", "http://hydra-admin:4445/i"] {
        assert!(settings(&at(near)).credentials.can_authenticate(), "{near}");
    }
    for far in ["https://as.example/i", "http://8.8.8.8/i", "http://10.1.2.3.example/i"] {
        assert!(mistakes(&at(far)).contains("MCP_AUTH_CLIENT_AUTH"), "{far}");
    }
    let word = ("MCP_AUTH_ALLOW_UNAUTHENTICATED_INTROSPECTION", "1");
    assert!(settings(&[&at("https://as.example/i")[..], &[word]].concat()).can_ask());
}

#[test]
fn what_is_set_wins_over_the_profile() {
    let okta = ("MCP_AUTH_PROFILE", "okta");
    let usual = settings(&[ISSUER, okta]);
    assert_eq!((usual.cache.ttl.as_secs(), usual.policy.user_claims.len()), (60, 2));
    let set = settings(&[
        ISSUER,
        okta,
        ("MCP_AUTH_CACHE_TTL", "0"),
        ("MCP_AUTH_USER_CLAIM", "email"),
        ("MCP_AUTH_REQUIRED_SCOPES", "a b"),
    ]);
    assert_eq!((set.cache.ttl.as_secs(), set.policy.user_claims), (0, vec!["email".to_owned()]));
    assert_eq!(set.required_scopes.to_string(), "a b");
}

#[test]
fn the_audience_is_what_metadata_calls_the_resource_with_and_without_a_slash() {
    let policy = settings(&[ISSUER]).policy;
    let known = ["/mcp", "/mcp/", "/sse", "/sse/"].map(|path| format!("https://mcp.example{path}"));
    assert_eq!(policy.audiences, known);
    let set = settings(&[ISSUER, ("MCP_AUTH_AUDIENCE", "api://a,HTTPS://X.example/Y")]).policy;
    assert_eq!(set.audiences, ["api://a", "https://x.example/Y"]);
}

#[test]
fn a_tenant_that_is_pinned_completes_the_issuers() {
    let policy = settings(&[
        ISSUER,
        ("MCP_AUTH_REQUIRED_CLAIMS", "tid=t1"),
        ("MCP_AUTH_ACCEPTED_ISSUERS", "https://sts.example/{tid}/,https://as.example/v1"),
    ])
    .policy;
    let all = ["https://as.example", "https://sts.example/t1/", "https://as.example/v1"];
    assert_eq!(policy.issuers, all);
}
