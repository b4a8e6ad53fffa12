//! What is fetched and from where, what is kept, and for whom.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use mcp_core::{Answered, Catalog, Change, Refusal, Web, WebError, testing::Asker};
use serde_json::{Value, json};
use shared::mcp::Method;

use crate::features::{
    App,
    fetch::{Rules, add_to},
};

/// A web of a few pages.
struct Pages;

impl Web for Pages {
    fn get<'a>(&'a self, url: &'a str, most: usize) -> BoxFuture<'a, Result<Answered, WebError>> {
        let answer = match url {
            "https://example.com/a" => Ok(Answered::Content(Bytes::from_static(b"hello"))),
            "https://example.com/moved" => Ok(Answered::Moved("/a".to_owned())),
            "https://example.com/away" => Ok(Answered::Moved("http://127.0.0.1/secret".to_owned())),
            "https://example.com/file" => Ok(Answered::Moved("file:///etc/passwd".to_owned())),
            "https://example.com/round" => Ok(Answered::Moved("/round".to_owned())),
            "https://example.com/large" => Err(WebError::TooLarge { most }),
            "https://example.com/private" => Err(WebError::OutOfReach),
            "https://example.com/missing" => Ok(Answered::Status(404)),
            other => panic!("nobody may ask {other}"),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Callers of a server that may fetch from these hosts.
fn callers(hosts: &[&str]) -> [Asker; 2] {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let rules = || Rules { hosts: hosts.clone(), ..Rules::default() };
    let app = || App { fetching: rules(), ..App::default() };
    Asker::both(|| add_to(Catalog::new()), app).map(|asker| asker.web(Arc::new(Pages)))
}

async fn zip(asker: &Asker, name: &str, data: &str) -> Value {
    asker.call("gzip-file-as-resource", json!({ "name": name, "data": data })).await
}

async fn blob(asker: &Asker, uri: &str) -> Result<Value, Refusal> {
    let result = asker.ask(Method::ReadResource, json!({ "uri": uri })).await?;
    Ok(result["contents"][0]["blob"].clone())
}

async fn listed(asker: &Asker) -> Value {
    let result = asker.ask(Method::ListResources, json!({})).await.unwrap();
    result["resources"].as_array().unwrap().iter().map(|one| one["uri"].clone()).collect()
}

fn why(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().unwrap()
}

const HELLO: &str = "H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==";

#[tokio::test]
async fn a_file_is_linked_or_embedded_as_in_the_original() {
    for asker in callers(&[]) {
        let uri = "demo://resource/session/b.gz";
        let link = json!({ "type": "resource_link", "uri": uri, "name": "b.gz", "mimeType": "application/gzip" });
        assert_eq!(zip(&asker, "b.gz", "data:,hello").await["content"], json!([link]));
        assert_eq!(blob(&asker, uri).await.unwrap(), HELLO);
        let arguments = json!({ "name": "b.gz", "data": "data:,hello", "outputType": "resource" });
        let result = asker.call("gzip-file-as-resource", arguments).await;
        let resource = json!({ "uri": uri, "mimeType": "application/gzip", "blob": HELLO });
        assert_eq!(result["content"][0]["resource"], resource);
    }
}

#[tokio::test]
async fn a_file_of_the_same_name_replaces_that_of_the_same_owner_only() {
    // E2: the original took away what another session had under that name.
    for asker in callers(&[]) {
        let uri = "demo://resource/session/same.gz";
        zip(&asker, "same.gz", "data:,hello").await;
        let others = [asker.user("bob"), asker.session("other").user("carol")];
        for other in &others {
            assert!(blob(other, uri).await.is_err());
            zip(other, "same.gz", "data:,two").await;
        }
        assert_eq!(blob(&asker, uri).await.unwrap(), HELLO);
        assert_eq!(blob(&others[0], uri).await.unwrap(), "H4sIAAAAAAAAAyspzwcAZorKEQMAAAA=");
        zip(&asker, "same.gz", "data:,two").await;
        assert_eq!(blob(&asker, uri).await.unwrap(), "H4sIAAAAAAAAAyspzwcAZorKEQMAAAA=");
    }
}

#[tokio::test]
async fn a_file_of_any_name_can_be_read() {
    // E13: the original listed this one and could not read it.
    for asker in callers(&[]) {
        let result = zip(&asker, "../../x y?#", "data:,hello").await;
        let uri = result["content"][0]["uri"].as_str().unwrap();
        assert_eq!(uri, "demo://resource/session/..%2F..%2Fx%20y%3F%23");
        assert_eq!(blob(&asker, uri).await.unwrap(), HELLO);
    }
}

#[tokio::test]
async fn a_name_that_is_a_step_in_a_path_is_none() {
    for asker in callers(&[]) {
        for name in [".", ".."] {
            assert_eq!(zip(&asker, name, "data:,hello").await["isError"], true, "{name}");
        }
        assert!(zip(&asker, "...", "data:,hello").await.get("isError").is_none());
    }
}

#[tokio::test]
async fn a_session_lists_its_files_and_a_list_without_sessions_stays_as_it_is() {
    let [legacy, modern] = callers(&[]);
    for asker in [&legacy, &modern] {
        for name in ["a", "b", "a"] {
            zip(asker, name, "data:,hello").await;
        }
    }
    let expected = json!(["demo://resource/session/b", "demo://resource/session/a"]);
    assert_eq!(listed(&legacy).await, expected);
    assert_eq!(listed(&legacy.session("other")).await, json!([]));
    assert_eq!(listed(&modern).await, json!([]));
}

#[tokio::test]
async fn who_watches_is_told_of_a_new_file_and_nobody_else() {
    for asker in callers(&[]) {
        zip(&asker, "a.gz", "data:,hello").await;
        let mut expected = vec![Change::Resource("demo://resource/session/a.gz".to_owned())];
        expected.extend(asker.session_id().map(|_| Change::Resources));
        assert_eq!(asker.announced(), expected);
        zip(&asker, "a.gz", "data:,hello").await;
        assert_eq!(asker.user("bob").announced(), []);
    }
}

#[tokio::test]
async fn names_of_files_are_completed() {
    for asker in callers(&[]) {
        for name in ["a.gz", "b.gz"] {
            zip(&asker, name, "data:,hello").await;
        }
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "demo://resource/session/{name}" },
            "argument": { "name": "name", "value": "a" },
        });
        let suggested = asker.ask(Method::Complete, params).await.unwrap();
        assert_eq!(suggested["completion"]["values"], json!(["a.gz"]));
    }
}

