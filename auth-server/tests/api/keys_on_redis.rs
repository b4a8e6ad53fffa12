//! Keys and signatures of several instances on a real Redis.

use ambient::{Clock, Secret, Timestamp};
use futures_util::future::join_all;
use serde_json::Value;
use store::{RedisOptions, Store};
use testkit::redis::{Namespace, namespace};

use crate::{keys::read, support::World};

const HOUR: u64 = 3600;

/// A connection of its own to the same place.
pub(crate) async fn connect(place: &Namespace) -> Store {
    let options = RedisOptions::new(Secret::new(&*place.url));
    Store::redis(&RedisOptions { namespace: place.prefix.clone(), ..options }).await.unwrap()
}

/// Servers that share nothing but Redis and the time.
async fn servers<const N: usize>() -> [World; N] {
    let place = namespace().await;
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let mut worlds = Vec::new();
    for _ in 0..N {
        let settings = [("AUTH_KEY_PERIOD", "3600"), ("AUTH_TOKEN_FORMAT", "jwt")];
        worlds.push(World::on_with(connect(&place).await, clock.clone(), &settings).await);
    }
    let Ok(worlds) = worlds.try_into() else { panic!("as many as were made") };
    worlds
}

/// What everybody who asks at once is told, which must be the same.
async fn told(worlds: &[World]) -> Vec<Value> {
    let all = (0..32).map(|number| worlds[number % worlds.len()].http.get("/jwks"));
    let all: Vec<Value> = join_all(all).await.iter().map(|answer| answer.json()).collect();
    assert!(all.iter().all(|set| *set == all[0]), "{all:?}");
    all[0]["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn of_many_who_need_the_first_key_one_makes_it() {
    let worlds = servers::<4>().await;
    assert_eq!(told(&worlds).await.len(), 1);
}

#[tokio::test]
async fn of_many_who_see_that_it_is_time_one_makes_the_next_key() {
    let worlds = servers::<4>().await;
    let first = told(&worlds).await;
    worlds[0].pass(HOUR - 300);
    let both = told(&worlds).await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    worlds[0].pass(300 + 960);
    assert_eq!(told(&worlds).await, both[1..]);
}

#[tokio::test]
async fn what_one_signs_the_other_tells_the_key_of_before_and_after_the_change() {
    let [one, other] = servers::<2>().await;
    let (app, other_app) = (one.app().await, other.app().await);
    let mut kids = Vec::new();
    for seconds in [0, HOUR - 300, 299, 1] {
        one.pass(seconds);
        for (signer, app, reader) in [(&one, &app, &other), (&other, &other_app, &one)] {
            let access = signer.tokens(app).await.access;
            let (header, _) = read(&reader.http, &access).await.unwrap();
            kids.push(header["kid"].clone());
        }
    }
    assert!(kids[..6].iter().all(|kid| *kid == kids[0]), "{kids:?}");
    assert!(kids[6..].iter().all(|kid| *kid == kids[7] && *kid != kids[0]), "{kids:?}");
}

#[tokio::test]
async fn the_private_key_does_not_lie_open_in_redis() {
    let place = namespace().await;
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let secret = ("AUTH_SECRET", "the secret of the first instance, say");
    let world = World::on_with(connect(&place).await, clock.clone(), &[secret]).await;
    let _ = world.http.get("/jwks").await.expect(200);
    let secret = ("AUTH_SECRET", "the secret of somebody else entirely");
    let stranger = World::on_with(connect(&place).await, clock, &[secret]).await;
    let app = stranger.app().await;
    let request = stranger.request(&app).with("scope", "openid mcp");
    let callback = stranger.go(&mut stranger.browser(), &request.url(), "alice").await;
    let code = testkit::oauth::query(&callback, "code").unwrap();
    let form = crate::support::redemption(&app, &request, &code);
    // Who cannot open the key cannot sign with it; that is our mistake and not the client's.
    let answer = stranger.token(&form).await;
    assert_eq!(answer.status, 500, "{answer}");
}
