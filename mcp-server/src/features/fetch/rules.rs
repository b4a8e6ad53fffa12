//! What may be fetched, how much of it, and for how long: what an operator decides.

use std::time::Duration;

use ambient::Reader;
use url::Url;

use crate::features::hosts::HostNames;

/// The rules, under the names of the original's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::features) struct Rules {
    /// Hosts that may be asked, with all below them; none at first.
    pub(super) hosts: Vec<String>,
    /// How many bytes are taken.
    pub(super) most: usize,
    /// How long it may take in all.
    pub(super) patience: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        let (hosts, patience) = (Vec::new(), Duration::from_secs(30));
        Self { hosts, most: 10 * 1024 * 1024, patience }
    }
}

impl Rules {
    /// Reads them.
    pub(in crate::features) fn read(read: &mut Reader<'_>) -> Self {
        const HOSTS: &str = "Hosts that gzip-file-as-resource may fetch from, with all below them, \
                             comma separated; only data: URLs when not set.";
        const MOST: &str = "Bytes that gzip-file-as-resource takes at most.";
        const PATIENCE: &str = "Milliseconds that gzip-file-as-resource waits at most.";
        /// More would not be held in memory for a caller.
        const LIMIT: usize = 100 * 1024 * 1024;
        let Self { most, patience, .. } = Self::default();
        let millis = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let rules = Self {
            hosts: read.setting("GZIP_ALLOWED_DOMAINS", HOSTS).or(HostNames::default()).0,
            most: read.setting("GZIP_MAX_FETCH_SIZE", MOST).or(most),
            patience: Duration::from_millis(
                read.setting("GZIP_MAX_FETCH_TIME_MILLIS", PATIENCE).within(1..=600_000, millis),
            ),
        };
        if rules.most > LIMIT {
            read.mistake("GZIP_MAX_FETCH_SIZE", format!("may be {LIMIT} at most"));
        }
        rules
    }

    /// Whether a host may be asked.
    pub(super) fn allow(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        self.hosts.iter().any(|allowed| {
            host.strip_suffix(allowed.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    #[test]
    fn the_settings_of_an_operator_are_the_rules() {
        let read = |settings: &[(&str, &str)]| {
            let env =
                settings.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
            env.read(Rules::read).0
        };
        let set = read(&[
            ("GZIP_ALLOWED_DOMAINS", "example.com"),
            ("GZIP_MAX_FETCH_SIZE", "5"),
            ("GZIP_MAX_FETCH_TIME_MILLIS", "700"),
        ]);
        let (hosts, patience) = (vec!["example.com".to_owned()], Duration::from_millis(700));
        assert_eq!(set.unwrap(), Rules { hosts, most: 5, patience });
        assert_eq!(read(&[]).unwrap(), Rules::default());
        for wrong in [
            ("GZIP_MAX_FETCH_SIZE", "104857601"),
            ("GZIP_MAX_FETCH_SIZE", "x"),
            ("GZIP_MAX_FETCH_TIME_MILLIS", "0"),
            ("GZIP_MAX_FETCH_TIME_MILLIS", "600001"),
        ] {
            assert!(read(&[wrong]).unwrap_err().to_string().contains(wrong.0), "{wrong:?}");
        }
    }

    #[test]
    fn a_host_is_allowed_with_those_below_it_and_no_other() {
        let rules = Rules { hosts: vec!["example.com".to_owned()], ..Rules::default() };
        let allows = |url: &str| rules.allow(&url.parse().unwrap());
        assert!(allows("https://example.com/a") && allows("https://raw.EXAMPLE.com"));
        for url in ["https://evilexample.com", "https://example.com.evil.org", "https://10.0.0.1"] {
            assert!(!allows(url), "{url}");
        }
        assert!(!Rules::default().allow(&"https://example.com".parse().unwrap()));
    }
}
