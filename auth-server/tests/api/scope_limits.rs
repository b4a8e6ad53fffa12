//! What the operator limits a client to holds in every flow, and today's settings in every refresh.

use std::io::Write as _;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testkit::{
    http::Http,
    oauth::{Client, Tokens, query},
};

use crate::{
    device::{allow, ask, text},
    support::{CALLBACK, RESOURCE, World, redemption, refreshing, with},
};

/// Clients of the operator: one is limited, one may also learn who the user is, one is not limited.
fn clients(of_app: Option<&str>) -> Value {
    let mut app = json!({ "client_id": "app", "redirect_uris": [CALLBACK], "devices": true });
    if let Some(scope) = of_app {
        app["scope"] = json!(scope);
    }
    let who = json!({
        "client_id": "who", "redirect_uris": [CALLBACK], "scope": "notes openid",
    });
    json!({ "clients": [app, who] })
}

fn file(of_app: Option<&str>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(clients(of_app).to_string().as_bytes()).unwrap();
    file
}

fn setting(file: &NamedTempFile) -> (&'static str, &str) {
    ("AUTH_CLIENTS_FILE", file.path().to_str().unwrap())
}

fn given(id: &str) -> Client {
    Client {
        id: id.to_owned(),
        secret: None,
        redirect_uri: CALLBACK.to_owned(),
        registration: Value::Null,
    }
}

/// The scope of the tokens that a request comes to, or its error.
async fn by_code(world: &World, id: &str, scope: Option<&str>) -> Result<Tokens, String> {
    let client = given(id);
    let request = world.request(&client);
    let request = scope.map_or(request.clone(), |scope| request.with("scope", scope));
    let mut browser = world.browser();
    if scope.is_some_and(|scope| !scope.contains("notes")) {
        return Err(query(&browser.open(&request.url()).await.callback(), "error").unwrap());
    }
    let callback = world.go(&mut browser, &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    Ok(Tokens::read(&world.token(&redemption(&client, &request, &code)).await))
}

#[tokio::test]
async fn a_limit_holds_for_codes_and_for_what_they_are_refreshed_to() {
    let file = file(Some("notes"));
    let world = World::with(&[setting(&file)]).await;
    for scope in [None, Some("mcp notes"), Some("openid email notes offline_access")] {
        let tokens = by_code(&world, "app", scope).await.unwrap();
        assert_eq!(tokens.answer["scope"], "notes", "{scope:?}");
        assert_eq!(tokens.answer.get("id_token"), None);
        let refreshed = world.refresh(&given("app"), tokens.refresh.as_deref().unwrap()).await;
        assert_eq!(Tokens::read(&refreshed).answer["scope"], "notes");
    }
    for scope in ["mcp", "openid email", "openid mcp", "admin"] {
        let error = by_code(&world, "app", Some(scope)).await.unwrap_err();
        assert_eq!(error, "invalid_scope", "{scope}");
    }
}

#[tokio::test]
async fn a_client_can_be_let_learn_who_its_users_are() {
    let file = file(Some("notes"));
    let world = World::with(&[setting(&file)]).await;
    let tokens = by_code(&world, "who", Some("openid email mcp notes")).await.unwrap();
    assert_eq!(tokens.answer["scope"], "notes openid");
    assert!(tokens.answer["id_token"].is_string());
}

#[tokio::test]
async fn a_limit_holds_for_what_is_handed_in_ahead() {
    let file = file(Some("notes"));
    let world = World::with(&[setting(&file)]).await;
    let client = given("app");
    let push = async |scope: &str| {
        let request = world.request(&client).with("scope", scope);
        let form: Vec<_> = request.query.iter().map(|(name, it)| (&**name, &**it)).collect();
        (world.http.post_form("/par", &form).await, request.clone())
    };
    for scope in ["mcp", "openid email"] {
        push(scope).await.0.expect_oauth_error(400, "invalid_scope");
    }
    let (taken, request) = push("mcp notes openid").await;
    let name = taken.expect(201).json()["request_uri"].as_str().unwrap().to_owned();
    let url = world.at(&format!("/authorize?client_id=app&request_uri={name}"));
    let callback = world.go(&mut world.browser(), &url, "alice").await;
    let code = query(&callback, "code").unwrap();
    let tokens = Tokens::read(&world.token(&redemption(&client, &request, &code)).await);
    assert_eq!(tokens.answer["scope"], "notes");
}

#[tokio::test]
async fn a_limit_holds_for_devices() {
    let file = file(Some("notes"));
    let world = World::with(&[setting(&file)]).await;
    let device = async |scope: &'static str| {
        let form = [("client_id", "app"), ("scope", scope), ("resource", RESOURCE)];
        world.http.post_form("/device_authorization", &form).await
    };
    for scope in ["mcp", "openid email"] {
        device(scope).await.expect_oauth_error(400, "invalid_scope");
    }
    let begun = device("mcp notes openid").await.expect(200).json();
    let _ = allow(&world, text(&begun, "user_code"), "alice").await.page().expect(200);
    let tokens = Tokens::read(&ask(&world, &given("app"), &begun).await);
    assert_eq!(tokens.answer["scope"], "notes");
    let refreshed = world.refresh(&given("app"), tokens.refresh.as_deref().unwrap()).await;
    assert_eq!(Tokens::read(&refreshed).answer["scope"], "notes");
}

