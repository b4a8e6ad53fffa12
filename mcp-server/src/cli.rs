//! The command line: serving, and what helps an operator before that.

use std::io::{self, Read as _, Write};

use ambient::{Clock, Entropy, Env, Mistakes, Secret, Settings, explained};
use chassis::findings::Findings;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use mcp_core::Features;
use url::Url;

use crate::{
    AuthConfig, Config, auth,
    connect::{Client, Target},
    doctor::{self, World},
    run,
};

/// An MCP server. Settings come from the environment and from the file `.env`; `--help` explains them.
#[derive(Debug, Parser)]
#[command(name = "mcp-server", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve over HTTP: what happens without a command.
    Serve,
    /// Serve whoever has started this, over the standard streams.
    Stdio,
    /// Try the authorization server with these settings, and a token if there is one.
    CheckAuth {
        /// An access token, or - to read it from the standard input, which other users of the
        /// machine cannot see.
        #[arg(long)]
        token: Option<Secret>,
    },
    /// Ask the server that runs with these settings on this machine whether it is ready: for
    /// containers, which need no other client then.
    Healthcheck {
        /// Only whether it is alive.
        #[arg(long)]
        live: bool,
    },
    /// Look at settings, store, authorization server, proxies and the running server, from where a
    /// client stands. Ends with 1 when something is bad, and with 2 when nothing could be looked at.
    Doctor {
        /// An access token, to open a stream of the protocol with, or - to read it from the standard
        /// input. `examples/curl-examples.sh --token` gets one of a demo user.
        #[arg(long)]
        token: Option<Secret>,
        /// Tell it to a program.
        #[arg(long)]
        json: bool,
    },
    /// Print what to do so that a client connects: what the server's page shows.
    Connect {
        /// Which client; all when not said.
        #[arg(long)]
        client: Option<Client>,
        /// URL of the endpoint; that of the settings when not said.
        #[arg(long)]
        url: Option<Url>,
    },
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Look at the settings.
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the server would start with them, and every mistake in them.
    Check,
    /// Print what is in effect, without secrets.
    Dump,
}

/// Why a command has failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The server has.
    #[error(transparent)]
    Serve(#[from] run::RunError),
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Mistakes),
    /// The check has found something.
    #[error("tokens cannot be checked like this")]
    CheckFailed,
    /// The server that was asked is not well.
    #[error(transparent)]
    Sick(#[from] chassis::Unwell),
    /// The doctor has found something.
    #[error("not well: see what is marked BAD")]
    Unwell(u8),
    /// The result could not be written, or the token not be read.
    #[error("the terminal has failed")]
    Terminal(#[from] io::Error),
}

impl CliError {
    /// What the program ends with.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Unwell(status) => *status,
            _ => 1,
        }
    }
}

