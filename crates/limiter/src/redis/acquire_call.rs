//! The call that acquires permits for a batch of requests.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisResult};

use super::batched_call::{BatchedCall, PendingCall};
use super::lua_script::LuaScript;
use crate::LimitRequest;

static ACQUIRE_SCRIPT: LazyLock<LuaScript> = LazyLock::new(|| LuaScript::new(include_str!("acquire.lua")));

/// Limits of an expiry in Redis. A window outside them would make the whole call fail.
const MIN_WINDOW: Duration = Duration::from_millis(1);
const MAX_WINDOW: Duration = Duration::from_hours(24 * 366);

/// One request, as arguments of `acquire.lua`.
pub(super) struct AcquireCall {
    counters: Vec<WindowKey>,
    permits: u32,
}

struct WindowKey {
    key: String,
    limit: u32,
    length: Duration,
}

/// The result of one request.
#[derive(Debug)]
pub(super) struct AcquireResult {
    pub(super) admitted: bool,
    /// In the order of the request's counters.
    pub(super) windows: Vec<WindowUsage>,
}

/// The state of one window.
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
            length: counter.rate.window.clamp(MIN_WINDOW, MAX_WINDOW),
        });
        Self { counters: counters.collect(), permits: request.permits() }
    }
}

impl BatchedCall for AcquireCall {
    type Answer = AcquireResult;
    const LABEL: &'static str = "permits";

    async fn call_all(
        connection: &mut MultiplexedConnection,
        calls: &[PendingCall<Self>],
    ) -> RedisResult<Vec<AcquireResult>> {
        let (keys, arguments) = script_arguments(calls);
        let numbers: Vec<i64> = ACQUIRE_SCRIPT.run(connection, &keys, &arguments).await?;
        let mut numbers = numbers.into_iter();
        let parse = |pending: &PendingCall<Self>| parse_result(&mut numbers, pending.call.counters.len());
        let answers: Option<Vec<_>> = calls.iter().map(parse).collect();
        answers.ok_or_else(|| (ErrorKind::Parse, "the script returned fewer results than calls").into())
    }
}

fn parse_result(numbers: &mut impl Iterator<Item = i64>, counters: usize) -> Option<AcquireResult> {
    let admitted = numbers.next()? == 1;
    let mut window = || {
        let used = u32::try_from(numbers.next()?).unwrap_or(u32::MAX);
        let ends_in = Duration::from_millis(u64::try_from(numbers.next()?).ok()?);
        Some(WindowUsage { used, ends_in })
    };
    let windows: Option<Vec<_>> = (0..counters).map(|_| window()).collect();
    Some(AcquireResult { admitted, windows: windows? })
}

/// `KEYS` and `ARGV` of the script.
fn script_arguments(calls: &[PendingCall<AcquireCall>]) -> (Vec<&str>, Vec<u64>) {
    let mut indexes: HashMap<&str, u64> = HashMap::new();
    let (mut keys, mut arguments) = (Vec::new(), Vec::new());
    for PendingCall { call, .. } in calls {
        arguments.extend([u64::from(call.permits), u64::try_from(call.counters.len()).unwrap_or(u64::MAX)]);
        for counter in &call.counters {
            let next_index = u64::try_from(keys.len() + 1).unwrap_or(u64::MAX);
            let index = *indexes.entry(&counter.key).or_insert_with(|| {
                keys.push(counter.key.as_str());
                next_index
            });
            let window = u64::try_from(counter.length.as_millis()).unwrap_or(u64::MAX);
            arguments.extend([index, u64::from(counter.limit), window]);
        }
    }
    (keys, arguments)
}