/// Clients register for the scope that they are asked for first, and are asked for more later
/// (`insufficient_scope`).
#[tokio::test]
async fn who_has_registered_itself_for_less_gets_what_it_asks_for() {
    let world = World::start().await;
    let words = json!({ "token_endpoint_auth_method": "none", "scope": "mcp" });
    let client = world.app_with(words).await;
    assert_eq!(client.registration["scope"], "mcp");
    for (scope, granted) in [(None, "mcp"), (Some("mcp notes"), "mcp notes")] {
        let tokens = by_code(&world, &client.id, scope).await.unwrap();
        assert_eq!(tokens.answer["scope"], granted);
        let refreshed = world.refresh(&client, tokens.refresh.as_deref().unwrap()).await;
        assert_eq!(Tokens::read(&refreshed).answer["scope"], granted);
    }
}

/// What a refresh comes to at an instance with other settings.
async fn refresh_at(http: &Http, id: &str, token: &str, scope: Option<&str>) -> (u16, String) {
    let client = given(id);
    let form = refreshing(&client, token);
    let form = scope.map_or(form.clone(), |scope| with(form, "scope", scope));
    let answer = http.post_form("/token", &form).await;
    let told = answer.json();
    let word = if answer.status == 200 { "scope" } else { "error" };
    (answer.status.as_u16(), told[word].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn scopes_that_are_not_there_any_more_are_not_refreshed() {
    let world = World::start().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    assert_eq!(tokens.answer["scope"], "mcp notes");
    let token = tokens.refresh.as_deref().unwrap();
    let (fewer, none) = (
        world.another(&[("AUTH_SCOPES", "notes")]).await,
        world.another(&[("AUTH_SCOPES", "x")]).await,
    );
    let told = |status: u16, text: &str| (status, text.to_owned());
    let gone = refresh_at(&none, &client.id, token, None).await;
    assert_eq!(gone, told(400, "invalid_grant"));
    let by_name = refresh_at(&fewer, &client.id, token, Some("mcp")).await;
    assert_eq!(by_name, told(400, "invalid_scope"));
    let left = refresh_at(&fewer, &client.id, token, None).await;
    assert_eq!(left, told(200, "notes"));
}

#[tokio::test]
async fn a_limit_that_comes_later_holds_for_logins_from_before() {
    let (before, after) = (file(None), file(Some("notes")));
    let world = World::with(&[setting(&before)]).await;
    let tokens = by_code(&world, "app", Some("openid mcp notes")).await.unwrap();
    assert_eq!(tokens.answer["scope"], "mcp notes openid");
    let token = tokens.refresh.as_deref().unwrap();
    let limited = world.another(&[setting(&after)]).await;
    let left = refresh_at(&limited, "app", token, None).await;
    assert_eq!(left, (200, "notes".to_owned()));
}
