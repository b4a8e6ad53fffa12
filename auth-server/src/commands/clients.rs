//! `auth-server client`: the clients of the operator, in a file that is written so that the server takes
//! it, and those that have registered or have a document, in the store.
//!
//! A server reads the file when it starts. A secret is told once, here, and only its hash is kept.
//! What is changed in the store holds at every instance at once.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ambient::{Env, Secret};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use super::{
    CommandError, Rows, World,
    registered::{Page, Registered},
    shared_store,
};
use crate::{
    Config,
    clients_file::{GivenClients, can_be_blocked},
    domain::SecretHash,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds a client to the file, and tells its new secret. It acts for itself, or for users if it has
    /// a redirect URI.
    Add(Add),
    /// Shows the clients: those of the file, then those of the store.
    List(Page),
    /// Removes a client. Tokens of one in the store end at once; it may register again.
    Remove {
        /// Its client id.
        id: String,
    },
    /// Lets a client in no more that has registered or has a document, and ends its logins and tokens.
    /// Without a store it is written to the file.
    Block {
        /// Its client id.
        id: String,
    },
    /// Lets a blocked client in again. What it had got is over.
    Unblock {
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

pub(super) async fn run(
    command: &Command,
    env: &Env,
    world: &World,
) -> Result<String, CommandError> {
    let path = path(env)?;
    // The file may have mistakes, or not be there yet; nothing else may.
    let config = Config::from_env(&env.clone().with("AUTH_CLIENTS_FILE", "")).0?;
    let file = path.map(|path| File::read(path, &config)).transpose()?;
    // What concerns the file alone is done while the store is away.
    match (command, file) {
        (Command::Add(client), file) => {
            file.ok_or(CommandError::NoFile)?.change(|file| add(file, client, world))
        }
        (Command::List(page), file) => list(file.as_ref(), page, &config, world).await,
        (Command::Remove { id }, Some(file)) if file.has(id) => {
            file.change(|file| remove(file, id))
        }
        (Command::Remove { id }, file) => match registered(&config, world).await? {
            Some(registered) => registered.remove(id).await,
            None if file.is_some() => Err(CommandError::NoClient(id.clone())),
            None => Err(CommandError::NoPlace),
        },
        (Command::Block { id }, Some(file)) if file.has(id) => {
            Err(CommandError::IsGiven(id.clone()))
        }
        (Command::Block { id }, _) if !can_be_blocked(id) => {
            Err(CommandError::NotRegistered(id.clone()))
        }
        (Command::Block { id }, file) => match (registered(&config, world).await?, file) {
            (Some(registered), _) => registered.block(id).await,
            (None, Some(file)) => file.change(|file| block(file, id)),
            (None, None) => Err(CommandError::NoPlace),
        },
        (Command::Unblock { id }, Some(file)) if file.blocks(id) => {
            file.change(|file| unblock(file, id))
        }
        (Command::Unblock { id }, file) => match registered(&config, world).await? {
            Some(registered) => registered.unblock(id).await,
            None if file.is_some() => Err(CommandError::NotBlocked(id.clone())),
            None => Err(CommandError::NoPlace),
        },
    }
}

/// The clients of the store that the instances share, if there is one.
async fn registered(config: &Config, world: &World) -> Result<Option<Registered>, CommandError> {
    let store = shared_store(config).await?;
    Ok(store.map(|store| Registered::new(&store, config, world)))
}

fn path(env: &Env) -> Result<Option<PathBuf>, CommandError> {
    let (path, _) = env.read(|read| read.setting("AUTH_CLIENTS_FILE", "").optional::<String>());
    Ok(path?.map(PathBuf::from))
}

/// The file, and what it has to fit.
struct File<'a> {
    path: PathBuf,
    content: Value,
    config: &'a Config,
}

impl<'a> File<'a> {
    fn read(path: PathBuf, config: &'a Config) -> Result<Self, CommandError> {
        let content = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(json!({ "clients": [] })),
            Err(error) => Err(error),
        };
        match content {
            Ok(content) => Ok(Self { path, content, config }),
            Err(source) => Err(CommandError::File { path, source }),
        }
    }

    fn has(&self, id: &str) -> bool {
        let mut clients = self.content["clients"].as_array().into_iter().flatten();
        clients.any(|client| client["client_id"] == id)
    }

    fn blocks(&self, id: &str) -> bool {
        self.content["blocked"].as_array().into_iter().flatten().any(|blocked| blocked == id)
    }

    /// Writes what comes of a change, if a server would take it.
    fn change(
        self,
        change: impl FnOnce(&mut Value) -> Result<String, CommandError>,
    ) -> Result<String, CommandError> {
        let Self { path, mut content, config } = self;
        let said = change(&mut content)?;
        let text = serde_json::to_string_pretty(&content).map_err(io::Error::from);
        let text = text.map_err(|source| CommandError::File { path: path.clone(), source })?;
        let taken = &config.resource_server.id;
        GivenClients::read(&text, &config.scopes, taken).map_err(CommandError::Clients)?;
        write(&path, &text).map_err(|source| CommandError::File { path, source })?;
        Ok(format!("{said}Servers read the file when they start.\n"))
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

/// The member `blocked` of the file.
fn blocked(file: &mut Value) -> Result<&mut Vec<Value>, CommandError> {
    if file.get("blocked").is_none() {
        file["blocked"] = json!([]);
    }
    let list = file.get_mut("blocked").and_then(Value::as_array_mut);
    list.ok_or_else(|| CommandError::Clients("is not a file of clients".to_owned()))
}

fn block(file: &mut Value, id: &str) -> Result<String, CommandError> {
    let blocked = blocked(file)?;
    if !blocked.iter().any(|blocked| blocked == id) {
        blocked.push(json!(id));
    }
    Ok(format!("client `{id}` is blocked. "))
}

fn unblock(file: &mut Value, id: &str) -> Result<String, CommandError> {
    blocked(file)?.retain(|blocked| blocked != id);
    Ok(format!("client `{id}` is not blocked any more. "))
}

/// The file first, and it alone if the store is away.
async fn list(
    file: Option<&File<'_>>,
    page: &Page,
    config: &Config,
    world: &World,
) -> Result<String, CommandError> {
    if file.is_none() && config.redis.is_none() {
        return Err(CommandError::NoPlace);
    }
    let first = file.filter(|_| page.is_first()).map(|file| list_file(&file.content));
    let first = first.unwrap_or_default();
    match list_registered(page, config, world).await {
        Ok(rest) => Ok(first + &rest),
        Err(why) if first.is_empty() => Err(why),
        Err(why) => Err(CommandError::Unlisted { report: first, why: Box::new(why) }),
    }
}

async fn list_registered(
    page: &Page,
    config: &Config,
    world: &World,
) -> Result<String, CommandError> {
    match registered(config, world).await? {
        Some(registered) => registered.list(page).await,
        None => Ok(String::new()),
    }
}

fn list_file(file: &Value) -> String {
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
    let blocked = file["blocked"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let rows = Rows(rows.collect()).to_string();
    blocked.fold(rows, |lines, id| lines + id + "  BLOCKED\n")
}
