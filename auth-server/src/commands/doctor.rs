//! `auth-server doctor`: whether settings, store, keys and the running server fit together.

use std::time::{Duration, SystemTime};

use ambient::{Clock, Env};
use chassis::{
    Limits,
    client::{Timeouts, http_client, read_capped},
    findings::{
        self,
        Finding::{self, Bad, Doubtful, Good},
        Findings, clocks,
    },
    most_open_files,
};
use http::header;
use serde_json::Value;
use store::Store;

use super::{World, doctor_store, shared_store};
use crate::{Config, Issuer};

/// The largest document that is looked at, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Looks at everything, also after something was found.
pub(super) async fn examine(env: &Env, world: &World) -> Findings {
    let config = match Config::from_env(env).0 {
        Ok(config) => config,
        Err(mistakes) => return Findings::unreadable(&mistakes),
    };
    let mut findings = vec![("settings", Good(format!("good; the issuer is {}", config.issuer)))];
    let connections = Limits::default().max_connections;
    findings.push(("open files", findings::open_files(connections, most_open_files())));
    findings.extend(secrets(&config));
    let store = match shared_store(&config).await {
        Ok(store) => store,
        Err(error) => {
            findings.push(("store", Bad(format!("{error}; is REDIS_URL right?"))));
            None
        }
    };
    let mut ours = None;
    if let Some(store) = &store {
        findings.extend(doctor_store::look_at(store, &world.entropy).await);
        let (finding, public) = look_at_keys(&config, store, world).await;
        findings.push(("keys", finding));
        ours = public;
    } else if config.redis.is_none() {
        let text =
            "in memory: a restart forgets logins, tokens and keys; set REDIS_URL to keep them";
        findings.push(("store", Doubtful(text.to_owned())));
    }
    findings.extend(look_at_server(&config, &world.clock, ours).await);
    Findings::new(findings)
}

fn secrets(config: &Config) -> Vec<(&'static str, Finding)> {
    let server = if config.resource_server.is_development {
        Doubtful("MCP_AUTH_CLIENT_SECRET is the development secret, which everybody knows".into())
    } else {
        Good("the MCP server has credentials of its own".into())
    };
    let is_open = config.redis.is_some() && config.signing_keys.is_development();
    let keys = is_open.then(|| {
        Doubtful(
            "AUTH_SECRET is not set: the signing keys and what is known of users are open to \
                  everybody who reads Redis"
                .into(),
        )
    });
    let clients = config.clients.has_clear_secrets.then(|| {
        Doubtful("AUTH_CLIENTS_FILE has secrets in clear; write client_secret_sha256".into())
    });
    [Some(server), keys, clients].into_iter().flatten().map(|one| ("secrets", one)).collect()
}

/// Whether the key that signs can be opened, and the public keys.
async fn look_at_keys(config: &Config, store: &Store, world: &World) -> (Finding, Option<Value>) {
    let keys = config.keys(store, &world.clock, &world.entropy);
    match keys.is_begun().await {
        Ok(true) => {}
        Ok(false) => {
            return (Good("there is none yet; the first is made when it is needed".into()), None);
        }
        Err(error) => return (Bad(error.to_string()), None),
    }
    let public = keys.public().await.ok().and_then(|set| serde_json::to_value(set).ok());
    match keys.check().await {
        Ok(()) => (Good("the key that signs can be opened".into()), public),
        Err(error) => (Bad(error.to_string()), public),
    }
}

/// What is learnt from the running server at the address of the issuer.
async fn look_at_server(
    config: &Config,
    clock: &Clock,
    ours: Option<Value>,
) -> Vec<(&'static str, Finding)> {
    let (mut findings, mut found) = (Vec::new(), None);
    for url in config.issuer.metadata_urls() {
        let finding = match fetch(&url).await {
            Ok((document, date)) => {
                let finding = names_itself(&config.issuer, &url, &document);
                // What is right is said once.
                let is_new = found.replace((document, date)).is_none();
                Some(finding).filter(|finding| is_new || matches!(finding, Bad(_)))
            }
            Err(why) => Some(Bad(format!(
                "{url} {why}; is the server running and AUTH_SERVER_URL right?{}",
                gateway(&config.issuer)
            ))),
        };
        findings.extend(finding.map(|finding| ("issuer", finding)));
    }
    let Some((document, date)) = found else {
        // A server that is not there is not there at every address.
        findings.truncate(1);
        return findings;
    };
    findings.push(("clock", clocks(date, clock.now())));
    if let Some(ours) = ours {
        let told = fetch(document["jwks_uri"].as_str().unwrap_or_default()).await;
        findings.push((
            "jwks",
            match told {
                Ok((told, _)) if told == ours => {
                    Good("the server tells the keys of the store".into())
                }
                Ok(_) => {
                    Bad("the server tells other keys than the store has; is its REDIS_URL the \
                          same? After a rotation, try again in a few seconds"
                        .into())
                }
                Err(why) => Bad(why),
            },
        ));
    }
    findings
}

fn names_itself(issuer: &Issuer, url: &str, document: &Value) -> Finding {
    let named = document["issuer"].as_str().unwrap_or_default();
    if named == issuer.as_str() {
        Good("reachable, and calls itself as it is set".to_owned())
    } else {
        Bad(format!("{url} names the issuer `{named}`, and {issuer} is set"))
    }
}

/// What else may be wrong if the issuer has a path.
fn gateway(issuer: &Issuer) -> String {
    match issuer.path() {
        "" => String::new(),
        path => format!(
            "; the gateway has to hand on {path}/* and /.well-known/*{path}, and leave the path as it is"
        ),
    }
}

/// A JSON document, and the time by the clock of who answers.
async fn fetch(url: &str) -> Result<(Value, Option<SystemTime>), String> {
    let timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(5) };
    let http = http_client("mcp-auth-server-doctor", timeouts).map_err(|e| e.to_string())?;
    let response = http.get(url).send().await.map_err(|_| "cannot be reached".to_owned())?;
    if !response.status().is_success() {
        return Err(format!("answers {}", response.status()));
    }
    let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let body = read_capped(response, MAX_DOCUMENT).await.map_err(|error| error.to_string())?;
    let document = serde_json::from_slice(&body).map_err(|_| "does not answer JSON".to_owned())?;
    Ok((document, date))
}