/// Does what the command line of this process says; `described` is what is served, by its settings, and
/// these settings.
pub async fn run(
    described: impl Fn(&Env) -> (Result<Features, Mistakes>, Settings),
) -> Result<(), CliError> {
    match obey(described).await {
        // Whoever read has seen enough, as `head` and `grep --quiet` do.
        Err(CliError::Terminal(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}

async fn obey(
    described: impl Fn(&Env) -> (Result<Features, Mistakes>, Settings),
) -> Result<(), CliError> {
    match told(&described).command {
        None | Some(Command::Serve) => Ok(run::serve_chosen(|env| described(env).0).await?),
        Some(Command::Stdio) => Ok(run::serve_stdio(|env| described(env).0).await?),
        Some(Command::CheckAuth { token }) => {
            let env = Env::process()?;
            let token = token.map(from_standard_input).transpose()?;
            let parts = (Clock::system(), Entropy::system());
            let good = check_auth(&env, &parts, token, &mut io::stdout()).await?;
            if good { Ok(()) } else { Err(CliError::CheckFailed) }
        }
        Some(Command::Healthcheck { live }) => {
            let config = Config::from_env(&Env::process()?).0?;
            Ok(chassis::healthcheck(config.host, config.port, live).await?)
        }
        Some(Command::Doctor { token, json }) => {
            let env = Env::process()?;
            let token = token.map(from_standard_input).transpose()?;
            let found = doctor(&env, (Clock::system(), Entropy::system()), token).await?;
            let told = if json { found.to_json() } else { found.to_string() };
            io::stdout().lock().write_all(told.as_bytes())?;
            if found.are_well() { Ok(()) } else { Err(CliError::Unwell(found.status())) }
        }
        Some(Command::Connect { client, url }) => {
            let env = Env::process()?;
            let (config, features) =
                Mistakes::of_both(Config::from_env(&env).0, described(&env).0)?;
            let url = url.map_or_else(|| config.resource(), String::from);
            let target = Target::new(&features.implementation().name, &url);
            let (mut out, mut aside) = (io::stdout().lock(), io::stderr().lock());
            Ok(connect(&target, client, (&mut out, &mut aside))?)
        }
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "mcp-server", &mut script);
            Ok(io::stdout().lock().write_all(&script)?)
        }
        Some(Command::Config { what }) => configured(&what, described),
    }
}

/// Whether `mcp-server` has a command of this name.
#[must_use]
pub fn knows(command: &str) -> bool {
    Cli::command().find_subcommand(command).is_some()
}

/// What this process was told to do. The long help ends with every setting, in the words of the code
/// that reads them.
fn told(described: impl Fn(&Env) -> (Result<Features, Mistakes>, Settings)) -> Cli {
    let nothing = Env::default();
    let mut settings = Config::from_env(&nothing).1;
    settings.extend(described(&nothing).1);
    let matches = Cli::command().after_long_help(explained(&settings)).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Checks the settings of the server and of its features, or shows them.
fn configured(
    what: &ConfigCommand,
    described: impl Fn(&Env) -> (Result<Features, Mistakes>, Settings),
) -> Result<(), CliError> {
    let env = Env::process()?;
    let ((config, mut settings), (features, more)) = (Config::from_env(&env), described(&env));
    let (config, features) = Mistakes::of_both(config, features)?;
    config.suits(&features)?;
    settings.extend(more);
    match what {
        ConfigCommand::Check => {
            let endpoint = config.resource();
            Ok(writeln!(io::stdout(), "the settings are good; the endpoint is {endpoint}")?)
        }
        ConfigCommand::Dump => Ok(dump(&env, &settings, &mut io::stdout().lock())?),
    }
}

fn from_standard_input(token: Secret) -> io::Result<Secret> {
    if token.expose() != "-" {
        return Ok(token);
    }
    let mut text = String::new();
    io::stdin().lock().take(64 * 1024).read_to_string(&mut text)?;
    Ok(Secret::new(text.trim()))
}

/// Writes the settings about tokens and what comes of a trial; true if all is good.
pub async fn check_auth(
    env: &Env,
    (clock, entropy): &(Clock, Entropy),
    token: Option<Secret>,
    out: &mut (dyn Write + Send),
) -> Result<bool, CliError> {
    let (config, settings) = Config::from_env(env);
    let config = config?;
    writeln!(out, "Settings")?;
    unusual(env, &settings, out)?;
    match &config.auth {
        AuthConfig::Off => {
            writeln!(out, "\nVerdict: authorization is off; everybody may do everything")?;
            Ok(true)
        }
        AuthConfig::Required(settings) => {
            Ok(auth::check(settings, clock, entropy, token, out).await?)
        }
    }
}

/// What is found about settings, store, authorization server and the running server.
pub async fn doctor(
    env: &Env,
    (clock, entropy): (Clock, Entropy),
    token: Option<Secret>,
) -> io::Result<Findings> {
    doctor::examine(env, &World { clock, entropy }, token).await
}

/// Writes what to do for one client, or for all. What to copy goes to `out`, so that it may go into a
/// file; of one client, what explains it goes to `aside`.
fn connect(
    target: &Target,
    client: Option<Client>,
    (out, aside): (&mut dyn Write, &mut dyn Write),
) -> io::Result<()> {
    if let Some(client) = client {
        let way = target.way(client);
        aside.write_all(way.explained().as_bytes())?;
        return writeln!(out, "{}", way.text);
    }
    for (index, way) in target.ways().iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}{}", way.explained(), way.text)?;
    }
    Ok(())
}

/// Writes every setting, with its value and where that came from.
fn dump(env: &Env, settings: &Settings, out: &mut dyn Write) -> io::Result<()> {
    rows(env, settings, "").try_for_each(|row| writeln!(out, "{row}"))
}

/// Writes the settings about tokens that are not what they are where nothing is set.
fn unusual(env: &Env, settings: &Settings, out: &mut dyn Write) -> io::Result<()> {
    let nothing = Env::default();
    let usual: Vec<_> = rows(&nothing, &Config::from_env(&nothing).1, "AUTH").collect();
    let tells = |row: &String| row.starts_with("AUTH_SERVER_URL=") || !usual.contains(row);
    let (told, rest): (Vec<_>, Vec<_>) = rows(env, settings, "AUTH").partition(tells);
    told.iter().try_for_each(|row| writeln!(out, "{row}"))?;
    writeln!(out, "and {} more as usual, which `mcp-server config dump` shows", rest.len())
}

