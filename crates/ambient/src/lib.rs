//! What tests must control: time, randomness, settings and secrets.
//!
//! Nothing else in the workspace reads the system clock, the random generator or the environment;
//! a lint says so. A server is built from one [`Clock`], one [`Entropy`] and one [`Env`], and a test
//! hands it others: a clock that stands still until told, entropy with a seed, a map of settings.

mod clock;
mod entropy;
mod env;
mod help;
mod misspelt;
mod secret;
pub mod values;

pub use clock::{Clock, Elapsed, Stopwatch, Timestamp};
pub use entropy::Entropy;
pub use env::{Env, Mistake, Mistakes, Reader, Setting, Settings};
pub use help::explained;
pub use secret::Secret;
