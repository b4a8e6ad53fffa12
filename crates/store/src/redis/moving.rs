//! A slot of a cluster on its way to another node.
//!
//! The node that is asked for a key it has given away says so (`MOVED`, `ASK`) and does nothing. So
//! the command may be given again, once the client has looked where the slots are. It is done here
//! and not by the client: that has one number of attempts for this and for a connection that broke
//! under a command, which nobody may send again; and where a slot is half on its way it reads the
//! answer to `ASKING` before those to commands that were sent earlier, and so mixes them up.

use std::{future::Future, time::Duration};

use ambient::Clock;
use fred::{
    clients::Client,
    error::{Error, ErrorKind},
};

use super::Redis;
use crate::error::{Action, StoreError};

/// The pause before the second attempt, when the client knows of the move but the nodes may not be
/// done with it, and the longest between later ones, each twice the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(32));

/// What the client makes of a redirection, told not to follow any.
pub(super) fn is_redirection(error: &Error) -> bool {
    *error.kind() == ErrorKind::Routing
}

impl Redis {
    /// Makes an attempt on a connection that is up, and further ones as long as it is redirected and
    /// a command may take.
    pub(super) async fn settled<'a, T, F>(
        &'a self,
        action: Action,
        attempt: impl Fn(&'a Client) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let clock = Clock::system();
        let mut moving = None;
        loop {
            match attempt(self.client(action)?).await {
                Err(error) if is_redirection(&error) => {
                    let (watch, pause) =
                        moving.get_or_insert_with(|| (clock.stopwatch(), PAUSES.0));
                    if watch.elapsed() >= self.command_timeout {
                        return Err(self.explain(action, &error));
                    }
                    clock.sleep(*pause).await;
                    *pause = PAUSES.1.min(*pause * 2);
                }
                done => return done.map_err(|error| self.explain(action, &error)),
            }
        }
    }
}
