//! Settings as an argument: where each value came from, and every mistake at once.
//!
//! A server describes its settings by reading them:
//!
//! ```
//! use ambient::Env;
//!
//! let env = Env::from([("PORT", "8080")]);
//! let (config, settings) = env.read(|read| {
//!     (read.setting("PORT", "Port to listen on.").or(3232_u16), read.setting("NAME", "Who am I.").optional::<String>())
//! });
//! assert_eq!(config.unwrap(), (8080, None));
//! assert_eq!(settings[0].default.as_deref(), Some("3232"));
//! ```
//!
//! The same description makes `.env.example` and the configuration page.

mod value;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
};

use self::value::Value;
use crate::{Secret, values};

/// Where a value of the file comes from.
const FILE: &str = ".env";

/// Settings by name, each with the place it came from.
#[derive(Clone, Debug, Default)]
pub struct Env {
    values: BTreeMap<String, (Secret, &'static str)>,
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The setting's name.
    pub setting: String,
    /// Where its value came from.
    pub source: &'static str,
    /// What is wrong and how to mend it.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.setting, self.source, self.problem)
    }
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Both, or the mistakes of both. What is wrong for both is told once.
    ///
    /// # Errors
    /// When one of them is wrong.
    pub fn of_both<A, B>(one: Result<A, Self>, other: Result<B, Self>) -> Result<(A, B), Self> {
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            (Err(Self(mut wrong)), Err(Self(mut more))) => {
                more.retain(|mistake| !wrong.contains(mistake));
                wrong.extend(more);
                Err(Self(wrong))
            }
            (Err(wrong), Ok(_)) | (Ok(_), Err(wrong)) => Err(wrong),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {} in the settings", if count == 1 { "mistake" } else { "mistakes" })?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

/// What a server reads: one line of its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// One line: meaning, unit, values.
    pub meaning: &'static str,
    /// What holds when it is not set, as it would be written; none if there is no default.
    pub default: Option<String>,
    /// Whether its value must not be shown.
    pub secret: bool,
}

/// All that a server reads, in the order it reads it.
pub type Settings = Vec<Setting>;

impl<const N: usize> From<[(&str, &str); N]> for Env {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let values = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), (Secret::new(value), "test")))
            .collect();
        Self { values }
    }
}

impl Env {
    /// The variables of this process, and below them those of the file `.env` in the current folder.
    ///
    /// # Errors
    /// When the file is there and cannot be read as lines of `NAME=value`.
    pub fn process() -> Result<Self, Mistakes> {
        let mut env = Self::default();
        env.add_file(Path::new(".env"))?;
        for (name, value) in process_variables() {
            env.values.insert(name, (Secret::new(value), "environment"));
        }
        Ok(env)
    }

    /// The settings of a file of lines `NAME=value`.
    ///
    /// # Errors
    /// When it cannot be read as such.
    pub fn from_file(path: &Path) -> Result<Self, Mistakes> {
        let mut env = Self::default();
        env.add_file(path)?;
        Ok(env)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), Mistakes> {
        let wrong = |problem: String| {
            Mistakes(vec![Mistake { setting: ".env".to_owned(), source: "file", problem }])
        };
        if !path.exists() {
            return Ok(());
        }
        let lines = dotenvy::from_path_iter(path)
            .map_err(|e| wrong(format!("cannot be opened ({e}); make it readable or remove it")))?;
        for line in lines {
            let (name, value) = line.map_err(|e| {
                wrong(format!("has a line that is not NAME=value ({e}); mend or remove the line"))
            })?;
            self.values.insert(name, (Secret::new(value), FILE));
        }
        Ok(())
    }

