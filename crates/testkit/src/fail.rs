//! How a check fails: with a sentence, at the line of the caller.

use std::fmt::Display;

/// Unwraps, or fails the test with a sentence that says what was expected.
pub(crate) trait OrFail<T> {
    /// The value; without one, a panic with `what` and the reason.
    fn or_fail(self, what: impl Display) -> T;
}

impl<T> OrFail<T> for Option<T> {
    #[track_caller]
    fn or_fail(self, what: impl Display) -> T {
        match self {
            Some(value) => value,
            None => panic!("{what}"),
        }
    }
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    #[track_caller]
    fn or_fail(self, what: impl Display) -> T {
        match self {
            Ok(value) => value,
            Err(reason) => panic!("{what}: {reason}"),
        }
    }
}
