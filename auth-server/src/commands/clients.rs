//! `auth-server client`: the file of the operator's clients, written so that the server takes it.
//!
//! A server reads the file when it starts. A secret is told once, here, and only its hash is kept.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ambient::{Env, Secret};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use super::{CommandError, Rows, World};
use crate::{Config, clients_file::GivenClients, domain::SecretHash};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds a client, and tells its new secret. It acts for itself, or for users if it has a
    /// redirect URI.
    Add(Add),
    /// Shows the clients.
    List,
    /// Removes a client. Its tokens end by themselves.
    Remove {
        /// Its client id.
        id: String,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("for_users").args(["redirect_uris", "devices"]).multiple(true)))]
pub(super) struct Add {
    /// Its client id: letters, digits, `-`, `_` and `.`.
    id: String,
    /// Its name, for people.
    #[arg(long)]
    name: Option<String>,
    /// The scopes that it may have and no others, between spaces; all that there are if not given.
    #[arg(long)]
    scope: Option<String>,
    /// Where its public keys are: it signs, and gets no secret.
    #[arg(long)]
    jwks_uri: Option<String>,
    /// Where it is answered, if it acts for users; may be given several times.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// It runs on the computers of its users, where no secret can be kept, and gets none.
    #[arg(long, requires = "for_users", conflicts_with = "jwks_uri")]
    public: bool,
    /// It may run on devices that borrow the user's browser (RFC 8628).
    #[arg(long)]
    devices: bool,
}

pub(super) fn run(command: &Command, env: &Env, world: &World) -> Result<String, CommandError> {
    let path = path(env)?;
    // The file may have mistakes, or not be there yet; nothing else may.
    let config = Config::from_env(&env.clone().with("AUTH_CLIENTS_FILE", "")).0?;
    let mut file = read(&path)?;
    let said = match command {
        Command::List => return Ok(list(&file)),
        Command::Add(client) => add(&mut file, client, world)?,
        Command::Remove { id } => remove(&mut file, id)?,
    };
    let text = serde_json::to_string_pretty(&file).map_err(io::Error::from);
    let text = text.map_err(|source| CommandError::File { path: path.clone(), source })?;
    let taken = &config.resource_server.id;
    GivenClients::read(&text, &config.scopes, taken).map_err(CommandError::Clients)?;
    write(&path, &text).map_err(|source| CommandError::File { path, source })?;
    Ok(format!("{said}Servers read the file when they start.\n"))
}

fn path(env: &Env) -> Result<PathBuf, CommandError> {
    let (path, _) = env.read(|read| read.setting("AUTH_CLIENTS_FILE", "").optional::<String>());
    path?.map(PathBuf::from).ok_or(CommandError::NoFile)
}

fn read(path: &Path) -> Result<Value, CommandError> {
    let file = |source| CommandError::File { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from).map_err(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(json!({ "clients": [] })),
        Err(error) => Err(file(error)),
    }
}

/// A whole file or the old one, readable by its owner alone.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn clients(file: &mut Value) -> Result<&mut Vec<Value>, CommandError> {
    let list = file.get_mut("clients").and_then(Value::as_array_mut);
    list.ok_or_else(|| CommandError::Clients("is not a file of clients".to_owned()))
}

fn add(file: &mut Value, client: &Add, world: &World) -> Result<String, CommandError> {
    let mut entry = json!({ "client_id": client.id });
    let given =
        [("client_name", &client.name), ("scope", &client.scope), ("jwks_uri", &client.jwks_uri)];
    for (name, value) in given {
        if let Some(value) = value {
            entry[name] = json!(value);
        }
    }
    if !client.redirect_uris.is_empty() {
        entry["redirect_uris"] = json!(client.redirect_uris);
    }
    if client.devices {
        entry["devices"] = json!(true);
    }
    let said = if client.jwks_uri.is_some() {
        format!("client `{}` is added; it signs with its own keys.\n", client.id)
    } else if client.public {
        format!("client `{}` is added; it is public and has no secret.\n", client.id)
    } else {
        let secret = Secret::new(world.entropy.hex::<32>());
        entry["client_secret_sha256"] = json!([SecretHash::of(&secret)]);
        format!(
            "client_id      {}\nclient_secret  {}\n\nThe secret is shown once and kept nowhere. ",
            client.id,
            secret.expose()
        )
    };
    clients(file)?.push(entry);
    Ok(said)
}

fn remove(file: &mut Value, id: &str) -> Result<String, CommandError> {
    let clients = clients(file)?;
    let before = clients.len();
    clients.retain(|client| client["client_id"] != id);
    if clients.len() == before {
        return Err(CommandError::NoClient(id.to_owned()));
    }
    Ok(format!("client `{id}` is removed. "))
}

fn list(file: &Value) -> String {
    let clients = file["clients"].as_array().into_iter().flatten();
    let text = |client: &Value, name: &str| client[name].as_str().unwrap_or_default().to_owned();
    let rows = clients.map(|client| {
        let has = |name: &str| client.get(name).is_some();
        let proof = if has("jwks") || has("jwks_uri") {
            "signs"
        } else if has("client_secret_sha256") || has("client_secret") {
            "has a secret"
        } else {
            "is public"
        };
        let scope = if has("scope") { text(client, "scope") } else { "all scopes".to_owned() };
        [text(client, "client_id"), proof.to_owned(), scope, text(client, "client_name")]
    });
    Rows(rows.collect()).to_string()
}
