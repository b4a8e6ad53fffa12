//! Faults that somebody has asked for: they happen as often as was asked, to whom, and then no more.

use std::time::Duration;

use ambient::{Clock, Entropy};
use axum::{
    Router,
    body::{Body, Bytes},
    http::header,
    routing::{get, post},
};
use chassis::{Dress, Limits, dress, faults::Faults};
use futures_util::stream;

use crate::support::{Answer, Server};

/// Two events with a comment between them.
const EVENTS: [&str; 3] = ["event: one\ndata: 1\n\n", ": still here\n\n", "data: 2\n\n"];

async fn events() -> impl axum::response::IntoResponse {
    let events = stream::iter(EVENTS.map(|event| Ok::<_, std::io::Error>(Bytes::from(event))));
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events))
}

fn router(clock: &Clock) -> Router {
    let faults = Faults::new(&[("own", "One of this server.")], None, None, clock.clone());
    let work = Router::new()
        .route("/", get(async || "hello"))
        .route("/call", post(async || "called"))
        .route("/stream", get(events));
    let router = faults.around(work).merge(faults.router());
    dress(router, Dress::new(clock.clone(), Entropy::seeded(1)))
}

async fn server() -> Server {
    Server::with(Limits::default(), |_, clock| router(clock)).await
}

async fn send(server: &Server, verb: &str, path: &str, lines: &str, body: &str) -> Answer {
    let mut connection = server.connect().await;
    let length = body.len();
    let head = format!("{verb} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n");
    let json = "Content-Type: application/json\r\n";
    connection.send(&format!("{head}{json}{lines}\r\n{body}")).await;
    connection.answer().await
}

async fn plan(server: &Server, body: &str) -> Answer {
    send(server, "POST", "/debug/faults", "", body).await
}

#[tokio::test]
async fn a_status_is_given_as_often_as_asked_after_those_that_are_spared() {
    let server = server().await;
    let wish = r#"{"fault": "status", "skip": 1, "times": 2, "status": 429, "retry_after": 7}"#;
    assert_eq!(plan(&server, wish).await.status(), 201);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = server.get("/").await;
        seen.push((answer.status(), answer.header("retry-after").map(str::to_owned)));
    }
    let refused = (429, Some("7".to_owned()));
    assert_eq!(seen, [(200, None), refused.clone(), refused, (200, None)]);
}

#[tokio::test]
async fn a_plan_is_about_the_requests_that_it_names() {
    let server = server().await;
    let named =
        r#"[{"fault": "status", "method": "tools/call"}, {"fault": "redirect", "path": "/"}]"#;
    assert_eq!(plan(&server, named).await.status(), 201);
    let other = send(&server, "POST", "/call", "", r#"{"method": "ping"}"#).await;
    assert_eq!((other.status(), other.body.as_str()), (200, "called"));
    let call = send(&server, "POST", "/call", "", r#"{"method": "tools/call"}"#).await;
    assert_eq!((call.status(), call.header("x-fault")), (503, Some("status")));
    let moved = server.get("/").await;
    assert_eq!((moved.status(), moved.header("location")), (308, Some("/")));
}

#[tokio::test]
async fn a_delay_lasts_until_its_time_has_passed() {
    let server = server().await;
    plan(&server, r#"{"fault": "delay", "milliseconds": 5000}"#).await;
    let mut waiting = server.connect().await;
    waiting.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    while server.get("/debug/faults").await.json()["planned"] != serde_json::json!([]) {}
    server.clock.advance(Duration::from_secs(5));
    assert_eq!(waiting.answer().await.body, "hello");
}

#[tokio::test]
async fn a_stream_is_cut_or_ended_after_so_many_events() {
    let server = server().await;
    for (fault, is_orderly) in [("cut_stream", false), ("end_stream", true)] {
        plan(&server, &format!(r#"{{"fault": "{fault}", "after_events": 1}}"#)).await;
        let mut connection = server.connect().await;
        let request = "GET /stream HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
        connection.send(request).await;
        let seen = connection.rest().await;
        assert!(seen.contains("data: 1") && !seen.contains("data: 2"), "{seen}");
        assert_eq!(seen.ends_with("0\r\n\r\n"), is_orderly, "{fault}: {seen}");
    }
}

#[tokio::test]
async fn an_answer_is_lost_or_garbled_after_the_work_is_done() {
    let server = server().await;
    plan(&server, r#"[{"fault": "lose_answer"}, {"fault": "garble"}]"#).await;
    assert_eq!(server.get("/").await.status(), 502);
    let mut connection = server.connect().await;
    connection.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await;
    let garbled = connection.rest().await;
    assert!(garbled.starts_with("HTTP/1.1 200") && garbled.contains("not JSON"), "{garbled}");
}

#[tokio::test]
async fn what_is_planned_is_shown_and_can_be_forgotten() {
    let server = server().await;
    plan(&server, r#"{"fault": "status"}"#).await;
    let shown = server.get("/debug/faults").await.json();
    assert_eq!(shown["planned"][0]["fault"], "status");
    assert_eq!(shown["faults"]["own"], "One of this server.");
    assert_eq!(send(&server, "DELETE", "/debug/faults", "", "").await.status(), 204);
    assert_eq!(server.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_plan_that_is_wrong_is_told_what_there_is() {
    let server = server().await;
    for (wrong, word) in [
        (r#"{"fault": "statsu"}"#, "stall_stream, own"),
        (r#"{"fault": "status", "times": 0}"#, "times"),
        (r#"{"fault": "status", "status": 200}"#, "400"),
        (r#"{"fault": "delay", "seconds": 2}"#, "seconds"),
        (r#"{"fault": "delay", "milliseconds": 600001}"#, "600000"),
        ("nonsense", ""),
    ] {
        let answer = plan(&server, wrong).await;
        assert!(answer.status() == 400 && answer.body.contains(word), "{wrong}: {answer:?}");
    }
}

#[tokio::test]
async fn pages_in_browsers_plan_nothing_and_plans_are_bounded() {
    let server = server().await;
    let wish = r#"{"fault": "status", "path": "/never"}"#;
    let page = "Origin: https://evil.example\r\n";
    assert_eq!(send(&server, "POST", "/debug/faults", page, wish).await.status(), 403);
    let many = format!("[{}]", vec![wish; 64].join(","));
    assert_eq!(plan(&server, &many).await.status(), 201);
    assert_eq!(plan(&server, wish).await.status(), 409);
}
