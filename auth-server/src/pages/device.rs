//! The pages about devices: what a person types, and what came of it.

use askama::Template;

/// Asks for the code that a device shows.
#[derive(Template)]
#[template(path = "device.html")]
pub(crate) struct DevicePage<'a> {
    /// What is in the field already.
    pub(crate) code: String,
    /// Whether it came with the link and has to be compared.
    pub(crate) linked: bool,
    /// What was wrong with it.
    pub(crate) problem: Option<&'a str>,
}

/// Says what the user has decided.
#[derive(Template)]
#[template(path = "device_done.html")]
pub(crate) struct DeviceDonePage {
    /// Whether the device gets access.
    pub(crate) allowed: bool,
}
