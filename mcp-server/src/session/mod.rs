//! Sessions, as revisions until 2025-11-25 have them: records in the store, not actors.
//!
//! Any instance serves any request of a session. What belongs to one instance is only a call in
//! progress: its cancellation ([`calls`]) and the questions it has put to the client ([`live`]).

pub(crate) mod calls;
mod control;
pub(crate) mod live;
mod record;
mod table;

pub(crate) use control::Control;
pub(crate) use record::SessionId;
pub(crate) use table::{ENDED, Session, Sessions, WATCHED, WatchError};
