//! `mcp-server check-auth`: what is set, what the authorization server says, and what comes of a
//! token, rule by rule. It runs the same code as a request does, and shows no secret.

mod report;
mod trial;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use ambient::{Clock, Entropy, Secret};
use chassis::{Lifecycle, telemetry::Asking};
use store::Store;

use self::{report::Report, trial::Trial};
use super::{
    discovery::{self, AuthorizationServer, DiscoveryError},
    doubts,
    introspect::Introspector,
    jwks::Jwks,
    outbound::{Outbound, OutboundError, describe},
    validator::Validator,
};
use crate::{Parts, config::AuthSettings, metrics::McpMetrics};

/// Checks the provider, and the token if there is one; true if all is good.
pub(crate) async fn check(
    settings: &AuthSettings,
    clock: &Clock,
    entropy: &Entropy,
    token: Option<Secret>,
    out: &mut (dyn Write + Send),
) -> io::Result<bool> {
    let mut report = Report::new(out);
    let outbound = match Outbound::new(settings, clock.clone(), Asking::default()) {
        Ok(outbound) => outbound,
        Err(error) => {
            report.step("HTTP client", Err(error))?;
            return report.end();
        }
    };
    report.title("Authorization server")?;
    let server = match discovery::fetch(&outbound, settings, None).await {
        Ok(server) => Arc::new(server),
        Err(error) => {
            let why = format!("{}; {}", describe(&error), to_do(&error));
            report.step("metadata", Err(why))?;
            return report.end();
        }
    };
    described(&mut report, settings, &server)?;
    for (name, why) in doubts::all(settings, &server) {
        report.doubt(name, &why)?;
    }
    // The validator of a process that serves nobody: its state is its own, and ends with it.
    let parts = Parts {
        clock: clock.clone(),
        entropy: entropy.clone(),
        store: Store::memory(clock.clone()),
        lifecycle: Lifecycle::new(clock.clone(), Duration::ZERO),
    };
    let trial = Trial {
        validator: Arc::new(Validator::new(settings, &outbound, &parts, McpMetrics::default())),
        introspector: Introspector {
            outbound: outbound.clone(),
            credentials: settings.credentials.clone(),
            issuer: settings.issuer.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        },
        jwks: Jwks::new(outbound, clock.clone(), settings.jwks),
        settings,
        clock,
    };
    trial.run(&mut report, &server, token.as_ref()).await?;
    report.end()
}

/// What mends that there is no metadata.
const fn to_do(error: &DiscoveryError) -> &'static str {
    match error {
        DiscoveryError::NoAnswer(OutboundError::Unreachable(_)) => {
            "is it up, and AUTH_SERVER_URL right?"
        }
        _ => "see AUTH_SERVER_URL",
    }
}

fn described(
    report: &mut Report<'_>,
    settings: &AuthSettings,
    server: &AuthorizationServer,
) -> io::Result<()> {
    report.step("metadata", Ok::<_, String>(()))?;
    match &server.document {
        None => report.fact("metadata", "is not read (MCP_AUTH_DISCOVERY=off)")?,
        Some(document) => {
            let names = [
                "issuer",
                "introspection_endpoint",
                "introspection_endpoint_auth_methods_supported",
                "jwks_uri",
                "code_challenge_methods_supported",
                "client_id_metadata_document_supported",
                "registration_endpoint",
            ];
            for name in names {
                let value = document.get(name).map_or("(absent)".to_owned(), ToString::to_string);
                report.fact(name, value)?;
            }
        }
    }
    report.fact("tokens are checked by", &server.way)?;
    let policy = &settings.policy;
    let audience = policy.audience_claim.as_deref().unwrap_or("none: the server is trusted");
    report.fact("accepted issuers", policy.issuers.join(" "))?;
    report.fact("audience claim", audience)?;
    report.fact("accepted audiences", policy.audiences.join(" "))
}
