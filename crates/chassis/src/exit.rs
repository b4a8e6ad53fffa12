//! The last word of a program.

use std::{error::Error, io::Write as _, process::ExitCode};

/// Success, or the error with its causes on the standard error stream and a failure: what `main`
/// returns.
pub fn exit_code<E: Into<Box<dyn Error + Send + Sync>>>(ended: Result<(), E>) -> ExitCode {
    exit_code_of(ended, |_| 1)
}

/// The same, with a failure that says of which kind it is.
pub fn exit_code_of<E: Into<Box<dyn Error + Send + Sync>>>(
    ended: Result<(), E>,
    status: impl FnOnce(&E) -> u8,
) -> ExitCode {
    crate::telemetry::flush();
    let Err(error) = ended else { return ExitCode::SUCCESS };
    let status = status(&error);
    let error = error.into();
    let mut stderr = std::io::stderr().lock();
    // There is nobody left to tell if this fails.
    let _ = writeln!(stderr, "error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = writeln!(stderr, "  because: {error}");
        cause = error.source();
    }
    ExitCode::from(status)
}
