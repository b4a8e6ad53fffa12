//! Logging in at the identity provider of somebody else.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Page, Visit},
    oauth::{Authorization, Client, Tokens, query},
};
use url::Url;

use crate::{
    keys::read,
    log::Log,
    provider::Provider,
    signer::Signer,
    support::{World, approve, redemption, sign_in},
};

/// A server whose users log in at a provider.
async fn world(further: &[(&str, &str)]) -> (World, Provider) {
    let clock = World::clock();
    let provider = Provider::start(&clock).await;
    let settings = provider.settings();
    let settings = settings.iter().map(|(name, value)| (*name, &**value));
    let settings: Vec<_> = settings.chain(further.iter().copied()).collect();
    (World::by(clock, &settings).await, provider)
}

/// What comes of an approval.
async fn go(browser: &mut Browser, request: &Authorization) -> Visit {
    let consent = browser.open(&request.url()).await.page().expect(200);
    approve(browser, &consent).await
}

async fn refused(world: &World, status: u16) -> Page {
    let request = world.request(&world.app().await);
    go(&mut world.browser(), &request).await.page().expect(status)
}

async fn tokens(world: &World, client: &Client, request: &Authorization, visit: Visit) -> Tokens {
    let code = query(&visit.callback(), "code").unwrap();
    Tokens::read(&world.token(&redemption(client, request, &code)).await)
}

/// Stops a login just before the way back, and gives the address of it.
async fn way_back(world: &World, provider: &Provider, browser: &mut Browser) -> Url {
    provider.script().back = Box::new(|fields| drop(fields.insert("state".into(), "x".into())));
    let request = world.request(&world.app().await);
    let page = go(browser, &request).await.page().expect(400);
    let mut script = provider.script();
    script.back = Box::new(|_| {});
    let state = &script.asked.last().unwrap()["state"];
    let mut back = page.url.clone();
    let pairs: Vec<_> = page.url.query_pairs().into_owned().collect();
    back.query_pairs_mut().clear().extend_pairs(pairs.iter().filter(|(name, _)| name != "state"));
    back.query_pairs_mut().append_pair("state", state);
    back
}

#[tokio::test]
async fn who_has_an_account_there_gets_in_here() {
    let (world, provider) = world(&[]).await;
    let (client, mut browser) = (world.app().await, world.browser());
    let request = world.request(&client);
    let visit = go(&mut browser, &request).await;
    let told = world.introspect(&tokens(&world, &client, &request, visit).await.access).await;
    assert_eq!(told["username"], "Ann Example");
    let sub = told["sub"].as_str().unwrap();
    assert!(sub.len() == 64 && sub != "7", "{sub}");
    let script = provider.script();
    let (form, shown) = &script.redeemed[0];
    // RFC 6749 section 2.3.1: both halves are encoded first. `mcp+auth:s%3Acret`
    assert_eq!(shown.as_deref(), Some("Basic bWNwK2F1dGg6cyUzQWNyZXQ="));
    assert!(!form.contains_key("client_secret") && !form.contains_key("client_id"));
    let asked = &script.asked[0];
    assert_eq!(asked["redirect_uri"], format!("{}/upstream/corp/callback", world.issuer));
    assert_eq!((&*asked["scope"], &*asked["tenant"]), ("email openid profile", "1"));
    assert_eq!(asked["code_challenge_method"], "S256");
}

#[tokio::test]
async fn a_secret_goes_into_the_form_where_nothing_else_is_taken() {
    let (world, provider) = world(&[]).await;
    provider.script().configuration["token_endpoint_auth_methods_supported"] =
        json!(["client_secret_post"]);
    let request = world.request(&world.app().await);
    assert!(query(&go(&mut world.browser(), &request).await.callback(), "code").is_some());
    let (form, shown) = &provider.script().redeemed[0];
    assert_eq!((shown, &*form["client_secret"]), (&None, "s:cret"));
}

