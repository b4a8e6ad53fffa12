//! A B A B: the subject and its ceiling in turns, so that what else the machine does hits both. With
//! several subjects A B C D A B C D, for the same reason.
//!
//! Of each pair of neighbours a ratio is made, and of the ratios the median. The time on the
//! processor is a second ratio: it hardly depends on how busy the machine is.

use std::{io, time::Duration};

use crate::{
    process::Running,
    wrk::{Script, Seen},
};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Pairs of runs.
    pub rounds: usize,
    /// The length of one run.
    pub length: Duration,
}

impl Effort {
    /// For the page: five pairs of three seconds.
    pub const FULL: Self = Self { rounds: 5, length: Duration::from_secs(3) };

    /// For a glance: three pairs of a second.
    pub const QUICK: Self = Self { rounds: 3, length: Duration::from_secs(1) };
}

/// How long each side runs before anything counts.
const WARM: Duration = Duration::from_secs(1);

/// A server under load.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Whose time on the processor is counted.
    pub server: &'a Running,
    /// Where the load goes.
    pub url: &'a str,
    /// What is sent.
    pub script: &'a Script,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Answers a second.
    pub rate: f64,
    /// Microseconds on the processor for each answer.
    pub cpu: f64,
    /// The median, in microseconds.
    pub median: f64,
    /// What one of a hundred exceeds, in microseconds.
    pub p99: f64,
}

/// A subject against its ceiling.
#[derive(Clone, Debug)]
pub struct Compared {
    subject: Vec<Sample>,
    ceiling: Vec<Sample>,
}

/// Runs one side.
///
/// # Errors
/// When the load generator fails, or an answer was an error: what refuses fast is not fast.
pub fn once(side: Side<'_>, connections: usize, length: Duration) -> io::Result<Sample> {
    let before = side.server.on_processor();
    let seen = side.script.run(side.url, connections, length)?;
    let used = side.server.on_processor().saturating_sub(before);
    let Seen { requests, took, errors, median, p99 } = seen;
    if errors > 0 || requests == 0 {
        let said = format!("{}: {errors} errors in {requests} answers", side.url);
        return Err(io::Error::other(said));
    }
    let requests = approximate(requests);
    Ok(Sample {
        rate: requests / took.as_secs_f64(),
        cpu: micros(used) / requests,
        median: micros(median),
        p99: micros(p99),
    })
}

/// Runs both in turns, after a second of each that does not count.
///
/// # Errors
/// As [`once`].
pub fn compare(
    subject: Side<'_>,
    ceiling: Side<'_>,
    connections: usize,
    effort: Effort,
) -> io::Result<Compared> {
    in_turns(
        |length| once(subject, connections, length),
        |length| once(ceiling, connections, length),
        effort,
    )
}

/// The same with runs that have to be prepared.
///
/// # Errors
/// As [`once`].
pub fn in_turns(
    mut subject: impl FnMut(Duration) -> io::Result<Sample>,
    mut ceiling: impl FnMut(Duration) -> io::Result<Sample>,
    effort: Effort,
) -> io::Result<Compared> {
    subject(WARM)?;
    ceiling(WARM)?;
    let mut compared = Compared { subject: Vec::new(), ceiling: Vec::new() };
    for _ in 0..effort.rounds {
        compared.subject.push(subject(effort.length)?);
        compared.ceiling.push(ceiling(effort.length)?);
    }
    Ok(compared)
}

/// A way to run one side for so long.
pub type Run<'a> = Box<dyn FnMut(Duration) -> io::Result<Sample> + 'a>;