    /// The same settings with one of them set, as if by the program itself.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), (Secret::new(value), "program"));
        self
    }

    /// The value that holds for a setting, fit to be shown, and where it came from.
    #[must_use]
    pub fn effective(&self, setting: &Setting) -> (String, &'static str) {
        self.shown(setting.name, setting)
    }

    fn shown(&self, name: &str, setting: &Setting) -> (String, &'static str) {
        match self.values.get(name) {
            Some((value, source)) if !value.expose().trim().is_empty() => {
                let shown = if setting.secret {
                    "[redacted]".to_owned()
                } else {
                    values::shown(value.expose()).into_owned()
                };
                (shown, source)
            }
            _ => (setting.default.clone().unwrap_or_default(), "default"),
        }
    }

    /// The same for all settings, with their names: of those that are there once for each of several
    /// things, every name that holds, or the pattern if there is none.
    #[must_use]
    pub fn in_force(&self, settings: &[Setting]) -> Vec<(String, String, &'static str)> {
        let mut rows = Vec::new();
        for setting in settings {
            let names = match setting.name.split_once(PART) {
                None => vec![setting.name.to_owned()],
                Some((before, _)) => {
                    let parts = self.parts(settings, before);
                    parts.iter().map(|part| setting.name.replace(PART, part)).collect()
                }
            };
            let names = if names.is_empty() { vec![setting.name.to_owned()] } else { names };
            rows.extend(names.into_iter().map(|name| {
                let (value, source) = self.shown(&name, setting);
                (name, value, source)
            }));
        }
        rows
    }

    /// What the patterns that begin like this stand for, by what is set.
    fn parts(&self, settings: &[Setting], begin: &str) -> BTreeSet<&str> {
        let patterns = settings.iter().filter_map(|setting| setting.name.split_once(PART));
        let ends = patterns.filter(|(before, _)| *before == begin).map(|(_, after)| after);
        let found = ends.flat_map(|end| {
            let rests = self.values.keys().filter_map(|name| name.strip_prefix(begin));
            rests.filter_map(move |rest| rest.strip_suffix(end)).filter(|part| !part.is_empty())
        });
        found.collect()
    }

    /// Reads a configuration. Every mistake is collected before any is reported; the settings that
    /// were read are returned either way, as documentation.
    pub fn read<C>(
        &self,
        read: impl FnOnce(&mut Reader<'_>) -> C,
    ) -> (Result<C, Mistakes>, Settings) {
        let mut reader =
            Reader { env: self, mistakes: Vec::new(), settings: Vec::new(), of_parts: Vec::new() };
        let config = read(&mut reader);
        let Reader { mistakes, settings, .. } = reader;
        let config = if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) };
        (config, settings)
    }
}

/// Reads settings one by one and remembers what was wrong.
pub struct Reader<'a> {
    env: &'a Env,
    mistakes: Vec<Mistake>,
    settings: Settings,
    /// The names that were read by a pattern.
    of_parts: Vec<String>,
}

/// What stands in a pattern for the name that the operator has chosen.
const PART: &str = "<NAME>";

/// The name that a pattern stands for.
fn named(pattern: &str, part: Option<&str>) -> String {
    let part = part.map(|part| part.to_ascii_uppercase().replace('-', "_"));
    part.map_or_else(|| pattern.to_owned(), |part| pattern.replace(PART, &part))
}

impl<'a> Reader<'a> {
    /// Names a setting; what follows says what to make of its value.
    pub fn setting(&mut self, name: &'static str, meaning: &'static str) -> Value<'_, 'a> {
        Value { reader: self, name: name.to_owned(), documented: name, meaning }
    }

    /// Names a setting that is there once for each of several things which the operator has named:
    /// `X_<NAME>_URL` is `X_CORP_URL` for the part `corp`. It is documented once, as the pattern;
    /// without a part it is documented and never set.
    pub fn setting_of(
        &mut self,
        pattern: &'static str,
        part: Option<&str>,
        meaning: &'static str,
    ) -> Value<'_, 'a> {
        let name = named(pattern, part);
        self.of_parts.push(name.clone());
        Value { reader: self, name, documented: pattern, meaning }
    }

    /// A secret from its own variable or from a file that another one names, never from both. Each
    /// is given with its meaning.
    pub fn secret_or_file(
        &mut self,
        (name, meaning): (&'static str, &'static str),
        (file, file_meaning): (&'static str, &'static str),
    ) -> Option<Secret> {
        let direct = self.setting(name, meaning).secret();
        let path = self.setting(file, file_meaning).optional::<PathBuf>();
        self.one_secret((name, direct), (file, path))
    }

    /// The same for what an operator has named, see [`Reader::setting_of`].
    pub fn secret_or_file_of(
        &mut self,
        part: Option<&str>,
        (pattern, meaning): (&'static str, &'static str),
        (file, file_meaning): (&'static str, &'static str),
    ) -> Option<Secret> {
        let direct = self.setting_of(pattern, part, meaning).secret();
        let path = self.setting_of(file, part, file_meaning).optional::<PathBuf>();
        let [name, file] = [pattern, file].map(|pattern| named(pattern, part));
        self.one_secret((&name, direct), (&file, path))
    }

