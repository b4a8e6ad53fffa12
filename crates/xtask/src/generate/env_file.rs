//! `.env.example`: every setting as a comment, so that a copy changes nothing until it is edited.

use std::fmt::Write as _;

use super::settings::{Default, Described};

const HEAD: &str = "\
# Every setting. Copy this file to .env and take away the `#` before a line to set it.
# The servers read .env in the folder they are started in; variables of the process win over it.
# Written by `cargo xtask gen`; do not edit.
";

pub(super) fn render(settings: &[Described]) -> String {
    let mut text = HEAD.to_owned();
    for setting in settings {
        text.push('\n');
        for meaning in &setting.meanings {
            let _ = writeln!(text, "# {} [{}]", meaning.text, meaning.servers.join(", "));
        }
        if let Default::Words(words) = setting.default {
            let _ = writeln!(text, "# When not set: {words}.");
        }
        let value = match &setting.default {
            Default::Value(value) => quoted(value),
            Default::Words(_) | Default::None => String::new(),
        };
        let _ = writeln!(text, "#{}={value}", setting.name);
    }
    text
}

/// As a line of `.env` needs it: a value with a space or a comment sign is quoted.
fn quoted(value: &str) -> String {
    if value.contains([' ', '#', '"', '$', '\\']) { format!("'{value}'") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use ambient::Setting;

    use super::*;

    #[test]
    fn every_setting_has_its_meaning_its_readers_and_its_default() {
        let settings = [("PORT", "Where to listen.", Some("80")), ("KEY", "A secret.", None)].map(
            |(name, meaning, default)| Setting {
                name,
                meaning,
                default: default.map(str::to_owned),
                secret: false,
            },
        );
        let text = render(&Described::of([("x", settings.to_vec())]).unwrap());
        assert!(
            text.ends_with("\n# Where to listen. [x]\n#PORT=80\n\n# A secret. [x]\n#KEY=\n"),
            "{text}"
        );
    }

    #[test]
    fn a_value_that_a_reader_would_cut_is_quoted() {
        assert_eq!(quoted("mcp tools"), "'mcp tools'");
        assert_eq!(quoted("http://localhost:3232"), "http://localhost:3232");
    }
}
