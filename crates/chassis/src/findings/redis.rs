//! What both doctors say of a Redis.

use super::Finding::{self, Bad, Doubtful, Good};

/// The one way for Redis to be full that loses nothing.
const NO_EVICTION: &str = "noeviction";

/// What a Redis tells about itself; it may hide any of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Redis<'a> {
    /// Its version, or the one whose commands it has.
    pub version: Option<&'a str>,
    /// Whether it has all commands that are needed, those of 6.2.
    pub is_new_enough: Option<bool>,
    /// What it throws away when it is full, in its own words.
    pub eviction_policy: Option<&'a str>,
    /// Whether it writes down every change before it is lost.
    pub keeps_every_change: Option<bool>,
}

impl Redis<'_> {
    /// Whether it has what is needed, and keeps what it is given. `kept` is what a server keeps there.
    #[must_use]
    pub fn findings(&self, kept: &str) -> [(&'static str, Finding); 3] {
        [
            ("version", self.version()),
            ("eviction", self.eviction(kept)),
            ("persistence", self.persistence(kept)),
        ]
    }

    fn version(&self) -> Finding {
        let version = self.version.unwrap_or("?");
        match self.is_new_enough {
            Some(true) => Good(format!("Redis {version}")),
            Some(false) => Bad(format!("Redis {version} is too old: 6.2 or newer is needed")),
            None => Doubtful("Redis does not tell its version; 6.2 or newer is needed".to_owned()),
        }
    }

    fn eviction(&self, kept: &str) -> Finding {
        match self.eviction_policy {
            Some(NO_EVICTION) => Good("Redis throws nothing away".to_owned()),
            Some(policy) => Bad(format!(
                "maxmemory-policy is {policy}: Redis throws {kept} away when it is full; set it to \
                 {NO_EVICTION}"
            )),
            None => Doubtful("Redis does not tell its maxmemory-policy".to_owned()),
        }
    }

    fn persistence(&self, kept: &str) -> Finding {
        match self.keeps_every_change {
            Some(true) => Good("Redis writes every change down".to_owned()),
            Some(false) => Doubtful(format!(
                "a Redis that ends loses what came after its last snapshot, {kept} among it; set \
                 `appendonly yes` to keep all but the last second"
            )),
            None => Doubtful("Redis does not tell whether it keeps what it is given".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_is_old_forgets_or_hides_itself_is_found() {
        let good = Redis {
            version: Some("7.0.15"),
            is_new_enough: Some(true),
            eviction_policy: Some(NO_EVICTION),
            keeps_every_change: Some(true),
        };
        let found = good.findings("sessions");
        assert!(found.iter().all(|(_, found)| matches!(found, Good(_))), "{found:?}");
        let bad = Redis {
            version: Some("6.0.1"),
            is_new_enough: Some(false),
            eviction_policy: Some("allkeys-lru"),
            keeps_every_change: Some(false),
        };
        let [version, eviction, persistence] = bad.findings("sessions");
        assert!(matches!((version.1, eviction.1), (Bad(_), Bad(_))));
        assert!(matches!(persistence.1, Doubtful(_)), "memory only is a choice");
        let hidden = Redis::default().findings("sessions");
        assert!(hidden.iter().all(|(_, found)| matches!(found, Doubtful(_))), "{hidden:?}");
    }
}
