//! The settings of all servers, each once: one `.env` serves them all.

use ambient::Settings;

use crate::failure::Failure;

/// Defaults that depend on where a program runs or on another setting: told in words, or the files
/// would differ from machine to machine and a copied line would set what it should not.
const DEPENDS: [(&str, &str); 4] = [
    ("LOG_FORMAT", "pretty on a terminal, json elsewhere"),
    ("METRICS_ADDR", "127.0.0.1:9464, or none if that is taken"),
    (
        "MCP_AUTH_CLIENT_SECRET",
        "one that everybody knows if AUTH_SERVER_URL is on this machine, none elsewhere",
    ),
    ("AUTH_MOCK_IDP", "1 if AUTH_SERVER_URL is on this machine, 0 elsewhere"),
];

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: &'static str,
    /// What it means, to whom; one entry if all say the same.
    pub(super) meanings: Vec<Meaning>,
    pub(super) default: Default,
}

/// What a setting means to some servers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) servers: Vec<&'static str>,
    pub(super) text: &'static str,
}

/// What holds when a setting is not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Default {
    /// A value, as it would be written.
    Value(String),
    /// A rule.
    Words(&'static str),
    /// Nothing: the meaning says what that means.
    None,
}

impl Described {
    /// Merges what the servers say, in the order in which they read.
    pub(super) fn of(
        servers: impl IntoIterator<Item = (&'static str, Settings)>,
    ) -> Result<Vec<Self>, Failure> {
        let mut all: Vec<Self> = Vec::new();
        for (server, settings) in servers {
            for setting in settings {
                let default = Default::of(setting.name, setting.default);
                match all.iter_mut().find(|known| known.name == setting.name) {
                    None => all.push(Self {
                        name: setting.name,
                        meanings: vec![Meaning { servers: vec![server], text: setting.meaning }],
                        default,
                    }),
                    Some(known) => known.also(server, setting.meaning, &default)?,
                }
            }
        }
        Ok(all)
    }

    fn also(
        &mut self,
        server: &'static str,
        text: &'static str,
        default: &Default,
    ) -> Result<(), Failure> {
        if self.default != *default {
            let (one, other) = (self.default.to_string(), default.to_string());
            return Err(Failure::TwoDefaults { setting: self.name, one, other });
        }
        match self.meanings.iter_mut().find(|meaning| meaning.text == text) {
            Some(meaning) if meaning.servers.contains(&server) => {}
            Some(meaning) => meaning.servers.push(server),
            None => self.meanings.push(Meaning { servers: vec![server], text }),
        }
        Ok(())
    }

    /// Who reads it.
    pub(super) fn servers(&self) -> Vec<&'static str> {
        self.meanings.iter().flat_map(|meaning| meaning.servers.iter().copied()).collect()
    }
}

impl Default {
    fn of(name: &str, default: Option<String>) -> Self {
        let words = DEPENDS.iter().find(|(depends, _)| *depends == name);
        match (words, default) {
            (Some((_, words)), _) => Self::Words(words),
            (None, Some(value)) if !value.is_empty() => Self::Value(value),
            (None, _) => Self::None,
        }
    }
}

impl std::fmt::Display for Default {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => f.write_str(value),
            Self::Words(words) => f.write_str(words),
            Self::None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Setting;

    use super::*;

    fn setting(name: &'static str, meaning: &'static str, default: Option<&str>) -> Setting {
        Setting { name, meaning, default: default.map(str::to_owned), secret: false }
    }

    #[test]
    fn a_setting_of_both_is_told_once() {
        let one = vec![setting("HOST", "Where.", Some("::1")), setting("A", "One.", None)];
        let other = vec![setting("HOST", "Where.", Some("::1")), setting("A", "Other.", None)];
        let all = Described::of([("x", one), ("y", other)]).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].servers(), all[0].meanings.len()), (vec!["x", "y"], 1));
        assert_eq!((all[1].servers(), all[1].meanings.len()), (vec!["x", "y"], 2));
    }

    #[test]
    fn two_defaults_of_one_setting_are_a_failure() {
        let of = |default| vec![setting("PORT", "Port.", Some(default))];
        let failure = Described::of([("x", of("1")), ("y", of("2"))]).unwrap_err();
        assert!(failure.to_string().starts_with("PORT has two defaults, `1` and `2`"));
    }

    #[test]
    fn a_default_that_depends_on_the_machine_is_told_in_words() {
        let of = |default| vec![setting("LOG_FORMAT", "Form.", Some(default))];
        assert_eq!(
            Described::of([("x", of("json"))]).unwrap(),
            Described::of([("x", of("pretty"))]).unwrap()
        );
    }
}
