//! The cache in Redis (5.0 or newer, or Valkey).

mod connections;
pub mod inspect;
mod link;
mod take;

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    limit::{Bucket, Taken},
    ports::{
        Cache,
        cache::{CacheError, ServerFigures},
    },
};
use futures::{StreamExt, stream::BoxStream};
use redis::{Cmd, cmd};

use self::{inspect::SlowCommand, link::Link};
use crate::CacheOptions;

/// Appends to a stream whose ids are `0-1`, `0-2`, …: one step, so that number, trimming and time fit together.
/// The newest entry is never trimmed, so its number is where the next one follows.
const APPEND: &str = r"
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local number = newest and tonumber(string.match(newest[1], '%d+$')) + 1 or 1
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], '0-' .. string.format('%d', number), 'v', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return number
";

/// A cache in Redis.
pub struct RedisCache {
    link: Link,
    prefix: String,
}

impl RedisCache {
    /// The cache at the Redis that `url` names. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL is no `redis://` or `rediss://` URL, or not the latter where authorities are named.
    pub fn new(url: &str, options: &CacheOptions) -> Result<Self, CacheError> {
        Ok(Self {
            link: Link::new(url, options)?,
            prefix: options.prefix.clone(),
        })
    }

    /// The slowest commands that it kept, newest first; their arguments stay where they are.
    ///
    /// # Errors
    /// When it does not answer, or may not say.
    pub async fn slow_commands(&self, most: u32) -> Result<Vec<SlowCommand>, CacheError> {
        let mut command = cmd("SLOWLOG");
        let log: redis::Value = self.link.query(command.arg("GET").arg(most)).await?;
        Ok(inspect::slow_commands(&log, &self.prefix))
    }

    /// A command whose first argument is a key or a channel.
    fn command(&self, name: &str, key: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(self.name(key));
        command
    }

    /// The key or channel as Redis knows it.
    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// Redis takes whole milliseconds from 1.
fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, i64::MAX as u64 / 2)
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.link.query(&self.command("GET", key)).await
    }

    async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        self.link
            .query(
                self.command("SET", key)
                    .arg(value)
                    .arg("PX")
                    .arg(milliseconds(ttl)),
            )
            .await
    }

    async fn set_if_absent(&self, key: &str, value: &[u8], ttl: Duration) -> Result<bool, CacheError> {
        let mut set = self.command("SET", key);
        set.arg(value).arg("NX").arg("PX").arg(milliseconds(ttl));
        self.link.query(&set).await
    }

    async fn expire(&self, key: &str, ttl: Duration) -> Result<bool, CacheError> {
        self.link
            .query(self.command("PEXPIRE", key).arg(milliseconds(ttl)))
            .await
    }

    async fn remove(&self, key: &str) -> Result<bool, CacheError> {
        self.link.query(&self.command("DEL", key)).await
    }

    async fn append(&self, key: &str, value: &[u8], max: usize, ttl: Duration) -> Result<u64, CacheError> {
        let mut append = cmd("EVAL");
        append
            .arg(APPEND)
            .arg(1)
            .arg(self.name(key))
            .arg(value)
            .arg(max.max(1))
            .arg(milliseconds(ttl));
        self.link.query(&append).await
    }

    async fn entries(&self, key: &str, after: u64) -> Result<Vec<(u64, Vec<u8>)>, CacheError> {
        let Some(first) = after.checked_add(1) else {
            return Ok(Vec::new());
        };
        let mut range = self.command("XRANGE", key);
        range.arg(format!("0-{first}")).arg("+");
        let entries: Vec<(String, (String, Vec<u8>))> = self.link.query(&range).await?;
        entries
            .into_iter()
            .map(|(id, (_, value))| Ok((number(&id)?, value)))
            .collect()
    }

    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, CacheError> {
        let command = take::command(buckets, |key| self.name(key));
        let answer: Vec<i64> = self.link.query(&command).await?;
        take::taken(buckets, &answer)
    }

    async fn publish(&self, channel: &str, message: &[u8]) -> Result<(), CacheError> {
        let _listeners: u64 = self
            .link
            .query(self.command("PUBLISH", channel).arg(message))
            .await?;
        Ok(())
    }

    async fn listen(&self, channel: &str) -> Result<BoxStream<'static, Vec<u8>>, CacheError> {
        let listening = self.link.listen(&self.name(channel)).await?;
        Ok(listening
            .into_on_message()
            .map(|message| message.get_payload_bytes().to_vec())
            .boxed())
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.link.query(&cmd("PING")).await
    }

    async fn server_figures(&self) -> Result<Option<ServerFigures>, CacheError> {
        let info: String = self.link.query(&cmd("INFO")).await?;
        Ok(Some(inspect::figures(&info)))
    }
}

/// The number in a stream id `0-N`.
fn number(id: &str) -> Result<u64, CacheError> {
    id.strip_prefix("0-")
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| CacheError(format!("the list has an entry that is not ours: {id}")))
}
