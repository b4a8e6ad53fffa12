//! How others find this server before they connect: its card and the catalogue that names it
//! (SEP-2127, a draft; <https://github.com/modelcontextprotocol/experimental-ext-server-card>).
//!
//! Both repeat what a connected client is told anyway: a name, an address, revisions. What is
//! offered is listed by the protocol and not here.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use shared::mcp::Revision;
use url::{Host, Url};

use super::{SERVED, cors};
use crate::{Server, config::ENDPOINT};

const CARD_SCHEMA: &str =
    "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json";
const CARD_TYPE: &str = "application/mcp-server-card+json";
const CATALOGUE_TYPE: &str = "application/ai-catalog+json";

/// The longest description that the schema allows, in characters.
const MOST_DESCRIPTION: usize = 100;

/// A server card.
#[derive(Debug, Serialize)]
struct Card {
    #[serde(rename = "$schema")]
    schema: &'static str,
    name: String,
    version: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(rename = "websiteUrl", skip_serializing_if = "Option::is_none")]
    website_url: Option<String>,
    remotes: Vec<Remote>,
}

/// One transport of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remote {
    r#type: &'static str,
    url: String,
    supported_protocol_versions: Vec<&'static str>,
}

/// An AI catalogue with one entry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    spec_version: &'static str,
    entries: [Entry; 1],
}

#[derive(Debug, Serialize)]
struct Entry {
    identifier: String,
    r#type: &'static str,
    url: String,
}

/// The documents and who may read them: everybody.
pub(super) fn router() -> Router<Server> {
    Router::new()
        .route(&card_path(), get(card))
        .route("/.well-known/ai-catalog.json", get(catalogue))
        .layer(cors::public().expose_headers([header::ETAG]))
}

fn card_path() -> String {
    format!("{ENDPOINT}/server-card")
}

async fn card(State(server): State<Server>, headers: HeaderMap) -> Response {
    let info = server.features().implementation();
    let described = info.description.as_ref().or(info.title.as_ref()).unwrap_or(&info.name);
    let card = Card {
        schema: CARD_SCHEMA,
        name: format!("{}/{}", namespace(server.config().base.as_str()), plain(&info.name)),
        version: info.version.clone(),
        description: described.chars().take(MOST_DESCRIPTION).collect(),
        title: info.title.clone(),
        website_url: info.website_url.clone(),
        remotes: remotes(&server),
    };
    document(&headers, CARD_TYPE, &card)
}

async fn catalogue(State(server): State<Server>, headers: HeaderMap) -> Response {
    let base = server.config().base.as_str();
    let publisher = host(base).map_or_else(|| "localhost".to_owned(), |host| host.to_string());
    let name = plain(&server.features().implementation().name);
    let entry = Entry {
        identifier: format!("urn:air:{}:mcp:{name}", plain(&publisher)),
        r#type: CARD_TYPE,
        url: format!("{base}{}", card_path()),
    };
    document(&headers, CATALOGUE_TYPE, &Catalogue { spec_version: "1.0", entries: [entry] })
}

/// Both transports, each with the revisions that it serves.
fn remotes(server: &Server) -> Vec<Remote> {
    let streamable = Remote {
        r#type: "streamable-http",
        url: server.config().resource(),
        supported_protocol_versions: SERVED.into_iter().map(Revision::as_str).collect(),
    };
    let sse = Remote {
        r#type: "sse",
        url: format!("{}/sse", server.config().base),
        supported_protocol_versions: vec![Revision::V2024_11_05.as_str()],
    };
    vec![streamable, sse]
}

fn host(base: &str) -> Option<Host> {
    Url::parse(base).ok()?.host().map(|host| host.to_owned())
}

/// The host's name from its end: `mcp.example.com` is `com.example.mcp`. Addresses stay as they are.
fn namespace(base: &str) -> String {
    match host(base) {
        Some(Host::Domain(name)) => {
            let labels: Vec<_> = name.split('.').filter(|label| !label.is_empty()).rev().collect();
            plain(&labels.join("."))
        }
        Some(address) => plain(&address.to_string()),
        None => "localhost".to_owned(),
    }
}

/// A text of the characters that names there have.
fn plain(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' };
    text.chars().map(allowed).collect::<String>().trim_matches('-').to_owned()
}

/// A document that caches keep and ask about.
fn document(headers: &HeaderMap, kind: &'static str, document: &impl Serialize) -> Response {
    // String keys, no floats: this can be written.
    let body = serde_json::to_vec(document).unwrap_or_default();
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..12]));
    let known =
        headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
    });
    // Base64 between quotes is visible ASCII.
    let tag = HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""));
    let cache = HeaderValue::from_static("public, max-age=3600");
    let kept = [(header::ETAG, tag), (header::CACHE_CONTROL, cache)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, kind)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_the_host_from_its_end() {
        for (base, expected) in [
            ("https://mcp.example.com", "com.example.mcp"),
            ("http://localhost:3232", "localhost"),
            ("http://127.0.0.1:3232", "127.0.0.1"),
            ("http://[::1]:3232", "::1"),
        ] {
            assert_eq!(namespace(base), plain(expected), "{base}");
        }
        assert_eq!(plain("My Server!"), "My-Server");
    }
}
