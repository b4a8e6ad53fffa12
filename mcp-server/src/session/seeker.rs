//! Who asks for a session, and the line for the audit log when it is not his.

use std::net::IpAddr;

use mcp_core::Principal;

/// Who asks for a session, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeker<'a> {
    pub(crate) principal: &'a Principal,
    /// The other end of the connection, if there is one.
    pub(crate) address: Option<IpAddr>,
}

impl<'a> From<&'a Principal> for Seeker<'a> {
    fn from(principal: &'a Principal) -> Self {
        Self { principal, address: None }
    }
}

impl Seeker<'_> {
    /// Says that the session is somebody else's: its name is hard to guess, so it was stolen or mixed
    /// up. Whose it is, the line does not tell, nor its name.
    pub(super) fn tell(self) {
        let address = self.address.map(tracing::field::display);
        tracing::error!(
            target: "audit",
            event = "session.foreign",
            outcome = "alarm",
            address,
            subject = self.principal.user.as_deref(),
            client = self.principal.client.as_deref(),
            "a session was used by somebody who does not own it"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use chassis::telemetry::{LogFormat, Telemetry};
    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_says_what_happened_who_it_was_and_from_where() {
        let (log, user) = (Shared::default(), Some("bob".to_owned()));
        let bob = Principal { user, ..Principal::anonymous() };
        let writer = log.clone();
        let listening = Telemetry::off()
            .subscriber(LogFormat::Json, "audit=info", move || writer.clone())
            .unwrap();
        let address = "192.0.2.7".parse().ok();
        tracing::subscriber::with_default(listening, || Seeker { principal: &bob, address }.tell());
        let line: Value = serde_json::from_slice(&log.0.lock().unwrap()).unwrap();
        for (field, value) in [
            ("event", "session.foreign"),
            ("outcome", "alarm"),
            ("address", "192.0.2.7"),
            ("subject", "bob"),
            ("target", "audit"),
        ] {
            assert_eq!(line[field], value, "{field} in {line}");
        }
    }
}
