//! Looks after the authorization server: closes when it is gone, opens when it is back.
//!
//! Requests never do this: while it is closed they are answered at once, and a probe a second
//! finds out when that ends.

use std::{sync::Arc, time::Duration};

use ambient::Clock;

use super::{
    availability::{Availability, Watch},
    discovery,
};

/// How often a server that answers is looked at, unless a check fails.
const CALM: Duration = Duration::from_secs(10);

/// How often a server that does not answer is looked at, and at most one whose checks fail.
const EAGER: Duration = Duration::from_secs(1);

pub(super) struct Monitor {
    pub(super) issuer: String,
    pub(super) http: reqwest::Client,
    pub(super) clock: Clock,
    pub(super) watch: Watch,
}

impl Monitor {
    /// Never ends by itself.
    pub(super) async fn run(self) {
        let mut in_doubt = false;
        loop {
            let mut pause = self.look().await;
            if in_doubt {
                // Checks may fail by the thousand while the metadata is fine.
                self.clock.sleep(EAGER).await;
                pause = pause.saturating_sub(EAGER);
            }
            in_doubt = tokio::select! {
                biased;
                () = self.watch.doubted() => true,
                () = self.clock.sleep(pause) => false,
            };
        }
    }

    async fn look(&self) -> Duration {
        match discovery::fetch(&self.http, &self.issuer).await {
            Ok(server) => {
                if self.watch.found(Availability::Open(Arc::new(server))) {
                    tracing::info!(issuer = %self.issuer, "the authorization server answers");
                }
                CALM
            }
            Err(why) => {
                if self.watch.found(Availability::Closed) {
                    let issuer = &self.issuer;
                    tracing::error!(%issuer, %why, "degraded: protected requests are answered 503");
                }
                EAGER
            }
        }
    }
}
