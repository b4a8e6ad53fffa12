//! What a doctor has found, told to people or to programs: the same for both servers.

mod redis;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use ambient::Timestamp;
use serde::Serialize;

pub use self::redis::Redis;

/// Clocks that are further apart refuse each other's tokens.
const SKEW: Duration = Duration::from_secs(30);

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is as it should be.
    Good(String),
    /// It works, and should not stay so; or it could not be looked at.
    Doubtful(String),
    /// It does not work.
    Bad(String),
}

use Finding::{Bad, Doubtful, Good};

/// Everything that was found, in the order in which it was looked at.
#[derive(Debug)]
pub struct Findings {
    found: Vec<(&'static str, Finding)>,
    /// Whether anything could be looked at.
    is_blind: bool,
}

/// What is looked at, and the page that says more.
type Page = (&'static str, &'static str);

/// The pages, by what is looked at.
const PAGES: [Page; 11] = [
    ("settings", "docs/configuration.md"),
    ("secrets", "docs/security.md"),
    ("state key", "docs/behind-a-proxy.md"),
    ("audience", "docs/token-validation.md"),
    ("issuer", "docs/swapping-the-authorization-server.md"),
    ("endpoint", "docs/behind-a-proxy.md"),
    ("stream", "docs/behind-a-proxy.md"),
    ("compressed stream", "docs/behind-a-proxy.md"),
    ("listening", "docs/behind-a-proxy.md"),
    ("large body", "docs/behind-a-proxy.md"),
    ("open files", "docs/performance.md"),
];

/// Where everything else is explained.
const OTHER_PAGE: &str = "docs/troubleshooting.md";

/// What a script reads.
#[derive(Serialize)]
struct Told<'a> {
    well: bool,
    findings: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    about: &'static str,
    verdict: &'static str,
    found: &'a str,
    docs: &'static str,
}

impl Finding {
    /// The mark of people, the verdict of programs, and the words of both.
    fn parts(&self) -> (&'static str, &'static str, &str) {
        match self {
            Good(words) => ("ok   ", "ok", words),
            Doubtful(words) => ("hm   ", "hm", words),
            Bad(words) => ("BAD  ", "bad", words),
        }
    }
}

impl Findings {
    /// What was found, and about what.
    #[must_use]
    pub fn new(found: Vec<(&'static str, Finding)>) -> Self {
        Self { found, is_blind: false }
    }

    /// Settings that cannot be read: there is nothing to look at.
    #[must_use]
    pub fn unreadable(mistakes: &dyn fmt::Display) -> Self {
        Self { found: vec![("settings", Bad(mistakes.to_string()))], is_blind: true }
    }

    /// Whether nothing is bad.
    #[must_use]
    pub fn are_well(&self) -> bool {
        !self.found.iter().any(|(_, finding)| matches!(finding, Bad(_)))
    }

    /// What the program ends with: 0 when nothing is bad, 1 when something is, 2 when nothing could
    /// be looked at.
    #[must_use]
    pub fn status(&self) -> u8 {
        match (self.are_well(), self.is_blind) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        }
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        let findings = self.found.iter().map(|(about, finding)| {
            let (_, verdict, found) = finding.parts();
            Line { about, verdict, found, docs: page(about) }
        });
        let told = Told { well: self.are_well(), findings: findings.collect() };
        // Texts only: this can be written.
        serde_json::to_string_pretty(&told).unwrap_or_default() + "\n"
    }
}

/// For people: a line each, and where to read more of what is not good.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found.iter().try_for_each(|(about, finding)| {
            let (mark, _, words) = finding.parts();
            write!(f, "{mark} {about}: {words}")?;
            if matches!(finding, Good(_)) { writeln!(f) } else { writeln!(f, " ({})", page(about)) }
        })
    }
}

fn page(about: &str) -> &'static str {
    PAGES.iter().find(|(of, _)| *of == about).map_or(OTHER_PAGE, |(_, page)| page)
}

