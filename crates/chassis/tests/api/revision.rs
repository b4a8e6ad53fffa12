//! What a release says it was built from: it must not be the commit before.

#[path = "../../build/revision.rs"]
mod build;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn git(folder: &Path, arguments: &[&str]) {
    let git = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
        .args(arguments)
        .output();
    let output = git.expect("git is here");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(folder: &Path) {
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "x"]);
}

/// What cargo compares: it looks at times, and two commits may come within the same moment.
fn contents(checkout: &build::Checkout) -> Vec<Vec<u8>> {
    let read =
        |path: &PathBuf| fs::read(path).expect("it is there, or cargo would build every time");
    checkout.changes_with.iter().map(read).collect()
}

#[test]
fn a_commit_and_another_branch_change_what_cargo_looks_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    git(folder, &["init", "--quiet", "--initial-branch", "main"]);
    commit(folder);
    for step in [
        &["commit", "--quiet", "--allow-empty", "--message", "y"][..],
        &["checkout", "--quiet", "-b", "other"],
        &["commit", "--quiet", "--allow-empty", "--message", "z"],
        &["pack-refs", "--all"],
        &["commit", "--quiet", "--allow-empty", "--message", "packed"],
        &["checkout", "--quiet", "--detach", "main"],
    ] {
        let before = build::of(folder).expect("a checkout");
        let looked_at = contents(&before);
        git(folder, step);
        let after = build::of(folder).expect("a checkout");
        if before.revision != after.revision {
            let now: Vec<_> = before.changes_with.iter().map(|path| fs::read(path).ok()).collect();
            let same = looked_at.into_iter().map(Some).eq(now);
            assert!(!same, "{step:?}: cargo would not look again");
        }
    }
}

#[test]
fn sources_without_a_checkout_of_their_own_have_no_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(build::of(folder.path()).is_none(), "there is no checkout at all");
    git(folder.path(), &["init", "--quiet"]);
    commit(folder.path());
    assert_eq!(build::of(folder.path()).expect("a checkout").revision.len(), 12);
    let inner = folder.path().join("vendored");
    fs::create_dir(&inner).expect("a folder in it");
    assert!(build::of(&inner).is_none(), "the commit is that of another project");
}
