//! The flow page: what one instance does is seen at another, and nothing of what was said.

use std::{net::Ipv4Addr, time::Duration};

use ambient::Clock;
use axum::Router;
use chassis::{
    Limits,
    client::{Timeouts, http_client},
};
use serde_json::{Value, json};
use store::Store;
use testkit::{as_time_passes, http::Http};
use tokio::net::TcpListener;

use crate::{
    provider::Mood,
    providers::scene,
    world::{World, instance, world},
};

const ON: [(&str, &str); 2] = [("MCP_AUTH", "none"), ("MCP_FLOW", "1")];

/// Somebody who watches at an instance.
struct Viewer {
    response: reqwest::Response,
    seen: String,
}

impl Viewer {
    async fn at(world: &World) -> Self {
        let limit = Duration::from_mins(1);
        let http = http_client("viewer", Timeouts { connect: limit, total: limit }).unwrap();
        let response = http.get(format!("{}/flow/events", world.base)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response, seen: String::new() }
    }

    /// Reads on until all of this was seen.
    async fn until(&mut self, all: &[&str]) {
        while !all.iter().all(|text| self.seen.contains(text)) {
            self.more().await;
        }
    }

    /// Reads what comes next.
    async fn more(&mut self) {
        let chunk = testkit::within(testkit::PATIENCE, self.response.chunk()).await;
        let chunk = chunk.unwrap().unwrap_or_else(|| panic!("only {}", self.seen));
        self.seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }

    /// Every hop, with its instance.
    fn hops(&self) -> Vec<Value> {
        let batches = self.seen.lines().filter_map(|line| line.strip_prefix("data: "));
        let batches = batches.map(|text| serde_json::from_str::<Value>(text).unwrap());
        batches.flat_map(|batch| batch["hops"].as_array().unwrap().clone()).collect()
    }
}

async fn two_shown() -> (World, World) {
    let clock = Clock::system();
    let store = Store::memory(clock.clone());
    (instance(&store, clock.clone(), &ON).await, instance(&store, clock, &ON).await)
}

#[tokio::test]
async fn nothing_is_shown_where_the_page_is_off() {
    let http = world().await;
    for path in ["/flow", "/flow/events", "/flow/flow.js"] {
        let _ = Http::new(&http.base).get(path).await.expect(404);
    }
}

#[tokio::test]
async fn the_page_is_small_and_runs_no_script_but_its_own() {
    let (here, _) = two_shown().await;
    let http = Http::new(&here.base);
    let page = http.get("/flow").await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let files = [http.get("/flow/flow.js").await, http.get("/flow/flow.css").await];
    let size: usize = files.into_iter().map(|file| file.expect(200).body.len()).sum();
    assert!(page.body.len() + size < 50 * 1024);
}

#[tokio::test]
async fn every_number_of_lanes_is_drawn_side_by_side() {
    let (here, _) = two_shown().await;
    let css = Http::new(&here.base).get("/flow/flow.css").await.expect(200);
    // Without an instance there are three: clients, store, authorization. More than twelve share.
    for lanes in 3..=12 {
        for part in ["lanes", "track"] {
            assert!(css.text().contains(&format!(".{part}.lanes-{lanes} {{")), "{part} {lanes}");
        }
    }
}

