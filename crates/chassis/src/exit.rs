//! The last word of a program.

use std::{
    error::Error,
    io::Write as _,
    process::ExitCode,
    sync::atomic::{AtomicU8, Ordering},
};

/// The status of a process that a second signal has ended at once; 0 in all others. Signals are sent
/// to processes, so there is one of it.
static CUT_SHORT: AtomicU8 = AtomicU8::new(0);

/// The process ends with this status, if nothing else is wrong.
pub(crate) fn cut_short(status: u8) {
    CUT_SHORT.store(status, Ordering::Relaxed);
}

/// The status of a process with which nothing else is wrong.
pub(crate) fn good_status() -> u8 {
    CUT_SHORT.load(Ordering::Relaxed)
}

/// Success, or the error with its causes on the standard error stream and a failure: what `main`
/// returns. A process that a second signal has ended says so, as a shell does: 128 and the number of
/// the signal.
pub fn exit_code<E: Into<Box<dyn Error + Send + Sync>>>(ended: Result<(), E>) -> ExitCode {
    exit_code_of(ended, |_| 1)
}

/// The same, with a failure that says of which kind it is.
pub fn exit_code_of<E: Into<Box<dyn Error + Send + Sync>>>(
    ended: Result<(), E>,
    status: impl FnOnce(&E) -> u8,
) -> ExitCode {
    crate::telemetry::flush();
    let Err(error) = ended else { return ExitCode::from(good_status()) };
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