#[tokio::test]
async fn an_identity_token_with_a_wrong_claim_lets_nobody_in() {
    let wrong: [(&str, Value); 9] = [
        ("iss", json!("https://evil.example")),
        ("aud", json!("another client")),
        ("aud", json!(["mcp auth", "another client"])),
        ("azp", json!("another client")),
        ("nonce", json!("another login")),
        ("nonce", json!(null)),
        ("exp", json!(1_799_999_000)),
        ("iat", json!(1_800_000_900)),
        ("sub", json!("")),
    ];
    let (world, provider) = world(&[]).await;
    for (name, value) in wrong {
        let changed = value.clone();
        provider.script().claims = Box::new(move |claims| claims[name] = changed.clone());
        let page = refused(&world, 502).await;
        assert!(page.text().contains("could not be checked"), "{name}: {value}: {page}");
    }
}

#[tokio::test]
async fn of_a_providers_people_those_get_in_whom_the_operator_lets_in() {
    let limits = [
        ("AUTH_UPSTREAM_CORP_ALLOWED_DOMAINS", "corp.example"),
        ("AUTH_UPSTREAM_CORP_REQUIRED_CLAIMS", "groups=staff"),
    ];
    let (world, provider) = world(&limits).await;
    let says = |email: &'static str, is_verified: bool, group: &'static str| {
        provider.script().claims = Box::new(move |claims| {
            claims["email"] = json!(email);
            claims["email_verified"] = json!(is_verified);
            claims["groups"] = json!([group, "all"]);
        });
    };
    says("ann@corp.example", true, "staff");
    let client = world.app().await;
    let request = world.request(&client).with("scope", "openid email");
    let visit = go(&mut world.browser(), &request).await;
    let access = tokens(&world, &client, &request, visit).await.access;
    let who = world.http.request(http::Method::GET, "/userinfo").bearer_auth(access);
    let who = world.http.send(who).await.expect(200).json();
    assert_eq!((&who["email"], &who["email_verified"]), (&json!("ann@corp.example"), &json!(true)));
    for (email, is_verified, group, told) in [
        ("ann@corp.example", false, "staff", "does not say that the address for mail"),
        ("eve@evil.example", true, "staff", "the operator of this server has not allowed"),
        ("ann@corp.example", true, "guests", "the operator of this server has not allowed"),
    ] {
        says(email, is_verified, group);
        let page = refused(&world, 403).await;
        assert!(page.text().contains(told) && !page.text().contains("corp.example"), "{page}");
        assert!(!page.text().contains("staff"), "{page}");
    }
}

#[tokio::test]
async fn who_is_not_let_in_has_a_line_that_does_not_say_who() {
    let log = Log::keep();
    let limits = [("AUTH_UPSTREAM_CORP_ALLOWED_DOMAINS", "corp.example")];
    let (world, provider) = world(&limits).await;
    provider.script().claims = Box::new(|claims| {
        claims["email"] = json!("eve@evil.example");
        claims["email_verified"] = json!(true);
    });
    let _ = refused(&world, 403).await;
    let lines = log.audit("login.refused", None);
    let [line] = &*lines else { panic!("one login was refused: {lines:?}") };
    let fields = &line["fields"];
    assert_eq!((&fields["outcome"], &fields["about"]), (&json!("refused"), &json!("corp")));
    let begun = log.audit("authorization.begun", None);
    assert_eq!(fields["login"], begun[0]["fields"]["login"]);
    assert!(!line.to_string().contains("evil.example"), "{line}");
}

#[tokio::test]
async fn an_identity_token_that_nobody_has_signed_lets_nobody_in() {
    type Mint = fn(&Signer, &Value) -> String;
    let mints: [Mint; 5] = [
        |_, claims| {
            let parts = [json!({"alg": "none"}).to_string(), claims.to_string()];
            format!("{}.", parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join("."))
        },
        // The public key as a shared secret.
        |key, claims| {
            let public = key.public().to_string();
            let secret = EncodingKey::from_secret(public.as_bytes());
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &secret).unwrap()
        },
        |_, claims| Signer::new("one").sign("JWT", claims),
        |_, claims| Signer::new("two").sign("JWT", claims),
        // Signed by the provider, for another purpose.
        |key, claims| key.sign("at+jwt", claims),
    ];
    let (world, provider) = world(&[]).await;
    for mint in mints {
        provider.script().mint = Box::new(mint);
        let _ = refused(&world, 502).await;
    }
}

