//! What is logged, as a setting: checked where it is read, so that a mistake is told with all others.

use std::{fmt, str::FromStr};

use ambient::Reader;

use super::{TelemetryError, parse};

/// What is logged, in the syntax of `RUST_LOG`: one that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// Reads the setting.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let meaning = "What is logged, as `level` or `target=level`, comma separated.";
        read.setting("RUST_LOG", meaning).or(Self("info".to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(TelemetryError::Filter { problem, .. }) => Err(problem),
            Err(other) => Err(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    #[test]
    fn a_filter_that_the_start_would_refuse_is_a_mistake() {
        let read = |text| Env::from([("RUST_LOG", text)]).read(LogFilter::read).0;
        assert_eq!(read("warn,audit=info").unwrap().into_text(), "warn,audit=info");
        assert_eq!(read("").unwrap().into_text(), "info");
        for wrong in ["foo=bar=baz", "a=loud"] {
            assert_eq!(read(wrong).unwrap_err().0[0].setting, "RUST_LOG", "{wrong}");
        }
    }
}