#[tokio::test]
async fn what_one_instance_does_is_seen_at_another_without_what_was_said() {
    let (here, there) = two_shown().await;
    let mut viewer = Viewer::at(&here).await;
    let modern = there.modern();
    // Other instances learn a moment later that somebody watches.
    while !viewer.seen.contains("tools/call echo") {
        let _ = modern.tool("echo", json!({ "message": "a secret" })).await.expect(200);
        viewer.more().await;
    }
    viewer.until(&["\"what\":\"result: complete\""]).await;
    let hops = viewer.hops();
    let of = |what: &str| {
        let hop = hops.iter().find(|hop| hop["what"] == what).unwrap();
        hop["request"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("tools/call echo"), of("result: complete"), "both are of one request");
    assert!(!viewer.seen.contains("a secret"), "{}", viewer.seen);
}

#[tokio::test]
async fn a_session_that_crosses_is_one_digest_on_both() {
    let (here, there) = two_shown().await;
    let session = here.session().await;
    let mut viewer = Viewer::at(&here).await;
    let elsewhere = session.at(&there.endpoint());
    let instances = |viewer: &Viewer| {
        let names = viewer.seen.split("\"instance\":\"").skip(1).map(|rest| rest[..4].to_owned());
        names.collect::<std::collections::BTreeSet<_>>().len()
    };
    while instances(&viewer) < 2 {
        let _ = session.tool("echo", json!({ "message": "x" })).await.expect(200);
        let _ = elsewhere.tool("echo", json!({ "message": "x" })).await.expect(200);
        viewer.more().await;
    }
    let hops = viewer.hops();
    let sessions: Vec<_> = hops.iter().filter_map(|hop| hop["session"].as_str()).collect();
    assert!(!sessions.is_empty() && sessions.iter().all(|one| *one == sessions[0]), "{sessions:?}");
    assert!(!viewer.seen.contains(session.id.as_deref().unwrap()));
}

#[tokio::test]
async fn what_a_stream_says_belongs_to_the_request_that_opened_it() {
    let (here, _) = two_shown().await;
    let session = here.session().await;
    let mut viewer = Viewer::at(&here).await;
    while !viewer.seen.contains("notifications/progress") {
        let params = json!({ "name": "report", "arguments": {} });
        let call = session.draft("tools/call", params).meta("progressToken", json!(7));
        let _ = session.send(call).await.expect(200);
        viewer.more().await;
    }
    let hops = viewer.hops();
    let told = hops.iter().find(|hop| hop["what"] == "notifications/progress").unwrap();
    let is_call = |hop: &&Value| hop["kind"] == "request" && hop["request"] == told["request"];
    let call = hops.iter().find(is_call).unwrap();
    assert_eq!(call["what"], "tools/call report");
}

#[tokio::test]
async fn what_an_instance_asks_of_the_server_beside_it_is_not_shown_as_a_clients() {
    let (here, _there) = two_shown().await;
    let beside = Router::new().fallback(|| async { "hello" });
    let (beside, lifecycle) = (here.server.showing(beside), here.lifecycle.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    here.lifecycle.spawn(async move {
        chassis::serve(listener, beside, Limits::default(), &lifecycle).await.unwrap();
    });
    let own = concat!("mcp-server/", env!("CARGO_PKG_VERSION"));
    let own = http_client(own, Timeouts::default()).unwrap();
    let other = http_client("a client", Timeouts::default()).unwrap();
    let mut viewer = Viewer::at(&here).await;
    while !viewer.seen.contains("GET /token") {
        own.get(format!("{base}/introspect")).send().await.unwrap();
        other.get(format!("{base}/token")).send().await.unwrap();
        viewer.more().await;
    }
    assert!(!viewer.seen.contains("/introspect"), "{}", viewer.seen);
}

#[tokio::test]
async fn an_instance_that_ends_says_so_to_who_watches_at_another() {
    let (here, there) = two_shown().await;
    let mut viewer = Viewer::at(&here).await;
    while !viewer.seen.contains("tools/call echo") {
        let _ = there.modern().tool("echo", json!({ "message": "x" })).await.expect(200);
        viewer.more().await;
    }
    there.lifecycle.leave().await;
    viewer.until(&["is asked to end", "ends: streams go on"]).await;
    let state = |hop: &&Value| hop["kind"] == "state";
    let states: Vec<_> = viewer.hops().iter().filter(state).cloned().collect();
    assert!(states.iter().all(|hop| hop["from"] == hop["to"] && hop.get("failed").is_none()));
}

#[tokio::test]
async fn an_authorization_server_that_goes_and_comes_is_seen() {
    let scene = scene(&[("MCP_FLOW", "1")]).await;
    let (clock, step) = (scene.world.clock.clone(), Duration::from_millis(100));
    let mut viewer = Viewer::at(&scene.world).await;
    while !viewer.seen.contains("tools/list") {
        assert_eq!(scene.status("good").await, 200);
        as_time_passes(&clock, step, viewer.more()).await;
    }
    scene.provider.set(|script| script.metadata = Mood::Status(500));
    scene.available(false).await;
    let away = "does not reach the authorization server: 503";
    as_time_passes(&clock, step, viewer.until(&[away])).await;
    scene.provider.set(|script| script.metadata = Mood::Well);
    scene.available(true).await;
    as_time_passes(&clock, step, viewer.until(&["\"reaches the authorization server\""])).await;
    let hops = viewer.hops();
    let trouble = hops.iter().find(|hop| hop["kind"] == "state" && hop["failed"] == true);
    assert_eq!(trouble.unwrap()["what"], away);
}
