//! How long an orderly end may take: the settings, read by both servers.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use ambient::{Clock, Reader};

use crate::Lifecycle;

/// Milliseconds of a day: nobody waits longer for a process.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

/// How a process ends when it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long requests are still accepted while readiness already says no: load balancers find out
    /// late.
    pub drain: Duration,
    /// From the signal to the moment at which what is left is dropped.
    pub timeout: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain: Duration::from_secs(2), timeout: Duration::from_secs(25) }
    }
}

impl Shutdown {
    /// Reads the settings.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let Self { drain, timeout } = Self::default();
        let drain = read
            .setting(
                "DRAIN_MIN_MS",
                "Milliseconds that requests are still accepted after SIGTERM, while /readyz is 503 \
                 already. None on a terminal.",
            )
            .within(0..=LONGEST, millis(drain));
        let timeout = read
            .setting(
                "SHUTDOWN_TIMEOUT_MS",
                "Milliseconds from SIGTERM to the end of whatever is left. Five seconds less than \
                 the orchestrator grants.",
            )
            .within(0..=LONGEST, millis(timeout));
        if drain >= timeout {
            read.mistake("DRAIN_MIN_MS", "must be less than SHUTDOWN_TIMEOUT_MS");
        }
        Self { drain: Duration::from_millis(drain), timeout: Duration::from_millis(timeout) }
    }

    /// The life of this process. Whoever stops it from a terminal does not wait for a load balancer.
    #[must_use]
    pub fn lifecycle(self, clock: Clock) -> Lifecycle {
        let drain = if io::stderr().is_terminal() { Duration::ZERO } else { self.drain };
        Lifecycle::new(clock, self.timeout).draining_for(drain)
    }
}

#[cfg(test)]
mod tests {
    use ambient::{Env, Mistakes};

    use super::*;

    fn read<const N: usize>(pairs: [(&str, &str); N]) -> Result<Shutdown, Mistakes> {
        Env::from(pairs).read(Shutdown::read).0
    }

    #[test]
    fn the_defaults_fit_into_the_thirty_seconds_of_an_orchestrator() {
        assert_eq!(read([]).unwrap(), Shutdown::default());
        assert!(Shutdown::default().timeout < Duration::from_secs(30));
    }

    #[test]
    fn draining_leaves_time_to_finish() {
        let wrong = read([("DRAIN_MIN_MS", "3000"), ("SHUTDOWN_TIMEOUT_MS", "3000")]);
        assert_eq!(wrong.unwrap_err().0[0].setting, "DRAIN_MIN_MS");
    }
}
