//! The world itself: it starts, and its parts can be stopped and cut off.

use e2e::{Backend, Setup};
use testkit::faults::Line;

#[tokio::test]
async fn every_instance_of_each_server_lives_on_either_store() {
    for backend in [Backend::Memory, Backend::Redis] {
        let world = Setup::new(backend).instances(2).start().await;
        for instance in world.auth.iter().chain(&world.mcp) {
            let http = testkit::http::Http::new(&instance.origin);
            let _ = http.get("/livez").await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_cut_line_hides_the_issuer_until_it_is_mended() {
    let world = Setup::new(Backend::Memory).start().await;
    let http = world.auth_http();
    world.auth_line.set(Line::Cut);
    let request = || http.request(http::Method::GET, "/livez");
    assert!(http.try_send(request()).await.is_err());
    world.auth_line.set(Line::Open);
    let _ = http.send(request()).await.expect(200);
}

#[tokio::test]
async fn a_stopped_instance_is_gone() {
    let mut world = Setup::new(Backend::Memory).start().await;
    let http = world.mcp_http();
    world.mcp[0].stop().await;
    let request = http.request(http::Method::GET, "/livez");
    assert!(http.try_send(request).await.is_err());
}
