//! What a provider says about itself (`OpenID` Connect Discovery): fetched when somebody logs in,
//! believed only if it names the issuer that was set, byte for byte, and kept for a while.

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::wire::Wire;
use crate::{domain::Unique, fetch::FetchError};

/// How long a document is kept without being asked for again.
const FRESH: Duration = Duration::from_mins(30);

/// How soon it is asked for again after a failure: a crowd that logs in during an outage is told so
/// at once, and nobody waits behind the others.
const COOL_DOWN: Duration = Duration::from_secs(5);

/// How long a document goes on if the provider cannot be reached.
const USABLE: Duration = Duration::from_hours(24);

/// What is needed of the document.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: Url,
    pub(super) jwks_uri: Url,
    /// Whether the secret goes into the form, because the provider does not take it elsewhere.
    pub(super) secret_in_form: bool,
    /// Whether every answer to a browser names its issuer (RFC 9207).
    pub(super) names_itself: bool,
}

/// Why a provider is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("its document cannot be had: {0}")]
    Fetch(#[from] FetchError),
    #[error("its document is not that of an OpenID provider")]
    Form,
    #[error("its document is that of another issuer")]
    Issuer,
    #[error("an address in its document is none, or is not https")]
    Address,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// The document of one provider.
pub(super) struct Discovery {
    issuer: String,
    clock: Clock,
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    result: Result<Arc<Metadata>, DiscoveryError>,
    asked_at: Timestamp,
    told_at: Timestamp,
}

impl Discovery {
    /// Nothing is known yet.
    pub(super) fn new(issuer: String, clock: Clock) -> Self {
        Self { issuer, clock, known: Mutex::default() }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the provider says now, or has said a while ago. All who ask at the same time wait for
    /// one answer.
    pub(super) async fn metadata(&self, wire: &Wire) -> Result<Arc<Metadata>, DiscoveryError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let fresh = known.as_ref().filter(|known| {
            let keep = if known.result.is_ok() { FRESH } else { COOL_DOWN };
            now.since(known.asked_at) < keep
        });
        if let Some(fresh) = fresh {
            return fresh.result.clone();
        }
        let result = self.ask(wire).await.map(Arc::new);
        if let (Err(error), Some(old)) = (&result, known.as_mut()) {
            let is_silence = matches!(error, DiscoveryError::Fetch(error) if error.is_passing());
            if is_silence && old.result.is_ok() && now < old.told_at + USABLE {
                tracing::warn!(issuer = self.issuer, %error, "an old document is used");
                old.asked_at = now;
                return old.result.clone();
            }
        }
        *known = Some(Known { result: result.clone(), asked_at: now, told_at: now });
        result
    }

    async fn ask(&self, wire: &Wire) -> Result<Metadata, DiscoveryError> {
        // Section 4.1: a slash at the end goes before the path is appended.
        let base = self.issuer.trim_end_matches('/');
        let url = Url::parse(&format!("{base}/.well-known/openid-configuration"));
        let body = wire.get(&url.map_err(|_| DiscoveryError::Address)?).await?;
        read(&self.issuer, &body)
    }
}

fn read(issuer: &str, body: &[u8]) -> Result<Metadata, DiscoveryError> {
    let document: Unique = serde_json::from_slice(body).map_err(|_| DiscoveryError::Form)?;
    let Unique(document @ Value::Object(_)) = document else { return Err(DiscoveryError::Form) };
    let document: Document = serde_json::from_value(document).map_err(|_| DiscoveryError::Form)?;
    if document.issuer != issuer {
        return Err(DiscoveryError::Issuer);
    }
    // A provider without TLS is on this machine; one with TLS does not lead away from it.
    let plain = issuer.starts_with("http:");
    let address = |text: &str| {
        let url = Url::parse(text).map_err(|_| DiscoveryError::Address)?;
        let is_good = url.scheme() == "https" || plain && url.scheme() == "http";
        if is_good && url.has_host() { Ok(url) } else { Err(DiscoveryError::Address) }
    };
    address(&document.authorization_endpoint)?;
    let methods = document.token_endpoint_auth_methods_supported;
    let takes = |method: &str| methods.iter().flatten().any(|known| known == method);
    Ok(Metadata {
        token_endpoint: address(&document.token_endpoint)?,
        jwks_uri: address(&document.jwks_uri)?,
        authorization_endpoint: document.authorization_endpoint,
        secret_in_form: !takes("client_secret_basic") && takes("client_secret_post"),
        names_itself: document.authorization_response_iss_parameter_supported,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example/tenant";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example/auth?x=1",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://keys.example/",
        })
    }

    fn with(name: &str, value: Value) -> Result<Metadata, DiscoveryError> {
        let mut document = document();
        document[name] = value;
        read(ISSUER, document.to_string().as_bytes())
    }

    #[test]
    fn the_issuer_is_compared_byte_by_byte() {
        assert!(read(ISSUER, document().to_string().as_bytes()).is_ok());
        for other in
            ["https://id.example/tenant/", "https://ID.example/tenant", "https://id.example"]
        {
            let read = with("issuer", json!(other)).unwrap_err();
            assert_eq!(read, DiscoveryError::Issuer, "{other}");
        }
    }

    #[test]
    fn a_document_that_leads_out_of_tls_is_refused() {
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for wrong in ["http://id.example/", "javascript:alert(1)", "/token", "data:x"] {
                let read = with(name, json!(wrong)).unwrap_err();
                assert_eq!(read, DiscoveryError::Address, "{name}: {wrong}");
            }
        }
        let twice = document().to_string().replacen('{', r#"{"issuer":"https://evil.example","#, 1);
        assert_eq!(read(ISSUER, twice.as_bytes()).unwrap_err(), DiscoveryError::Form);
    }

    #[test]
    fn the_secret_goes_where_the_provider_takes_it() {
        let methods = "token_endpoint_auth_methods_supported";
        let in_form = |methods_of| with(methods, methods_of).unwrap().secret_in_form;
        assert!(!read(ISSUER, document().to_string().as_bytes()).unwrap().secret_in_form);
        assert!(!in_form(json!(["client_secret_post", "client_secret_basic"])));
        assert!(in_form(json!(["client_secret_post", "private_key_jwt"])));
    }
}
