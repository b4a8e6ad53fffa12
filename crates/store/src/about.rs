//! What a Redis says about itself, for those who look whether it fits.

/// What is told; a Redis may hide any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its version, or the one whose commands it has.
    pub version: Option<String>,
    /// What it throws away when it is full, in its own words.
    pub eviction_policy: Option<String>,
    /// Whether it writes down every change before it is lost (`appendonly`).
    pub keeps_every_change: Option<bool>,
}

impl About {
    /// What `INFO` answers.
    pub(crate) fn read(info: &str) -> Self {
        let of = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim().to_owned())
        };
        Self {
            version: of("redis_version"),
            eviction_policy: of("maxmemory_policy"),
            keeps_every_change: of("aof_enabled").map(|value| value == "1"),
        }
    }

    /// Whether its version is this one or newer; none if it cannot be told.
    #[must_use]
    pub fn is_at_least(&self, major: u32, minor: u32) -> Option<bool> {
        let mut parts = self.version.as_ref()?.split('.').map(str::parse::<u32>);
        let (Some(Ok(first)), Some(Ok(second))) = (parts.next(), parts.next()) else {
            return None;
        };
        Some((first, second) >= (major, minor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_tells_is_read_and_what_it_hides_is_not_there() {
        let text = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n\
                    aof_enabled:0\r\naof_rewrite_in_progress:1\r\n";
        let about = About::read(text);
        assert_eq!(about.version.as_deref(), Some("7.0.15"));
        assert_eq!(about.eviction_policy.as_deref(), Some("noeviction"));
        assert_eq!(about.keeps_every_change, Some(false));
        assert_eq!(About::read("aof_enabled:1").keeps_every_change, Some(true));
        assert_eq!(About::read("ERR unknown command"), About::default());
    }

    #[test]
    fn versions_are_numbers() {
        let is = |version: &str| {
            About { version: Some(version.to_owned()), ..About::default() }.is_at_least(6, 2)
        };
        assert_eq!([is("6.2.0"), is("7.0"), is("10.1.1")], [Some(true); 3]);
        assert_eq!([is("6.0.20"), is("5.9")], [Some(false); 2]);
        assert_eq!([is("unstable"), is(""), About::default().is_at_least(6, 2)], [None; 3]);
    }
}
