//! The driver against written-down answers, and its own arithmetic.

use serde_json::json;

use super::*;
use crate::played::{answer, play};

const JSON: &str = "content-type: application/json\r\ncache-control: no-store\r\n";

fn document(status: u16, body: &Value) -> String {
    answer(status, JSON, &body.to_string())
}

/// What a right pair of servers answers, up to the registration.
fn servers() -> [String; 4] {
    let challenge = "www-authenticate: Bearer resource_metadata=\"{origin}/prm\"\r\n";
    let resource = json!({"resource": "{origin}/mcp", "authorization_servers": ["{origin}"]});
    let metadata = json!({
        "issuer": "{origin}",
        "registration_endpoint": "{origin}/register",
        "authorization_endpoint": "{origin}/authorize",
        "token_endpoint": "{origin}/token",
        "code_challenge_methods_supported": ["S256"],
    });
    let client = json!({"client_id": "c", "redirect_uris": ["http://127.0.0.1:1/cb"]});
    let refusal = answer(401, challenge, "");
    [refusal, document(200, &resource), document(200, &metadata), document(201, &client)]
}

#[tokio::test]
async fn the_flow_goes_from_a_challenge_to_tokens() {
    let tokens = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 60});
    let played = play(servers().into_iter().chain([document(200, &tokens)])).await;
    let oauth = OAuth::discover(&played.url("/mcp")).await;
    let client = oauth.public_client("http://127.0.0.1:1/cb").await;
    let asked = oauth.authorization(&client);
    let callback =
        format!("http://127.0.0.1:1/cb?code=x&state={}&iss={}", asked.state, oauth.issuer);
    let tokens = oauth.redeem(&client, &asked, &Url::parse(&callback).unwrap()).await;
    assert_eq!((tokens.access.as_str(), tokens.refresh), ("a", None));
    let requests = played.requests();
    assert!(requests[4].contains(&format!("code_verifier={}", asked.verifier)));
    assert!(asked.url().contains(&s256(&asked.verifier)));
}

#[tokio::test]
#[should_panic(expected = "RFC 9207")]
async fn a_callback_from_another_issuer_is_found() {
    let played = play(servers()).await;
    let oauth = OAuth::discover(&played.url("/mcp")).await;
    let client = oauth.public_client("http://127.0.0.1:1/cb").await;
    let asked = oauth.authorization(&client);
    let callback = format!("http://127.0.0.1:1/cb?code=x&state={}&iss=http://other", asked.state);
    let _ = oauth.code(&asked, &Url::parse(&callback).unwrap());
}

#[test]
fn a_challenge_is_made_as_in_rfc_7636_appendix_b() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(s256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn the_well_known_name_goes_before_the_path() {
    let name = "/.well-known/oauth-authorization-server";
    assert_eq!(well_known("https://a.example"), format!("https://a.example{name}"));
    assert_eq!(well_known("https://a.example/t1"), format!("https://a.example{name}/t1"));
}

#[test]
fn the_parameters_of_a_challenge_are_found() {
    let found = challenge(r#"Bearer error="invalid_token", resource_metadata="http://x/y""#);
    assert_eq!(found[0], ("error".into(), "invalid_token".into()));
    assert_eq!(found[1], ("resource_metadata".into(), "http://x/y".into()));
}

#[test]
#[should_panic(expected = "`scope` twice")]
fn a_parameter_given_twice_is_found() {
    challenge(r#"Bearer scope="a", scope="b""#);
}

#[test]
fn an_authorization_request_can_be_changed() {
    let request = Authorization {
        endpoint: Url::parse("http://a.example/authorize").unwrap(),
        query: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
        verifier: String::new(),
        state: String::new(),
    };
    assert_eq!(request.with("a", "3").without("b").url(), "http://a.example/authorize?a=3");
}
