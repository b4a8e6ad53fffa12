//! Nonces for proofs of possession (RFC 9449 section 8): a proof that carries one was made after it.

use std::time::Duration;

use store::{Rotates, Rotating};

/// There is one for each stretch of time, the same for all clients and on all instances.
#[derive(Debug)]
pub(crate) struct Nonce;

impl Rotates for Nonce {
    const PREFIX: &'static str = "auth:nonce:";
    const EVERY: Duration = Duration::from_mins(2);
}

pub(crate) type Nonces = Rotating<Nonce>;
