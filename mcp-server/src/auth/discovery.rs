//! Finds out what an authorization server offers (RFC 8414, `OpenID` Connect Discovery).

use chassis::client::read_capped;
use http::StatusCode;
use serde::Deserialize;
use url::Url;

use super::availability::AuthorizationServer;

/// The largest document that is read, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Why nothing could be found out.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiscoveryError {
    #[error("AUTH_SERVER_URL is not a URL that metadata can be found at")]
    BadIssuer,
    #[error("it cannot be reached: {0}")]
    Unreachable(#[source] reqwest::Error),
    #[error("no metadata was found at its well-known URLs")]
    NoMetadata,
    #[error("its metadata names another issuer, `{0}`; set AUTH_SERVER_URL to exactly that")]
    OtherIssuer(String),
    #[error("its metadata has no introspection_endpoint")]
    NoIntrospection,
    #[error("its introspection_endpoint is not https, as the issuer is: tokens would travel open")]
    Insecure,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    introspection_endpoint: Option<Url>,
}

/// Asks at the well-known URLs in the order of the MCP specification.
pub(super) async fn fetch(
    http: &reqwest::Client,
    issuer: &str,
) -> Result<AuthorizationServer, DiscoveryError> {
    let candidates = well_known(issuer).ok_or(DiscoveryError::BadIssuer)?;
    for candidate in candidates {
        let response = http.get(candidate).send().await.map_err(DiscoveryError::Unreachable)?;
        if response.status() != StatusCode::OK {
            continue;
        }
        let Ok(document) = read_capped(response, MAX_DOCUMENT).await else { continue };
        let Ok(metadata) = serde_json::from_slice::<Metadata>(&document) else { continue };
        return usable(metadata, issuer);
    }
    Err(DiscoveryError::NoMetadata)
}

fn usable(metadata: Metadata, issuer: &str) -> Result<AuthorizationServer, DiscoveryError> {
    if metadata.issuer != issuer {
        return Err(DiscoveryError::OtherIssuer(metadata.issuer));
    }
    let introspection_endpoint =
        metadata.introspection_endpoint.ok_or(DiscoveryError::NoIntrospection)?;
    // Every token and our own secret go there.
    if issuer.starts_with("https:") && introspection_endpoint.scheme() != "https" {
        return Err(DiscoveryError::Insecure);
    }
    Ok(AuthorizationServer { introspection_endpoint })
}

/// Where the metadata of an issuer may be (2026-07-28 authorization-server-discovery).
fn well_known(issuer: &str) -> Option<Vec<Url>> {
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

    #[test]
    fn tokens_are_not_sent_less_safely_than_the_issuer_is_asked() {
        let metadata = |issuer: &str, endpoint| Metadata {
            issuer: issuer.to_owned(),
            introspection_endpoint: Some(Url::parse(endpoint).unwrap()),
        };
        let (safe, local) = ("https://auth.example.com", "http://localhost:3001");
        assert!(usable(metadata(safe, "https://auth.example.com/i"), safe).is_ok());
        assert!(usable(metadata(local, "http://localhost:3001/i"), local).is_ok());
        let open = usable(metadata(safe, "http://auth.example.com/i"), safe);
        assert!(matches!(open, Err(DiscoveryError::Insecure)));
    }

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
}
