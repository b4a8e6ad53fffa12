//! The two scripts: what Redis cannot do in one command of its own.
//!
//! A script is called by its hash and sent whole only to a server that does not know it yet, such
//! as one that was restarted. Each has one key, which says where in a cluster it runs.

use fred::{interfaces::LuaInterface, types::Value, util::sha1_hash};

use super::Redis;
use crate::error::{Action, StoreError};

/// Replaces a value if it is what the caller has seen; leaves its lifetime alone.
/// Answers 1 if it did, 0 if there is none, and else what is there now.
const SWAP: &str = "\
local now = redis.call('GET', KEYS[1])
if not now then return 0 end
if now ~= ARGV[1] then return now end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1";

/// Adds an event, sets the lifetime and announces the event in one step: no log is left without a
/// lifetime, and events are announced in their order.
/// Trims whole blocks (`~`), which costs Redis much less than an exact length. Only large events can
/// make a log too large for its number of them; their bytes are looked at, and half is dropped.
const APPEND: &str = "\
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if #ARGV[2] > 4096 then
  local length = redis.call('XLEN', KEYS[1])
  local bytes = redis.pcall('MEMORY', 'USAGE', KEYS[1])
  if length > 1 and type(bytes) == 'number' and bytes > tonumber(ARGV[4]) then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', math.floor(length / 2))
  end
end
redis.call('PUBLISH', KEYS[1], id .. ' ' .. ARGV[2])
return id";

/// A script and its hash.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

/// All scripts, hashed once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) swap: Script,
    pub(super) append: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self { swap: Script::new(SWAP), append: Script::new(APPEND) }
    }
}

impl Script {
    fn new(text: &'static str) -> Self {
        let hash = sha1_hash(text);
        Self { text, hash }
    }
}

impl Redis {
    pub(super) async fn script(
        &self,
        action: Action,
        script: &Script,
        key: String,
        arguments: Vec<Value>,
    ) -> Result<Value, StoreError> {
        let client = self.client(action)?;
        let hash = script.hash.as_str();
        // Cloning the arguments copies no text: they are reference-counted.
        let known = client.evalsha(hash, key.as_str(), arguments.clone());
        match Box::pin(known).await {
            Ok(reply) => Ok(reply),
            // The server has done nothing then, so sending it again is not a second try.
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                self.run(action, |client| client.eval(script.text, key, arguments)).await
            }
            Err(error) => Err(self.explain(action, &error)),
        }
    }
}
