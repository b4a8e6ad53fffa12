//! The scripts: what Redis cannot do in one command of its own.
//!
//! A script is called by its hash and sent whole only to a server that does not know it yet, such
//! as one that was restarted. Each has one key, which says where in a cluster it runs.

use fred::{
    clients::Client,
    interfaces::LuaInterface,
    types::{Key, Value},
    util::sha1_hash,
};

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
/// lifetime, and events are announced in their order, each after the id of the one before it, by which
/// a reader notices that an announcement was lost on its way.
/// Where its writer knows of an event that the log has lost at its end, before a failover, the new one
/// says so, and comes after the lost one whatever this server's clock says.
/// Trims whole blocks (`~`), which costs Redis much less than an exact length. Only large events can
/// make a log too large for its number of them; their bytes are looked at, and half is dropped.
const APPEND: &str = "\
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local before = last[1] and last[1][1] or '0-0'
local id
local millis, number = string.match(before, '(%d+)-(%d+)')
local known_millis, known_number = string.match(ARGV[5], '(%d+)-(%d+)')
local ahead = tonumber(known_millis) - tonumber(millis)
if ahead == 0 then ahead = tonumber(known_number) - tonumber(number) end
if ahead > 0 then
  before = ARGV[5]
  local next = '*'
  if tonumber(redis.call('TIME')[1]) * 1000 <= tonumber(known_millis) then
    next = known_millis .. '-' .. string.format('%.0f', tonumber(known_number) + 1)
  end
  id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], next, 'h', ARGV[2])
else
  id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if #ARGV[2] > 4096 then
  local length = redis.call('XLEN', KEYS[1])
  local bytes = redis.pcall('MEMORY', 'USAGE', KEYS[1])
  if length > 1 and type(bytes) == 'number' and bytes > tonumber(ARGV[4]) then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', math.floor(length / 2))
  end
end
redis.call('PUBLISH', KEYS[1], before .. '>' .. id .. ' ' .. ARGV[2])
return id";

/// Counts one and opens a window with the first, in one step, so that no count is left without an
/// end. Answers the count and what is left of its window in milliseconds.
const COUNT_WINDOW: &str = "\
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}";
/// Adds entries to a list, drops the oldest beyond the first argument and sets the lifetime.
const APPEND_RING: &str = "\
redis.call('RPUSH', KEYS[1], unpack(ARGV, 3))
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// Adds to counters, or raises them, and sets the lifetime.
const COUNT: &str = "\
for i = 2, #ARGV, 3 do
  if ARGV[i + 1] == 'add' then
    redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 2])
  else
    local now = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
    if now < tonumber(ARGV[i + 2]) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
  end
end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])";

/// Adds a member until a moment by Redis's own clock, and drops those whose moment has come. The
/// set lives as long as the last of them. Answers how many are there.
const ENTER: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2])
return redis.call('ZCARD', KEYS[1])";

/// The same of any number of members, and those whose moment has come stay for a while to be counted.
const STAY: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
return redis.call('PEXPIREAT', KEYS[1], last[2] + ARGV[2])";

/// The same where fewer than so many are there. Answers 1 if there was room, and 0 if not.
const STAY_IF_ROOM: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
if redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf') >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2] + ARGV[3])
return 1";

/// Adds a member where fewer than so many are there, whether their moment has come or not; answers 1
/// then. Else gives some whose moment has come, whom nobody else is given for a while; or some who
/// would stay longer than anybody may, as an earlier version has entered them.
const ENTER_IF_ROOM: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
local answer = 1
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[4]) then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
else
  answer = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[6])
  if #answer == 0 then
    local longest = '(' .. (now + ARGV[2])
    answer = redis.call('ZRANGEBYSCORE', KEYS[1], longest, '+inf', 'LIMIT', 0, ARGV[6])
  end
  for _, member in ipairs(answer) do redis.call('ZADD', KEYS[1], now + ARGV[5], member) end
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if last[2] then redis.call('PEXPIREAT', KEYS[1], last[2] + ARGV[3]) end
return answer";

/// Moves the moment of a member that is still there.
const VOUCH: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])";

/// Drops those whose moment has come, and answers how many they were.
const LAPSED: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)";

/// Drops a member.
const LEAVE: &str = "return redis.call('ZREM', KEYS[1], ARGV[1])";

/// Counts the members whose moment has not come.
const PRESENT: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')";

/// The members whose moment has not come, up to a number, after some.
const MEMBERS: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', ARGV[2], ARGV[1])";

/// A script and its hash.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: &'static str,
    pub(super) hash: String,
}

/// All scripts, hashed once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) swap: Script,
    pub(super) append: Script,
    pub(super) append_ring: Script,
    pub(super) count: Script,
    pub(super) count_window: Script,
    pub(super) enter: Script,
    pub(super) stay: Script,
    pub(super) stay_if_room: Script,
    pub(super) enter_if_room: Script,
    pub(super) vouch: Script,
    pub(super) lapsed: Script,
    pub(super) leave: Script,
    pub(super) present: Script,
    pub(super) members: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            swap: Script::new(SWAP),
            append: Script::new(APPEND),
            append_ring: Script::new(APPEND_RING),
            count: Script::new(COUNT),
            count_window: Script::new(COUNT_WINDOW),
            enter: Script::new(ENTER),
            stay: Script::new(STAY),
            stay_if_room: Script::new(STAY_IF_ROOM),
            enter_if_room: Script::new(ENTER_IF_ROOM),
            vouch: Script::new(VOUCH),
            lapsed: Script::new(LAPSED),
            leave: Script::new(LEAVE),
            present: Script::new(PRESENT),
            members: Script::new(MEMBERS),
        }
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
        let (hash, key) = (script.hash.as_str(), Key::from(key));
        let attempt = async |client: &Client| {
            // Cloning the key and the arguments copies no text: they are reference-counted.
            let known = client.evalsha(hash, key.clone(), arguments.clone());
            match Box::pin(known).await {
                // The server has done nothing then, so sending it again is not a second try.
                Err(error) if error.details().starts_with("NOSCRIPT") => {
                    Box::pin(client.eval(script.text, key.clone(), arguments.clone())).await
                }
                done => done,
            }
        };
        self.observed("EVALSHA", self.settled(action, attempt)).await
    }
}
