//! What went wrong in real authorization servers for MCP, tried here: one test per incident that no
//! other module tries.

use std::{fs, path::Path};

use serde_json::json;
use testkit::oauth::{Tokens, query};

use crate::support::{CALLBACK, PASSWORD, World, approve, redemption, sign_in, with};

/// CVE-2025-4143 and CVE-2025-4144 (workers-oauth-provider): the redirect URI was not checked, and
/// PKCE could be skipped by leaving it away on both sides.
#[tokio::test]
async fn neither_side_can_leave_pkce_away() {
    let world = World::start().await;
    let client = world.confidential().await;
    let bare = world.request(&client).without("code_challenge").without("code_challenge_method");
    let callback = world.browser().open(&bare.url()).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("invalid_request"));
    assert_eq!(query(&callback, "code"), None, "{callback}");
    let (request, code) = world.code(&client).await;
    let mut form = redemption(&client, &request, &code);
    form.retain(|(name, _)| *name != "code_verifier");
    world.token(&form).await.expect_oauth_error(400, "invalid_grant");
}

/// GHSA-6x8h-498w-gv8c (FastMCP): an earlier yes gave a silent code to somebody who used the same
/// client identifier.
#[tokio::test]
async fn an_earlier_yes_gives_no_silent_code_to_a_program_on_the_computer() {
    let world = World::start().await;
    let client = world.app().await;
    let mut browser = world.browser();
    let _ = world.go(&mut browser, &world.request(&client).url(), "alice").await;
    let again = browser.open(&world.request(&client).url()).await.page().expect(200);
    assert!(again.has_button("Approve"), "{again}");
}

/// CVE-2026-27896 (Go SDK): members of JSON objects were recognised whatever their case, so that two
/// readers saw two documents.
#[tokio::test]
async fn a_member_in_capitals_is_another_member() {
    let world = World::start().await;
    let metadata = json!({
        "redirect_uris": [CALLBACK],
        "Redirect_Uris": ["https://evil.example/"],
        "TOKEN_ENDPOINT_AUTH_METHOD": "none",
    });
    let document = world.register(&metadata).await.expect(201).json();
    assert_eq!(document["redirect_uris"], json!([CALLBACK]));
    assert_eq!(document["token_endpoint_auth_method"], "client_secret_basic");
    let only = world.register(&json!({ "REDIRECT_URIS": [CALLBACK] })).await;
    only.expect_oauth_error(400, "invalid_redirect_uri");
}

/// The first original (spec/oauth 1.9): the authorization code was the state that the consent page
/// shows.
#[tokio::test]
async fn nothing_that_a_page_shows_is_a_code() {
    let world = World::start().await;
    let client = world.app().await;
    let request = world.request(&client);
    let mut browser = world.browser();
    let consent = browser.open(&request.url()).await.page().expect(200);
    let form = consent.form("Approve");
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let state = login.form("Sign in");
    let shown = [form.value("transaction"), form.value("token"), state.value("state")];
    for shown in shown {
        let attempt = with(redemption(&client, &request, ""), "code", shown.unwrap());
        world.token(&attempt).await.expect_oauth_error(400, "invalid_grant");
    }
}

/// The first original (spec/oauth 1.9): whoever came back with a `userId` was that user.
#[tokio::test]
async fn the_way_back_does_not_say_who_somebody_is() {
    let world = World::start().await;
    let client = world.app().await;
    let request = world.request(&client);
    let mut browser = world.browser();
    let consent = browser.open(&request.url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let state = login.form("Sign in").value("state").unwrap().to_owned();
    let stray = url::Url::parse_with_params(
        &format!("{}/upstream/mock/callback", world.issuer),
        [("state", &*state), ("userId", "alice"), ("iss", &world.issuer)],
    );
    let _ = browser.open(stray.unwrap().as_str()).await.page().expect(400);
    let callback = sign_in(&mut browser, &login, "bob", PASSWORD).await.callback();
    let code = query(&callback, "code").unwrap();
    let tokens = Tokens::read(&world.token(&redemption(&client, &request, &code)).await);
    assert_eq!(world.introspect(&tokens.access).await["sub"], "bob");
}

/// The first original (spec/oauth 1.9): `redirect_uri` and `state` were written into a script.
#[tokio::test]
async fn state_and_redirect_uri_are_never_markup() {
    const EVIL: &str = "</script><script>alert(1)</script>";
    let world = World::start().await;
    let client = world.app().await;
    let request = world.request(&client).with("state", EVIL);
    let page = world.browser().open(&request.url()).await.page().expect(200);
    assert!(page.select("script").is_empty(), "{page}");
    let wrong = request.with("redirect_uri", EVIL);
    let page = world.browser().open(&wrong.url()).await.page().expect(400);
    assert!(page.select("script").is_empty() && !page.text().contains("alert"), "{page}");
    let device = format!("{}/device?user_code={EVIL}", world.issuer);
    let page = world.browser().open(&device).await.page().expect(200);
    assert!(page.select("script").is_empty(), "{page}");
}

/// All Rust of the workspace that may have tests of these incidents.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_table_of_incidents_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let table = page.split("## Incidents").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 15, "{table}");
    let mut text = String::new();
    for part in ["auth-server", "mcp-server", "crates/e2e", "shared"] {
        sources(&root.join(part), &mut text);
    }
    for row in rows {
        let tests = row.rsplit("| ").next().unwrap().split('`').filter(|it| it.contains('_'));
        let tests: Vec<_> = tests.collect();
        assert!(!tests.is_empty(), "{row}");
        let missing = |test: &&&str| !text.contains(&format!("fn {test}("));
        assert_eq!(tests.iter().find(missing), None, "{row}");
    }
}
