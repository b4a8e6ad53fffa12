//! The promises of both servers together, one module each.

mod world;
