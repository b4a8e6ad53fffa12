//! What the doctor looks at in Redis: whether it answers, whether we may do what we have to, and
//! whether it keeps what it is given.

use std::time::Duration;

use ambient::{Clock, Entropy};
use chassis::findings::{
    Finding::{self, Bad, Doubtful, Good},
    Redis,
};
use serde::{Deserialize, Serialize};
use store::{About, Record, Store, StoreError};

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
    let mut findings = vec![("store", answer), ("single use", trial)];
    match store.about().await {
        Ok(about) => findings.extend(about.iter().flat_map(redis)),
        Err(error) => {
            findings.push(("eviction", Doubtful(format!("INFO cannot be read: {error}"))));
        }
    }
    findings
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

/// Whether this Redis has what is needed and keeps what it is given.
fn redis(about: &About) -> [(&'static str, Finding); 3] {
    let redis = Redis {
        version: about.version.as_deref(),
        is_new_enough: about.is_at_least(6, 2),
        eviction_policy: about.eviction_policy.as_deref(),
        keeps_every_change: about.keeps_every_change,
    };
    redis.findings("clients, logins and tokens")
}
