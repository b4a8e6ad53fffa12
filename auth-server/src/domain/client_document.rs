//! From the document that a client's name leads to (Client ID Metadata Documents, section 4) to a
//! client.

use ambient::Timestamp;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use shared::oauth::{ClientMetadata, TokenEndpointAuthMethod};

use super::{
    Authentication, Client, ClientUrl, KeySource, MetadataError, registration, unique_json::Unique,
};

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
    #[error("token_endpoint_auth_method must be none or private_key_jwt: there is no secret")]
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
    let authentication = authentication(&metadata, members)?;
    let id = url.as_str().to_owned();
    Ok(registration::client(id, metadata, authentication, now)?)
}

/// `ChatGPT`'s document prefers a key and lists `none` as well: it may do either.
fn authentication(
    metadata: &ClientMetadata,
    members: &Map<String, Value>,
) -> Result<Authentication, BadDocument> {
    match metadata.token_endpoint_auth_method {
        None | Some(TokenEndpointAuthMethod::None) => Ok(Authentication::Public),
        Some(TokenEndpointAuthMethod::PrivateKeyJwt) => {
            let keys = KeySource::new(metadata.jwks.as_ref(), metadata.jwks_uri.as_deref());
            let keys = keys.map_err(MetadataError::from)?;
            let others = members.get("token_endpoint_auth_methods_supported");
            let others = others.and_then(Value::as_array);
            let or_none = others.is_some_and(|names| names.iter().any(|name| name == "none"));
            Ok(Authentication::Keys { keys, or_none })
        }
        Some(_) => Err(BadDocument::AuthMethod),
    }
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
    fn a_client_with_keys_may_say_that_it_can_do_without() {
        let mut document = json!({
            "client_id": URL, "client_name": "A", "redirect_uris": ["https://a.example/"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "jwks_uri": "https://a.example/jwks",
        });
        let keys = KeySource::at("https://a.example/jwks").unwrap();
        let both = Authentication::Keys { keys: keys.clone(), or_none: true };
        assert_eq!(read(&document.to_string()).unwrap().authentication, both);
        document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        let only = Authentication::Keys { keys, or_none: false };
        assert_eq!(read(&document.to_string()).unwrap().authentication, only);
        document["jwks_uri"] = json!("http://a.example/jwks");
        assert!(read(&document.to_string()).is_err());
    }

    #[test]
    fn a_shared_secret_is_a_mistake_whatever_stands_beside_it() {
        let document = json!({
            "client_id": URL, "client_name": "A", "redirect_uris": ["https://a.example/"],
            "token_endpoint_auth_method": "client_secret_post",
            "token_endpoint_auth_methods_supported": ["none"],
        });
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