/// Every setting whose name has `part` in it.
fn rows<'a>(
    env: &'a Env,
    settings: &'a Settings,
    part: &'a str,
) -> impl Iterator<Item = String> + 'a {
    settings.iter().filter(move |setting| setting.name.contains(part)).map(|setting| {
        let (value, source) = env.effective(setting);
        format!("{}={value}  # {source}", setting.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_made() {
        Cli::command().debug_assert();
        assert!(Cli::parse_from(["mcp-server"]).command.is_none());
    }

    #[test]
    fn the_help_explains_every_setting() {
        let settings = Config::from_env(&Env::default()).1;
        let help = Cli::command().after_long_help(explained(&settings)).render_long_help();
        let help = help.to_string();
        for setting in settings {
            assert!(help.contains(&format!("\n  {} [", setting.name)), "{}", setting.name);
        }
        assert!(
            help.contains("SESSION_TTL [300]\n          Seconds that an unused session lives.")
        );
    }

    #[test]
    fn one_client_or_all_of_them_are_told_how_to_connect() {
        let target = Target::new("x", "http://localhost:1/mcp");
        let told = |client| {
            let (mut out, mut aside) = (Vec::new(), Vec::new());
            connect(&target, client, (&mut out, &mut aside)).unwrap();
            [out, aside].map(|text| String::from_utf8(text).unwrap())
        };
        let [out, aside] = told(Some(Client::Codex));
        assert!(out.contains("codex mcp add x --url http://localhost:1/mcp"), "{out}");
        assert!(aside.contains("# Codex: In a terminal") && !out.contains('#'), "{aside}");
        let [all, none] = told(None);
        assert!(all.contains("# Codex: ") && none.is_empty(), "{none}");
        let ways = target.ways();
        assert!(ways.iter().all(|way| all.contains(&way.text)), "{all}");
        for client in [Client::Json, Client::Vscode, Client::Cursor, Client::McpRemote] {
            let [file, aside] = told(Some(client));
            let file: serde_json::Value = serde_json::from_str(&file).unwrap();
            assert!(file.is_object() && aside.starts_with("# "), "{aside}");
        }
    }

    #[test]
    fn a_dump_shows_what_holds_and_no_secret() {
        let env = Env::from([
            ("AUTH_SERVER_URL", "https://t.auth0.com/"),
            ("MCP_AUTH_PROFILE", "auth0"),
            ("MCP_AUTH_CLIENT_SECRET", "hunter2"),
        ]);
        let mut out = Vec::new();
        dump(&env, &Config::from_env(&env).1, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("MCP_AUTH_SCOPE_CLAIMS=scope permissions  # default"), "{text}");
        assert!(text.contains("AUTH_SERVER_URL=https://t.auth0.com/  # test"), "{text}");
        assert!(text.contains("MCP_AUTH_CLIENT_SECRET=[redacted]  # test"), "{text}");
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn a_dump_shows_what_a_profile_and_a_place_make_of_what_is_not_set() {
        let workos = [("MCP_AUTH_PROFILE", "workos"), ("AUTH_SERVER_URL", "https://as.example")];
        let workos = effective(&Env::from(workos));
        assert!(workos.contains(&"MCP_AUTH_CLIENT_AUTH=post  # default".to_owned()), "{workos:?}");
        let secret = |value: &str| format!("MCP_AUTH_CLIENT_SECRET={value}  # default");
        assert!(workos.contains(&secret("")), "{workos:?}");
        assert!(effective(&Env::default()).contains(&secret("[development secret]")));
        let bearer = effective(&Env::from([("MCP_AUTH_BEARER", "x")]));
        assert!(bearer.contains(&secret("")), "{bearer:?}");
    }

    #[test]
    fn a_check_begins_with_what_is_not_as_usual() {
        let env =
            Env::from([("MCP_AUTH_PROFILE", "auth0"), ("AUTH_SERVER_URL", "https://as.example")]);
        let mut out = Vec::new();
        unusual(&env, &Config::from_env(&env).1, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("AUTH_SERVER_URL=https://as.example  # test\n"), "{text}");
        // What the profile makes of what nobody has set.
        assert!(text.contains("MCP_AUTH_SCOPE_CLAIMS=scope permissions  # default\n"), "{text}");
        assert!(
            !text.contains("MCP_AUTH_CACHE_TTL=") && text.contains(" more as usual, "),
            "{text}"
        );
    }

    /// What is set or usual about tokens, a line each.
    fn effective(env: &Env) -> Vec<String> {
        rows(env, &Config::from_env(env).1, "AUTH").collect()
    }

    #[test]
    fn the_settings_of_every_provider_are_what_they_were() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/auth");
        let usual = effective(&Env::default());
        insta::assert_snapshot!("config_of_nobody", usual.join("\n"));
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let all = effective(&Env::from_file(&path).unwrap());
            let own: Vec<_> = all.into_iter().filter(|line| !usual.contains(line)).collect();
            insta::assert_snapshot!(format!("config_of_{name}"), own.join("\n"));
        }
    }
}
