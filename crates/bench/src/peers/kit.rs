//! What peers are made with: cargo, npm and pip, each with a lock file or a list of exact versions.
//! Everything is installed below `target/peers`, once, and again when the list has changed.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::process::{Running, SUBJECT, on_both_cores, start};

/// What a peer is made with, and what of it is started.
#[derive(Clone, Copy, Debug)]
pub enum Kit {
    /// A program that cargo builds.
    Cargo(&'static str),
    /// A script for Node, by its path below the folder of packages.
    Npm(&'static str),
    /// A script for Python.
    Python(&'static str),
}

/// Where each of them is, or why it is not there.
#[derive(Debug)]
pub struct Kits {
    cargo: Result<PathBuf, String>,
    npm: Result<PathBuf, String>,
    python: Result<PathBuf, String>,
}

impl Kits {
    /// Installs what is missing. That something could not be installed is told by those who need it.
    #[must_use]
    pub fn install() -> Self {
        let told = |error: io::Error| error.to_string();
        Self {
            cargo: cargo().map_err(told),
            npm: npm().map_err(told),
            python: python().map_err(told),
        }
    }
}

impl Kit {
    /// Starts it on the core of what is measured: with a word for what it is to do, and a port.
    ///
    /// # Errors
    /// When it was not installed, or cannot be started.
    pub fn start(self, kits: &Kits, word: &str, port: u16) -> io::Result<Running> {
        let (kit, path) = match self {
            Self::Cargo(path) => (&kits.cargo, path),
            Self::Npm(path) => (&kits.npm, path),
            Self::Python(path) => (&kits.python, path),
        };
        let folder = kit.as_ref().map_err(|error| io::Error::other(error.clone()))?;
        let script = match self {
            Self::Python(path) => sources("python").join(path),
            _ => folder.join(path),
        };
        let (script, port) = (script.to_string_lossy(), port.to_string());
        let settings = [("PORT", port.clone())];
        match self {
            Self::Cargo(path) => start(SUBJECT, &folder.join(path), &[word, &port], &settings),
            Self::Npm(_) => {
                let node = folder.join("node_modules/.bin/node");
                start(SUBJECT, &node, &[&*script, word, &port], &settings)
            }
            Self::Python(_) => {
                let python = folder.join("bin/python");
                start(SUBJECT, &python, &["-B", &*script, word, &port], &settings)
            }
        }
    }

    /// The exact version of a package, as it is pinned.
    #[must_use]
    pub fn version_of(self, package: &str) -> Option<String> {
        let (file, before, after) = match self {
            Self::Cargo(_) => {
                ("rmcp/Cargo.lock", format!("name = \"{package}\"\nversion = \""), '"')
            }
            Self::Npm(_) => ("npm/package.json", format!("\"{package}\": \""), '"'),
            Self::Python(_) => ("python/requirements.txt", format!("\n{package}=="), '\n'),
        };
        let text = fs::read_to_string(sources(file)).ok()?;
        let (_, rest) = text.split_once(&before)?;
        rest.split_once(after).map(|(version, _)| version.to_owned())
    }
}

fn sources(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(path)
}

/// A folder beside those of the profiles.
fn target(name: &str) -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or_else(|| io::Error::other("no target folder"))?;
    let folder = target.join("peers").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn cargo() -> io::Result<PathBuf> {
    let folder = target("cargo")?;
    let (manifest, target) = (sources("rmcp/Cargo.toml"), folder.to_string_lossy().into_owned());
    let manifest = manifest.to_string_lossy();
    let build = ["build", "--release", "--quiet", "--locked", "--manifest-path", &manifest];
    run("cargo", &[&build[..], &["--target-dir", &target]].concat(), &folder)?;
    Ok(folder.join("release"))
}

fn npm() -> io::Result<PathBuf> {
    let folder = target("npm")?;
    for each in fs::read_dir(sources("npm"))? {
        let each = each?;
        if each.file_type()?.is_file() {
            fs::copy(each.path(), folder.join(each.file_name()))?;
        }
    }
    let install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    once(&folder, &sources("npm/package-lock.json"), || run("npm", &install, &folder))?;
    Ok(folder)
}

fn python() -> io::Result<PathBuf> {
    let (folder, list) = (target("python")?, sources("python/requirements.txt"));
    let listed = list.to_string_lossy();
    let install = || {
        run("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()], &folder)?;
        let pip = folder.join("bin/pip");
        let words = ["install", "--quiet", "--disable-pip-version-check", "--requirement"];
        let words = [&words[..], &[&*listed]].concat();
        run(&pip.to_string_lossy(), &words, &folder)
    };
    once(&folder, &list, install)?;
    Ok(folder)
}

/// Installs, unless that was done with the same list.
fn once(folder: &Path, list: &Path, install: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let (stamp, list) = (folder.join("installed"), fs::read(list)?);
    if fs::read(&stamp).is_ok_and(|installed| installed == list) {
        return Ok(());
    }
    install()?;
    fs::write(stamp, list)
}

fn run(program: &str, words: &[&str], folder: &Path) -> io::Result<()> {
    let output = on_both_cores(program).args(words).current_dir(folder).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // The last line is the one that a table has room for.
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(io::Error::other(format!("{program} {} has failed: {last}", words.first().unwrap_or(&""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_pinned_version() {
        for peer in crate::peers::ALL {
            let name = peer.name();
            let version = name.split(' ').nth(1).unwrap();
            assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{name}");
        }
        assert!(Kit::Npm("").version_of("oidc-provider").is_some());
        assert_eq!(Kit::Python("").version_of("nobody"), None);
    }

    #[test]
    fn what_was_installed_from_the_same_list_is_not_installed_again() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        let mut times = 0;
        for text in ["a==1", "a==1", "a==2"] {
            fs::write(&list, text).unwrap();
            once(folder.path(), &list, || {
                times += 1;
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(times, 2);
    }
}
