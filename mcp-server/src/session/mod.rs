//! Sessions, as revisions until 2025-11-25 have them: records in the store, not actors.
//!
//! Any instance serves any request of a session. What belongs to one instance is only a call in
//! progress: its cancellation ([`calls`]) and the questions it has put to the client ([`live`]).
//! What a call says goes through its [`voice`] into the log of its stream ([`streams`]), where any
//! instance can read it.

pub(crate) mod calls;
mod control;
pub(crate) mod instances;
mod keeper;
pub(crate) mod live;
mod near;
pub(crate) mod quota;
pub(crate) mod readers;
mod record;
mod seeker;
pub(crate) mod streams;
mod table;
pub(crate) mod voice;

pub(crate) use control::Control;
pub(crate) use instances::Instances;
pub(crate) use keeper::{Keeper, Looked};
pub(crate) use near::Near;
pub(crate) use quota::OpenError;
pub use quota::SessionLimits;
pub(crate) use record::{Owner, SessionId, SessionRecord, Transport};
pub(crate) use seeker::Seeker;
pub(crate) use table::{ENDED, Session, Sessions, Terms, WATCHED, WatchError};