#[tokio::test]
async fn a_forged_state_is_refused() {
    let (world, provider) = world(&[]).await;
    let mut browser = world.browser();
    let back = way_back(&world, &provider, &mut browser).await;
    for forged in ["", "x", &format!("mcpn_{}", "0".repeat(49))] {
        let mut url = back.clone();
        url.query_pairs_mut().append_pair("state", forged);
        let _ = browser.open(url.as_str()).await.page().expect(400);
        url.set_query(Some(&format!("code=code-0&iss={}&state={forged}", provider.issuer)));
        let _ = browser.open(url.as_str()).await.page().expect(400);
    }
    assert!(provider.script().redeemed.is_empty());
}

#[tokio::test]
async fn a_state_comes_back_once() {
    let (world, provider) = world(&[]).await;
    let mut browser = world.browser();
    let back = way_back(&world, &provider, &mut browser).await;
    assert!(query(&browser.open(back.as_str()).await.callback(), "code").is_some());
    let page = browser.open(back.as_str()).await.page().expect(400);
    assert!(page.text().contains("has ended"), "{page}");
    assert_eq!(provider.script().redeemed.len(), 1);
}

#[tokio::test]
async fn a_login_ends_in_the_browser_in_which_it_began() {
    let (world, provider) = world(&[]).await;
    let mut victim = world.browser();
    let back = way_back(&world, &provider, &mut victim).await;
    let page = world.browser().open(back.as_str()).await.page().expect(403);
    assert!(page.text().contains("another browser"), "{page}");
    assert!(query(&victim.open(back.as_str()).await.callback(), "code").is_some());
}

#[tokio::test]
async fn an_answer_of_another_provider_is_refused() {
    type Back = fn(&mut std::collections::BTreeMap<String, String>);
    let (world, provider) = world(&[("AUTH_MOCK_IDP", "1")]).await;
    let backs: [Back; 2] = [
        |fields| drop(fields.insert("iss".into(), "https://evil.example".into())),
        // It has promised to name itself.
        |fields| drop(fields.remove("iss")),
    ];
    for back in backs {
        provider.script().back = Box::new(back);
        let mut browser = world.browser();
        let request = world.request(&world.app().await);
        let chooser = go(&mut browser, &request).await.page().expect(200);
        let visit = browser.submit(&chooser, chooser.form("Corporation")).await;
        // On the way back of another provider, it is no answer either.
        let page = visit.page().expect(400);
        let other = page.url.as_str().replace("/corp/", "/mock/");
        let _ = browser.open(&other).await.page().expect(400);
    }
    assert!(provider.script().redeemed.is_empty());
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_as_that() {
    let (world, provider) = world(&[]).await;
    let (mut browser, request) = (world.browser(), world.request(&world.app().await));
    for status in [503, 404] {
        provider.script().status = status;
        world.pass(5);
        let page = go(&mut browser, &request).await.page().expect(503);
        assert!(page.text().contains("not available right now"), "{page}");
        assert_eq!(page.header("retry-after"), Some("30"));
    }
    provider.script().status = 200;
    world.pass(5);
    assert!(query(&go(&mut browser, &request).await.callback(), "code").is_some());
}

#[tokio::test]
async fn a_provider_that_never_answers_keeps_nobody_waiting() {
    let (world, provider) = world(&[]).await;
    provider.script().status = 0;
    let _ = refused(&world, 503).await;
}

#[tokio::test]
async fn a_provider_that_goes_away_in_the_middle_is_told_as_that() {
    let (world, provider) = world(&[]).await;
    let mut browser = world.browser();
    let back = way_back(&world, &provider, &mut browser).await;
    provider.script().status = 500;
    let page = browser.open(back.as_str()).await.page().expect(503);
    assert!(page.text().contains("not available right now"), "{page}");
}

#[tokio::test]
async fn a_provider_that_calls_itself_otherwise_is_not_believed() {
    let (world, provider) = world(&[]).await;
    let slash = format!("{}/", provider.issuer);
    provider.script().configuration["issuer"] = json!(slash);
    let page = refused(&world, 502).await;
    assert!(page.text().contains("could not be checked"), "{page}");
}

#[tokio::test]
async fn who_is_not_let_in_there_is_not_let_in_here() {
    let (world, provider) = world(&[]).await;
    provider.script().back = Box::new(|fields| {
        fields.remove("code");
        fields.insert("error".into(), "access_denied".into());
    });
    let request = world.request(&world.app().await);
    let callback = go(&mut world.browser(), &request).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("access_denied"));
}

