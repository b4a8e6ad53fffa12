//! From the document that a client's name leads to (Client ID Metadata Documents, section 4) to a
//! client.

use ambient::Timestamp;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use shared::oauth::{ClientMetadata, TokenEndpointAuthMethod};

use super::{Authentication, Client, ClientUrl, MetadataError, registration, unique_json::Unique};

/// Why a document makes no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadDocument {
    #[error("it is not a JSON object whose members are there once")]
    Json,
    #[error("a member is of the wrong type")]
    Type,
    #[error("its client_id is not the URL it was fetched from")]
    ClientId,
    #[error("it has a secret, which everybody could read")]
    Secret,
    #[error("client_name is missing")]
    NoName,
    #[error(
        "token_endpoint_auth_method must be none: there is no secret, and keys are not supported"
    )]
    AuthMethod,
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// Reads the document of a client.
pub(crate) fn read_document(
    url: &ClientUrl,
    text: &[u8],
    now: Timestamp,
) -> Result<Client, BadDocument> {
    let Ok(Unique(document)) = serde_json::from_slice(text) else { return Err(BadDocument::Json) };
    let Value::Object(members) = &document else { return Err(BadDocument::Json) };
    // Compared as text: two spellings of one URL are two clients.
    if members.get("client_id").and_then(Value::as_str) != Some(url.as_str()) {
        return Err(BadDocument::ClientId);
    }
    if members.keys().any(|name| name.starts_with("client_secret")) {
        return Err(BadDocument::Secret);
    }
    let metadata = ClientMetadata::deserialize(&document).map_err(|_| BadDocument::Type)?;
    if metadata.client_name.is_none() {
        return Err(BadDocument::NoName);
    }
    if !may_be_public(&metadata, members) {
        return Err(BadDocument::AuthMethod);
    }
    let id = url.as_str().to_owned();
    Ok(registration::client(id, metadata, Authentication::Public, now)?)
}

/// Whether the client gets along without a key. `ChatGPT`'s document prefers one and lists `none` as
/// well: it looks at our metadata and takes what both sides know.
fn may_be_public(metadata: &ClientMetadata, members: &Map<String, Value>) -> bool {
    let preferred = metadata.token_endpoint_auth_method.as_ref();
    if matches!(preferred, None | Some(TokenEndpointAuthMethod::None)) {
        return true;
    }
    let others = members.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
    let knows_none = others.is_some_and(|methods| methods.iter().any(|method| method == "none"));
    // A method with a shared secret is a mistake, whatever stands beside it.
    let is_key = |method: &TokenEndpointAuthMethod| matches!(method, TokenEndpointAuthMethod::Other(name) if name == "private_key_jwt");
    knows_none && preferred.is_some_and(is_key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "https://a.example/client.json";

    fn read(text: &str) -> Result<Client, BadDocument> {
        let url = ClientUrl::parse(URL, false).unwrap();
        read_document(&url, text.as_bytes(), Timestamp::from_secs(7))
    }

    fn with(name: &str, value: Value) -> Result<Client, BadDocument> {
        let mut document = json!({
            "client_id": URL, "client_name": "A", "redirect_uris": ["http://localhost/callback"],
        });
        document[name] = value;
        read(&document.to_string())
    }

    #[test]
    fn the_document_of_claude_code_makes_a_public_client() {
        let grants = json!(["authorization_code", "refresh_token"]);
        let client = with("grant_types", grants).unwrap();
        assert_eq!((&*client.id, client.refreshes), (URL, true));
        assert_eq!(client.authentication, Authentication::Public);
        assert!(client.may_be_answered_at("http://localhost:51234/callback"));
        assert!(with("token_endpoint_auth_method", json!("none")).is_ok());
    }

    #[test]
    fn who_can_do_with_a_key_and_without_is_public() {
        let mut document = json!({
            "client_id": URL, "client_name": "A", "redirect_uris": ["https://a.example/"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        });
        assert_eq!(read(&document.to_string()).unwrap().authentication, Authentication::Public);
        document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        assert_eq!(read(&document.to_string()), Err(BadDocument::AuthMethod));
        document["token_endpoint_auth_methods_supported"] = json!(["none"]);
        document["token_endpoint_auth_method"] = json!("client_secret_post");
        assert_eq!(read(&document.to_string()), Err(BadDocument::AuthMethod));
    }

    #[test]
    fn each_mistake_has_its_name() {
        let table = [
            ("client_id", json!("https://a.example/client.json/"), BadDocument::ClientId),
            ("client_id", json!("https://A.example/client.json"), BadDocument::ClientId),
            ("client_id", json!([URL]), BadDocument::ClientId),
            ("client_secret", json!("hunter2"), BadDocument::Secret),
            ("client_secret_expires_at", json!(0), BadDocument::Secret),
            ("client_name", Value::Null, BadDocument::NoName),
            ("client_name", json!(5), BadDocument::Type),
            ("token_endpoint_auth_method", json!("client_secret_basic"), BadDocument::AuthMethod),
            ("token_endpoint_auth_method", json!("client_secret_jwt"), BadDocument::AuthMethod),
            ("redirect_uris", json!([]), MetadataError::RedirectUriCount.into()),
        ];
        for (name, value, why) in table {
            assert_eq!(with(name, value.clone()), Err(why), "{name}: {value}");
        }
        assert!(with("redirect_uris", json!(["javascript:x"])).is_err());
    }

    #[test]
    fn a_member_that_is_there_twice_spoils_the_document() {
        let twice = format!(
            r#"{{"client_id": "{URL}", "client_name": "A", "redirect_uris": ["https://a.example/"],
                "redirect_uris": ["https://evil.example/"]}}"#
        );
        for text in [&*twice, "[]", "null", "{", "{}x"] {
            assert_eq!(read(text), Err(BadDocument::Json), "{text}");
        }
    }
}
