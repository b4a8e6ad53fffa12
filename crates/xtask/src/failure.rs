//! Why a task could not be done at all.

use std::{io, path::PathBuf};

/// Nothing was checked or written to the end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no task `{0}`; `cargo xtask help` lists them")]
    UnknownTask(String),
    #[error("`cargo metadata` cannot be run: {0}")]
    NoCargo(io::Error),
    #[error("`cargo metadata` failed:\n{0}")]
    CargoRefused(String),
    #[error("`cargo metadata` printed what is not understood: {0}")]
    Metadata(serde_json::Error),
    #[error("{path} cannot be read or written: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is not Rust: {source}")]
    NotRust { path: PathBuf, source: syn::Error },
    #[error("{setting} has two defaults, `{one}` and `{other}`; one .env serves both servers")]
    TwoDefaults { setting: &'static str, one: String, other: String },
    #[error("`{name}` cannot be run: {source}")]
    Program { name: String, source: io::Error },
    #[error("`{name}` failed:\n{said}")]
    ProgramFailed { name: String, said: String },
    #[error("what case {0} has cost was not counted")]
    NoCount(String),
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
}

impl Failure {
    /// Says which file an error of the file system is about.
    pub(crate) fn of_file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
