//! An issuer with a path, as behind a gateway that serves several things on one host.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Page},
    dpop::ProofKey,
    http::Answer,
    oauth::{Client, Tokens, query},
};

use crate::{
    dpop::{bound, post},
    keys::read_at,
    manage::manage,
    support::{CALLBACK, PASSWORD, World, approve, cookie_header, redemption, sign_in},
};

const PATH: &str = "/auth";

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Opens a page, which is shown in its style and leads nowhere else.
async fn open(world: &World, browser: &mut Browser, url: &str) -> Page {
    let page = browser.open(url).await.page();
    look_at(world, &page).await;
    page
}

/// The style is there, and every link and form of the page is below the issuer, or of its metadata.
async fn look_at(world: &World, page: &Page) {
    let html = &page.html;
    let quoted = |name: &str| {
        let parts: Vec<_> = html.split(&format!(" {name}=\"/")).skip(1).collect();
        let ends = parts.into_iter().map(|rest| format!("/{}", rest.split('"').next().unwrap()));
        ends.collect::<Vec<_>>()
    };
    let (links, forms) = (quoted("href"), quoted("action"));
    let style = links.iter().find(|link| link.ends_with("/styles.css")).unwrap();
    let _ = world.http.get(style).await.expect(200);
    let metadata = |link: &str| link.starts_with("/.well-known/") && link.ends_with(PATH);
    for link in links.iter().chain(&forms) {
        assert!(link.starts_with("/auth/") || metadata(link), "{link} in {page}");
    }
}

async fn discovered(world: &World) -> Value {
    let url = format!("/.well-known/oauth-authorization-server{PATH}");
    world.http.get(&url).await.expect(200).json()
}

#[tokio::test]
async fn metadata_are_at_the_three_addresses_of_the_issuer_and_at_no_other() {
    let server = "/.well-known/oauth-authorization-server";
    let openid = "/.well-known/openid-configuration";
    for path in ["/auth", "/login/v1"] {
        let world = World::below(path, &[]).await;
        let there =
            [format!("{server}{path}"), format!("{openid}{path}"), format!("{path}{openid}")];
        for url in &there {
            let document = world.http.get(url).await.expect(200).json();
            assert_eq!(document["issuer"], world.issuer, "{url}");
            for (name, value) in document.as_object().unwrap() {
                let is_address = name.ends_with("_endpoint") || name.ends_with("_uri");
                let below = value.as_str().is_some_and(|url| url.starts_with(&world.at("/")));
                assert!(!is_address || below, "{name}: {value}");
            }
        }
        let elsewhere = [
            server.to_owned(),
            openid.to_owned(),
            // No specification appends the form of RFC 8414.
            format!("{path}{server}"),
            format!("{server}{path}/"),
            format!("{server}{path}/x"),
            format!("{server}/x"),
        ];
        for url in elsewhere {
            world.http.get(&url).await.expect_oauth_error(404, "invalid_request");
        }
    }
    let world = World::start().await;
    for url in [server, openid] {
        assert_eq!(world.http.get(url).await.expect(200).json()["issuer"], world.issuer);
        let _ = world.http.get(&format!("{url}{PATH}")).await.expect(404);
    }
}

#[tokio::test]
async fn every_endpoint_is_below_the_issuer_and_the_process_itself_at_its_root() {
    let world = World::below(PATH, &[]).await;
    let document = discovered(&world).await;
    for (name, url) in document.as_object().unwrap() {
        if !name.ends_with("_endpoint") && name != "jwks_uri" && name != "service_documentation" {
            continue;
        }
        let url = url.as_str().unwrap();
        assert_ne!(world.http.get(url).await.status, 404, "{name}");
        let outside = url.replacen(PATH, "", 1);
        let _ = world.http.get(&outside).await.expect(404);
    }
    for path in ["/livez", "/readyz", "/version"] {
        let _ = world.http.get(path).await.expect(200);
        let _ = world.http.get(&world.at(path)).await.expect(404);
    }
    let health = world.http.get(&world.at("/health")).await.expect(200).json();
    let metadata = health["endpoints"]["metadata"].as_str().unwrap();
    assert_eq!(world.http.get(metadata).await.expect(200).json()["issuer"], world.issuer);
    for home in [world.issuer.clone(), world.at("/")] {
        let page = open(&world, &mut world.browser(), &home).await.expect(200);
        assert!(page.text().contains(&world.issuer), "{page}");
    }
}

