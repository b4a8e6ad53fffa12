//! Clients that are known by a document of theirs.

mod apart;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ambient::Clock;
use axum::{Router, extract::State, http::StatusCode, response::IntoResponse};
use chassis::{Lifecycle, Limits, serve};
use serde_json::{Value, json};
use testkit::{
    browser::Page,
    oauth::{Client, Tokens, query},
};
use tokio::net::TcpListener;

use crate::support::{CALLBACK, World, redemption, refreshing};

/// What a host answers, and how often it was asked.
struct Answers {
    status: u16,
    body: String,
    /// How often it answers 404 before that.
    away: usize,
    asked: usize,
}

/// A host with a document.
pub(crate) struct Host {
    pub(crate) url: String,
    answers: Arc<Mutex<Answers>>,
    lifecycle: Lifecycle,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

impl Host {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/client.json", listener.local_addr().unwrap());
        let document = document(&url).to_string();
        let answers =
            Arc::new(Mutex::new(Answers { status: 200, body: document, away: 0, asked: 0 }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&answers));
        let lifecycle = Lifecycle::new(Clock::system(), Duration::ZERO);
        let life = lifecycle.clone();
        lifecycle.spawn(async move {
            serve(listener, router, Limits::default(), &life).await.unwrap();
        });
        Self { url, answers, lifecycle }
    }

    pub(crate) fn client(&self) -> Client {
        Client {
            id: self.url.clone(),
            secret: None,
            redirect_uri: CALLBACK.to_owned(),
            registration: Value::Null,
        }
    }

    pub(crate) fn set(&self, status: u16, document: &Value) {
        let mut answers = self.answers.lock().unwrap();
        answers.status = status;
        answers.body = document.to_string();
    }

    /// Has no document so many times.
    pub(crate) fn lose(&self, times: usize) {
        self.answers.lock().unwrap().away = times;
    }

    pub(crate) fn asked(&self) -> usize {
        self.answers.lock().unwrap().asked
    }
}

async fn answer(State(answers): State<Arc<Mutex<Answers>>>) -> impl IntoResponse {
    let mut answers = answers.lock().unwrap();
    answers.asked += 1;
    let headers = [("content-type", "application/json"), ("cache-control", "max-age=600")];
    let is_away = answers.away > 0;
    answers.away = answers.away.saturating_sub(1);
    let status = if is_away { 404 } else { answers.status };
    (StatusCode::from_u16(status).unwrap(), headers, answers.body.clone())
}

fn document(url: &str) -> Value {
    json!({ "client_id": url, "client_name": "Good Client", "redirect_uris": [CALLBACK] })
}

