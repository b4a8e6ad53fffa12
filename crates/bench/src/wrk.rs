//! The load generator: [`wrk`](https://github.com/wg/wrk) on a core of its own, told by a script what
//! to send. Its numbers come back as one line that the script writes.

use std::{fmt::Write as _, fs, io, path::Path, process::Stdio, time::Duration};

use tempfile::NamedTempFile;

use crate::{
    cases::Ask,
    process::{OTHERS, pinned},
};

/// What is sent, as a script of wrk.
#[derive(Debug)]
pub struct Script(NamedTempFile);

/// What one run has seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Answers.
    pub requests: u64,
    /// How long it took.
    pub took: Duration,
    /// Requests without an answer, and answers that were none.
    pub errors: u64,
    /// The median of the time from a request to the end of its answer.
    pub median: Duration,
    /// What one of a hundred exceeds.
    pub p99: Duration,
}

/// Writes the line that [`read`] reads.
const REPORT: &str = r#"
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("SEEN %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"#;

/// The id of every request of [`crate::cases`].
const ID: &str = "\"id\":1,";

/// Requests with ids of their own, made beforehand. Two calls of one session that have the same id at
/// the same time are against the protocol, and some servers answer only one of them then.
const NUMBERED: &str = r#"
local requests, next = {}, 0
init = function()
  for number = 1, 1024 do
    requests[number] = wrk.format(nil, nil, nil, before .. '"id":' .. number .. ',' .. after)
  end
end
request = function()
  next = next % 1024 + 1
  return requests[next]
end
"#;

/// Every connection redeems a refresh token of its own and remembers the next one. Answers come back
/// in no order, so a token is taken out while it is on its way.
const REFRESH: &str = r#"
request = function()
  local token = table.remove(tokens)
  return wrk.format("POST", wrk.path, wrk.headers, form .. (token or "none"))
end
response = function(status, headers, body)
  local token = string.match(body, '"refresh_token":"([^"]+)"')
  if token then table.insert(tokens, 1, token) end
end
"#;

impl Script {
    /// Sends the same request again and again; one of JSON-RPC with another id each time.
    ///
    /// # Errors
    /// When there is no room for a file.
    pub fn of(ask: &Ask) -> io::Result<Self> {
        let headers = headers(ask);
        let Some((before, after)) = ask.body.split_once(ID) else {
            return Self::write(&format!("{headers}wrk.body = {}\n{REPORT}", quoted(&ask.body)));
        };
        let (before, after) = (quoted(before), quoted(after));
        Self::write(&format!("{headers}before = {before}\nafter = {after}\n{NUMBERED}{REPORT}"))
    }

    /// Sends a form whose last member is a refresh token, each of them once, and then those that
    /// the answers have brought.
    ///
    /// # Errors
    /// When there is no room for a file.
    pub fn refreshing(ask: &Ask, tokens: &[String]) -> io::Result<Self> {
        let tokens: Vec<_> = tokens.iter().map(|token| quoted(token)).collect();
        let tokens = tokens.join(", ");
        let (headers, form) = (headers(ask), quoted(&ask.body));
        Self::write(&format!("{headers}tokens = {{{tokens}}}\nform = {form}\n{REFRESH}{REPORT}"))
    }

    fn write(text: &str) -> io::Result<Self> {
        let file = NamedTempFile::with_suffix(".lua")?;
        fs::write(file.path(), text)?;
        Ok(Self(file))
    }

    /// Runs against a URL with so many connections for so long.
    ///
    /// # Errors
    /// When wrk is not there, or says nothing that can be read.
    pub fn run(&self, url: &str, connections: usize, length: Duration) -> io::Result<Seen> {
        let mut wrk = pinned(OTHERS, Path::new("wrk"));
        wrk.args(["--threads", "1", "--latency", "--timeout", "10s"]);
        wrk.args(["--connections", &connections.to_string()]);
        wrk.args(["--duration", &format!("{}s", length.as_secs().max(1))]);
        wrk.arg("--script").arg(self.0.path()).arg(url);
        let output = wrk.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        read(&text).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            io::Error::other(format!("wrk (Debian: apt-get install wrk) has failed: {text}{said}"))
        })
    }
}

fn headers(ask: &Ask) -> String {
    let mut script = "wrk.method = \"POST\"\n".to_owned();
    for (name, value) in &ask.headers {
        // A text takes whatever is written. Without the spaces Lua would see another bracket.
        let _ = writeln!(script, "wrk.headers[ {} ] = {}", quoted(name), quoted(value));
    }
    script
}

/// A text as Lua reads it, whatever is in it but the closing bracket.
fn quoted(text: &str) -> String {
    format!("[=====[{text}]=====]")
}

fn read(output: &str) -> Option<Seen> {
    let line = output.lines().find_map(|line| line.strip_prefix("SEEN "))?;
    let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    let requests = next()?;
    let took = Duration::from_micros(next()?);
    let errors = next()?;
    let median = Duration::from_micros(next()?);
    let p99 = Duration::from_micros(next()?);
    Some(Seen { requests, took, errors, median, p99 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_ids_of_their_own_and_forms_have_none() {
        let call = crate::cases::Case::Call.ask(None, None);
        let script = |ask| fs::read_to_string(Script::of(ask).unwrap().0.path()).unwrap();
        let text = script(&call);
        assert!(text.contains("requests[number]"), "{text}");
        assert!(!text.contains(ID), "{text}");
        assert!(script(&crate::cases::form("token=1".to_owned(), None)).contains("wrk.body ="));
    }

    #[test]
    fn the_line_of_the_script_is_found_among_what_wrk_says() {
        let seen = read("Running 1s test\n  1 threads\nSEEN 100 2000000 1 300 4000\n").unwrap();
        assert_eq!((seen.requests, seen.errors), (100, 1));
        assert_eq!(seen.took, Duration::from_secs(2));
        assert_eq!((seen.median.as_micros(), seen.p99.as_micros()), (300, 4000));
        assert_eq!(read("unable to connect"), None);
        assert_eq!(read("SEEN 1 2"), None);
    }
}