/// Only who has said no is told as somebody who has said no.
#[tokio::test]
async fn why_a_provider_lets_nobody_in_is_passed_on() {
    let (world, provider) = world(&[]).await;
    let (client, mut browser) = (world.app().await, world.browser());
    let table = [
        (Some("access_denied"), "access_denied", 403),
        (Some("interaction_required"), "access_denied", 403),
        (Some("temporarily_unavailable"), "temporarily_unavailable", 503),
        (Some("server_error"), "temporarily_unavailable", 503),
        (Some("unauthorized_client"), "server_error", 502),
        (None, "server_error", 502),
    ];
    for (said, told, status) in table {
        provider.script().back = Box::new(move |fields| {
            fields.remove("code");
            fields.extend(said.map(|said| ("error".into(), said.into())));
        });
        let request = world.request(&client);
        let callback = go(&mut browser, &request).await.callback();
        assert_eq!(query(&callback, "error").as_deref(), Some(told), "{said:?}");
        let page = browser.open(&world.at("/apps")).await.page();
        assert_eq!(page.status, status, "{said:?}: {page}");
    }
}

#[tokio::test]
async fn an_answer_of_another_provider_is_told_as_that() {
    let (world, provider) = world(&[]).await;
    provider.script().back =
        Box::new(|fields| drop(fields.insert("iss".into(), "https://other.example".into())));
    let page = refused(&world, 400).await;
    assert!(page.text().contains("from somebody else"), "{page}");
}

