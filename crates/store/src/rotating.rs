//! `Rotating`: a random value that all instances share, and that changes every so often.
//!
//! It is random and not computed, so that instances need no secret in common for it: whichever needs
//! a new one first makes it, and the others take that.

use std::{marker::PhantomData, time::Duration};

use ambient::{Entropy, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Record, Store, StoreError, Table};

/// What kind of value it is.
pub trait Rotates: Send + Sync + 'static {
    /// What its keys begin with; the number of a stretch of time follows.
    const PREFIX: &'static str;
    /// How long a value is handed out. It is recognised for as long again.
    const EVERY: Duration;
}

/// The values of one kind.
#[derive(Debug)]
pub struct Rotating<R: Rotates>(Table<Issued<R>>);

/// How old a value is that somebody has brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It is handed out now.
    Current,
    /// It was handed out in the stretch before: there is a newer one.
    Previous,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "", transparent)]
struct Issued<R> {
    value: String,
    #[serde(skip)]
    of: PhantomData<fn() -> R>,
}

impl<R: Rotates> Record for Issued<R> {
    const PREFIX: &'static str = R::PREFIX;
}

impl<R: Rotates> Rotating<R> {
    pub(crate) fn new(store: &Store) -> Self {
        Self(store.table())
    }

    /// The value of this moment: 128 bits in hexadecimal. Of several instances that need a new one,
    /// one makes it.
    ///
    /// # Errors
    /// Only when the store fails.
    pub async fn current(&self, now: Timestamp, entropy: &Entropy) -> Result<String, StoreError> {
        let name = stretch::<R>(now).to_string();
        if let Some(issued) = self.0.get(&name).await? {
            return Ok(issued.value);
        }
        let made = Issued { value: entropy.hex::<16>(), of: PhantomData };
        // Clocks of instances may differ a little, so it is kept a stretch longer than it counts.
        if self.0.claim(&name, &made, R::EVERY.saturating_mul(3)).await? {
            return Ok(made.value);
        }
        // Should the winner's end just now, ours is not recognised, and whoever has it asks again.
        Ok(self.0.get(&name).await?.unwrap_or(made).value)
    }

    /// How old `value` is; none if it is nobody's or was handed out longer ago.
    ///
    /// # Errors
    /// Only when the store fails.
    pub async fn age(&self, value: &str, now: Timestamp) -> Result<Option<Age>, StoreError> {
        let this = stretch::<R>(now);
        let stretches = [(this, Age::Current), (this.saturating_sub(1), Age::Previous)];
        for (number, age) in stretches {
            let issued = self.0.get(&number.to_string()).await?;
            if issued.is_some_and(|issued| issued.value == value) {
                return Ok(Some(age));
            }
        }
        Ok(None)
    }
}

/// The number of the stretch of time that `now` is in.
fn stretch<R: Rotates>(now: Timestamp) -> u64 {
    now.as_secs() / R::EVERY.as_secs().max(1)
}
