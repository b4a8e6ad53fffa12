//! What the doctor looks at in Redis: whether it answers, whether we may do what we have to, and
//! whether it keeps what it is given.

use std::time::Duration;

use ambient::{Clock, Entropy};
use chassis::findings::Finding::{self, Bad, Doubtful, Good};
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError};

/// The one way for Redis to be full that loses nothing: clients and tokens must not be thrown away.
const NO_EVICTION: &str = "noeviction";

/// Half of what a command may take before requests are answered 503.
const SLOW: Duration = Duration::from_millis(250);

/// Something to be written, found and removed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trial {}

impl Record for Trial {
    const PREFIX: &'static str = "auth:doctor:";
}

/// Everything about the store.
pub(super) async fn look_at(store: &Store, entropy: &Entropy) -> Vec<(&'static str, Finding)> {
    let watch = Clock::system().stopwatch();
    let answered = store.ping().await;
    let took = watch.elapsed();
    let millis = took.as_millis();
    let answer = match answered {
        Ok(()) if took > SLOW => Doubtful(format!("Redis answers, but only within {millis} ms")),
        Ok(()) => Good(format!("Redis answers within {millis} ms")),
        Err(error) => return vec![("store", Bad(error.to_string()))],
    };
    let trial = match is_single(store, &entropy.hex::<16>()).await {
        Ok(true) => Good("a record is claimed once and taken once".to_owned()),
        Ok(false) => Bad("a record was there twice, or not at all; is this one Redis?".to_owned()),
        Err(error) => {
            Bad(format!("{error}; may this user of Redis do everything with keys of `auth:*`?"))
        }
    };
    vec![("store", answer), ("single use", trial), ("eviction", eviction(store).await)]
}

/// What codes and refresh tokens rely on.
async fn is_single(store: &Store, name: &str) -> Result<bool, StoreError> {
    let table = store.table::<Trial>();
    let keep = Duration::from_secs(10);
    let claimed = table.claim(name, &Trial {}, keep).await?;
    let again = table.claim(name, &Trial {}, keep).await?;
    let taken = table.take(name).await?;
    let gone = table.take(name).await?;
    Ok(claimed && !again && taken.is_some() && gone.is_none())
}

async fn eviction(store: &Store) -> Finding {
    let policy = store.about().await.map(|about| about.and_then(|about| about.eviction_policy));
    match policy {
        Ok(Some(policy)) if policy == NO_EVICTION => Good("Redis throws nothing away".to_owned()),
        Ok(Some(policy)) => Bad(format!(
            "maxmemory-policy is {policy}: Redis throws clients and tokens away when it is full; \
             set it to {NO_EVICTION}"
        )),
        Ok(None) => Doubtful("Redis does not tell its maxmemory-policy".to_owned()),
        Err(error) => Doubtful(format!("maxmemory-policy cannot be read: {error}")),
    }
}
