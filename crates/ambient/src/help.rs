//! Settings as the end of a program's help.

use crate::Setting;

/// Every setting with what holds when it is not set and what it means, in the words of the code that
/// reads it.
#[must_use]
pub fn explained(settings: &[Setting]) -> String {
    let lines = settings.iter().map(|setting| {
        let default = setting.default.as_deref().filter(|default| !default.is_empty());
        let default = default.unwrap_or("not set");
        format!("\n  {} [{default}]\n          {}\n", setting.name, setting.meaning)
    });
    let lines: Vec<_> = lines.collect();
    format!("Settings, with what holds when they are not set:\n{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_explained_with_what_holds() {
        let setting = |name, default: Option<&str>| Setting {
            name,
            meaning: "What it is.",
            default: default.map(str::to_owned),
            secret: false,
        };
        let text =
            explained(&[setting("A", Some("1")), setting("B", Some("")), setting("C", None)]);
        for line in ["\n  A [1]\n          What it is.\n", "\n  B [not set]\n", "\n  C [not set]\n"]
        {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
