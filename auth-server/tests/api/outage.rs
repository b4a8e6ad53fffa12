//! A store that is away is told as that, and nobody loses a token or a registration over it.

use ambient::{Clock, Secret, Timestamp};
use http::Method;
use serde_json::json;
use store::{RedisOptions, Store};
use testkit::{http::Answer, redis::RedisServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{CALLBACK, RESOURCE_SERVER, World, redemption, refreshing};

async fn world(server: &RedisServer) -> World {
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    World::on(store, Clock::system()).await
}

#[track_caller]
fn check(answer: &Answer) {
    answer.expect_oauth_error(503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn programs_are_told_to_try_again() {
    let mut server = RedisServer::start().await;
    let world = world(&server).await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    let tokens = world.tokens(&client).await;
    server.kill();
    check(&world.token(&redemption(&client, &request, &code)).await);
    check(&world.token(&refreshing(&client, tokens.refresh.as_deref().unwrap())).await);
    check(&world.register(&json!({"redirect_uris": [CALLBACK]})).await);
    let form = [("token", &*tokens.access), ("client_id", &client.id)];
    check(&world.http.post_form("/revoke", &form).await);
    let question = world.http.request(Method::POST, "/introspect");
    let question = question.basic_auth(RESOURCE_SERVER.0, Some(RESOURCE_SERVER.1));
    check(&world.http.send(question.form(&[("token", &tokens.access)])).await);
}

#[tokio::test]
async fn people_are_told_on_a_page() {
    let mut server = RedisServer::start().await;
    let world = world(&server).await;
    let request = world.request(&world.app().await);
    server.kill();
    let page = world.browser().open(&request.url()).await.page().expect(503);
    assert_eq!(page.header("retry-after"), Some("1"));
    assert!(page.text().contains("Not available right now"), "{page}");
}

#[tokio::test]
async fn the_server_itself_stays_up_and_is_not_ready() {
    let mut server = RedisServer::start().await;
    let world = world(&server).await;
    server.kill();
    assert_eq!(world.http.get("/health").await.expect(200).json()["status"], "degraded");
    let _ = world.http.get("/livez").await.expect(200);
    let _ = world.http.get("/readyz").await.expect(503);
    let _ = world.http.get("/.well-known/oauth-authorization-server").await.expect(200);
}

#[tokio::test]
async fn public_keys_are_still_told_and_nothing_is_signed() {
    let mut server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let world = World::on(store, clock).await;
    let told = world.http.get("/jwks").await.expect(200).json();
    server.kill();
    world.pass(299);
    assert_eq!(world.http.get("/jwks").await.expect(200).json(), told);
    world.pass(1);
    check(&world.http.get("/jwks").await);
    let userinfo = world.http.request(Method::GET, "/userinfo");
    let token = "mcpa_z9XnvHZ8rHNPru0bA38tVcPq30kGJZ5ebVOCNe4bDzbmjyh91";
    check(&world.http.send(userinfo.bearer_auth(token)).await);
}

/// What this Redis answers.
async fn tell(server: &RedisServer, commands: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    stream.write_all(format!("{commands}\r\nQUIT\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Says which names of this Redis may be written. All may be read; a command that does both needs one
/// pattern that allows both.
pub(crate) async fn allow_writing(server: &RedisServer, pattern: &str) {
    let commands = format!("ACL SETUSER default resetkeys %R~* %RW~{pattern}\r\nACL LOG RESET");
    assert_eq!(tell(server, &commands).await, "+OK\r\n+OK\r\n+OK\r\n");
}

/// The only names that somebody wanted to write and must not.
async fn denied(server: &RedisServer) -> Vec<String> {
    let log = tell(server, "ACL LOG").await;
    let objects = log.split("\r\nobject\r\n").skip(1);
    objects.map(|rest| rest.lines().nth(1).unwrap().to_owned()).collect()
}

/// The new tokens of a refresh are written at once, and counted only when both are there.
#[tokio::test]
async fn of_two_tokens_that_cannot_both_be_kept_none_is_told() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let client = world.app().await;
    let refresh = world.tokens(&client).await.refresh.unwrap();
    for (pattern, lacking) in
        [("auth:[^i]*", "auth:installation:"), ("auth:[^r]*", "auth:refresh:")]
    {
        allow_writing(&server, pattern).await;
        let refused = world.refresh(&client, &refresh).await;
        assert!(refused.status.is_server_error(), "{pattern}: {refused}");
        assert!(!refused.text().contains("token\""), "{pattern}: {refused}");
        let denied = denied(&server).await;
        let [name] = &*denied else { panic!("one name lacks: {denied:?}") };
        assert!(name.starts_with(lacking), "{name}");
    }
    allow_writing(&server, "*").await;
    let tokens = world.refresh(&client, &refresh).await.expect(200).json();
    assert!(world.is_active(tokens["access_token"].as_str().unwrap()).await);
}

/// A code is spent in one step, and what fails before or after it costs nobody a login.
#[tokio::test]
async fn a_code_that_cannot_be_redeemed_now_can_be_redeemed_later() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    let redemption = redemption(&client, &request, &code);
    for (pattern, lacking) in [
        ("auth:[^i]*", "auth:installation:"),
        ("auth:[^r]*", "auth:refresh:"),
        ("auth:[^f]*", "auth:family:"),
    ] {
        allow_writing(&server, pattern).await;
        let refused = world.token(&redemption).await;
        assert!(refused.status.is_server_error(), "{pattern}: {refused}");
        let denied = denied(&server).await;
        assert!(denied.iter().all(|name| name.starts_with(lacking)), "{denied:?}");
        assert!(!denied.is_empty(), "{pattern}");
    }
    // What is left to do when it is spent can fail: the client has its tokens.
    allow_writing(&server, "auth:[^e]*").await;
    let tokens = world.token(&redemption).await.expect(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    assert!(world.is_active(access).await);
    assert!(denied(&server).await.iter().all(|name| name.starts_with("auth:exch:")));
    // And it is spent: who comes again ends what came of it.
    allow_writing(&server, "*").await;
    world.token(&redemption).await.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(access).await);
}