#[tokio::test]
async fn only_the_last_eight_files_are_kept() {
    let [asker, _] = callers(&[]);
    for n in 0..10 {
        zip(&asker, &n.to_string(), "data:,hello").await;
    }
    assert_eq!(listed(&asker).await.as_array().unwrap().len(), 8);
    assert!(blob(&asker, "demo://resource/session/1").await.is_err());
}

#[tokio::test]
async fn a_session_among_many_of_one_caller_keeps_its_files() {
    // E2: without authorization everybody is one caller, and the fifth took the files of the first.
    let [asker, _] = callers(&[]);
    let sessions = (1..=32).map(|n| asker.session(&n.to_string()));
    let sessions: Vec<_> = sessions.collect();
    for session in &sessions {
        zip(session, "same.gz", "data:,hello").await;
    }
    for session in &sessions {
        assert_eq!(blob(session, "demo://resource/session/same.gz").await.unwrap(), HELLO);
    }
}

/// Callers of a server with these rules.
fn under(rules: &Rules) -> [Asker; 2] {
    let app = || App { fetching: rules.clone(), ..App::default() };
    Asker::both(|| add_to(Catalog::new()), app)
}

#[tokio::test]
async fn no_more_is_taken_than_the_operator_lets() {
    for asker in under(&Rules { most: 5, ..Rules::default() }) {
        assert!(zip(&asker, "a", "data:,hello").await.get("isError").is_none());
        let more = zip(&asker, "a", "data:,hello!").await;
        assert!(why(&more).ends_with("There are more than 5 bytes."), "{more}");
    }
}

