//! What can be told from the settings and the store.

use ambient::Clock;
use store::Store;
use url::Url;

use super::{Bad, Doubtful, Finding, Findings, Good};
use crate::{AuthConfig, Config, auth};

/// The one way for Redis to be full that loses nothing: sessions and tokens must not be thrown away.
const NO_EVICTION: &str = "noeviction";

/// Settings that are right by themselves and may be wrong together.
pub(super) fn settings(config: &Config) -> Findings {
    let mut findings = vec![("settings", public(config))];
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
pub(super) async fn store(config: &Config, clock: &Clock) -> Findings {
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
    findings.push(("eviction", eviction(&store).await));
    store.close().await;
    findings
}

async fn eviction(store: &Store) -> Finding {
    match store.eviction_policy().await {
        Ok(Some(policy)) if policy == NO_EVICTION => Good("Redis throws nothing away".to_owned()),
        Ok(Some(policy)) => Bad(format!(
            "maxmemory-policy is {policy}: Redis throws sessions and tokens away when it is full; \
             set it to {NO_EVICTION}"
        )),
        Ok(None) => Doubtful("Redis does not tell its maxmemory-policy".to_owned()),
        Err(error) => Doubtful(format!("maxmemory-policy cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    fn of<const N: usize>(set: [(&str, &str); N]) -> Findings {
        settings(&Config::from_env(&Env::from(set)).0.unwrap())
    }

    fn found<'a>(findings: &'a Findings, about: &str) -> &'a Finding {
        &findings.iter().find(|(of, _)| *of == about).unwrap().1
    }

    #[test]
    fn an_audience_that_clients_do_not_ask_for_is_doubtful() {
        assert!(matches!(found(&of([]), "audience"), Good(_)));
        let other = of([("MCP_AUTH_AUDIENCE", "https://other.example/mcp")]);
        assert!(matches!(found(&other, "audience"), Doubtful(_)));
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
