//! What people and orchestrators see.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::http::Http;

use crate::world::{instance, still, world};

#[tokio::test]
async fn the_splash_page_shows_the_endpoint_and_the_tools() {
    let world = world().await;
    let page = Http::new(&world.base).get("/").await.expect(200);
    assert!(page.text().contains(&world.endpoint()));
    assert!(page.text().contains("<code>echo</code>"));
    for path in ["/mcp", "/sse", "/readyz", "/version"] {
        assert!(page.text().contains(&format!("<code>{path}</code>")), "{path}");
    }
    assert!(page.text().contains("class=\"state\""), "it serves: {page}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.text().len() < 50 * 1024);
}

#[tokio::test]
async fn the_splash_page_says_how_each_client_connects_here() {
    let world = world().await;
    let page = Http::new(&world.base).get("/").await.expect(200);
    for client in ["Claude Code", "VS Code", "Cursor", "Codex", "MCP Inspector", "mcp-remote"] {
        assert!(page.text().contains(&format!("<summary>{client}</summary>")), "{client}");
    }
    let encoded = world.endpoint().replace(':', "%3A").replace('/', "%2F").replace('.', "%2E");
    assert!(page.text().contains(&encoded), "an install link names this host");
    assert!(page.text().contains("cursor://anysphere.cursor-deeplink/mcp/install?name="));
    for revision in ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        assert!(page.text().contains(revision), "{revision}");
    }
}

/// What Chromium sends when somebody types a URL.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

#[tokio::test]
async fn a_browser_that_opens_the_endpoint_gets_the_page() {
    let world = world().await;
    let http = Http::new(&world.base);
    for path in ["/mcp", "/mcp/"] {
        let page = http.send(http.request(http::Method::GET, path).header("accept", BROWSER));
        let page = page.await.expect(200);
        assert!(page.text().starts_with("<!doctype html>"), "{page}");
        assert!(page.headers.get_all("vary").iter().any(|value| value == "accept"), "{page}");
    }
}

#[tokio::test]
async fn a_wrong_address_is_a_page_with_a_way_back_for_a_browser_and_json_for_a_program() {
    let world = world().await;
    let http = Http::new(&world.base);
    let told = "Nothing is here; the MCP endpoint is /mcp";
    let open = |accept| http.request(http::Method::GET, "/nowhere").header("accept", accept);
    let page = http.send(open(BROWSER)).await.expect(404);
    assert!(page.text().starts_with("<!doctype html>") && page.text().contains(told), "{page}");
    assert!(page.text().contains("<a href=\"/\">"), "{page}");
    let id = page.header("x-request-id").unwrap();
    assert!(page.text().contains(&format!("Request id: <code>{id}</code>")), "{page}");
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(page.headers.get_all("vary").iter().any(|value| value == "accept"), "{page}");
    for accept in ["*/*", "application/json", "text/html, text/event-stream"] {
        let error = http.send(open(accept)).await.expect(404).json();
        assert_eq!(error["error"]["message"], told, "{accept}");
    }
    let posted = http.request(http::Method::POST, "/nowhere").header("accept", BROWSER).body("");
    assert_eq!(http.send(posted).await.expect(404).json()["error"]["code"], -32600);
}

#[tokio::test]
async fn a_client_that_opens_the_endpoint_gets_no_page() {
    let world = world().await;
    let http = Http::new(&world.base);
    for accept in ["text/event-stream", "*/*", "text/html, text/event-stream"] {
        let request = http.request(http::Method::GET, "/mcp").header("accept", accept);
        drop(http.send(request).await.expect(400));
    }
    let posted = http.request(http::Method::POST, "/mcp").header("accept", BROWSER).body("");
    assert_ne!(http.send(posted).await.status.as_u16(), 200);
}

#[tokio::test]
async fn health_has_the_shape_of_the_original() {
    let world = world().await;
    let health = Http::new(&world.base).get("/health").await.expect(200).json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["services"]["mcp"], "operational");
}

