//! What may be done how often, and how that is written.

use std::{fmt, str::FromStr, time::Duration};

/// Something that may be done only so often in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// To register as a client.
    Registration,
    /// To be kept as a new client; all callers together.
    NewClient,
    /// To begin an authorization.
    Authorization,
    /// To be sent to an identity provider.
    Login,
    /// To make the server fetch a client's document.
    Document,
    /// To enter the code of a device, right or wrong.
    UserCode,
    /// To ask the token endpoint.
    Token,
    /// To show wrong credentials.
    WrongCredentials,
}

impl Budget {
    /// What it is called in the store and in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Registration => "register",
            Self::NewClient => "client",
            Self::Authorization => "authorize",
            Self::Login => "login",
            Self::Document => "document",
            Self::UserCode => "usercode",
            Self::Token => "token",
            Self::WrongCredentials => "refused",
        }
    }
}

/// So many in a window of so many seconds: `300/3600`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; none at all is written 0 and means that there is no limit.
    pub count: u64,
    /// In how long.
    pub window: Duration,
}

impl Rate {
    /// `count` in `seconds`.
    pub(crate) const fn new(count: u64, seconds: u64) -> Self {
        Self { count, window: Duration::from_secs(seconds) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.window.as_secs())
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const DAY: u64 = 24 * 60 * 60;
        if text == "0" {
            return Ok(Self::new(0, 1));
        }
        let (count, seconds) = text.split_once('/').ok_or("it is not COUNT/SECONDS")?;
        let count = count.parse().map_err(|_| "the count is not a number")?;
        let seconds: u64 = seconds.parse().map_err(|_| "the seconds are not a number")?;
        if count == 0 || !(1..=DAY).contains(&seconds) {
            return Err("the count is at least 1 and the seconds are 1 to 86400");
        }
        Ok(Self::new(count, seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_seconds_or_none() {
        assert_eq!("300/3600".parse(), Ok(Rate::new(300, 3600)));
        assert_eq!("0".parse::<Rate>().unwrap().count, 0);
        for text in ["", "5", "5/", "/5", "0/5", "5/0", "5/86401", "-5/5", "5/5/5"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