/// A web that does not answer.
struct Silent;

impl Web for Silent {
    fn get<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<Answered, WebError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_host_is_waited_for_no_longer_than_the_operator_lets() {
    let patience = Duration::from_millis(700);
    let rules = Rules { hosts: vec!["example.com".to_owned()], patience, ..Rules::default() };
    for asker in under(&rules) {
        let asker = asker.web(Arc::new(Silent));
        let (begun, clock) = (asker.clock().now(), asker.clock().clone());
        let late = zip(&asker, "a", "https://example.com/a").await;
        assert!(why(&late).ends_with("It took more than 700 ms."), "{late}");
        assert_eq!(clock.now().since(begun), patience);
    }
}

#[tokio::test]
async fn who_writes_a_space_into_an_address_is_told_how_to_write_it() {
    for asker in callers(&[]) {
        let told = zip(&asker, "a", "data:,hello world").await;
        assert!(why(&told).contains("percent-encoded"), "{told}");
        assert!(zip(&asker, "a", "data:,hello%20world").await.get("isError").is_none());
    }
}

#[tokio::test]
async fn nothing_is_fetched_from_a_host_that_is_not_allowed() {
    // E3: the original fetched from loopback, and left its list of hosts at the first redirect.
    for asker in callers(&["example.com"]) {
        let loopback = zip(&asker, "a", "http://127.0.0.1:39117/secret").await;
        assert!(why(&loopback).contains("Domain 127.0.0.1 is not in the allowed"));
        let away = zip(&asker, "a", "https://example.com/away").await;
        assert!(why(&away).contains("Domain 127.0.0.1 is not in the allowed"));
        let private = zip(&asker, "a", "https://example.com/private").await;
        assert!(why(&private).contains("not on the public Internet"));
    }
    for asker in callers(&[]) {
        let any = zip(&asker, "a", "https://example.com/a").await;
        assert!(why(&any).contains("Domain example.com is not in the allowed"));
    }
}

#[tokio::test]
async fn what_an_allowed_host_has_is_fetched_wherever_it_is_on_it() {
    for asker in callers(&["example.com"]) {
        for path in ["a", "moved"] {
            zip(&asker, path, &format!("https://example.com/{path}")).await;
            let uri = format!("demo://resource/session/{path}");
            assert_eq!(blob(&asker, &uri).await.unwrap(), HELLO);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_told_with_its_reason() {
    let cases = [
        ("ftp://x/y", "Unsupported URL protocol for ftp://x/y. Only http, https, and data"),
        ("https://example.com/file", "Unsupported URL protocol for file:///etc/passwd"),
        ("https://example.com/round", "more than 3 redirects"),
        ("https://example.com/large", "more than 10485760 bytes"),
        ("https://example.com/missing", "status 404"),
        ("data:nothing", "malformed"),
    ];
    for asker in callers(&["example.com"]) {
        for (data, reason) in cases {
            let result = zip(&asker, "a", data).await;
            let start = format!("Error processing file {data}: ");
            assert!(why(&result).starts_with(&start) && why(&result).contains(reason), "{result}");
        }
        assert_eq!(zip(&asker, "a", "zzz").await["isError"], true);
        assert_eq!(zip(&asker, "", "data:,x").await["isError"], true);
    }
}

#[tokio::test]
async fn a_name_looks_like_what_it_is() {
    for asker in callers(&[]) {
        for wrong in ["a\0.gz", "a\nb.gz", "a\u{202e}zg.exe", "\u{85}", "\u{feff}a", "a\u{2069}"] {
            assert!(why(&zip(&asker, wrong, "data:,hello").await).contains("control characters"));
        }
        assert_eq!(listed(&asker).await, json!([]));
        assert!(zip(&asker, "ä 文 مرحبا.gz", "data:,hello").await.get("isError").is_none());
    }
}
