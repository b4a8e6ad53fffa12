//! What `check-auth` prints, line by line. Much of it comes from a token or from another server, and
//! none of that may look like a line of ours, or be obeyed by a terminal.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes what is found and remembers whether any of it was bad.
pub(super) struct Report<'w> {
    out: &'w mut (dyn Write + Send),
    good: bool,
}

impl<'w> Report<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send)) -> Self {
        Self { out, good: true }
    }

    /// Whether nothing bad was found so far.
    pub(super) const fn is_good(&self) -> bool {
        self.good
    }

    pub(super) fn title(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{title}")
    }

    pub(super) fn fact(&mut self, name: &str, value: impl Display) -> io::Result<()> {
        writeln!(self.out, "        {name}: {}", harmless(&value))
    }

    /// What has to be right; tells if it is.
    pub(super) fn step<E: Display>(
        &mut self,
        name: &str,
        outcome: Result<(), E>,
    ) -> io::Result<bool> {
        match outcome {
            Ok(()) => {
                writeln!(self.out, "  ok    {name}")?;
                Ok(true)
            }
            Err(why) => {
                self.good = false;
                writeln!(self.out, "  FAIL  {name}: {}", harmless(&why))?;
                Ok(false)
            }
        }
    }

    /// Something that may be right, and probably is not.
    pub(super) fn doubt(&mut self, name: &str, why: &str) -> io::Result<()> {
        writeln!(self.out, "  hm    {name}: {}", harmless(&why))
    }

    /// The last line; tells what it says.
    pub(super) fn end(&mut self) -> io::Result<bool> {
        let verdict = if self.good { "good" } else { "not good; mend what says FAIL" };
        writeln!(self.out, "\nVerdict: {verdict}")?;
        Ok(self.good)
    }
}

/// Text on one line, without anything that a terminal obeys: control characters, spaces that are none
/// of ours, marks that change the direction of writing.
fn harmless(text: &impl Display) -> String {
    let mut line = String::new();
    for letter in text.to_string().chars() {
        match letter {
            '"' | '\'' | '\\' => line.push(letter),
            other => line.extend(other.escape_debug()),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_one_line_that_no_terminal_obeys() {
        let text =
            "mcp \n  ok    signature\u{a0}\u{1b}[8m\u{9b}1m\u{202e}\r\u{85}\u{2028}\"a\\b\" ü";
        let line = harmless(&text);
        assert_eq!(
            line,
            "mcp \\n  ok    signature\\u{a0}\\u{1b}[8m\\u{9b}1m\\u{202e}\\r\\u{85}\\u{2028}\"a\\b\" ü"
        );
    }
}