/// Runs many beside one ceiling: every round has all of them. One that fails is left out from then
/// on and gives its error; the others go on.
///
/// # Errors
/// When the ceiling fails.
pub fn all_in_turns(
    mut ceiling: impl FnMut(Duration) -> io::Result<Sample>,
    subjects: &mut [Run<'_>],
    effort: Effort,
) -> io::Result<Vec<io::Result<Compared>>> {
    ceiling(WARM)?;
    let warm = |run: &mut Run<'_>| run(WARM).map(|_| Vec::new());
    let mut taken: Vec<io::Result<Vec<Sample>>> = subjects.iter_mut().map(warm).collect();
    let mut ceilings = Vec::new();
    for _ in 0..effort.rounds {
        ceilings.push(ceiling(effort.length)?);
        for (run, taken) in subjects.iter_mut().zip(&mut taken) {
            let Ok(samples) = taken else { continue };
            match run(effort.length) {
                Ok(sample) => samples.push(sample),
                Err(error) => *taken = Err(error),
            }
        }
    }
    let compared = |subject| Compared { subject, ceiling: ceilings.clone() };
    Ok(taken.into_iter().map(|samples| samples.map(compared)).collect())
}

impl Compared {
    /// The median of something of the subject.
    #[must_use]
    pub fn subject(&self, of: fn(&Sample) -> f64) -> f64 {
        median(self.subject.iter().map(of))
    }

    /// The median of something of the ceiling.
    #[must_use]
    pub fn ceiling(&self, of: fn(&Sample) -> f64) -> f64 {
        median(self.ceiling.iter().map(of))
    }

    /// How much of the ceiling's throughput there is.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        median(self.pairs().map(|(subject, ceiling)| subject.rate / ceiling.rate))
    }

    /// The same by time on the processor: what the ceiling needs, of what the subject needs.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        median(self.pairs().map(|(subject, ceiling)| ceiling.cpu / subject.cpu))
    }

    /// How many times longer the slowest hundredth takes.
    #[must_use]
    pub fn p99(&self) -> f64 {
        median(self.pairs().map(|(subject, ceiling)| subject.p99 / ceiling.p99))
    }

    fn pairs(&self) -> impl Iterator<Item = (&Sample, &Sample)> {
        self.subject.iter().zip(&self.ceiling)
    }
}

/// The middle of some numbers; not a number if there are none.
#[must_use]
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    quantile(numbers, 50)
}

/// The number that so many of a hundred do not exceed.
#[must_use]
pub fn quantile(numbers: impl Iterator<Item = f64>, percent: usize) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let last = numbers.len().saturating_sub(1);
    numbers.get((last * percent).div_ceil(100)).copied().unwrap_or(f64::NAN)
}

/// A count as a number to divide by.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of requests and bytes are below 2^52")]
pub const fn approximate(count: u64) -> f64 {
    count as f64
}

/// Microseconds.
#[must_use]
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rate: f64, cpu: f64) -> Sample {
        Sample { rate, cpu, median: 1.0, p99: 2.0 }
    }

    #[test]
    fn ratios_are_of_neighbours_so_that_a_slow_minute_hits_both() {
        let compared = Compared {
            subject: vec![sample(90.0, 10.0), sample(45.0, 10.0), sample(9.0, 20.0)],
            ceiling: vec![sample(100.0, 9.0), sample(50.0, 9.0), sample(10.0, 18.0)],
        };
        assert!((compared.throughput() - 0.9).abs() < 1e-9);
        assert!((compared.cpu() - 0.9).abs() < 1e-9);
        assert!((compared.subject(|sample| sample.rate) - 45.0).abs() < 1e-9);
    }

    #[test]
    fn one_that_fails_is_left_out_and_the_others_go_on() {
        let effort = Effort { rounds: 2, length: Duration::ZERO };
        let mut runs = 0;
        let failing = |_| {
            runs += 1;
            if runs < 3 { Ok(sample(1.0, 1.0)) } else { Err(io::Error::other("gone")) }
        };
        let mut subjects: [Run<'_>; 2] = [Box::new(failing), Box::new(|_| Ok(sample(50.0, 2.0)))];
        let compared = all_in_turns(|_| Ok(sample(100.0, 1.0)), &mut subjects, effort).unwrap();
        drop(subjects);
        assert_eq!(runs, 3);
        assert_eq!(compared[0].as_ref().unwrap_err().to_string(), "gone");
        let other = compared[1].as_ref().unwrap();
        assert_eq!(other.subject.len(), 2);
        assert!((other.throughput() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_is_one_of_the_numbers() {
        let numbers = || (1..=101).map(f64::from);
        assert!((median(numbers()) - 51.0).abs() < 1e-9);
        assert!((quantile(numbers(), 99) - 100.0).abs() < 1e-9);
        assert!(median(std::iter::empty()).is_nan());
    }
}
