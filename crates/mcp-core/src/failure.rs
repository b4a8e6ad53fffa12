//! What `?` makes of an error inside a feature.

use std::error::Error;

use crate::flow::AskError;

/// An error that is nobody's business but the log's.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Tells a client that could not be asked from everything else that can go wrong.
pub(crate) fn sorted(error: impl Error + Send + Sync + 'static) -> Result<AskError, BoxError> {
    BoxError::from(error).downcast::<AskError>().map(|unasked| *unasked)
}
