//! One call for permits: many requests in, as many answers out.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisResult};

use super::batched_call::{BatchedCall, PendingCall};
use super::lua_script::LuaScript;
use crate::LimitRequest;

static ACQUIRE: LazyLock<LuaScript> = LazyLock::new(|| LuaScript::new(include_str!("acquire.lua")));

/// What Redis takes for an expiry; any other window would fail the whole call.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// A request in Redis' words. Unanswered, it is judged without Redis.
pub(super) struct AcquireCall {
    counters: Vec<WindowKey>,
    permits: u32,
}

struct WindowKey {
    key: String,
    limit: u32,
    length: Duration,
}

/// What Redis says to one request.
#[derive(Debug)]
pub(super) struct AcquireResult {
    pub(super) admitted: bool,
    /// In the order of the request's counters.
    pub(super) windows: Vec<WindowUsage>,
}

/// How one window stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WindowUsage {
    pub(super) used: u32,
    pub(super) ends_in: Duration,
}

impl AcquireCall {
    pub(super) fn new(request: &LimitRequest, prefix: &str) -> Self {
        // The braces make the owner the hash tag of Redis Cluster.
        let key = |scope: &str| format!("{prefix}:limit:{{{}}}:{scope}", request.owner);
        let counters = request.counters().map(|counter| WindowKey {
            key: key(&counter.scope),
            limit: counter.rate.permits,
            length: counter.rate.window.clamp(SHORTEST, LONGEST),
        });
        Self { counters: counters.collect(), permits: request.permits() }
    }
}

impl BatchedCall for AcquireCall {
    type Answer = AcquireResult;
    const LABEL: &'static str = "permits";

    async fn call_all(
        connection: &mut MultiplexedConnection,
        asked: &[PendingCall<Self>],
    ) -> RedisResult<Vec<AcquireResult>> {
        let (keys, arguments) = words(asked);
        let numbers: Vec<i64> = ACQUIRE.run(connection, &keys, &arguments).await?;
        let mut numbers = numbers.into_iter();
        let read = |asked: &PendingCall<Self>| read(&mut numbers, asked.question.counters.len());
        let answers: Option<Vec<_>> = asked.iter().map(read).collect();
        answers.ok_or_else(|| (ErrorKind::Parse, "the script answered too little").into())
    }
}

fn read(numbers: &mut impl Iterator<Item = i64>, counters: usize) -> Option<AcquireResult> {
    let admitted = numbers.next()? == 1;
    let mut window = || {
        let used = u32::try_from(numbers.next()?).unwrap_or(u32::MAX);
        let ends_in = Duration::from_millis(u64::try_from(numbers.next()?).ok()?);
        Some(WindowUsage { used, ends_in })
    };
    let windows: Option<Vec<_>> = (0..counters).map(|_| window()).collect();
    Some(AcquireResult { admitted, windows: windows? })
}

/// The script's KEYS and ARGV.
fn words(asked: &[PendingCall<AcquireCall>]) -> (Vec<&str>, Vec<u64>) {
    let mut places: HashMap<&str, u64> = HashMap::new();
    let (mut keys, mut arguments) = (Vec::new(), Vec::new());
    for PendingCall { question: ask, .. } in asked {
        arguments.extend([u64::from(ask.permits), u64::try_from(ask.counters.len()).unwrap_or(u64::MAX)]);
        for counter in &ask.counters {
            let next = u64::try_from(keys.len() + 1).unwrap_or(u64::MAX);
            let place = *places.entry(&counter.key).or_insert_with(|| {
                keys.push(counter.key.as_str());
                next
            });
            let window = u64::try_from(counter.length.as_millis()).unwrap_or(u64::MAX);
            arguments.extend([place, u64::from(counter.limit), window]);
        }
    }
    (keys, arguments)
}