async fn world() -> World {
    World::with(&[("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await
}

/// What a person sees who comes with this client.
pub(crate) async fn open(world: &World, client: &Client) -> Page {
    world.browser().open(&world.request(client).url()).await.page()
}

#[tokio::test]
async fn a_document_is_as_good_as_a_registration() {
    let (world, host) = (world().await, Host::start().await);
    let client = host.client();
    let tokens = world.tokens(&client).await;
    let told = world.introspect(&tokens.access).await;
    assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!(client.id)));
    let refreshed = world.refresh(&client, &tokens.refresh.unwrap()).await;
    assert!(world.is_active(&Tokens::read(&refreshed).access).await);
    let form = [("token", &*tokens.access), ("client_id", &client.id)];
    let _ = world.http.post_form("/revoke", &form).await.expect(200);
    assert!(!world.is_active(&tokens.access).await);
}

#[tokio::test]
async fn consent_leads_with_the_host_and_not_with_the_name() {
    let (world, host) = (world().await, Host::start().await);
    let mut evil = document(&host.url);
    evil["client_name"] = json!("<b>Claude</b>");
    host.set(200, &evil);
    let page = open(&world, &host.client()).await.expect(200);
    let shown = page.text();
    let authority = &host.url["http://".len()..host.url.len() - "/client.json".len()];
    let lead = shown.find(&format!("{authority} wants access")).unwrap();
    assert!(lead < shown.find("<b>Claude</b>").unwrap(), "{shown}");
    assert!(shown.contains("Any program on this computer"), "{shown}");
}

#[tokio::test]
async fn one_fetch_serves_all_until_it_is_old() {
    let (world, host) = (world().await, Host::start().await);
    let client = host.client();
    let _ = tokio::join!(open(&world, &client), open(&world, &client), open(&world, &client));
    world.pass(599);
    let _ = open(&world, &client).await.expect(200);
    assert_eq!(host.asked(), 1);
    world.pass(1);
    let _ = open(&world, &client).await.expect(200);
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn only_a_person_makes_the_server_fetch() {
    let (world, host) = (world().await, Host::start().await);
    let client = host.client();
    let answer = world.token(&refreshing(&client, "mcpr_x")).await;
    answer.expect_oauth_error(401, "invalid_client");
    let form = [("token", "mcpa_x"), ("client_id", &*client.id)];
    let _ = world.http.post_form("/revoke", &form).await.expect(401);
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn a_document_with_a_mistake_is_a_page_and_no_redirect() {
    let (world, host) = (world().await, Host::start().await);
    let changes = [
        ("client_id", json!("https://other.example/")),
        ("client_secret", json!("hunter2")),
        ("redirect_uris", json!(["javascript:alert(1)"])),
        ("token_endpoint_auth_method", json!("client_secret_post")),
    ];
    for (name, value) in changes {
        let mut wrong = document(&host.url);
        wrong[name] = value;
        host.set(200, &wrong);
        world.pass(30);
        let page = open(&world, &host.client()).await.expect(400);
        assert!(page.text().contains("does not say what it is"), "{name}: {page}");
    }
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_in_the_document_gets_nothing() {
    let (world, host) = (world().await, Host::start().await);
    let client = Client { redirect_uri: "https://evil.example/cb".to_owned(), ..host.client() };
    let page = open(&world, &client).await.expect(400);
    assert!(page.text().contains("not registered"), "{page}");
}

#[tokio::test]
async fn that_there_is_no_document_is_known_for_half_a_minute() {
    let (world, host) = (world().await, Host::start().await);
    host.set(404, &json!({}));
    let _ = open(&world, &host.client()).await.expect(400);
    host.set(200, &document(&host.url));
    world.pass(29);
    let _ = open(&world, &host.client()).await.expect(400);
    assert_eq!(host.asked(), 2, "a second time before it counts, and not again");
    world.pass(1);
    let _ = open(&world, &host.client()).await.expect(200);
}

#[tokio::test]
async fn a_document_that_is_missing_once_withdraws_nobody() {
    let (world, host) = (world().await, Host::start().await);
    let client = host.client();
    let tokens = world.tokens(&client).await;
    world.pass(600);
    host.lose(1);
    let _ = open(&world, &client).await.expect(200);
    let _ = world.refresh(&client, &tokens.refresh.unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_host_that_is_away_takes_nothing_back_for_a_day() {
    let (world, host) = (world().await, Host::start().await);
    let client = host.client();
    let _ = open(&world, &client).await.expect(200);
    host.set(503, &json!({}));
    world.pass(24 * 3600 - 1);
    let _ = open(&world, &client).await.expect(200);
    world.pass(1);
    let visit = world.http.get(&world.request(&client).url()).await.expect(503);
    assert!(visit.text().contains("Reload this page in half a minute"), "{visit}");
    assert_eq!(visit.header("retry-after"), Some("30"));
}

#[tokio::test]
async fn a_client_that_its_host_withdraws_is_out() {
    for status in [404, 410] {
        let (world, host) = (world().await, Host::start().await);
        let client = host.client();
        let tokens = world.tokens(&client).await;
        host.set(status, &json!({}));
        world.pass(600);
        let _ = open(&world, &client).await.expect(400);
        let refused = world.refresh(&client, &tokens.refresh.unwrap()).await;
        refused.expect_oauth_error(401, "invalid_client");
    }
}

#[tokio::test]
async fn a_client_that_is_withdrawn_while_its_user_is_asked_is_not_let_in() {
    let (world, host) = (world().await, Host::start().await);
    let (client, mut browser) = (host.client(), world.browser());
    let _ = open(&world, &client).await.expect(200);
    world.pass(300);
    let consent = browser.open(&world.request(&client).url()).await.page().expect(200);
    world.pass(300);
    host.set(404, &json!({}));
    let _ = open(&world, &client).await.expect(400);
    let login = crate::support::approve(&mut browser, &consent).await.page().expect(200);
    let password = crate::support::PASSWORD;
    let end = crate::support::sign_in(&mut browser, &login, "alice", password).await.page();
    assert!(end.expect(400).text().contains("has been withdrawn"));
    host.set(200, &document(&host.url));
    world.pass(60);
    let tokens = world.tokens(&client).await;
    assert!(world.is_active(&tokens.access).await, "its host says it again");
}

#[tokio::test]
async fn what_a_document_says_later_does_not_change_what_the_user_saw() {
    let (world, host) = (world().await, Host::start().await);
    let (client, mut browser) = (host.client(), world.browser());
    let request = world.request(&client);
    let consent = browser.open(&request.url()).await.page().expect(200);
    let mut other = document(&host.url);
    other["client_name"] = json!("Another name");
    other["grant_types"] = json!(["authorization_code"]);
    host.set(200, &other);
    world.pass(599);
    let login = crate::support::approve(&mut browser, &consent).await.page().expect(200);
    let password = crate::support::PASSWORD;
    let end = crate::support::sign_in(&mut browser, &login, "alice", password).await.callback();
    let code = query(&end, "code").unwrap();
    let tokens = Tokens::read(&world.token(&redemption(&client, &request, &code)).await);
    assert!(tokens.refresh.is_some() && host.asked() == 1);
}

#[tokio::test]
async fn private_addresses_and_plain_http_are_out_of_reach() {
    let (world, host) = (World::start().await, Host::start().await);
    let secure = host.url.replace("http:", "https:");
    let named = secure.replace("127.0.0.1", "localhost");
    for id in [&host.url, &secure, &named] {
        let client = Client { id: id.clone(), ..host.client() };
        let _ = open(&world, &client).await.expect(400);
    }
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn a_host_that_is_not_on_the_list_is_not_asked() {
    let host = Host::start().await;
    let private = ("AUTH_CIMD_ALLOW_PRIVATE", "1");
    let world = World::with(&[private, ("AUTH_CIMD_HOSTS", "claude.ai")]).await;
    let _ = open(&world, &host.client()).await.expect(400);
    assert_eq!(host.asked(), 0);
    let world = World::with(&[private, ("AUTH_CIMD_HOSTS", "claude.ai, 127.0.0.1")]).await;
    let _ = open(&world, &host.client()).await.expect(200);
}
