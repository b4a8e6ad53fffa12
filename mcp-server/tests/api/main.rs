//! The transports and the eras over real sockets, on a catalog made for tests.

mod authorization;
mod bad_input;
mod legacy;
mod modern;
mod pages;
mod world;
