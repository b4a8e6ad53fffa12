//! The first connection of a process that starts: Redis may be away for a moment, as in a failover
//! during which instances are restarted, and a process that ends at once is only started again.

use std::time::Duration;

use ambient::Clock;

use crate::{RedisOptions, Store, StoreError};

/// How long a process that starts waits for Redis.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

impl Store {
    /// The store of a process that starts: the Redis that is named, waited for as
    /// [`redis_patiently`](Self::redis_patiently) does, or else the memory of the process.
    ///
    /// # Errors
    /// As for [`redis`](Self::redis).
    pub async fn open(redis: Option<&RedisOptions>, clock: &Clock) -> Result<Self, StoreError> {
        match redis {
            Some(options) => Self::redis_patiently(options, clock).await,
            None => Ok(Self::memory(clock.clone())),
        }
    }

    /// Like [`redis`](Self::redis), for a process that starts: while Redis cannot be reached, it is
    /// tried again for half a minute, which the log says each time.
    ///
    /// # Errors
    /// As for [`redis`](Self::redis). What Redis refuses, such as a password, is not tried again.
    pub async fn redis_patiently(
        options: &RedisOptions,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let end = clock.now() + PATIENCE;
        loop {
            let error = match Self::redis(options).await {
                Err(error @ StoreError::Unavailable(_)) => error,
                settled => return settled,
            };
            if clock.now() + PAUSE > end {
                return Err(error);
            }
            tracing::warn!(%error, "Redis is not there yet; trying again");
            clock.sleep(PAUSE).await;
        }
    }
}