/// A provider that does not say when its user has typed a password proves no age of a login: not at
/// once, and not later to a client that asks for one.
#[tokio::test]
async fn when_somebody_has_logged_in_is_not_made_up() {
    let (world, provider) = world(&[]).await;
    provider.script().claims =
        Box::new(|claims| drop(claims.as_object_mut().unwrap().remove("auth_time")));
    let (client, mut browser) = (world.app().await, world.browser());
    let request = world.request(&client).with("scope", "openid mcp");
    let callback = go(&mut browser, &request).await.callback();
    let code = query(&callback, "code").unwrap();
    let answer = world.token(&redemption(&client, &request, &code)).await.expect(200).json();
    let (_, claims) = read(&world.http, answer["id_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims.get("auth_time"), None, "{claims}");
    // Logged in here, and that is enough for who does not ask.
    let silent = request.clone().with("prompt", "none");
    let asked = provider.script().asked.len();
    let callback = browser.open(&silent.url()).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("consent_required"));
    assert_eq!(provider.script().asked.len(), asked);
    let recent = silent.with("max_age", "100000");
    let callback = browser.open(&recent.url()).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn of_several_providers_one_is_chosen() {
    let (world, provider) = world(&[("AUTH_MOCK_IDP", "1")]).await;
    let (client, mut browser) = (world.app().await, world.browser());
    let request = world.request(&client);
    let chooser = go(&mut browser, &request).await.page().expect(200);
    assert!(chooser.has_button("Corporation") && chooser.has_button("Demo users (mock)"));
    // Back, and the other way.
    let login = browser.submit(&chooser, chooser.form("Demo users (mock)")).await.page();
    assert!(login.expect(200).has_button("Sign in") && provider.script().asked.is_empty());
    let visit = browser.submit(&chooser, chooser.form("Corporation")).await;
    let told = world.introspect(&tokens(&world, &client, &request, visit).await.access).await;
    assert_eq!(told["username"], "Ann Example");
}

#[tokio::test]
async fn a_choice_counts_after_consent_and_from_our_page_only() {
    let (world, provider) = world(&[("AUTH_MOCK_IDP", "1")]).await;
    let (mut browser, request) = (world.browser(), world.request(&world.app().await));
    let consent = browser.open(&request.url()).await.page().expect(200);
    let handle = consent.form("Approve").value("transaction").unwrap().to_owned();
    let chooser = format!("{}/login?transaction={handle}", world.issuer);
    let _ = browser.open(&chooser).await.page().expect(400);
    let chooser = approve(&mut browser, &consent).await.page().expect(200);
    let form = || chooser.form("Corporation");
    let _ = world.browser().submit(&chooser, form()).await.page().expect(403);
    let _ = browser.submit(&chooser, form().tamper("token", "x")).await.page().expect(403);
    let _ = browser.submit(&chooser, form().tamper("upstream", "x")).await.page().expect(400);
    assert!(provider.script().asked.is_empty());
}

#[tokio::test]
async fn how_a_client_wants_its_user_to_log_in_is_passed_on_and_held_to() {
    let (world, provider) = world(&[]).await;
    let request = world.request(&world.app().await);
    let wished = request.with("prompt", "login").with("max_age", "60").with("login_hint", "a&b");
    assert!(query(&go(&mut world.browser(), &wished).await.callback(), "code").is_some());
    let asked = provider.script().asked[0].clone();
    let told = ["prompt", "max_age", "login_hint"].map(|name| &*asked[name]);
    assert_eq!(told, ["login", "60", "a&b"]);
    provider.script().claims = Box::new(|claims| claims["auth_time"] = json!(1_799_999_000));
    let _ = go(&mut world.browser(), &wished).await.page().expect(502);
    let again = wished.without("max_age");
    let _ = go(&mut world.browser(), &again).await.page().expect(502);
}

#[tokio::test]
async fn the_mock_speaks_openid_to_whoever_asks() {
    let world = World::start().await;
    let at = |path: &str| format!("/mock-upstream-idp{path}");
    let told = world.http.get(&at("/.well-known/openid-configuration")).await.expect(200).json();
    assert_eq!(told["issuer"], format!("{}/mock-upstream-idp", world.issuer));
    let keys = world.http.get(&at("/jwks")).await.expect(200).json();
    assert!(keys["keys"][0]["d"].is_null() && keys["keys"][0]["kid"] == "mock", "{keys}");
    let callback = format!("{}/upstream/mock/callback", world.issuer);
    let verifier = "v".repeat(43);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "idpc_x"),
        ("redirect_uri", &callback),
        ("client_id", "auth-server"),
        ("code_verifier", &verifier),
    ];
    let answer = world.http.post_form(&at("/token"), &form).await;
    answer.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn the_addresses_of_former_projects_lead_to_what_is_there_now() {
    let world = World::start().await;
    let table = [
        ("/fakeupstreamauth/authorize?a=%26b", "/mock-upstream-idp/authorize?a=%26b"),
        (
            "/fakeupstreamauth/redirect?code=x&userId=eve",
            "/upstream/mock/callback?code=x&userId=eve",
        ),
        ("/mock-upstream-idp/callback?state=x", "/upstream/mock/callback?state=x"),
    ];
    for (former, now) in table {
        let answer = world.http.get(former).await.expect(303);
        let location = answer.header("location").unwrap();
        assert_eq!(location.strip_prefix(&world.issuer).unwrap_or(location), now);
        let page = world.browser().open(&format!("{}{former}", world.issuer)).await.page();
        assert_eq!(page.status, 400, "{page}");
    }
    let (world, _provider) = self::world(&[]).await;
    let _ = world.http.get("/fakeupstreamauth/authorize").await.expect(404);
    let _ = world.http.get("/mock-upstream-idp/authorize").await.expect(404);
}

#[tokio::test]
async fn a_hint_only_saves_a_click() {
    let world = World::start().await;
    for (hint, chosen) in [("bob", "bob"), ("carol@example.com", "carol"), ("<x>\"", "alice")] {
        let mut browser = world.browser();
        let request = world.request(&world.app().await).with("login_hint", hint);
        let login = go(&mut browser, &request).await.page().expect(200);
        assert_eq!(login.form("Sign in").value("username"), Some(chosen), "{hint}");
        let _ = sign_in(&mut browser, &login, chosen, "wrong").await.page().expect(403);
    }
}
