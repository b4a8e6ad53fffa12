//! One line per security event, and nothing in the whole log that could be stolen.

use http::Method;
use serde_json::{Value, json};
use testkit::oauth::{Client, Tokens};

use crate::{
    device::{ask, begin, enter, program, text},
    log::Log,
    support::{CALLBACK, PASSWORD, RESOURCE_SERVER, World, approve, redemption, sign_in, with},
};

const WRONG: &str = "wrong-password-of-somebody";
const WRONG_VERIFIER: &str = "a-verifier-that-was-guessed-by-somebody-else-";
const OWN_SECRET: &str = "the-own-secret-of-a-nightly-report-0";

/// A server at which everything happens, and what must not be in the log.
struct Story {
    world: World,
    client: Client,
    secrets: Vec<String>,
}

impl Story {
    async fn tell() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clients.json");
        let own = json!({ "clients": [{ "client_id": "nightly", "client_secret": OWN_SECRET }] });
        std::fs::write(&file, own.to_string()).unwrap();
        let settings = [
            ("AUTH_CLIENTS_FILE", file.to_str().unwrap()),
            ("AUTH_TRUSTED_PROXIES", "127.0.0.1"),
            ("AUTH_LIMIT_REFUSED", "1/60"),
        ];
        let world = World::with(&settings).await;
        let client = world.confidential().await;
        let secrets =
            [RESOURCE_SERVER.1, PASSWORD, WRONG, WRONG_VERIFIER, OWN_SECRET].map(ToOwned::to_owned);
        let mut story = Self { world, client, secrets: secrets.into() };
        let told = ["client_secret", "registration_access_token"];
        let told = told.map(|name| story.client.registration[name].as_str().unwrap().to_owned());
        story.secrets.extend(told);
        story.logins().await;
        story.tokens().await;
        story.strangers().await;
        story.management().await;
        story
    }

    /// Consent refused, a wrong password, an account that is locked.
    async fn logins(&mut self) {
        let Self { world, client, .. } = self;
        let mut browser = world.browser();
        let consent = browser.open(&world.request(client).url()).await.page().expect(200);
        let _ = browser.submit(&consent, consent.form("Deny")).await.callback();
        for _ in 0..8 {
            let consent = browser.open(&world.request(client).url()).await.page().expect(200);
            let login = approve(&mut browser, &consent).await.page().expect(200);
            let _ = sign_in(&mut browser, &login, "bob", WRONG).await.page();
        }
        self.secrets.extend(browser.jar.iter().map(|cookie| cookie.value.clone()));
    }

    /// Codes redeemed and replayed, tokens refreshed, stolen, revoked, and of a client for itself.
    async fn tokens(&mut self) {
        let Self { world, client, secrets } = self;
        let (request, code) = world.code(client).await;
        let form = redemption(client, &request, &code);
        let first = Tokens::read(&world.token(&form).await);
        let second = Tokens::read(&world.refresh(client, first.refresh.as_ref().unwrap()).await);
        world.pass(61);
        let reused = world.refresh(client, first.refresh.as_ref().unwrap()).await;
        reused.expect_oauth_error(400, "invalid_grant");
        world.token(&form).await.expect_oauth_error(400, "invalid_grant");
        let wrong = with(form, "code_verifier", WRONG_VERIFIER);
        world.token(&wrong).await.expect_oauth_error(400, "invalid_grant");
        let third = world.tokens(client).await;
        let secret = client.secret.as_deref().unwrap();
        let back =
            [("token", &*third.access), ("client_id", &client.id), ("client_secret", secret)];
        let _ = world.http.post_form("/revoke", &back).await.expect(200);
        let own = [
            ("grant_type", "client_credentials"),
            ("client_id", "nightly"),
            ("client_secret", OWN_SECRET),
        ];
        let fourth = Tokens::read(&world.token(&own).await);
        let foreign = world.app().await;
        world
            .refresh(&foreign, third.refresh.as_ref().unwrap())
            .await
            .expect_oauth_error(400, "invalid_grant");
        secrets.extend([code, request.verifier]);
        for tokens in [first, second, third, fourth] {
            secrets.extend([Some(tokens.access), tokens.refresh].into_iter().flatten());
        }
    }

    /// Wrong credentials, twice, the second time too often.
    async fn strangers(&mut self) {
        let guessed = "a-guessed-secret-of-the-mcp-server";
        for status in [401, 429] {
            let request = self.world.http.request(Method::POST, "/introspect");
            let request = request.header("x-forwarded-for", "203.0.113.7");
            let request = request.basic_auth(RESOURCE_SERVER.0, Some(guessed));
            let _ = self.world.http.send(request.form(&[("token", "x")])).await.expect(status);
        }
        self.secrets.push(guessed.to_owned());
    }

    async fn management(&mut self) {
        let uri = self.client.registration["registration_client_uri"].as_str().unwrap();
        let token = self.client.registration["registration_access_token"].as_str().unwrap();
        let ask = |method| self.world.http.request(method, uri).bearer_auth(token);
        let change = json!({ "redirect_uris": [CALLBACK] });
        let _ = self.world.http.send(ask(Method::PUT).json(&change)).await.expect(200);
        let _ = self.world.http.send(ask(Method::DELETE)).await.expect(204);
    }
}