#[tokio::test]
async fn a_login_stays_below_the_path_from_the_first_page_to_the_last() {
    let world = World::below(PATH, &[]).await;
    let client = world.app().await;
    let uri = client.registration.get("registration_client_uri");
    assert!(uri.is_none(), "a public registration is everybody's");
    let mut browser = world.browser();
    let request = world.request(&client).with("scope", "openid mcp");
    let consent = open(&world, &mut browser, &request.url()).await.expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    assert!(login.url.path().starts_with("/auth/mock-upstream-idp/"), "{}", login.url);
    look_at(&world, &login).await;
    let wrong = sign_in(&mut browser, &login, "alice", "wrong").await.page().expect(403);
    look_at(&world, &wrong).await;
    let callback = sign_in(&mut browser, &wrong, "alice", PASSWORD).await.callback();
    assert_eq!(query(&callback, "iss"), Some(world.issuer.clone()));
    let code = query(&callback, "code").unwrap();
    let answer = world.token(&redemption(&client, &request, &code)).await;
    let tokens = Tokens::read(&answer);
    assert_eq!(world.introspect(&tokens.access).await["iss"], world.issuer);
    let id_token = answer.json()["id_token"].as_str().unwrap().to_owned();
    let (_, claims) = read_at(&world.http, &world.at("/jwks"), &id_token).await.unwrap();
    assert_eq!(claims["iss"], world.issuer);
    let told = world.http.request(Method::GET, &world.at("/userinfo"));
    let told = world.http.send(told.bearer_auth(&tokens.access)).await.expect(200);
    assert_eq!(told.json()["sub"], "alice");
    let fresh = world.refresh(&client, tokens.refresh.as_deref().unwrap()).await.expect(200);
    let apps = open(&world, &mut browser, &world.at("/apps")).await.expect(200);
    let visit = browser.submit(&apps, apps.form("Remove access")).await.page().expect(200);
    assert_eq!(visit.url.path(), "/auth/apps");
    look_at(&world, &visit).await;
    assert!(!world.is_active(&Tokens::read(&fresh).access).await);
    let page = open(&world, &mut browser, &world.at("/logout")).await.expect(200);
    let left = browser.submit(&page, page.form("Log out")).await.page().expect(200);
    look_at(&world, &left).await;
    assert!(browser.jar.iter().next().is_none(), "nobody is logged in any more");
}

