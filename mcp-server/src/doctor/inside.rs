//! What can be told from the settings and the store.

use std::net::SocketAddr;

use ambient::Clock;
use chassis::{
    findings::{self, Redis},
    most_open_files,
};
use store::{About, Store};
use url::Url;

use super::{Bad, Doubtful, Finding, Found, Good};
use crate::{AuthConfig, Config, auth};

/// Settings that are right by themselves and may be wrong together.
pub(super) fn settings(config: &Config) -> Found {
    let connections = config.limits().max_connections;
    let files = findings::open_files(connections, most_open_files());
    let mut findings = vec![("settings", public(config)), ("open files", files)];
    if config.redis.is_some() && config.state_key.is_none() {
        let words = "MCP_STATE_KEY is not set: with several instances, a call that waits for its \
                     client goes on at the same instance only";
        findings.push(("state key", Doubtful(words.to_owned())));
    }
    if let AuthConfig::Required(settings) = &config.auth {
        let policy = &settings.policy;
        let ours = config.resource();
        let names_us = policy.audiences.contains(&auth::folded(&ours));
        findings.push((
            "audience",
            if policy.audience_claim.is_none() {
                Doubtful("is not checked (MCP_AUTH_AUDIENCE_CLAIM=none)".to_owned())
            } else if names_us {
                Good(format!("tokens for {ours} are accepted"))
            } else {
                let accepted = policy.audiences.join(" ");
                Doubtful(format!(
                    "clients ask for {ours}, and tokens for {accepted} are accepted: right only if \
                     the authorization server makes the one out of the other; see MCP_AUTH_AUDIENCE"
                ))
            },
        ));
    }
    findings
}

/// Whether clients elsewhere can use the public URL.
fn public(config: &Config) -> Finding {
    let base = config.base.as_str();
    let url = Url::parse(base).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if is_local {
        return Good(format!("clients of this machine use {base}; set BASE_URI for others"));
    }
    if config.base.is_https() {
        return Good(format!("clients use {base}"));
    }
    Doubtful(format!("{base} is not https: most clients accept that for localhost only"))
}

/// Whether the store answers, and keeps what it is given.
pub(super) async fn store(config: &Config, clock: &Clock) -> Found {
    let Some(options) = &config.redis else {
        let words = "in memory: a restart ends every session; set REDIS_URL to keep them";
        return vec![("store", Doubtful(words.to_owned()))];
    };
    let store = match Store::redis(options).await {
        Ok(store) => store,
        Err(error) => return vec![("store", Bad(format!("{error}; is REDIS_URL right?")))],
    };
    let before = clock.now();
    let answered = store.ping().await;
    let took = clock.now().since(before).as_millis();
    let mut findings = vec![(
        "store",
        match answered {
            Ok(()) => Good(format!("Redis answers within {took} ms")),
            Err(error) => Bad(error.to_string()),
        },
    )];
    match store.about().await {
        Ok(about) => findings.extend(about.iter().flat_map(redis)),
        Err(error) => {
            findings.push(("eviction", Doubtful(format!("INFO cannot be read: {error}"))));
        }
    }
    store.close().await;
    findings
}

/// Whether this Redis has what is needed and keeps what it is given.
fn redis(about: &About) -> [(&'static str, Finding); 3] {
    let redis = Redis {
        version: about.version.as_deref(),
        is_new_enough: about.is_at_least(6, 2),
        eviction_policy: about.eviction_policy.as_deref(),
        keeps_every_change: about.keeps_every_change,
    };
    redis.findings("sessions, logins and tokens")
}

/// Why a server that is not there may not start on this machine: its port.
pub(super) async fn port(config: &Config) -> Found {
    let address = SocketAddr::new(config.host, config.port);
    let finding = match chassis::listen(address, "PORT").await {
        Ok(_) => {
            Doubtful(format!("nothing listens on {address}: start it, `mcp-server` or `cargo run`"))
        }
        Err(error) => Bad(format!(
            "something listens on {address} already, and does not answer as this server at its \
             public URL: {error}"
        )),
    };
    vec![("port", finding)]
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    fn of<const N: usize>(set: [(&str, &str); N]) -> Found {
        settings(&Config::from_env(&Env::from(set)).0.unwrap())
    }

    fn found<'a>(findings: &'a Found, about: &str) -> &'a Finding {
        &findings.iter().find(|(of, _)| *of == about).unwrap().1
    }

    #[test]
    fn an_audience_that_clients_do_not_ask_for_is_doubtful() {
        assert!(matches!(found(&of([]), "audience"), Good(_)));
        let other = of([("MCP_AUTH_AUDIENCE", "https://other.example/mcp")]);
        assert!(matches!(found(&other, "audience"), Doubtful(_)));
    }

    #[tokio::test]
    async fn a_port_that_somebody_has_is_told_from_one_that_nobody_has() {
        let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port_of = taken.local_addr().unwrap().port().to_string();
        let config = Config::from_env(&Env::from([("PORT", &*port_of)])).0.unwrap();
        assert!(matches!(&port(&config).await[..], [("port", Bad(_))]));
        drop(taken);
        assert!(matches!(&port(&config).await[..], [("port", Doubtful(_))]));
    }

    #[test]
    fn a_public_url_is_https() {
        let secret = ("MCP_AUTH_CLIENT_SECRET", "x");
        assert!(matches!(found(&of([]), "settings"), Good(_)));
        let https = of([("BASE_URI", "https://mcp.example.com"), secret]);
        assert!(matches!(found(&https, "settings"), Good(_)));
        let plain = of([("BASE_URI", "http://mcp.example.com"), secret]);
        assert!(matches!(found(&plain, "settings"), Doubtful(_)));
    }
}