    fn one_secret(
        &mut self,
        (name, direct): (&str, Option<Secret>),
        (file, path): (&str, Option<PathBuf>),
    ) -> Option<Secret> {
        let Some(path) = path else { return direct };
        if direct.is_some() {
            self.mistake(file, format!("cannot be used together with {name}; remove one of them"));
            return direct;
        }
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Some(Secret::new(text.trim())),
            Ok(_) => self.mistake(file, "names an empty file; write the secret into it"),
            Err(error) => {
                self.mistake(file, format!("names a file that cannot be read: {error}"));
            }
        }
        None
    }

    /// Makes it a mistake that `name` is set, which is not read here although somebody may expect
    /// it; `instead` says what is.
    pub fn refuse(&mut self, name: &'static str, instead: &str) {
        let set = self.env.values.get(name).is_some_and(|(value, _)| !value.expose().is_empty());
        if set {
            self.mistake(name, format!("is not read here; {instead}"));
        }
    }

    /// Tells what holds while `name` is not set, where that follows from what was read after it: of a
    /// secret in words, never itself.
    pub fn holds(&mut self, name: &str, default: &str) {
        for setting in self.settings.iter_mut().filter(|setting| setting.name == name) {
            setting.default = Some(default.to_owned());
        }
    }

    /// What is set under names that begin with `prefix`: for those whom an operator wants to see it.
    #[must_use]
    pub fn beginning_with(&self, prefix: &str) -> Vec<(String, Secret)> {
        let set = self.env.values.iter().filter(|(name, _)| name.starts_with(prefix));
        set.map(|(name, (value, _))| (name.clone(), value.clone())).collect()
    }

    /// Records every variable that begins with `prefix` and has not been read: a name that is
    /// spelled wrong would silently change nothing. What Kubernetes tells every container about its
    /// services is nobody's spelling.
    pub fn refuse_unknown(&mut self, prefix: &str) {
        let unknown = self.unread().filter(|(name, value, _)| {
            name.starts_with(prefix) && !is_service_link(name, value.expose())
        });
        for name in unknown.map(|(name, ..)| name.clone()).collect::<Vec<_>>() {
            self.mistake(&name, "is not a setting; mend its name or remove it");
        }
    }

    /// Records every variable that nobody has read and that is nearly one which was: in `.env`, which is
    /// ours, whatever it is called; in the environment, which is everybody's, if its name begins like
    /// one of `ours`. Call it when everything was read.
    pub fn refuse_misspelt(&mut self, ours: &[&str]) {
        let may_be_ours = self.unread().filter(|(name, _, source)| {
            *source == FILE || ours.iter().any(|prefix| name.starts_with(prefix))
        });
        let meant = may_be_ours.filter_map(|(name, ..)| {
            let known = self.settings.iter().map(|known| known.name);
            Some((name.clone(), crate::misspelt::meant(name, known)?))
        });
        for (name, meant) in meant.collect::<Vec<_>>() {
            let problem = format!("is not a setting; is {meant} meant? Mend its name or remove it");
            self.mistake(&name, problem);
        }
    }

    /// What is set and nobody has read, but for those that are told to be wrong already: name, value
    /// and source.
    fn unread(&self) -> impl Iterator<Item = (&String, &Secret, &'static str)> {
        let is_read = |name: &String| {
            self.of_parts.contains(name) || self.settings.iter().any(|known| known.name == name)
        };
        let is_told = |name: &str| self.mistakes.iter().any(|mistake| mistake.setting == name);
        let set = self.env.values.iter().map(|(name, (value, source))| (name, value, *source));
        set.filter(move |(name, ..)| !is_read(name) && !is_told(name))
    }

    /// Records that the value of `name` is wrong for a reason that only its user can see.
    /// `problem` says what is wrong and how to mend it.
    pub fn mistake(&mut self, name: &str, problem: impl Into<String>) {
        let source = self.env.values.get(name).map_or("default", |(_, source)| source);
        self.mistakes.push(Mistake { setting: name.to_owned(), source, problem: problem.into() });
    }
}

/// Whether a variable is one of those that Kubernetes makes of the name of each service
/// (`enableServiceLinks`): `X_SERVICE_HOST`, `X_PORT=tcp://…`, `X_PORT_80_TCP_ADDR` and the like.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let of_port = name.split_once("_PORT_").and_then(|(_, rest)| rest.split('_').next());
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || of_port.is_some_and(is_number)
        || name.ends_with("_PORT") && value.contains("://")
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn process_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars()
}

#[cfg(test)]
mod tests;
