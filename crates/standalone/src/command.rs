//! The command line: nothing but help. Commands are those of the servers, each of which is a program
//! of its own.

use ambient::{Env, Settings, explained};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, error::ErrorKind};
use mcp_server::features;

/// Both servers in one process, state in memory unless `REDIS_URL` is set.
///
/// Settings come from the environment and from the file `.env`; `--help` explains them.
#[derive(Debug, Parser)]
#[command(name = "standalone", version)]
struct Cli {
    /// There are none; see [`refusal`].
    #[arg(hide = true, num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Reads the command line of this process. Help and what is wrong with it are told, and end the
/// process.
pub(crate) fn obey() {
    let matches = described().get_matches();
    let told = Cli::from_arg_matches(&matches).and_then(|cli| {
        refusal(&cli.words)
            .map_or(Ok(()), |why| Err(described().error(ErrorKind::UnknownArgument, why)))
    });
    told.unwrap_or_else(|error| error.exit());
}

/// The long help ends with every setting of both servers, in the words of the code that reads them.
fn described() -> clap::Command {
    Cli::command().after_long_help(explained(&settings()))
}

fn settings() -> Settings {
    let nothing = Env::default();
    let mut settings = mcp_server::Config::from_env(&nothing).1;
    settings.extend(features::offered(&nothing).1);
    for setting in auth_server::Config::from_env(&nothing).1 {
        if !settings.iter().any(|known| known.name == setting.name) {
            settings.push(setting);
        }
    }
    settings
}

/// Why these words are not obeyed, if there are any, and which program would.
fn refusal(words: &[String]) -> Option<String> {
    let first = words.first()?;
    let all = words.join(" ");
    let has = [
        ("mcp-server", mcp_server::cli::knows(first)),
        ("auth-server", auth_server::commands::Cli::knows(first)),
    ];
    let programs = has.iter().filter(|(_, knows)| *knows);
    let calls: Vec<_> =
        programs.map(|(program, _)| format!("`cargo run -p {program} -- {all}`")).collect();
    Some(if calls.is_empty() {
        format!(
            "`{all}` is not understood: this program starts both servers and takes settings only"
        )
    } else {
        let calls = calls.join(" or ");
        format!(
            "this program starts both servers and has no commands; `{first}` is one of a server: {calls}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_made() {
        described().debug_assert();
        for (word, kind) in
            [("--help", ErrorKind::DisplayHelp), ("--version", ErrorKind::DisplayVersion)]
        {
            assert_eq!(Cli::try_parse_from(["standalone", word]).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn help_explains_every_setting_of_both_servers_once() {
        let help = described().render_long_help().to_string();
        for name in ["PORT", "AUTH_SERVER_PORT", "SESSION_TTL", "AUTH_DCR", "MCP_TOOLSETS"] {
            assert_eq!(help.matches(&format!("\n  {name} [")).count(), 1, "{name}");
        }
    }

    #[test]
    fn a_command_is_refused_with_the_program_that_has_it() {
        let said = |line: &str| {
            let words = std::iter::once("standalone").chain(line.split_whitespace());
            refusal(&Cli::parse_from(words).words)
        };
        assert_eq!(said(""), None);
        let connect = said("connect --client json").unwrap();
        assert!(
            connect.ends_with(": `cargo run -p mcp-server -- connect --client json`"),
            "{connect}"
        );
        let keys = said("keys rotate").unwrap();
        assert!(keys.ends_with(": `cargo run -p auth-server -- keys rotate`"), "{keys}");
        assert_eq!(said("doctor").unwrap().matches("cargo run -p").count(), 2);
        for unknown in ["--port 4000", "start"] {
            assert!(said(unknown).unwrap().contains("settings only"), "{unknown}");
        }
    }
}