#[tokio::test]
async fn what_is_signed_for_an_address_is_signed_for_one_below_the_path() {
    let world = World::below(PATH, &[]).await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let request = world.request(&client).with("scope", "openid");
    let callback = world.go(&mut world.browser(), &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    let form = redemption(&client, &request, &code);
    let endpoint = world.at("/token");
    let now = world.clock.now();
    let root = world.http.url("/token");
    let elsewhere = key.proof("POST", root.as_str(), now);
    let refused = post(&world.http, &endpoint, &form, &elsewhere).await;
    refused.expect_oauth_error(400, "invalid_dpop_proof");
    let proof = key.proof("POST", &endpoint, now);
    let tokens = bound(&post(&world.http, &endpoint, &form, &proof).await);
    let access = tokens["access_token"].as_str().unwrap();
    let userinfo = world.at("/userinfo");
    let proof = key.draft("GET", &userinfo, now).token(access).sign();
    let asked = world.http.request(Method::GET, &userinfo);
    let asked = asked.header("authorization", format!("DPoP {access}")).header("dpop", proof);
    assert_eq!(world.http.send(asked).await.expect(200).json()["sub"], "alice");
}

#[tokio::test]
async fn a_client_manages_its_registration_and_hands_requests_in_below_the_path() {
    let world = World::below(PATH, &[]).await;
    let client = world.confidential().await;
    let own = world.at(&format!("/register/{}", client.id));
    assert_eq!(client.registration["registration_client_uri"], own);
    let _ = manage(&world, &client, Method::GET, None).await.expect(200);
    let request = world.request(&client);
    let secret = client.secret.as_deref().unwrap();
    let mut form: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    form.push(("client_secret", secret));
    let pushed = world.http.post_form(&world.at("/par"), &form).await.expect(201).json();
    let name =
        [("client_id", &*client.id), ("request_uri", pushed["request_uri"].as_str().unwrap())];
    let url = url::Url::parse_with_params(&world.at("/authorize"), name).unwrap();
    let callback = world.go(&mut world.browser(), url.as_str(), "alice").await;
    assert!(query(&callback, "code").is_some(), "{callback}");
}

#[tokio::test]
async fn an_application_logs_its_user_out_below_the_path() {
    let world = World::below(PATH, &[]).await;
    let metadata = json!({
        "token_endpoint_auth_method": "none", "post_logout_redirect_uris": [CALLBACK],
    });
    let client = world.app_with(metadata).await;
    let mut browser = world.browser();
    let request = world.request(&client).with("scope", "openid");
    let callback = world.go(&mut browser, &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    let form = redemption(&client, &request, &code);
    let tokens = world.token(&form).await.expect(200).json();
    let hint = tokens["id_token"].as_str().unwrap();
    let wish = [("id_token_hint", hint), ("post_logout_redirect_uri", CALLBACK)];
    // A form of another site becomes a link of ours.
    let link = world.http.post_form(&world.at("/logout"), &wish).await.expect(303);
    let link = link.header("location").unwrap().to_owned();
    assert!(link.starts_with(&world.at("/logout?")), "{link}");
    let back = browser.open(&link).await.callback();
    assert!(back.as_str().starts_with(CALLBACK), "{back}");
    assert!(browser.jar.iter().next().is_none());
}

#[tokio::test]
async fn a_user_who_looks_at_the_own_applications_comes_back_to_them() {
    let world = World::below(PATH, &[]).await;
    let mut browser = world.browser();
    let login = open(&world, &mut browser, &world.at("/apps")).await.expect(200);
    let apps = sign_in(&mut browser, &login, "bob", PASSWORD).await.page().expect(200);
    assert_eq!(apps.url.as_str(), world.at("/apps"));
}

#[tokio::test]
async fn a_device_sends_its_user_below_the_path_and_he_ends_there() {
    let world = World::below(PATH, &[]).await;
    let metadata = json!({
        "client_name": "Headless", "grant_types": [DEVICE_GRANT],
        "token_endpoint_auth_method": "none",
    });
    let client = world.register(&metadata).await.expect(201).json();
    let id = client["client_id"].as_str().unwrap();
    let form = [("client_id", id)];
    let begun = world.http.post_form(&world.at("/device_authorization"), &form).await.json();
    assert_eq!(begun["verification_uri"], world.at("/device"));
    let mut browser = world.browser();
    let link = begun["verification_uri_complete"].as_str().unwrap();
    let page = open(&world, &mut browser, link).await.expect(200);
    let consent = browser.submit(&page, page.form("Continue")).await.page().expect(200);
    look_at(&world, &consent).await;
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let done = sign_in(&mut browser, &login, "alice", PASSWORD).await.page().expect(200);
    assert!(done.url.as_str().starts_with(&world.at("/device/done")), "{}", done.url);
    look_at(&world, &done).await;
    let code = begun["device_code"].as_str().unwrap();
    let ask = [("grant_type", DEVICE_GRANT), ("device_code", code), ("client_id", id)];
    assert!(world.is_active(&Tokens::read(&world.token(&ask).await).access).await);
}

#[tokio::test]
async fn several_providers_are_chosen_from_below_the_path() {
    let corp = [
        ("AUTH_UPSTREAMS", "corp"),
        ("AUTH_UPSTREAM_CORP_ISSUER", "https://id.corp.example"),
        ("AUTH_UPSTREAM_CORP_CLIENT_ID", "us"),
        ("AUTH_MOCK_IDP", "1"),
    ];
    let world = World::below(PATH, &corp).await;
    let mut browser = world.browser();
    let request = world.request(&world.app().await);
    let consent = open(&world, &mut browser, &request.url()).await.expect(200);
    let chooser = approve(&mut browser, &consent).await.page().expect(200);
    assert_eq!(chooser.url.path(), "/auth/login");
    look_at(&world, &chooser).await;
    let form = chooser.form("Demo users (mock)");
    let login = browser.submit(&chooser, form).await.page().expect(200);
    let callback = sign_in(&mut browser, &login, "carol", PASSWORD).await.callback();
    assert!(query(&callback, "code").is_some(), "{callback}");
}

#[tokio::test]
async fn the_former_addresses_of_the_mock_lead_below_the_path() {
    let world = World::below(PATH, &[]).await;
    let table = [
        ("/fakeupstreamauth/authorize", "/auth/mock-upstream-idp/authorize?x=1".to_owned()),
        ("/fakeupstreamauth/redirect", world.at("/upstream/mock/callback?x=1")),
    ];
    for (path, now) in table {
        let moved = world.http.get(&world.at(&format!("{path}?x=1"))).await.expect(303);
        assert_eq!(moved.header("location"), Some(&*now));
    }
}

#[tokio::test]
async fn a_wrong_turn_outside_of_the_path_is_told_in_the_same_style() {
    let world = World::below(PATH, &[]).await;
    let ask = async |path: &str| -> Answer {
        let request = world.http.request(Method::GET, path).header("accept", "text/html");
        world.http.send(request).await
    };
    for (path, status) in [("/nowhere", 404), ("/auth/nowhere", 404), ("/auth/consent", 405)] {
        let told = ask(path).await.expect(status);
        assert!(told.text().contains("href=\"/auth/styles.css\""), "{told}");
    }
    let long = format!("/auth/authorize?x={}", "x".repeat(8 * 1024));
    assert!(ask(&long).await.expect(414).text().contains("href=\"/auth/styles.css\""));
    // A program that says that it likes HTML gets JSON where programs ask.
    let request = world.http.request(Method::POST, &world.at("/register"));
    let request = request.header("accept", "text/html").body("x".repeat(65 * 1024));
    world.http.send(request).await.expect_oauth_error(413, "invalid_request");
}

#[tokio::test]
async fn two_servers_on_one_host_take_no_cookies_of_each_other() {
    let mut names = BTreeSet::new();
    for path in ["/one", "/two", ""] {
        let world = World::below(path, &[]).await;
        let mut browser = world.browser();
        let request = world.request(&world.app().await);
        world.go(&mut browser, &request.url(), "alice").await;
        let left: Vec<_> = browser.jar.iter().map(|cookie| cookie.name.clone()).collect();
        assert_eq!(left.len(), 1, "{left:?}");
        names.extend(left);
    }
    assert_eq!(names.len(), 3, "{names:?}");
}

#[tokio::test]
async fn who_follows_a_link_of_the_same_host_is_asked_again() {
    const WEB: &str = "https://client.example/cb";
    let world = World::below(PATH, &[]).await;
    let metadata = json!({ "redirect_uris": [WEB], "client_name": "one" });
    let registration = world.register(&metadata).await.expect(201).json();
    let text = |name: &str| registration[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("client_id"), Some(text("client_secret")));
    let client = Client { id, secret, redirect_uri: WEB.to_owned(), registration };
    let mut browser = world.browser().with_callback(WEB);
    world.go(&mut browser, &world.request(&client).url(), "alice").await;
    let cookies = cookie_header(&browser);
    for (site, status) in [("none", 303), ("same-origin", 200)] {
        let ask = world.http.request(Method::GET, &world.request(&client).url());
        let ask = ask.header("cookie", &cookies).header("sec-fetch-site", site);
        let _ = world.http.send(ask).await.expect(status);
    }
}

#[tokio::test]
async fn forms_count_from_pages_of_the_host_that_the_issuer_is_on() {
    let world = World::below(PATH, &[]).await;
    let origin = world.issuer.strip_suffix(PATH).unwrap();
    for (from, status) in [(origin, 400), (&*world.issuer, 403), ("https://evil.example", 403)] {
        let request = world.http.request(Method::POST, &world.at("/device"));
        let request = request.header("origin", from).form(&[("user_code", "BCDF-GHJK")]);
        let _ = world.http.send(request).await.expect(status);
    }
}

#[tokio::test]
async fn faults_happen_below_the_path_too() {
    let world = World::below(PATH, &[("MCP_FAULTS", "1")]).await;
    let plan = async |fault: &str| {
        let wish = json!({ "fault": fault });
        let _ = world.http.post_json("/debug/faults", &wish).await.expect(201);
    };
    plan("wrong_issuer").await;
    assert_eq!(discovered(&world).await["issuer"], "https://attacker.example");
    assert_eq!(discovered(&world).await["issuer"], world.issuer);
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    plan("invalid_grant").await;
    let refresh = tokens.refresh.as_deref().unwrap();
    world.refresh(&client, refresh).await.expect_oauth_error(400, "invalid_grant");
    let _ = world.refresh(&client, refresh).await.expect(200);
}

/// A prefix that demands the path `/`, whatever the issuer's is.
#[tokio::test]
async fn cookies_are_of_the_host_alone_where_it_has_a_certificate() {
    let settings = [
        ("AUTH_SERVER_URL", "https://auth.example/auth"),
        ("BASE_URI", "https://mcp.example"),
        ("MCP_AUTH_CLIENT_SECRET", "a secret between two servers of the public"),
        ("AUTH_MOCK_IDP", "1"),
    ];
    let world = World::below(PATH, &settings).await;
    let url = world.request(&world.app().await).without("resource").url();
    let shown = world.http.get(&url).await.expect(200);
    let cookie = shown.header("set-cookie").unwrap();
    let parts: BTreeSet<_> = cookie.split("; ").skip(1).collect();
    assert!(cookie.starts_with("__Host-txn-"), "{cookie}");
    assert!(["Path=/", "Secure", "HttpOnly"].iter().all(|part| parts.contains(part)), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
}
