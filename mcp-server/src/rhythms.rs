//! What is told again and again, as a stream sends it: the one way from [`Beats`] to the wire.
//!
//! A stream has one of these, waits for [`next`](Rhythms::next) beside everything else, passes on
//! what it has [`heard`](Rhythms::heard), and sends the [`notes`](Rhythms::notes). When the stream
//! ends, so does all of it.

use std::sync::Arc;

use mcp_core::{Beats, Change, Due, Principal, Told};
use shared::mcp::{LogLevel, ServerNotification};

use crate::{Server, session::SessionId, subscriptions::Wish};

/// The rhythms of one stream.
pub(crate) struct Rhythms(Beats);

impl Rhythms {
    /// Those of a session, or of a caller who has none.
    pub(crate) fn of(server: &Server, principal: &Principal, session: Option<&SessionId>) -> Self {
        let (clock, entropy) = (server.clock().clone(), server.entropy().clone());
        let principal = Arc::new(principal.clone());
        Self(server.features().beats(server.lent(session), principal, clock, entropy))
    }

    /// Looks again at what is switched on, if a change is about it; nothing means that one may have
    /// been missed.
    pub(crate) fn heard(&mut self, change: Option<&Change>) {
        self.0.heard(change);
    }

    /// When something is to be told. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Due {
        self.0.next().await
    }

    /// What is told then. `least` is the level from which on log messages are wanted: in a session
    /// what the client has set, or `Debug` before it has; without one there are none.
    pub(crate) fn notes(
        &self,
        due: Due,
        wish: &Wish,
        least: Option<LogLevel>,
    ) -> Vec<ServerNotification> {
        let told = self.0.told(due, &wish.watched);
        let note = |told| match told {
            Told::Log(params) => {
                let is_wanted = least.is_some_and(|least| params.level >= least);
                is_wanted.then_some(ServerNotification::Log(params))
            }
            Told::Updated(uri) => wish.note(&Change::Resource(uri)),
        };
        told.into_iter().filter_map(note).collect()
    }
}
