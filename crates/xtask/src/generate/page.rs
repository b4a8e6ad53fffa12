//! `docs/configuration.md`: the same settings as a table.

use std::fmt::Write as _;

use super::settings::{Default, Described};

const HEAD: &str = "\
<!-- Written by `cargo xtask gen`; do not edit. -->

# Configuration

Settings are environment variables.
Each server also reads the file `.env` in the folder it is started in; a variable of the process wins over it, and an empty value counts as not set.
`cargo run` starts both servers in one process, and both read the same settings.
A wrong setting stops the start: every mistake is listed at once, with the place its value came from and how to mend it.
So does a name that is nearly a setting, where it begins with `MCP_` or stands in `.env`.
`--help` of each server explains its settings; there are no flags for them ([decision 0065](decisions/0065-settings-from-the-environment-only.md)).

| setting | default | meaning | read by |
|---|---|---|---|
";

pub(super) fn render(settings: &[Described]) -> String {
    let mut text = HEAD.to_owned();
    for setting in settings {
        let default = match &setting.default {
            Default::Value(value) => format!("`{value}`"),
            Default::Words(words) => (*words).to_owned(),
            Default::None => "not set".to_owned(),
        };
        let only = setting.meanings.len() == 1;
        let meanings = setting.meanings.iter().map(|meaning| {
            if only {
                meaning.text.to_owned()
            } else {
                format!("{}: {}", meaning.servers.join(", "), meaning.text)
            }
        });
        let meaning = meanings.collect::<Vec<_>>().join("<br>").replace('|', "\\|");
        let servers = setting.servers().join(", ");
        let _ = writeln!(text, "| `{}` | {default} | {meaning} | {servers} |", setting.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use ambient::Setting;

    use super::*;

    fn page(settings: impl IntoIterator<Item = (&'static str, &'static str)>) -> String {
        let of = |(server, meaning)| {
            (
                server,
                vec![Setting { name: "A", meaning, default: Some("1".to_owned()), secret: false }],
            )
        };
        render(&Described::of(settings.into_iter().map(of)).unwrap())
    }

    #[test]
    fn a_setting_is_a_row() {
        assert!(
            page([("x", "One | two."), ("y", "One | two.")])
                .ends_with("| `A` | `1` | One \\| two. | x, y |\n")
        );
    }

    #[test]
    fn two_meanings_are_told_apart() {
        assert!(
            page([("x", "One."), ("y", "Two.")])
                .ends_with("| `A` | `1` | x: One.<br>y: Two. | x, y |\n")
        );
    }
}
