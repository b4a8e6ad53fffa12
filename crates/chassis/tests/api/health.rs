//! What an orchestrator asks.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ambient::Entropy;
use axum::Router;
use chassis::{
    Health, Limits, Unwell,
    telemetry::{Service, Telemetry, TelemetrySettings},
};
use serde_json::json;

use crate::support::Server;

async fn server(with_checks: impl FnOnce(Health) -> Health) -> Server {
    Server::with(Limits::default(), |lifecycle, _| {
        Router::new().merge(with_checks(Health::new(lifecycle)).router())
    })
    .await
}

#[tokio::test]
async fn a_process_whose_checks_succeed_is_ready() {
    let server = server(|health| health.add("store", async || Ok::<_, String>(()))).await;
    let answer = server.get("/readyz").await;
    assert_eq!((answer.status(), answer.json()), (200, json!({ "status": "ready" })));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_failed_check_is_named_and_does_not_end_the_life() {
    let server = server(|health| {
        health.add("good", async || Ok::<_, String>(())).add("store", async || Err("not reachable"))
    })
    .await;
    let answer = server.get("/readyz").await;
    let reasons = json!({ "store": "not reachable" });
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json(), json!({ "status": "not_ready", "reasons": reasons }));
    assert_eq!(server.get("/livez").await.status(), 200);
}

#[tokio::test]
async fn a_check_that_does_not_answer_fails() {
    let server = server(|health| health.add("store", pending::<Result<(), String>>)).await;
    let mut connection = server.connect().await;
    connection.send("GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    let answer = connection.answer();
    tokio::pin!(answer);
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer,
            () = tokio::task::yield_now() => server.clock.advance(Duration::from_millis(100)),
        }
    };
    assert_eq!(answer.json()["reasons"]["store"], "no answer within 1000 ms");
}

#[tokio::test]
async fn what_was_there_within_five_seconds_counts_as_there() {
    let is_well = Arc::new(AtomicBool::new(false));
    let check = Arc::clone(&is_well);
    let server = server(|health| {
        health.add_lately("store", move || {
            let is_well = check.load(Ordering::Relaxed);
            async move { is_well.then_some(()).ok_or("not reachable") }
        })
    })
    .await;
    let status = async || server.get("/readyz").await.status();
    assert_eq!(status().await, 503, "it was never there");
    is_well.store(true, Ordering::Relaxed);
    assert_eq!(status().await, 200);
    is_well.store(false, Ordering::Relaxed);
    server.clock.advance(Duration::from_millis(4999));
    assert_eq!(status().await, 200);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(status().await, 503);
    is_well.store(true, Ordering::Relaxed);
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn what_is_there_is_noticed_between_two_probes() {
    let (is_well, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let check = (Arc::clone(&is_well), Arc::clone(&asked));
    let server = server(|health| {
        health.add_lately("store", move || {
            check.1.fetch_add(1, Ordering::Relaxed);
            let is_well = check.0.load(Ordering::Relaxed);
            async move { is_well.then_some(()).ok_or("not reachable") }
        })
    })
    .await;
    let status = async || server.get("/readyz").await.status();
    assert_eq!(status().await, 200);
    // A probe every thirty seconds, and nobody else asks.
    for _ in 0..20 {
        let before = asked.load(Ordering::Relaxed);
        server.clock.advance(Duration::from_millis(1500));
        let mut turns = 0;
        while asked.load(Ordering::Relaxed) == before {
            turns += 1;
            assert!(turns < 10_000, "nobody looks");
            tokio::task::yield_now().await;
        }
    }
    is_well.store(false, Ordering::Relaxed);
    assert_eq!(status().await, 200, "it was there a moment ago");
    server.clock.advance(Duration::from_secs(5));
    assert_eq!(status().await, 503);
}

#[tokio::test]
async fn readiness_is_a_metric() {
    let settings = TelemetrySettings { metrics_on_main_port: true, ..TelemetrySettings::off() };
    let service = Service { name: "test", version: "1" };
    let telemetry =
        Telemetry::new(service, &settings, &Entropy::seeded(1)).expect("it can be made");
    let is_well = Arc::new(AtomicBool::new(true));
    let check = Arc::clone(&is_well);
    let server = Server::with(Limits::default(), |lifecycle, _| {
        let health = Health::new(lifecycle).add("store", move || {
            let is_well = check.load(Ordering::Relaxed);
            async move { is_well.then_some(()).ok_or("not reachable") }
        });
        let health = health.measured(telemetry.metrics(), "test");
        Router::new().merge(health.router()).merge(telemetry.main_port())
    })
    .await;
    for (well, told) in [(true, " 1"), (false, " 0"), (true, " 1")] {
        is_well.store(well, Ordering::Relaxed);
        let scrape = server.get("/metrics").await;
        let line = scrape.body.lines().find(|line| line.starts_with("server_ready{"));
        assert!(line.is_some_and(|line| line.ends_with(told)), "{line:?}");
    }
}

#[tokio::test]
async fn a_stopping_process_is_draining_and_alive() {
    let server = server(|health| health).await;
    let (mut ready, mut live) = (server.connect().await, server.connect().await);
    // Half sent, so that the connections are busy when the stop comes.
    ready.send("GET /readyz HTTP/1.1\r\n").await;
    live.send("GET /livez HTTP/1.1\r\n").await;
    server.get("/livez").await;
    server.lifecycle.stop();
    ready.send("Host: test\r\n\r\n").await;
    live.send("Host: test\r\n\r\n").await;
    let answer = ready.answer().await;
    assert_eq!((answer.status(), answer.json()), (503, json!({ "status": "draining" })));
    assert_eq!(live.answer().await.status(), 200);
}

#[tokio::test]
async fn the_check_of_a_container_tells_ready_from_alive_and_from_gone() {
    let server = server(|health| health.add("store", async || Err::<(), _>("gone"))).await;
    let (host, port) = (server.address.ip(), server.address.port());
    assert!(chassis::healthcheck(host, port, true).await.is_ok());
    let unready = chassis::healthcheck(host, port, false).await.unwrap_err();
    assert!(matches!(&unready, Unwell::Refused { status: 503, body, .. } if body.contains("gone")));
    let everywhere = std::net::Ipv4Addr::UNSPECIFIED.into();
    assert!(chassis::healthcheck(everywhere, port, true).await.is_ok());
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let silent = chassis::healthcheck(address.ip(), address.port(), true).await.unwrap_err();
    assert!(matches!(silent, Unwell::Silent { .. }));
}
