//! Rate limits in Redis: one script, one round trip, Redis' own clock.

use domain::{
    limit::{Bucket, Taken},
    ports::cache::CacheError,
};
use redis::{Cmd, cmd};
use std::time::Duration;

/// [`Bucket::after_one`] for each bucket, and all of it written only when no bucket has to wait: else only that a bucket
/// is no emptier than empty, where its limit became wider. A key holds the moment at which its bucket is full again, in
/// microseconds, and is gone then. Lua's numbers are exact to a quarter of a microsecond
/// here, hence the whole one that is no wait.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local refused, wait, held, before, after = 0, 0, {}, {}, {}
for i, key in ipairs(KEYS) do
  local interval, whole = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  held[i] = tonumber(redis.call('GET', key) or now)
  before[i] = math.min(math.max(held[i], now), now + whole)
  after[i] = before[i] + interval
  local more = after[i] - whole - now
  if more >= 1 and more > wait then refused, wait = i, more end
end
local answer = {refused, math.ceil(wait)}
for i, key in ipairs(KEYS) do
  local full = refused == 0 and after[i] or before[i]
  if refused == 0 or full < held[i] then
    redis.call('SET', key, string.format('%.2f', full), 'PX', math.ceil((full - now) / 1000))
  end
  answer[i + 2] = math.ceil(full - now)
end
return answer
";

/// The script with its keys and arguments.
pub(super) fn command(buckets: &[Bucket], name: impl Fn(&str) -> String) -> Cmd {
    let mut take = cmd("EVAL");
    take.arg(TAKE).arg(buckets.len());
    for bucket in buckets {
        take.arg(name(&bucket.key()));
    }
    for bucket in buckets {
        let interval = bucket.limit.rate.interval_us();
        take.arg(interval).arg(interval * f64::from(bucket.limit.burst));
    }
    take
}

/// What the script answered: the place of the bucket that refused, from 1; microseconds to wait; for each bucket in how
/// many microseconds it is full again.
pub(super) fn taken(buckets: &[Bucket], answer: &[i64]) -> Result<Taken, CacheError> {
    let [refused, wait, full_in @ ..] = answer else {
        return Err(CacheError("the script's answer is too short".into()));
    };
    let place = usize::try_from(*refused).unwrap_or_default().checked_sub(1);
    let wait = Duration::from_micros(u64::try_from(*wait).unwrap_or_default());
    Ok(Taken {
        refused: place.map(|place| (place, wait)),
        used: buckets
            .iter()
            .zip(full_in)
            .map(|(bucket, full_in)| bucket.used(*full_in as f64))
            .collect(),
    })
}
