//! What to make of a setting: its default, its range, whether it is a secret.

use std::{fmt, str::FromStr};

use super::{PART, Reader, Setting};
use crate::{Secret, values::shown};

/// A named setting that has not been read yet.
pub struct Value<'r, 'a> {
    pub(super) reader: &'r mut Reader<'a>,
    pub(super) name: String,
    /// What it is called in the documentation.
    pub(super) documented: &'static str,
    pub(super) meaning: &'static str,
}

impl Value<'_, '_> {
    /// The value, or `default` when it is not set. An empty value counts as not set.
    pub fn or<T>(mut self, default: T) -> T
    where
        T: FromStr + fmt::Display,
        T::Err: fmt::Display,
    {
        let shown = default.to_string();
        self.parse(Some(shown)).unwrap_or(default)
    }

    /// The value, or `default` when it is not set. One outside of `range` is a mistake.
    pub fn within<T>(mut self, range: std::ops::RangeInclusive<T>, default: T) -> T
    where
        T: FromStr + fmt::Display + PartialOrd,
        T::Err: fmt::Display,
    {
        let Some(value) = self.parse(Some(default.to_string())) else { return default };
        if range.contains(&value) {
            return value;
        }
        let (least, most) = range.into_inner();
        let meaning = self.meaning;
        let problem = format!("`{value}` is out of range; use {least} to {most}. {meaning}");
        self.reader.mistake(&self.name, problem);
        default
    }

    /// The value, if it is set.
    pub fn optional<T>(mut self) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.parse(None)
    }

    /// The value as a secret, if it is set. It is never shown in a mistake.
    pub fn secret(mut self) -> Option<Secret> {
        self.document(None, true);
        let (value, _) = self.reader.env.values.get(&self.name)?;
        (!value.expose().is_empty()).then(|| value.clone())
    }

    fn document(&mut self, default: Option<String>, secret: bool) {
        let name = self.documented;
        // Of several things: told once, whether there is one of them or not.
        if name.contains(PART) && self.reader.settings.iter().any(|known| known.name == name) {
            return;
        }
        let setting = Setting { name, meaning: self.meaning, default, secret };
        self.reader.settings.push(setting);
    }

    fn parse<T>(&mut self, default: Option<String>) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.document(default, false);
        let (value, _) = self.reader.env.values.get(&self.name)?;
        let text = value.expose().trim();
        if text.is_empty() {
            return None;
        }
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let text = shown(text);
                let problem = format!("`{text}` cannot be used: {error}. {}", self.meaning);
                self.reader.mistake(&self.name, problem);
                None
            }
        }
    }
}
