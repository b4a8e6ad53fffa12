//! Whether a stream arrives while it is being said, or a proxy keeps it until its end.

use std::time::Duration;

use ambient::Secret;
use http::{StatusCode, header};
use serde_json::json;
use shared::mcp::{Revision, headers};

use super::{Bad, Doubtful, Finding, Good, outside::Patient};
use crate::AuthConfig;

/// The first event is sent at once; this is for the way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a stream that has something to say at once and then stays open.
pub(super) async fn look(patient: &Patient<'_>, token: Option<&Secret>) -> Finding {
    if matches!(patient.config.auth, AuthConfig::Required(_)) && token.is_none() {
        return Doubtful(
            "not looked at: give an access token with --token to see whether a proxy holds streams \
             back"
                .to_owned(),
        );
    }
    let revision = Revision::V2026_07_28.as_str();
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {
            "notifications": { "toolsListChanged": true },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": revision,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "doctor", "version": "1" },
            },
        },
    });
    let mut request = patient
        .http
        .post(patient.config.resource())
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(headers::PROTOCOL_VERSION, revision)
        .header(headers::METHOD, "subscriptions/listen")
        .json(&message);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose());
    }
    tokio::select! {
        biased;
        found = first_event(request) => found,
        () = patient.clock.sleep(PATIENCE) => Bad(
            "nothing of a stream arrives while it is open: a proxy holds it back; switch its \
             buffering and its compression off (see docs/behind-a-proxy.md)"
                .to_owned(),
        ),
    }
}

async fn first_event(request: reqwest::RequestBuilder) -> Finding {
    let Ok(mut response) = request.send().await else {
        return Bad("a stream cannot be opened".to_owned());
    };
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => {
            return Bad("the token is refused; `mcp-server check-auth --token` says why".to_owned());
        }
        status => return Bad(format!("a stream is answered {status}")),
    }
    match response.chunk().await {
        Ok(Some(_)) => Good("streams arrive while they are being said".to_owned()),
        Ok(None) | Err(_) => Bad("a stream ends before its first event".to_owned()),
    }
}
