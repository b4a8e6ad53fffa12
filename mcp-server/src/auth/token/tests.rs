//! Forged tokens, dialects.
