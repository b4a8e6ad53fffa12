//! `cargo xtask requirements`: docs/requirements.md, docs/oauth-features.md,
//! docs/mcp-requirements.md and docs/reference-cases.md are whole, and what they name exists.
//!
//! Every id of the kept list has one line, no other id has one, and every line names a test that
//! there is, a scenario of the conformance suite, a decision, or says why none is needed. The lines
//! of docs/mcp-requirements.md, `R`, name tests over a socket only.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use crate::failure::Failure;

/// Where the tables are.
const TABLES: [&str; 4] = [
    "docs/requirements.md",
    "docs/oauth-features.md",
    "docs/mcp-requirements.md",
    "docs/reference-cases.md",
];

/// What complaints begin with.
const TABLE: &str = "requirements";

/// The ids of all requirements, in their order.
const IDS: &str = include_str!("requirements/ids.txt");

/// Every line that is missing, too much, or names what there is not.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let read = |table| {
        let path = root.join(table);
        fs::read_to_string(&path).map_err(Failure::of_file(&path))
    };
    let tables = TABLES.map(read).into_iter().collect::<Result<Vec<_>, _>>()?;
    let lines = tables.iter().flat_map(|table| table.lines());
    let rows: Vec<Row<'_>> = lines.filter_map(Row::read).collect();
    let mut wrong = ids(&rows);
    let mut files = Files { root, texts: HashMap::new() };
    for row in &rows {
        let proofs = row.proofs();
        if proofs.is_empty() {
            wrong.push(format!("{TABLE}: {} names nothing that shows it", row.id));
        }
        for proof in proofs {
            if row.needs_socket() && !proof.is_over_socket() {
                wrong.push(format!("{TABLE}: {} names what is no test over a socket", row.id));
            }
            if let Some(problem) = files.problem(&proof)? {
                wrong.push(format!("{TABLE}: {}: {problem}", row.id));
            }
        }
    }
    Ok(wrong)
}

/// Which ids have no line, and which lines have no id.
fn ids(rows: &[Row<'_>]) -> Vec<String> {
    let kept: BTreeSet<&str> = IDS.lines().collect();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows {
        if !kept.contains(row.id) {
            wrong.push(format!("{TABLE}: {} is not in the kept list", row.id));
        }
        if !seen.insert(row.id) {
            wrong.push(format!("{TABLE}: {} has two lines", row.id));
        }
    }
    wrong.extend(kept.difference(&seen).map(|id| format!("{TABLE}: {id} has no line")));
    wrong
}

/// One line of the table.
struct Row<'a> {
    id: &'a str,
    shown_by: &'a str,
}

/// What shows that a requirement is met.
#[derive(Debug, PartialEq, Eq)]
enum Proof<'a> {
    Test { file: &'a str, name: &'a str },
    Scenario,
    Decision(&'a str),
    Reason,
    Unknown(&'a str),
}

impl<'a> Row<'a> {
    /// A line whose first cell is an id, such as `M.B1`.
    fn read(line: &'a str) -> Option<Self> {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let (id, _, shown_by) = (cells.next()?, cells.next()?, cells.next()?);
        let (list, number) = id.split_once('.')?;
        let is_id = list.len() == 1 && number.bytes().any(|byte| byte.is_ascii_digit());
        is_id.then_some(Self { id, shown_by })
    }

    /// Whether it is of the rules that are shown as clients see them.
    fn needs_socket(&self) -> bool {
        self.id.starts_with("R.")
    }

    fn proofs(&self) -> Vec<Proof<'a>> {
        let each = self.shown_by.split("; ").map(str::trim).filter(|each| !each.is_empty());
        each.map(proof).collect()
    }
}

/// Where tests speak to a server as clients do.
const OVER_SOCKETS: [&str; 2] = ["mcp-server/tests/api/", "crates/e2e/tests/e2e/"];

impl Proof<'_> {
    fn is_over_socket(&self) -> bool {
        let begins = |file: &str| OVER_SOCKETS.iter().any(|folder| file.starts_with(folder));
        matches!(self, Self::Test { file, .. } if begins(file))
    }
}

