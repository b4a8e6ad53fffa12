//! Every dependency has a reason that somebody has written down.

use std::{fs, path::Path};

use crate::failure::Failure;

const REASONS: &str = "docs/decisions/0010-dependencies.md";

/// A sentence for every dependency of the workspace that the decision does not name.
pub(super) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let read = |name: &str| {
        let path = root.join(name);
        fs::read_to_string(&path).map_err(Failure::of_file(path))
    };
    let (manifest, reasons) = (read("Cargo.toml")?, read(REASONS)?);
    let unexplained = foreign(&manifest).filter(|name| !reasons.contains(&format!("`{name}`")));
    let sentence = |name| format!("{name} has no reason in {REASONS}; add a line that gives it");
    Ok(unexplained.map(sentence).collect())
}

/// The names under `[workspace.dependencies]` that are not crates of ours.
fn foreign(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().skip_while(|line| line.trim() != "[workspace.dependencies]");
    let table = lines.skip(1).take_while(|line| !line.starts_with('['));
    let entries = table.filter(|line| !line.starts_with('#') && !line.contains("path ="));
    entries.filter_map(|line| Some(line.split_once('=')?.0.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace]\nresolver = \"3\"\n\n[workspace.dependencies]\n# Ours\n\
        shared = { path = \"shared\" }\n\n# Data\nserde = { version = \"1\" }\nbase64 = \"0.23\"\n\n\
        [profile.dev]\ndebug = true\n";

    #[test]
    fn what_is_not_ours_needs_a_reason() {
        assert_eq!(foreign(MANIFEST).collect::<Vec<_>>(), ["serde", "base64"]);
    }

    #[test]
    fn a_dependency_without_a_reason_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs/decisions")).unwrap();
        fs::write(root.path().join("Cargo.toml"), MANIFEST).unwrap();
        fs::write(root.path().join(REASONS), "| `serde` | JSON |\n").unwrap();
        let wrong = check(root.path()).unwrap();
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with("base64 has no reason"), "{wrong:?}");
    }
}