#[tokio::test]
async fn health_tells_whoever_asks_whether_it_works_and_nothing_else() {
    // C18: the original told everybody how many sessions there are, and for how long it ran.
    let world = world().await;
    let http = Http::new(&world.base);
    let foreign = http.request(http::Method::GET, "/health").header("host", "evil.example.com");
    let health = http.send(foreign).await.expect(200).json();
    let words: BTreeSet<_> = health.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(words, BTreeSet::from(["authServerUrl", "services", "status", "version"]));
    drop(http.get("/sessions").await.expect(404));
}

#[tokio::test]
async fn a_server_says_that_it_lives_and_that_it_is_ready() {
    let world = world().await;
    let http = Http::new(&world.base);
    drop(http.get("/readyz").await.expect(200));
    drop(http.get("/livez").await.expect(200));
    drop(http.get("/nope").await.expect(404));
}

#[tokio::test]
async fn a_browser_may_ask_before_it_calls() {
    /// What pages send in one era or the other.
    const WANTED: [&str; 7] = [
        "authorization",
        "content-type",
        "mcp-protocol-version",
        "mcp-session-id",
        "last-event-id",
        "mcp-method",
        "mcp-param-region",
    ];
    let world = world().await;
    let http = Http::new(&world.base);
    let preflight = http
        .request(http::Method::OPTIONS, "/mcp")
        .header("origin", "http://localhost:6274")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", WANTED.join(", "));
    let answer = http.send(preflight).await;
    assert!(answer.status.is_success());
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:6274"));
    let allowed = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for wanted in WANTED {
        assert!(allowed.split(',').any(|name| name.trim() == wanted), "{wanted}: {allowed}");
    }
    let methods = answer.header("access-control-allow-methods").unwrap();
    assert!(
        ["GET", "POST", "DELETE"].into_iter().all(|method| methods.contains(method)),
        "{methods}"
    );
}

#[tokio::test]
async fn pages_of_an_origin_that_the_operator_names_may_ask_and_call_and_others_may_not() {
    let (store, clock) = still();
    let named = "https://app.example.com";
    let settings = [("MCP_AUTH", "none"), ("ALLOWED_ORIGINS", named)];
    let world = instance(&store, clock, &settings).await;
    let http = Http::new(&world.base);
    for (origin, may) in [(named, true), ("https://other.example.com", false)] {
        let preflight = http
            .request(http::Method::OPTIONS, "/mcp")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = http.send(preflight).await;
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed == Some(origin), may, "{origin}: {allowed:?}");
        let modern = world.modern();
        let call = modern.draft("tools/list", json!({})).header("origin", origin);
        let reply = modern.send(call).await;
        let reply = if may { reply.expect(200) } else { reply.expect(403) };
        let readable = reply.header("access-control-allow-origin");
        assert_eq!(readable == Some(origin), may, "{origin}: {readable:?}");
    }
}

/// What everybody may know, by everybody's page.
const DOCUMENTS: [&str; 5] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-protected-resource/sse",
    "/mcp/server-card",
    "/.well-known/ai-catalog.json",
];

