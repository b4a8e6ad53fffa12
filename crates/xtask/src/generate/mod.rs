//! `cargo xtask gen`: the files that repeat what the servers say of their settings.
//!
//! A server describes a setting where it reads it, so the description cannot be forgotten; these
//! files are made of those descriptions and are never edited by hand.

mod env_file;
mod page;
mod settings;

use std::{fs, path::Path};

use ambient::Env;

use self::settings::Described;
use crate::failure::Failure;

/// Writes the files.
pub(crate) fn write(root: &Path) -> Result<(), Failure> {
    for (name, text) in files()? {
        let path = root.join(name);
        fs::write(&path, text).map_err(Failure::of_file(path))?;
    }
    Ok(())
}

/// A sentence for every file that is not what [`write()`] would write.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let stale = |(name, text): (&str, String)| {
        let there = fs::read_to_string(root.join(name)).unwrap_or_default();
        (there != text).then(|| format!("{name} is not up to date; run `cargo xtask gen`"))
    };
    Ok(files()?.into_iter().filter_map(stale).collect())
}

fn settings() -> Result<Vec<Described>, Failure> {
    // With nothing set, a server describes everything it reads.
    let nothing = Env::default();
    Described::of([
        ("auth-server", auth_server::Config::from_env(&nothing).1),
        ("mcp-server", mcp_server::Config::from_env(&nothing).1),
        ("mcp-server", mcp_server::features::offered(&nothing).1),
    ])
}

fn files() -> Result<[(&'static str, String); 2], Failure> {
    let settings = settings()?;
    Ok([
        (".env.example", env_file::render(&settings)),
        ("docs/configuration.md", page::render(&settings)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_the_name_of_every_setting_is_good_for_every_server() {
        // What one of them reads is never nearly what another one does.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        let names = settings().unwrap().into_iter().map(|setting| setting.name);
        let lines = names.filter(|name| !name.contains('<')).map(|name| format!("{name}=\n"));
        fs::write(&file, lines.collect::<String>()).unwrap();
        let env = Env::from_file(&file).unwrap();
        assert!(auth_server::Config::from_env(&env).0.is_ok());
        assert!(mcp_server::Config::from_env(&env).0.is_ok());
        assert!(mcp_server::features::offered(&env).0.is_ok());
    }
}
