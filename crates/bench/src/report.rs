//! What was measured, as tables of Markdown, ready for `docs/performance.md`.

use std::{
    fmt,
    io::{self, Write as _},
};

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    #[must_use]
    pub fn new(title: &str, columns: &'static [&'static str]) -> Self {
        Self { title: title.to_owned(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        line(f, self.columns.iter().copied())?;
        line(f, self.columns.iter().map(|_| "---"))?;
        for row in &self.rows {
            line(f, row.iter().map(String::as_str))?;
        }
        Ok(())
    }
}

fn line<'a>(f: &mut fmt::Formatter<'_>, cells: impl Iterator<Item = &'a str>) -> fmt::Result {
    for cell in cells {
        write!(f, "| {cell} ")?;
    }
    writeln!(f, "|")
}

/// Tells on standard error what is going on, for those who wait.
pub fn progress(what: &str) {
    // Nobody reads what cannot be written.
    let _ = writeln!(io::stderr().lock(), "{what} …");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new("Sizes", &["program", "MiB"]);
        table.row(["mcp-server".to_owned(), "7.9".to_owned()]);
        let text = "### Sizes\n\n| program | MiB |\n| --- | --- |\n| mcp-server | 7.9 |\n";
        assert_eq!(table.to_string(), text);
    }
}