#[tokio::test]
async fn every_event_has_its_line_and_no_line_has_a_secret() {
    let log = Log::keep();
    let Story { client, secrets, .. } = Story::tell().await;
    let text = log.text();
    for secret in &secrets {
        // Also in part: the random letters behind the prefix.
        let part = secret.get(5..30).unwrap_or(secret);
        let line = text.lines().find(|line| line.contains(part));
        assert_eq!(line, None, "{secret} is in the log");
    }
    let own = [
        "client.registered",
        "client.changed",
        "client.deleted",
        "consent.denied",
        "consent.given",
        "code.redeemed",
        "code.replayed",
        "code.misused",
        "refresh.rotated",
        "token.revoked",
    ];
    for event in own {
        check(&log.audit(event, Some(&client.id)), event);
    }
    check(&log.audit("token.issued", Some("nightly")), "token.issued");
    for event in [
        "login.ok",
        "login.failed",
        "login.locked",
        "refresh.reused",
        "token.foreign",
        "rate.limited",
        "credentials.refused",
    ] {
        check(&log.audit(event, None), event);
    }
    let refused = log.audit("credentials.refused", None);
    let names = |line: &Value| {
        let is_there = line["fields"]["about"] == "/introspect";
        is_there && line["spans"].to_string().contains("203.0.113.7")
    };
    assert!(refused.iter().any(names), "{refused:?}");
}

/// There is such a line, and it says from where and in which request.
#[track_caller]
fn check(lines: &[Value], event: &str) {
    let line = lines.first().unwrap_or_else(|| panic!("no line tells {event}"));
    let span = line["spans"].as_array().unwrap().iter().find(|span| span["name"] == "caller");
    let span = span.unwrap_or_else(|| panic!("nobody is named: {line}"));
    assert!(span["address"].is_string() && span["request_id"].is_string(), "{line}");
    assert!(line["fields"]["outcome"].is_string(), "{line}");
}

/// The events of one login, in their order.
fn events_of(log: &Log, login: &Value) -> Vec<String> {
    let text = log.text();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_it = lines.filter(|line| line["target"] == "audit" && line["fields"]["login"] == *login);
    of_it.map(|line| line["fields"]["event"].as_str().unwrap().to_owned()).collect()
}

/// The one name of all that this client has begun.
fn begun(log: &Log, client: &Client) -> Vec<Value> {
    let lines = log.audit("authorization.begun", Some(&client.id));
    lines.iter().map(|line| line["fields"]["login"].clone()).collect()
}

#[tokio::test]
async fn one_name_joins_all_that_happens_to_a_login_from_the_question_to_the_theft() {
    let (log, world) = (Log::keep(), World::start().await);
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    let refresh = tokens.refresh.as_deref().unwrap();
    let _ = world.refresh(&client, refresh).await.expect(200);
    world.pass(61);
    world.refresh(&client, refresh).await.expect_oauth_error(400, "invalid_grant");
    let [login] = &*begun(log, &client) else { panic!("one login has begun") };
    let expected = [
        "authorization.begun",
        "login.ok",
        "consent.given",
        "code.redeemed",
        "refresh.rotated",
        "refresh.reused",
    ];
    assert_eq!(events_of(log, login), expected);
    // Another login of the same user and the same client has another name.
    let again = world.tokens(&client).await;
    let form = [("token", &*again.access), ("client_id", &client.id)];
    let _ = world.http.post_form("/revoke", &form).await.expect(200);
    let names = begun(log, &client);
    assert!(names.len() == 2 && names[1] != *login, "{names:?}");
    let expected =
        ["authorization.begun", "login.ok", "consent.given", "code.redeemed", "token.revoked"];
    assert_eq!(events_of(log, &names[1]), expected);
}

