//! Real processes, real faults, and what came of them in numbers.
//!
//! A [`site::Site`] is a deployment on this machine. A [`load::Load`] or a [`probe::Probe`] is what
//! its clients do meanwhile, [`history`] what they must have seen.
//! [`fresh`] replaces their tokens. A [`torrent`] is requests at a rate.
//! A [`crowd::Crowd`] wants one thing many times, [`linear`] says whether what it saw can have happened.
//! [`tests`] break things.

pub mod balancer;
pub mod certificates;
pub mod client;
pub mod crowd;
pub mod events;
pub mod fresh;
pub mod groups;
pub mod history;
pub mod issuer;
pub mod linear;
pub mod load;
pub mod probe;
pub mod redis;
pub mod report;
pub mod site;
pub mod stalled;
pub mod standstill;
pub mod tests;
pub mod torrent;
