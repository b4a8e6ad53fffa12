//! From every instance to every viewer: hops go out in batches over one channel, and only while a
//! viewer says on another one that he is there.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chassis::Lifecycle;
use serde::Serialize;
use store::{Delivery, StoreError};

use super::{Hop, Inner};

/// What instances have noted.
pub(super) const HOPS: &str = "mcp:flow";

/// Somebody watches.
pub(super) const WATCHED: &str = "mcp:flow:watched";

/// How long a viewer is believed to be there.
const LEASE: Duration = Duration::from_secs(12);

/// How often a viewer has to say so.
pub(crate) const STAY: Duration = Duration::from_secs(4);

/// How long hops are gathered before they go out together.
const GATHER: Duration = Duration::from_millis(50);

/// How many go out together.
const BATCH: usize = 200;

/// How long to wait before a store that is away is tried again.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Serialize)]
struct Batch<'a> {
    instance: &'a str,
    #[serde(skip_serializing_if = "is_none")]
    lost: u64,
    hops: Vec<Hop>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands members over by reference")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

pub(super) async fn run(flow: Arc<Inner>, lifecycle: Lifecycle) {
    tokio::select! {
        () = flow.listen() => {}
        () = flow.send() => {}
        () = flow.farewell(&lifecycle) => {}
        () = lifecycle.stopping() => {}
    }
    flow.tell("ends: streams go on at other instances", false);
    while !flow.is_empty() && flow.send_some().await.is_ok() {}
}

impl Inner {
    /// Looks whether somebody watches. Never ends by itself.
    async fn listen(&self) {
        loop {
            if let Ok(mut watched) = self.bus.subscribe(WATCHED).await {
                loop {
                    match self.clock.timeout(LEASE, watched.next()).await {
                        Ok(Some(Delivery::Message(_))) => {
                            self.is_watched.store(true, Ordering::Relaxed);
                        }
                        Ok(Some(Delivery::Gap)) => {
                            self.tell(
                                "hears the store again: something may have been missed",
                                true,
                            );
                        }
                        Ok(None) => break,
                        Err(_) => self.is_watched.store(false, Ordering::Relaxed),
                    }
                }
            }
            self.clock.sleep(PAUSE).await;
        }
    }

    /// Tells what was noted. Never ends by itself.
    async fn send(&self) {
        loop {
            while self.is_empty() {
                self.filled.notified().await;
            }
            self.clock.sleep(GATHER).await;
            if let Err(error) = self.send_some().await {
                tracing::debug!(%error, "nobody is told of messages");
                self.clock.sleep(PAUSE).await;
            }
        }
    }

    /// Tells some of what was noted.
    async fn send_some(&self) -> Result<(), StoreError> {
        let (hops, lost) = self.take(BATCH);
        let batch = Batch { instance: &self.instance, lost, hops };
        // Texts and numbers can be written.
        let batch = serde_json::to_string(&batch).unwrap_or_default();
        self.bus.publish(HOPS, &batch).await
    }

    /// Says that this instance begins to end. Never ends by itself.
    async fn farewell(&self, lifecycle: &Lifecycle) {
        lifecycle.leaving().await;
        self.tell("is asked to end: new work goes to other instances", false);
        std::future::pending::<()>().await;
    }
}
