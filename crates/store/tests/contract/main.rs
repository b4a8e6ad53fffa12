//! One suite of promises, run on both backends; and what only a Redis can do wrong.
//!
//! Each promise is a function of a [`World`]; `contract!` makes two tests of it. The Redis half
//! needs a `redis-server` and fails without one.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod bus;
mod counter;
mod keys;
mod log;
mod model;
mod moving;
mod outage;
mod replicas;
mod ring;
mod roster;
mod rotating;
mod sealed;
mod table;
mod tally;
mod world;

use world::{Note, World};

/// Makes a test on memory and a test on Redis of each promise. After the one on Redis, no key may
/// be left that would stay for ever.
macro_rules! contract {
    ($($promise:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(crate::World::memory()).await;
            })+
        }
        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let world = crate::World::redis().await;
                let place = world.namespace().clone();
                super::$promise(world).await;
                crate::keys::all_have_a_lifetime(&place).await;
            })+
        }
    };
}
pub(crate) use contract;
