//! The ladder: after so many failures the next attempt has to wait, longer with every step.

use std::{fmt, str::FromStr, time::Duration};

/// One step: with this failure a pause begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of the failure.
    pub failures: u32,
    /// How long nothing is tried after it.
    pub pause: Duration,
}

/// Steps in ascending order; each failure beyond the last has the pause of the last.
/// Written `7:60,10:600`; `0` is no ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder(Vec<Step>);

impl Ladder {
    /// A ladder of these steps, which ascend.
    pub(crate) fn new<const N: usize>(steps: [(u32, u64); N]) -> Self {
        let step = |(failures, seconds)| Step { failures, pause: Duration::from_secs(seconds) };
        Self(steps.map(step).into())
    }

    /// How long nothing is tried after this failure.
    pub(super) fn pause_after(&self, failures: u32) -> Duration {
        let reached = match self.0.last() {
            Some(last) if failures > last.failures => Some(last),
            _ => self.0.iter().find(|step| step.failures == failures),
        };
        reached.map_or(Duration::ZERO, |step| step.pause)
    }

    /// The longest pause.
    pub(super) fn longest(&self) -> Duration {
        self.0.iter().map(|step| step.pause).max().unwrap_or_default()
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0");
        }
        for (index, step) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}", step.failures, step.pause.as_secs())?;
        }
        Ok(())
    }
}

impl FromStr for Ladder {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WEEK: u64 = 7 * 24 * 60 * 60;
        if text == "0" {
            return Ok(Self(Vec::new()));
        }
        let mut steps: Vec<Step> = Vec::new();
        for word in text.split(',') {
            let (failures, seconds) =
                word.trim().split_once(':').ok_or("a step is FAILURES:SECONDS")?;
            let failures = failures.parse().map_err(|_| "the failures are not a number")?;
            let seconds = seconds.parse().map_err(|_| "the seconds are not a number")?;
            if failures <= steps.last().map_or(0, |step| step.failures) {
                return Err("the failures of the steps ascend from 1");
            }
            if !(1..=WEEK).contains(&seconds) {
                return Err("a pause has 1 to 604800 seconds");
            }
            steps.push(Step { failures, pause: Duration::from_secs(seconds) });
        }
        Ok(Self(steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_begins_with_each_step_and_with_every_failure_beyond_the_last() {
        let ladder: Ladder = "3:60, 5:600".parse().unwrap();
        let pauses = [1, 2, 3, 4, 5, 6, 7].map(|failures| ladder.pause_after(failures).as_secs());
        assert_eq!(pauses, [0, 0, 60, 0, 600, 600, 600]);
        assert_eq!((ladder.longest().as_secs(), &*ladder.to_string()), (600, "3:60,5:600"));
    }

    #[test]
    fn no_ladder_is_no_pause() {
        let ladder: Ladder = "0".parse().unwrap();
        assert_eq!((ladder.pause_after(1000), &*ladder.to_string()), (Duration::ZERO, "0"));
    }

    #[test]
    fn steps_that_make_no_sense_are_told() {
        for text in ["", "7", "7:", "0:60", "7:0", "7:60,7:600", "10:60,7:600", "7:604801"] {
            assert!(text.parse::<Ladder>().is_err(), "{text}");
        }
    }
}
