//! The keys that this server signs with: one ring in the store, shared by every instance.
//!
//! Nobody runs a job for it. Whoever needs a key reads the ring again if his copy is a few seconds
//! old, makes the first key if there is none and the next one if it is time; the store decides who
//! was first. Decision 0013 tells the life of a key.

mod algorithm;
mod ring;
mod seal;
mod settings;
mod signing_key;

use std::{
    convert::Infallible,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ambient::{Clock, Entropy, Timestamp};
use serde::Serialize;
use store::{Record, Store, StoreError, Table, UpdateError};

pub use self::{algorithm::SigningAlgorithm, settings::SigningKeys};
use self::{
    ring::Entry,
    signing_key::{SigningKey, sign},
};
pub(crate) use self::{
    ring::{KeySet, Phase, Policy, Ring},
    seal::Sealer,
};

/// The name of the only record.
const RING: &str = "ring";

/// How long an instance goes on with what it has read. A new key is published long before it signs,
/// so nobody ever signs with a key that another instance does not publish.
const FRESH: Duration = Duration::from_secs(5);

/// How long public keys are still told while the store is away: as long as caches keep `/jwks`.
const STALE: Duration = Duration::from_mins(5);

/// The ring is forgotten when nobody has needed it for this long.
const KEEP: Duration = Duration::from_hours(400 * 24);

impl Record for Ring {
    const PREFIX: &'static str = "auth:keys:";
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the signing key cannot be opened: it was sealed with another AUTH_SECRET")]
    Sealed,
    #[error("the cryptographic library has failed")]
    Crypto,
}

/// How keys change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The next key is published now and signs when every cache knows it; the old one stays as long
    /// as its signatures count.
    Planned,
    /// The keys are not trusted any more: a new one signs now, all others are gone.
    Compromised,
}

/// The signing keys.
pub(crate) struct Keys {
    table: Table<Ring>,
    sealer: Sealer,
    policy: Policy,
    clock: Clock,
    entropy: Entropy,
    known: Mutex<Option<(Ring, Timestamp)>>,
    /// One at a time asks the store.
    asking: tokio::sync::Mutex<()>,
}

