//! `auth-server keys`: the signing keys that all instances share.

use std::time::Duration;

use ambient::{Env, Timestamp};
use clap::Subcommand;

use super::{CommandError, Rows, World, shared_store};
use crate::{
    Config,
    keys::{Keys, Phase, Rotation},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows the keys: name, algorithm, and how far each has come.
    List,
    /// Publishes the next key now. It signs in five minutes, when every cache knows it; the old one
    /// stays public as long as its signatures count.
    Rotate {
        /// The keys are not trusted any more: all others are gone, and a new one signs as soon as the
        /// instances have noticed, within seconds. Who checks signatures refuses what the old ones have
        /// signed when it reads the keys again; what this server is asked about counts as before.
        #[arg(long)]
        compromised: bool,
    },
}

pub(super) async fn run(
    command: &Command,
    env: &Env,
    world: &World,
) -> Result<String, CommandError> {
    let config = Config::from_env(env).0?;
    let store = shared_store(&config).await?.ok_or(CommandError::NoSharedStore)?;
    let keys = config.keys(&store, &world.clock, &world.entropy);
    if let Command::Rotate { compromised } = command {
        let how = if *compromised { Rotation::Compromised } else { Rotation::Planned };
        keys.rotate(how).await?;
    }
    list(&keys, world.clock.now()).await
}

async fn list(keys: &Keys, now: Timestamp) -> Result<String, CommandError> {
    let rows = keys.list().await?.into_iter().map(|(key, phase)| {
        let phase = match phase {
            Phase::Next => format!("next, signs in {}", in_words(key.signs_from.since(now))),
            Phase::Signing => format!("signs since {}", in_words(now.since(key.signs_from))),
            Phase::Retired => {
                let left = key.gone_at.map_or(Duration::ZERO, |end| end.since(now));
                format!("retired, public for {}", in_words(left))
            }
        };
        [key.kid, key.algorithm.to_string(), phase]
    });
    Ok(Rows(rows.collect()).to_string())
}

/// The largest two units, for people.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_for_people() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!([words(59), words(300), words(7260)], ["59 s", "5 min 0 s", "2 h 1 min"]);
        assert_eq!(words(30 * 86_400 + 3600), "30 d 1 h");
    }
}