#[tokio::test]
async fn a_theft_is_told_with_the_name_of_whom_it_was_stolen_from() {
    let (log, world) = (Log::keep(), World::start().await);
    let (client, other) = (world.app().await, world.app().await);
    let tokens = world.tokens(&client).await;
    let refresh = tokens.refresh.as_deref().unwrap();
    let [login] = &*begun(log, &client) else { panic!("one login has begun") };
    for token in [&*tokens.access, refresh] {
        let form = [("token", token), ("client_id", &*other.id)];
        let foreign = world.http.post_form("/revoke", &form).await;
        foreign.expect_oauth_error(400, "invalid_grant");
    }
    world.refresh(&other, refresh).await.expect_oauth_error(400, "invalid_grant");
    let foreign = log.audit("token.foreign", Some(&other.id));
    let fields: Vec<_> = foreign.iter().map(|line| &line["fields"]).collect();
    let names = |it: &Value| it["login"] == *login && it["subject"] == "alice";
    assert!(fields.len() == 3 && fields.into_iter().all(names), "{foreign:?}");
    let _ = world.refresh(&client, refresh).await.expect(200);
    world.pass(61);
    world.refresh(&client, refresh).await.expect_oauth_error(400, "invalid_grant");
    let reused = log.audit("refresh.reused", Some(&client.id));
    assert!(reused.len() == 1 && reused[0]["fields"]["subject"] == "alice", "{reused:?}");
}

#[tokio::test]
async fn what_a_browser_remembers_and_forgets_is_told() {
    let (log, world) = (Log::keep(), World::start().await);
    let web = "https://client.example/cb";
    let registration = world.register(&json!({ "redirect_uris": [web] })).await.expect(201).json();
    let client = Client {
        id: registration["client_id"].as_str().unwrap().to_owned(),
        secret: None,
        redirect_uri: web.to_owned(),
        registration,
    };
    let mut browser = world.browser().with_callback(web);
    world.go(&mut browser, &world.request(&client).url(), "alice").await;
    // One more than there is room for on the page of applications.
    for _ in 0..200 {
        let _ = browser.open(&world.request(&client).url()).await.callback();
    }
    assert_eq!(log.audit("consent.remembered", Some(&client.id)).len(), 200);
    let displaced = log.audit("login.displaced", None);
    let [line] = &*displaced else { panic!("one login has too little room: {displaced:?}") };
    assert!(line["fields"]["subject"] == "alice" && line["fields"]["login"].is_string(), "{line}");
    let page = browser.open(&world.at("/logout")).await.page().expect(200);
    let _ = browser.submit(&page, page.form("Log out")).await.page().expect(200);
    let logout = log.audit("logout", None);
    assert!(logout.len() == 1 && logout[0]["fields"]["subject"] == "alice", "{logout:?}");
    for event in ["consent.remembered", "login.displaced", "logout"] {
        check(&log.audit(event, None), event);
    }
}

#[tokio::test]
async fn a_login_that_comes_to_nothing_has_a_name_as_well() {
    let (log, world) = (Log::keep(), World::start().await);
    let client = world.app().await;
    let mut browser = world.browser();
    let consent = browser.open(&world.request(&client).url()).await.page().expect(200);
    let _ = browser.submit(&consent, consent.form("Deny")).await.callback();
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let stolen = with(form.clone(), "code_verifier", WRONG_VERIFIER);
    world.token(&stolen).await.expect_oauth_error(400, "invalid_grant");
    let _ = world.token(&form).await.expect(200);
    world.token(&form).await.expect_oauth_error(400, "invalid_grant");
    let names = begun(log, &client);
    assert_eq!(events_of(log, &names[0]), ["authorization.begun", "consent.denied"]);
    let expected = [
        "authorization.begun",
        "login.ok",
        "consent.given",
        "code.misused",
        "code.redeemed",
        "code.replayed",
    ];
    assert_eq!(events_of(log, &names[1]), expected);
}

#[tokio::test]
async fn a_login_keeps_its_name_by_way_of_a_device_and_until_its_user_ends_it() {
    let (log, world) = (Log::keep(), World::start().await);
    let client = program(&world).await;
    let device = begin(&world, &client).await;
    let mut browser = world.browser();
    let consent = enter(&world, &mut browser, text(&device, "user_code")).await.expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let _ = sign_in(&mut browser, &login, "alice", PASSWORD).await.page().expect(200);
    let _ = ask(&world, &client, &device).await.expect(200);
    let apps = browser.open(&world.at("/apps")).await.page().expect(200);
    let _ = browser.submit(&apps, apps.form("Remove access")).await.page().expect(200);
    let [login] = &*begun(log, &client) else { panic!("one login has begun") };
    let expected =
        ["authorization.begun", "login.ok", "consent.given", "code.redeemed", "app.revoked"];
    assert_eq!(events_of(log, login), expected);
}
