//! Whoever does not keep to the rules gets a clear no, and nobody else notices.

use std::time::Duration;

use e2e::{Asking, CALLBACK, Login, Setup, World, approve, sign_in};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

use crate::support::{redeem, standing, still_works, works};

on_both_stores![
    a_wrong_verifier_buys_nothing_and_costs_nothing,
    a_code_that_has_grown_old_is_worth_nothing,
    a_code_is_for_its_client_and_its_redirect_uri,
    a_redirect_uri_that_almost_matches_is_shown_to_the_user_and_not_followed,
    forged_tokens_are_nobodys,
    a_token_in_the_query_is_not_looked_at,
    a_login_is_finished_where_it_began,
    a_consent_is_given_on_the_page_and_in_the_browser_that_was_asked,
    parameters_that_are_there_twice_are_refused,
    oversized_bodies_are_413_everywhere,
    half_a_request_harms_nobody,
    clients_that_vanish_in_the_middle_of_a_call_harm_nobody,
];

/// A client that holds a code, and the address it came with.
async fn with_code(world: &World) -> (Asking, Url) {
    let asking = world.asking().await;
    let callback = world.walk(&asking.request.url(), "alice").await;
    (asking, callback)
}

/// The same form with one value changed.
fn with(
    mut form: Vec<(&'static str, String)>,
    name: &str,
    value: &str,
) -> Vec<(&'static str, String)> {
    let field = form.iter_mut().find(|(given, _)| *given == name);
    value.clone_into(&mut field.expect("the form has this field").1);
    form
}

async fn a_wrong_verifier_buys_nothing_and_costs_nothing(setup: Setup) {
    let world = setup.start().await;
    let (asking, callback) = with_code(&world).await;
    let other = world.asking().await.request.verifier;
    for wrong in [other.as_str(), &asking.request.verifier[1..], "short", ""] {
        let form = with(asking.form(&callback), "code_verifier", wrong);
        let answer = redeem(&world.auth_http(), &form).await.expect(400);
        let error = answer.json()["error"].clone();
        assert!(error == "invalid_grant" || error == "invalid_request", "{wrong}: {answer}");
    }
    works(&world, asking.redeem(&callback).await.access()).await;
}

async fn a_code_that_has_grown_old_is_worth_nothing(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let (asking, callback) = with_code(&world).await;
    world.clock.advance(Duration::from_mins(10));
    let answer = redeem(&world.auth_http(), &asking.form(&callback)).await;
    answer.expect_oauth_error(400, "invalid_grant");
    still_works(&world).await;
}

async fn a_code_is_for_its_client_and_its_redirect_uri(setup: Setup) {
    let world = setup.start().await;
    let (asking, callback) = with_code(&world).await;
    let thief = world.asking().await.client.id;
    let other_port = "http://127.0.0.1:6000/callback";
    for (name, wrong) in [("client_id", thief.as_str()), ("redirect_uri", other_port)] {
        let form = with(asking.form(&callback), name, wrong);
        redeem(&world.auth_http(), &form).await.expect_oauth_error(400, "invalid_grant");
    }
    let form = with(asking.form(&callback), "resource", "http://127.0.0.1:1/mcp");
    redeem(&world.auth_http(), &form).await.expect_oauth_error(400, "invalid_target");
    works(&world, asking.redeem(&callback).await.access()).await;
}

/// Each differs from [`CALLBACK`] by one thing that somebody might overlook. Its port may differ.
const ALMOST: [&str; 18] = [
    "http://127.0.0.1:5999/callback/",
    "http://127.0.0.1:5999/Callback",
    "http://127.0.0.1:5999/callback?next=1",
    "http://127.0.0.1:5999/callback#fragment",
    "http://127.0.0.1:5999/x/../callback",
    "http://127.0.0.1:5999/%63allback",
    "http://127.0.0.1:5999//callback",
    "http://localhost:5999/callback",
    "http://[::1]:5999/callback",
    "http://127.1:5999/callback",
    "https://127.0.0.1:5999/callback",
    "HTTP://127.0.0.1:5999/callback",
    "http://user@127.0.0.1:5999/callback",
    "http://127.0.0.1:5999@evil.example/callback",
    "http://127.0.0.1:5999\\@evil.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1:59990000/callback",
    " http://127.0.0.1:5999/callback",
];

async fn a_redirect_uri_that_almost_matches_is_shown_to_the_user_and_not_followed(setup: Setup) {
    let world = setup.start().await;
    let request = world.asking().await.request;
    for almost in ALMOST {
        let request = request.clone().with("redirect_uri", almost);
        let page = world.browser().open(&request.url()).await.page().expect(400);
        assert!(page.text().contains("not registered"), "{almost}: {page}");
    }
    let other_port = request.with("redirect_uri", &CALLBACK.replace("5999", "6000"));
    let _ = world.browser().open(&other_port.url()).await.page().expect(200);
}

fn forgeries(login: &Login) -> Vec<String> {
    let (access, refresh) = (login.access(), login.refresh());
    let changed = |from: char, to: char| {
        let (rest, last) = access.split_at(access.len() - 1);
        format!("{rest}{}", if last.starts_with(from) { to } else { from })
    };
    let (prefix, _) = access.split_once('_').expect("tokens tell what they are");
    vec![
        refresh.to_owned(),
        changed('a', 'b'),
        format!("{access}a"),
        access[..access.len() - 1].to_owned(),
        access.to_uppercase(),
        format!("{prefix}_{}", refresh.split_once('_').map_or("", |(_, random)| random)),
        "alice".to_owned(),
        "a".repeat(8000),
    ]
}

async fn forged_tokens_are_nobodys(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    for forged in forgeries(&alice) {
        assert!(!world.is_active(&forged).await, "{forged}");
        let reply = world.modern(&forged).call("tools/list", json!({})).await.expect(401);
        let challenge = reply.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        let opening = world.session(&forged);
        let _ = opening.send(opening.draft()).await.expect(401);
    }
    works(&world, alice.access()).await;
}

async fn a_token_in_the_query_is_not_looked_at(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let with_token = format!("/mcp?access_token={}", alice.access());
    let _ = world.mcp_http().post_json(&with_token, &json!({})).await.expect(401);
}

async fn a_login_is_finished_where_it_began(setup: Setup) {
    let world = setup.start().await;
    let asking = world.asking().await;
    let (mut attacker, mut victim) = (world.browser(), world.browser());
    let consent = attacker.open(&asking.request.url()).await.page().expect(200);
    let login = approve(&mut attacker, &consent).await.page().expect(200);
    // The victim is made to log in for the attacker's client.
    let sent = victim.open(login.url.as_str()).await.page().expect(200);
    let page = sign_in(&mut victim, &sent, "alice").await.page().expect(403);
    assert!(page.text().contains("began in another browser"), "{page}");
    still_works(&world).await;
}

async fn a_consent_is_given_on_the_page_and_in_the_browser_that_was_asked(setup: Setup) {
    let world = setup.start().await;
    let asking = world.asking().await;
    let mut browser = world.browser();
    let consent = browser.open(&asking.request.url()).await.page().expect(200);
    let form = || consent.form("Approve");
    for wrong in ["", "x", form().value("transaction").expect("a transaction")] {
        let page = browser.submit(&consent, form().tamper("token", wrong)).await.page();
        assert!(page.status.is_client_error(), "{page}");
    }
    let _ = world.browser().submit(&consent, form()).await.page().expect(403);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let callback = sign_in(&mut browser, &login, "alice").await.callback();
    works(&world, asking.redeem(&callback).await.access()).await;
}

async fn parameters_that_are_there_twice_are_refused(setup: Setup) {
    let world = setup.start().await;
    let (asking, callback) = with_code(&world).await;
    let form = asking.form(&callback);
    for field in &form {
        let twice = [&form[..], std::slice::from_ref(field)].concat();
        redeem(&world.auth_http(), &twice).await.expect_oauth_error(400, "invalid_request");
    }
    for name in ["client_id", "redirect_uri"] {
        let mut request = asking.request.clone();
        request.query.extend(asking.request.query.iter().find(|(given, _)| given == name).cloned());
        let _ = world.browser().open(&request.url()).await.page().expect(400);
    }
    works(&world, asking.redeem(&callback).await.access()).await;
}

async fn oversized_bodies_are_413_everywhere(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let large = "x".repeat(5 * 1024 * 1024);
    let http = world.auth_http();
    for path in ["/token", "/revoke", "/introspect", "/consent"] {
        let _ = http.post_form(path, &[("token", &large)]).await.expect(413);
    }
    let _ = http.post_json("/register", &json!({ "client_name": large })).await.expect(413);
    let reply = world.modern(alice.access()).tool("echo", json!({ "message": large })).await;
    let _ = reply.expect(413);
    still_works(&world).await;
}

/// Sends the beginning of a request and goes away; gives what was answered.
async fn vanish_after(origin: &str, part: &str) -> String {
    let address = origin.strip_prefix("http://").expect("an origin");
    let mut stream = TcpStream::connect(address).await.expect("somebody listens");
    stream.write_all(part.as_bytes()).await.expect("it can be sent");
    stream.shutdown().await.expect("it can be ended");
    let mut answer = Vec::new();
    testkit::within(testkit::PATIENCE, stream.read_to_end(&mut answer)).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn half_a_request_harms_nobody(setup: Setup) {
    let world = setup.start().await;
    for (instance, path) in [(&world.auth[0], "/token"), (&world.mcp[0], "/mcp")] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n");
        for part in [&head[..9], &head, &format!("{head}\r\n"), &format!("{head}\r\ntoken="), "\0"]
        {
            let answer = vanish_after(&instance.origin, part).await;
            assert!(!answer.contains(" 200 ") && !answer.contains(" 500 "), "{answer}");
        }
    }
    still_works(&world).await;
}

async fn clients_that_vanish_in_the_middle_of_a_call_harm_nobody(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let alice = world.login("alice").await;
    let arguments = json!({ "duration": 10, "steps": 2 });
    let call = json!({ "name": "long-running-operation", "arguments": arguments });
    let session = world.session(alice.access()).open().await;
    let modern = world.modern(alice.access());
    let as_stream = |draft: testkit::rpc::Draft| draft.header("accept", "text/event-stream");
    let one = modern.open(as_stream(modern.draft("tools/call", call.clone()))).await;
    let other = session.open(as_stream(session.draft("tools/call", call)).id("gone")).await;
    drop((one, other));
    world.clock.advance(Duration::from_secs(10));
    let _ = session.call("ping", json!({})).await.expect(200);
    still_works(&world).await;
}