#[tokio::test]
async fn every_page_may_read_the_documents_and_only_those() {
    let (store, clock) = still();
    let world = instance(&store, clock, &[("AUTH_SERVER_URL", "http://127.0.0.1:1")]).await;
    let http = Http::new(&world.base);
    let asked = |method, path, origin| http.request(method, path).header("origin", origin);
    for path in DOCUMENTS {
        for origin in ["https://evil.example", "null"] {
            let read = http.send(asked(http::Method::GET, path, origin)).await.expect(200);
            assert_eq!(read.header("access-control-allow-origin"), Some("*"), "{path}");
            let preflight = asked(http::Method::OPTIONS, path, origin)
                .header("access-control-request-method", "GET")
                .header("access-control-request-headers", "if-none-match");
            let allowed = http.send(preflight).await.expect(200);
            assert_eq!(allowed.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(allowed.header("access-control-allow-headers"), Some("if-none-match"));
        }
        let rebound = http.request(http::Method::GET, path).header("host", "evil.example");
        drop(http.send(rebound).await.expect(403));
    }
    for path in ["/", "/mcp", "/playground"] {
        drop(http.send(asked(http::Method::GET, path, "https://evil.example")).await.expect(403));
    }
    // It is not known yet: that is said to a page as well.
    let issuers = "/.well-known/oauth-authorization-server";
    let answer = http.send(asked(http::Method::GET, issuers, "https://evil.example")).await;
    assert_eq!(answer.expect(503).header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_page_can_read_which_session_it_has_got() {
    let world = world().await;
    let opening = world.opening().draft().header("origin", "http://localhost:6274");
    let reply = world.opening().send(opening).await.expect(200);
    assert!(reply.header("mcp-session-id").is_some());
    let readable = reply.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
    assert!(readable.contains("mcp-session-id"), "{readable}");
}

#[tokio::test]
async fn a_page_that_may_call_can_read_why_it_was_refused() {
    let world = world().await;
    let http = Http::new(&world.base);
    let large = 5 * 1024 * 1024;
    for (path, length, status) in [("/mcp", large, 413), ("/nope", 1, 404)] {
        let request =
            http.request(http::Method::POST, path).header("origin", "http://localhost:6274");
        let answer = http.send(request.body(vec![b' '; length])).await;
        assert_eq!(answer.status, status);
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("http://localhost:6274"), "{path}");
    }
    let request = http.request(http::Method::GET, "/nope").header("origin", "https://evil.example");
    let answer = http.send(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn the_playground_runs_our_scripts_only_and_calls_only_whom_it_must() {
    let world = world().await;
    let page = Http::new(&world.base).get("/playground").await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    let called = policy.split("connect-src ").nth(1).unwrap();
    assert_eq!(called, format!("'self' {}", world.base.trim_end_matches('/')), "no others");
    for file in ["page.js", "mcp.js", "oauth.js", "forms.js", "playground.css"] {
        let answer = Http::new(&world.base).get(&format!("/playground/{file}")).await.expect(200);
        let kind = if file.ends_with("js") { "text/javascript" } else { "text/css" };
        assert!(answer.header("content-type").unwrap().starts_with(kind), "{answer}");
    }
    drop(Http::new(&world.base).get("/playground/other.js").await.expect(404));
}

#[tokio::test]
async fn the_card_says_what_discovery_says_and_the_catalogue_where_the_card_is() {
    let world = world().await;
    let http = Http::new(&world.base);
    let catalogue = http.get("/.well-known/ai-catalog.json").await.expect(200);
    assert_eq!(catalogue.header("content-type"), Some("application/ai-catalog+json"));
    let catalogue: Value = serde_json::from_slice(&catalogue.body).unwrap();
    let place = catalogue["entries"][0]["url"].as_str().unwrap();
    assert_eq!(catalogue["entries"][0]["type"], "application/mcp-server-card+json");
    let card = http.get(place).await.expect(200);
    assert_eq!(card.header("content-type"), Some("application/mcp-server-card+json"));
    let told: Value = serde_json::from_slice(&card.body).unwrap();
    assert_eq!(told["remotes"][0]["url"], world.endpoint());
    let reply = world.modern().call("server/discover", json!({})).await;
    let found = reply.result();
    assert_eq!(told["remotes"][0]["supportedProtocolVersions"], found["supportedVersions"]);
    let info = &found["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(told["version"], info["version"]);
    assert!(told["name"].as_str().unwrap().ends_with(info["name"].as_str().unwrap()), "{told}");
    let tag = card.header("etag").unwrap();
    let again = http.request(http::Method::GET, place).header("if-none-match", tag);
    assert!(http.send(again).await.expect(304).body.is_empty());
}

#[tokio::test]
async fn what_an_operator_switches_off_is_not_there() {
    let (store, clock) = still();
    let off = [("MCP_AUTH", "none"), ("MCP_PLAYGROUND", "0"), ("MCP_SERVER_CARD", "0")];
    let world = instance(&store, clock, &off).await;
    let http = Http::new(&world.base);
    for path in
        ["/playground", "/playground/page.js", "/mcp/server-card", "/.well-known/ai-catalog.json"]
    {
        drop(http.get(path).await.expect(404));
    }
    assert!(!http.get("/").await.expect(200).text().contains("playground"));
}