impl Keys {
    /// The keys in `store`.
    pub(crate) fn new(
        store: &Store,
        sealer: Sealer,
        policy: Policy,
        (clock, entropy): (Clock, Entropy),
    ) -> Self {
        let (known, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { table: store.table(), sealer, policy, clock, entropy, known, asking }
    }

    /// The public keys (RFC 7517), the next one included.
    pub(crate) async fn public(&self) -> Result<KeySet, KeyError> {
        let ring = match self.ring().await {
            Err(KeyError::Store(error)) => self.known(STALE).ok_or(KeyError::Store(error)),
            ring => ring,
        };
        Ok(ring?.public(self.clock.now()))
    }

    /// A JWT of this type (RFC 7515), signed by the key whose time it is.
    pub(crate) async fn sign(
        &self,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<String, KeyError> {
        let ring = self.ring().await?;
        let entry = ring.signing(self.clock.now()).ok_or(KeyError::Crypto)?;
        let der = self.sealer.open(&entry.kid, &entry.sealed).ok_or(KeyError::Sealed)?;
        sign(entry, &der, typ, claims)
    }

    /// The algorithms that signatures are made with, as far as this instance knows.
    pub(crate) fn algorithms(&self) -> Vec<SigningAlgorithm> {
        let known = self.known(KEEP).unwrap_or_default();
        let mut algorithms = vec![self.policy.algorithm];
        for entry in known.entries() {
            if !algorithms.contains(&entry.algorithm) {
                algorithms.push(entry.algorithm);
            }
        }
        algorithms
    }

    /// The keys with the phase of their life, the oldest first.
    pub(crate) async fn list(&self) -> Result<Vec<(Entry, Phase)>, KeyError> {
        let (ring, now) = (self.ring().await?, self.clock.now());
        Ok(ring.entries().iter().map(|entry| (entry.clone(), ring.phase(entry, now))).collect())
    }

    /// Whether there is any key yet.
    pub(crate) async fn is_begun(&self) -> Result<bool, KeyError> {
        Ok(self.table.get(RING).await?.is_some())
    }

    /// Whether the key that signs now can be opened.
    pub(crate) async fn check(&self) -> Result<(), KeyError> {
        self.sign("check", &()).await.map(drop)
    }

    /// Changes keys now. A planned change that is under way already is left alone.
    pub(crate) async fn rotate(&self, how: Rotation) -> Result<(), KeyError> {
        // So that there is one to be changed.
        self.ring().await?;
        let next = self.make().await?;
        let policy = self.policy;
        let changed = self.table.update(RING, |ring| {
            let now = self.clock.now();
            Ok::<_, Infallible>(match how {
                Rotation::Planned => ring.rotated(next.clone(), policy, now),
                Rotation::Compromised => Ring::begun_with(next.clone(), now),
            })
        });
        self.learn(changed.await.map_err(store_error)?);
        tracing::info!(?how, "signing keys changed");
        Ok(())
    }

    /// The ring as it is, or was a few seconds ago.
    async fn ring(&self) -> Result<Ring, KeyError> {
        if let Some(ring) = self.known(FRESH) {
            return Ok(ring);
        }
        let _turn = self.asking.lock().await;
        if let Some(ring) = self.known(FRESH) {
            return Ok(ring);
        }
        let ring = match self.table.get_and_keep(RING, KEEP).await? {
            None => self.begin().await?,
            Some(ring) if ring.is_due(self.policy, self.clock.now()) => self.tend().await?,
            Some(ring) => ring,
        };
        self.learn(Some(ring.clone()));
        Ok(ring)
    }

    /// Makes the first key, unless another instance is faster.
    async fn begin(&self) -> Result<Ring, KeyError> {
        let ring = Ring::begun_with(self.make().await?, self.clock.now());
        if self.table.claim(RING, &ring, KEEP).await? {
            tracing::info!("the first signing key was made");
            return Ok(ring);
        }
        Ok(self.table.get(RING).await?.unwrap_or(ring))
    }

    /// Publishes the next key, unless another instance is faster.
    async fn tend(&self) -> Result<Ring, KeyError> {
        let next = self.make().await?;
        let policy = self.policy;
        let tended = self.table.update(RING, |ring| {
            let now = self.clock.now();
            let is_due = ring.is_due(policy, now);
            let ring = if is_due { ring.rotated(next.clone(), policy, now) } else { ring };
            Ok::<_, Infallible>(ring)
        });
        let tended = tended.await.map_err(store_error)?;
        tracing::info!("the next signing key is published");
        tended.map_or_else(|| Err(KeyError::Crypto), Ok)
    }

    /// A new key. Off the async threads: an RSA key takes a good part of a second.
    async fn make(&self) -> Result<Entry, KeyError> {
        let algorithm = self.policy.algorithm;
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
        let key = made.map_err(|_| KeyError::Crypto)??;
        let sealed = self.sealer.seal(&key.kid, &key.der, &self.entropy);
        Ok(Entry::new(key, sealed, self.clock.now()))
    }

    fn known(&self, age: Duration) -> Option<Ring> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (ring, read_at) = known.as_ref()?;
        (self.clock.now() < *read_at + age).then(|| ring.clone())
    }

    fn learn(&self, ring: Option<Ring>) {
        let now = self.clock.now();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = ring.map(|ring| (ring, now));
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("policy", &self.policy).finish_non_exhaustive()
    }
}

fn store_error(error: UpdateError<Infallible>) -> StoreError {
    match error {
        UpdateError::Store(error) => error,
        UpdateError::Change(never) => match never {},
    }
}

#[cfg(test)]
mod tests;
