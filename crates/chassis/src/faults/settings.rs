//! Whether faults may be asked for: never by accident, and never where strangers are.

use ambient::{Reader, values::Switch};

/// Whether `/debug/faults` is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultSettings {
    /// Whether faults may be asked for.
    pub is_on: bool,
}

impl FaultSettings {
    /// Reads it. `is_private` says that only this machine reaches the server.
    pub fn read(read: &mut Reader<'_>, is_private: bool) -> Self {
        let on = read
            .setting("MCP_FAULTS", "1 lets whoever tests a client break this server on purpose.")
            .or(Switch(false));
        let knows = read
            .setting(
                "MCP_FAULTS_I_KNOW",
                "`public` allows MCP_FAULTS where others than this machine reach the server.",
            )
            .optional::<String>();
        if on.0 && !is_private && knows.as_deref() != Some("public") {
            read.mistake(
                "MCP_FAULTS",
                "is for loopback only: everybody who can reach this address could break the \
                 server; leave it unset, or set MCP_FAULTS_I_KNOW=public",
            );
        }
        Self { is_on: on.0 }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    fn read(pairs: &[(&str, &str)], is_private: bool) -> Option<bool> {
        let env = pairs.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
        env.read(|read| FaultSettings::read(read, is_private)).0.ok().map(|settings| settings.is_on)
    }

    #[test]
    fn faults_are_off_and_need_a_word_in_public() {
        assert_eq!(read(&[], true), Some(false));
        assert_eq!(read(&[], false), Some(false));
        assert_eq!(read(&[("MCP_FAULTS", "1")], true), Some(true));
        assert_eq!(read(&[("MCP_FAULTS", "1")], false), None);
        let word = ("MCP_FAULTS_I_KNOW", "public");
        assert_eq!(read(&[("MCP_FAULTS", "1"), word], false), Some(true));
        assert_eq!(read(&[("MCP_FAULTS", "1"), ("MCP_FAULTS_I_KNOW", "1")], false), None);
    }
}
