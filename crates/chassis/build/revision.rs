//! The commit that is checked out in a folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What is checked out.
pub(crate) struct Checkout {
    /// The commit, shortened.
    pub(crate) revision: String,
    /// The files that change when another commit is checked out, or one is added.
    pub(crate) changes_with: Vec<PathBuf>,
}

/// What is checked out in `folder`, if that is the top of a checkout and git is here: sources that
/// were unpacked within another project are not of its commits.
pub(crate) fn of(folder: &Path) -> Option<Checkout> {
    let top = PathBuf::from(git(folder, &["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != folder.canonicalize().ok()? {
        return None;
    }
    let revision = git(folder, &["rev-parse", "--short=12", "HEAD"])?;
    let path = |name: &str| {
        let path = git(folder, &["rev-parse", "--git-path", name])?;
        // Of a file that is not there cargo would say that it has changed, at every build.
        Some(folder.join(path)).filter(|path| path.exists())
    };
    let branch = git(folder, &["symbolic-ref", "--quiet", "HEAD"]);
    // Which branch it is, its last commit, and the same in the file where git gathers branches. The
    // log of HEAD has every step, also the first one of a branch that was in that file.
    let names = ["HEAD", "logs/HEAD", "packed-refs"];
    let changes_with = names.into_iter().chain(branch.as_deref()).filter_map(path).collect();
    Some(Checkout { revision, changes_with })
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned())
}
