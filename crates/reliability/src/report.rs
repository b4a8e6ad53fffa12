//! Figures and verdicts of one test, as lines for people.

use std::{fmt, time::Duration};

/// How much load a test puts on, and how strict it is about times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Minutes for all tests together, on a machine that does other things too.
    Small,
    /// The numbers of the design, on a machine that does nothing else.
    Full,
}

impl Size {
    /// One of two, by size.
    #[must_use]
    pub fn pick<T>(self, small: T, full: T) -> T {
        match self {
            Self::Small => small,
            Self::Full => full,
        }
    }

    /// A limit of time: what is measured on a busy machine, with unoptimised programs, may be as
    /// many times longer.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Duration {
        self.pick(limit * 4, limit)
    }
}

/// What came of a test.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<String>,
    wrong: Vec<String>,
}

impl Report {
    /// Of a test that did not come to its end.
    #[must_use]
    pub fn unfinished(limit: Duration) -> Self {
        Self { lines: Vec::new(), wrong: vec![format!("it did not end within {limit:?}")] }
    }

    /// A measured figure.
    pub fn figure(&mut self, name: &str, value: impl fmt::Display) {
        self.lines.push(format!("{name:<44} {value}"));
    }

    /// A count of what must not happen.
    pub fn none(&mut self, name: &str, count: usize) {
        self.figure(name, count);
        if count != 0 {
            self.wrong.push(format!("{name}: {count}, and none is allowed"));
        }
    }

    /// A number that must be another.
    pub fn equal<T: PartialEq + fmt::Display + Copy>(&mut self, name: &str, value: T, expected: T) {
        self.figure(name, value);
        if value != expected {
            self.wrong.push(format!("{name}: {value} instead of {expected}"));
        }
    }

    /// A number that has an upper bound.
    pub fn at_most<T: PartialOrd + fmt::Display + Copy>(&mut self, name: &str, value: T, limit: T) {
        self.figure(name, format!("{value} (at most {limit})"));
        if value > limit {
            self.wrong.push(format!("{name}: {value}, and the limit is {limit}"));
        }
    }

    /// A time that has an upper bound.
    pub fn within(&mut self, name: &str, took: Duration, limit: Duration) {
        self.figure(name, format!("{} ms (at most {} ms)", took.as_millis(), limit.as_millis()));
        if took > limit {
            self.wrong.push(format!("{name}: {took:?}, and the limit is {limit:?}"));
        }
    }

    /// What was not as promised.
    #[must_use]
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        self.wrong.iter().try_for_each(|line| writeln!(f, "  WRONG: {line}"))
    }
}

/// A value of the sorted values at `share` of their number; zero when there is none.
#[must_use]
pub fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index near the right one is right enough"
    )]
    let index = (values.len() as f64 * share) as usize;
    values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_promised_is_wrong() {
        let mut report = Report::default();
        report.none("lost", 0);
        report.within("recovery", Duration::from_secs(1), Duration::from_secs(2));
        assert!(report.wrong().is_empty());
        report.none("lost", 1);
        report.equal("answers", 1, 2);
        report.at_most("keys", 3, 2);
        report.within("recovery", Duration::from_secs(3), Duration::from_secs(2));
        assert_eq!(report.wrong().len(), 4);
        assert!(report.to_string().contains("WRONG: lost"));
    }

    #[test]
    fn a_percentile_of_nothing_is_nothing() {
        assert_eq!(percentile(&mut [], 0.99), Duration::ZERO);
        let mut values: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut values, 0.5), Duration::from_millis(51));
        assert_eq!(percentile(&mut values, 1.0), Duration::from_millis(100));
    }
}
