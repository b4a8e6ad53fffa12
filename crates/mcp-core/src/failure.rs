//! What `?` makes of an error inside a feature.

use std::error::Error;

use crate::flow::AskError;

/// An error that is nobody's business but the log's.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Tells a client that could not be asked from everything else that can go wrong. A question that
/// nobody may be asked is something else: it is the author's to mend.
pub(crate) fn sorted(error: impl Error + Send + Sync + 'static) -> Result<AskError, BoxError> {
    match BoxError::from(error).downcast::<AskError>() {
        Ok(mistake) if matches!(*mistake, AskError::NoPage { .. }) => Err(mistake),
        Ok(unasked) => Ok(*unasked),
        Err(other) => Err(other),
    }
}
