//! `mcp-server doctor`: whether settings, store, authorization server, proxies and the running
//! server fit together, seen from where a client stands. Every finding says what to do.

mod inside;
mod outside;
mod stream;

use std::{io, time::Duration};

use ambient::{Clock, Entropy, Env, Secret};
use chassis::{
    client::{Timeouts, http_client_trusting},
    findings::{
        Finding::{self, Bad, Doubtful, Good},
        Findings,
    },
};

use crate::{AuthConfig, Config, auth};

/// Enough for a slow line; nobody else waits for it.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(3), total: Duration::from_secs(15) };

/// What was found, and about what.
type Found = Vec<(&'static str, Finding)>;

/// What an examination needs of the world.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
}

/// Looks at everything, also after something was found.
pub(crate) async fn examine(
    env: &Env,
    world: &World,
    token: Option<Secret>,
) -> io::Result<Findings> {
    let config = match Config::from_env(env).0 {
        Ok(config) => config,
        Err(mistakes) => return Ok(Findings::unreadable(&mistakes)),
    };
    let mut found = inside::settings(&config);
    found.extend(inside::store(&config, &world.clock).await);
    found.push(("issuer", issuer(&config, world).await?));
    match client(&config) {
        Ok(http) => {
            let patient = outside::Patient { config: &config, http: &http, clock: &world.clock };
            let seen = patient.examine().await;
            let is_well = !seen
                .found
                .iter()
                .any(|(about, found)| *about == outside::ENDPOINT && matches!(found, Bad(_)));
            found.extend(seen.found);
            if is_well {
                found.extend(stream::look(&patient, token.as_ref()).await);
            } else if !seen.is_ours {
                found.extend(inside::port(&config).await);
            }
        }
        Err(error) => found.push(("HTTP client", Bad(error))),
    }
    Ok(Findings::new(found))
}

/// A client that trusts whom the server trusts: both public URLs may be those of one authority.
fn client(config: &Config) -> Result<reqwest::Client, String> {
    let trusted = match &config.auth {
        AuthConfig::Off => Vec::new(),
        AuthConfig::Required(settings) => auth::trusted(settings).map_err(|e| e.to_string())?,
    };
    http_client_trusting("mcp-server-doctor", TIMEOUTS, trusted).map_err(|e| e.to_string())
}

/// Whether tokens can be checked, by the code that checks them.
async fn issuer(config: &Config, world: &World) -> io::Result<Finding> {
    let AuthConfig::Required(settings) = &config.auth else {
        return Ok(Doubtful("authorization is off: everybody may do everything".to_owned()));
    };
    let mut told = Vec::new();
    let good = auth::check(settings, &world.clock, &world.entropy, None, &mut told).await?;
    let told = String::from_utf8_lossy(&told);
    if good {
        let doubt = told.lines().find_map(|line| line.trim().strip_prefix("hm"));
        let good = || Good(format!("tokens of {} can be checked", settings.issuer));
        return Ok(doubt.map_or_else(good, |doubt| Doubtful(doubt.trim().to_owned())));
    }
    let why = told.lines().find_map(|line| line.trim().strip_prefix("FAIL"));
    let why = why.map_or("it cannot be used", str::trim);
    let issuer = &settings.issuer;
    Ok(Bad(format!("{issuer}: {why}; `mcp-server check-auth` says more")))
}
