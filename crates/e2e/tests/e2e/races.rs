//! Crowds that redeem the same thing at once, over two instances on a real Redis.
//!
//! The crowds are small unless `RACES=full` is in the environment: then there are a thousand codes
//! and five hundred logins.

use std::time::Duration;

use ambient::Env;
use e2e::{Backend, Login, Setup, World};
use futures_util::future::join_all;
use testkit::{http::Answer, oauth::Tokens};

use crate::support::{redeem, standing};

/// How many redeem one code at once.
const REDEEMERS: usize = 64;

/// How many redeem one refresh token at once.
const REFRESHERS: usize = 32;

/// How large a crowd is today.
fn size(short: usize, full: usize) -> usize {
    let env = Env::process().expect("the environment can be read");
    let (size, _) = env.read(|read| read.setting("RACES", "`full` for large crowds.").optional());
    let size: Option<String> = size.expect("a text is a text");
    if size.is_some_and(|size| size == "full") { full } else { short }
}

async fn two() -> World {
    Setup::new(Backend::Redis).instances(2).clock(standing()).start().await
}

/// The same request many times at once, at both instances.
async fn crowd(world: &World, count: usize, form: &[(&'static str, String)]) -> Vec<Answer> {
    let instances = [world.auth[0].http(), world.auth[1].http()];
    join_all((0..count).map(|index| redeem(&instances[index % 2], form))).await
}

#[tokio::test]
async fn of_a_crowd_that_redeems_a_code_exactly_one_succeeds() {
    let world = two().await;
    for _ in 0..size(4, 1000) {
        let asking = world.asking().await;
        let form = asking.form(&world.walk(&asking.request.url(), "alice").await);
        let answers = crowd(&world, REDEEMERS, &form).await;
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(good.len(), 1, "{answers:?}");
        for answer in bad {
            answer.expect_oauth_error(400, "invalid_grant");
        }
        let access = Tokens::read(good[0]).access;
        assert!(!world.is_active(&access).await, "a code that was replayed leaves no token");
    }
}

/// The form that redeems the refresh token of a login.
fn refreshing(login: &Login) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", login.refresh().to_owned()),
        ("client_id", login.client.id.clone()),
    ]
}

#[tokio::test]
async fn a_crowd_that_refreshes_gets_one_pair_and_a_late_comer_ends_it() {
    let world = two().await;
    for _ in 0..size(4, 500) {
        let alice = world.login("alice").await;
        let form = refreshing(&alice);
        let answers = crowd(&world, REFRESHERS, &form).await;
        let pairs: Vec<_> = answers.iter().map(Tokens::read).collect();
        let first = &pairs[0];
        for pair in &pairs {
            assert_eq!((&pair.access, &pair.refresh), (&first.access, &first.refresh));
        }
        assert!(world.is_active(&first.access).await);
        let next = alice.oauth.refresh(&alice.client, first).await;
        assert!(world.is_active(&next.access).await, "the pair works");
        world.clock.advance(Duration::from_secs(61));
        redeem(&world.auth[1].http(), &form).await.expect_oauth_error(400, "invalid_grant");
        assert!(!world.is_active(&next.access).await, "the login has ended");
    }
}
