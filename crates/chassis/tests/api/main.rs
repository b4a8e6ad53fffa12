//! The chassis over real sockets: what a client sees of limits, stops, layers and health.

mod asked_faults;
mod client;
mod dressing;
mod faults;
mod health;
mod http2;
mod lasting;
mod limits;
mod logs;
mod metrics;
mod revision;
mod sizes;
mod stops;
mod support;