fn proof(text: &str) -> Proof<'_> {
    if let Some((file, name)) = text.trim_matches('`').split_once("::") {
        return Proof::Test { file, name };
    }
    if text.starts_with("conformance `") {
        return Proof::Scenario;
    }
    if text == "a duty of clients" || text.starts_with("not applicable: ") {
        return Proof::Reason;
    }
    let number = text.strip_prefix("[decision ").and_then(|rest| rest.split_once(']'));
    number.map_or(Proof::Unknown(text), |(number, _)| Proof::Decision(number))
}

/// The files that lines name, each read once.
struct Files<'a> {
    root: &'a Path,
    texts: HashMap<String, Option<String>>,
}

impl Files<'_> {
    fn problem(&mut self, proof: &Proof<'_>) -> Result<Option<String>, Failure> {
        Ok(match proof {
            Proof::Scenario | Proof::Reason => None,
            Proof::Unknown(text) => Some(format!("`{text}` is neither a test nor a decision")),
            Proof::Decision(number) => {
                (!self.has_decision(number)?).then(|| format!("there is no decision {number}"))
            }
            Proof::Test { file, name } => match self.text(file) {
                None => Some(format!("there is no file {file}")),
                Some(text) if !has_test(text, name) => Some(format!("{file} has no test {name}")),
                Some(_) => None,
            },
        })
    }

    fn has_decision(&self, number: &str) -> Result<bool, Failure> {
        let folder = self.root.join("docs/decisions");
        let entries = fs::read_dir(&folder).map_err(Failure::of_file(&folder))?;
        let begins = format!("{number}-");
        Ok(entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with(&begins)))
    }

    fn text(&mut self, file: &str) -> Option<&str> {
        let path = self.root.join(file);
        let read = || fs::read_to_string(path).ok();
        self.texts.entry(file.to_owned()).or_insert_with(read).as_deref()
    }
}

/// Whether a file has a test of this name: a function, or one of a list that a macro makes tests of.
fn has_test(text: &str, name: &str) -> bool {
    let makes_tests = text.contains("test") || text.contains("on_both_stores!");
    text.contains(&format!("fn {name}(")) && makes_tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_shows_it() {
        let line = "| M.B1 | JSON | `a/b.rs::c`; [decision 0011](x.md); conformance `ping` |";
        let row = Row::read(line).unwrap();
        assert_eq!(row.id, "M.B1");
        let test = Proof::Test { file: "a/b.rs", name: "c" };
        assert_eq!(row.proofs(), [test, Proof::Decision("0011"), Proof::Scenario]);
        assert_eq!(proof("somehow"), Proof::Unknown("somehow"));
        assert!(Row::read("| id | what | shown by |").is_none());
        assert!(Row::read("|---|---|---|").is_none());
    }

    #[test]
    fn a_rule_that_clients_see_is_shown_over_a_socket() {
        let over = |shown_by| Row { id: "R.1", shown_by }.proofs()[0].is_over_socket();
        assert!(over("`mcp-server/tests/api/a.rs::b`") && over("`crates/e2e/tests/e2e/a.rs::b`"));
        assert!(!over("`mcp-server/src/era/mod.rs::b`") && !over("conformance `ping`"));
        assert!(Row { id: "R.1", shown_by: "" }.needs_socket());
        assert!(!Row { id: "M.R1", shown_by: "" }.needs_socket());
    }

    #[test]
    fn a_missing_id_and_one_too_many_are_found() {
        let row = Row { id: "Z.Z9", shown_by: "" };
        let wrong = ids(&[row]);
        assert!(wrong.iter().any(|line| line.contains("Z.Z9 is not in the kept list")));
        assert!(wrong.iter().any(|line| line.contains("M.B1 has no line")));
    }

    #[test]
    fn a_test_is_found_by_its_name_and_no_part_of_it() {
        let text = "#[test]\nfn it_works() {}";
        assert!(has_test(text, "it_works"));
        assert!(!has_test(text, "it_work") && !has_test("fn it_works() {}", "it_works"));
    }
}
