//! What people and orchestrators see.

use testkit::http::Http;

use crate::world::world;

#[tokio::test]
async fn the_splash_page_shows_the_endpoint_and_the_tools() {
    let world = world().await;
    let page = Http::new(&world.base).get("/").await.expect(200);
    assert!(page.text().contains(&world.endpoint()));
    assert!(page.text().contains("<code>echo</code>"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.text().len() < 50 * 1024);
}

#[tokio::test]
async fn health_has_the_shape_of_the_original() {
    let world = world().await;
    let health = Http::new(&world.base).get("/health").await.expect(200).json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["services"]["mcp"], "operational");
}

#[tokio::test]
async fn a_server_that_stops_is_alive_and_not_ready() {
    let world = world().await;
    let http = Http::new(&world.base);
    drop(http.get("/readyz").await.expect(200));
    drop(http.get("/livez").await.expect(200));
    drop(http.get("/nope").await.expect(404));
}

#[tokio::test]
async fn a_browser_may_ask_before_it_calls() {
    let world = world().await;
    let http = Http::new(&world.base);
    let preflight = http
        .request(http::Method::OPTIONS, "/mcp")
        .header("origin", "http://localhost:6274")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, mcp-param-region");
    let answer = http.send(preflight).await;
    assert!(answer.status.is_success());
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:6274"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("mcp-param-region"));
}

#[tokio::test]
async fn a_page_that_may_call_can_read_why_it_was_refused() {
    let world = world().await;
    let http = Http::new(&world.base);
    let large = vec![b' '; 5 * 1024 * 1024];
    for (path, status) in [("/mcp", 413), ("/nope", 404)] {
        let request = http.request(http::Method::POST, path).header("origin", "http://localhost:6274");
        let answer = http.send(request.body(large.clone())).await;
        assert_eq!(answer.status, status);
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("http://localhost:6274"), "{path}");
    }
    let request = http.request(http::Method::GET, "/nope").header("origin", "https://evil.example");
    let answer = http.send(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