/// Whether two clocks agree well enough, by what a server has written into `Date`.
#[must_use]
pub fn clocks(theirs: Option<SystemTime>, ours: Timestamp) -> Finding {
    let Some(theirs) = theirs else {
        return Doubtful("the server does not tell its time".to_owned());
    };
    let since = theirs.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let theirs = Timestamp::default() + since;
    let apart = ours.since(theirs).max(theirs.since(ours));
    if apart <= SKEW {
        Good("this machine and the server agree on the time".to_owned())
    } else {
        Bad(format!("this machine and the server are {} s apart; use NTP", apart.as_secs()))
    }
}

/// Files beside connections from outside: the listener, logs, the store, other servers.
const OTHER_FILES: u64 = 128;

/// How many files a server needs that takes so many connections.
pub(crate) fn files_for(connections: usize) -> u64 {
    u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES)
}

/// Whether as many connections as a server takes can be open here, at a hard limit of so many files.
/// A stream is a connection, and so are most of those that stay.
#[must_use]
pub fn open_files(connections: usize, limit: Option<u64>) -> Finding {
    let needed = files_for(connections);
    match limit {
        Some(limit) if limit < needed => Doubtful(format!(
            "{limit} files may be open here, and {connections} connections are taken, most of them \
             streams: further ones wait; raise the hard limit to {needed} (`ulimit -Hn`, \
             `LimitNOFILE` of systemd, `ulimits` of a container)"
        )),
        _ => Good(format!("there is room for {connections} connections at one time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_open_files_that_is_short_is_found_before_it_is_reached() {
        assert!(matches!(open_files(16_384, Some(20_000)), Good(_)));
        assert!(matches!(open_files(16_384, None), Good(_)));
        let Doubtful(words) = open_files(16_384, Some(4096)) else { panic!("4096 are too few") };
        assert!(words.contains("4096 files") && words.contains("to 16512"), "{words}");
    }

    fn findings(found: Vec<(&'static str, Finding)>) -> Findings {
        Findings::new(found)
    }

    #[test]
    fn people_get_a_line_each_and_a_page_where_it_is_needed() {
        let found = vec![
            ("clock", Good("agrees".to_owned())),
            ("stream", Bad("is held".to_owned())),
            ("store", Doubtful("in memory".to_owned())),
        ];
        let expected = "ok    clock: agrees\nBAD   stream: is held (docs/behind-a-proxy.md)\n\
                        hm    store: in memory (docs/troubleshooting.md)\n";
        assert_eq!(findings(found).to_string(), expected);
    }

    #[test]
    fn programs_get_the_same_as_json() {
        let told = findings(vec![("stream", Bad("is \"held\"".to_owned()))]).to_json();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["well"], false);
        let line = serde_json::json!({
            "about": "stream",
            "verdict": "bad",
            "found": "is \"held\"",
            "docs": "docs/behind-a-proxy.md",
        });
        assert_eq!(told["findings"], serde_json::json!([line]));
    }

    #[test]
    fn the_status_tells_trouble_from_what_could_not_be_looked_at() {
        let good = || ("a", Good(String::new()));
        assert_eq!(findings(vec![good(), ("b", Doubtful(String::new()))]).status(), 0);
        assert_eq!(findings(vec![good(), ("b", Bad(String::new()))]).status(), 1);
        assert_eq!(Findings::unreadable(&"PORT is wrong").status(), 2);
    }

    #[test]
    fn every_page_is_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for page in PAGES.iter().map(|(_, page)| page).chain([&OTHER_PAGE]) {
            assert!(root.join(page).is_file(), "{page}");
        }
    }

    #[test]
    fn clocks_may_be_half_a_minute_apart() {
        let theirs = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1000));
        for (ours, is_good) in
            [(1000, true), (970, true), (1030, true), (969, false), (1031, false)]
        {
            let found = clocks(theirs, Timestamp::from_secs(ours));
            assert_eq!(matches!(found, Good(_)), is_good, "{ours}");
        }
        assert!(matches!(clocks(None, Timestamp::default()), Doubtful(_)));
    }
}
