//! A question about a token goes past the router, and one with a query does not: they are answered
//! alike.

use http::{HeaderMap, Method, StatusCode};
use testkit::http::Answer;

use crate::{
    limits::PROXY,
    support::{RESOURCE_SERVER, World},
};

const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked: content type, `Authorization` in the clear if there is one, and body.
type Asked<'a> = (&'a str, Option<&'a str>, &'a str);

async fn ask(world: &World, path: &str, (kind, credentials, body): Asked<'_>) -> Answer {
    let request = world.http.request(Method::POST, path).header("content-type", kind);
    let request = request.header("x-request-id", "one").header("x-forwarded-for", "203.0.113.7");
    let request = match credentials.and_then(|text| text.split_once(':')) {
        Some((id, secret)) => request.basic_auth(id, Some(secret)),
        None => request,
    };
    world.http.send(request.body(body.to_owned())).await
}

/// Everything of an answer but when it was given.
fn told(answer: &Answer) -> (StatusCode, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    (answer.status, headers, answer.text().to_owned())
}

#[tokio::test]
async fn both_ways_answer_alike() {
    let world = World::with(&[PROXY, ("AUTH_LIMIT_REFUSED", "100/60")]).await;
    let tokens = world.tokens(&world.app().await).await;
    let (id, secret) = RESOURCE_SERVER;
    let own = format!("{id}:{secret}");
    let (good, twice) = (format!("token={}", tokens.access), "token=a&token=a");
    let in_form = format!("{good}&client_id={id}&client_secret={}", secret.replace(' ', "+"));
    let large = format!("token={}", "x".repeat(20 * 1024));
    let table: [(u16, Asked<'_>); 11] = [
        (200, (FORM, Some(&own), &good)),
        (200, (FORM, None, &in_form)),
        (200, (FORM, Some(&own), "token=unknown")),
        (400, (FORM, Some(&own), "")),
        (400, (FORM, Some(&own), twice)),
        (400, (FORM, Some(&own), "token=%FF")),
        (400, ("application/json", Some(&own), &good)),
        (401, (FORM, None, &good)),
        (401, (FORM, Some("mcp-server:wrong"), &good)),
        (401, (FORM, Some("somebody:else"), &good)),
        (413, (FORM, Some(&own), &large)),
    ];
    for (number, (status, asked)) in table.into_iter().enumerate() {
        let past = ask(&world, "/introspect", asked).await;
        let by = ask(&world, "/introspect?x", asked).await;
        assert_eq!(past.status.as_u16(), status, "{number}: {past:?}");
        assert_eq!(told(&past), told(&by), "{number}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_counted_on_both_ways() {
    let world = World::with(&[PROXY, ("AUTH_LIMIT_REFUSED", "2/60")]).await;
    let wrong = (FORM, Some("mcp-server:wrong"), "token=x");
    for (path, status) in [("/introspect", 401), ("/introspect?x", 401), ("/introspect", 429)] {
        assert_eq!(ask(&world, path, wrong).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn an_address_that_is_too_long_is_refused_here_too() {
    let world = World::start().await;
    let path = format!("/introspect?{}", "x".repeat(9 * 1024));
    assert_eq!(ask(&world, &path, (FORM, None, "token=x")).await.status.as_u16(), 414);
}
