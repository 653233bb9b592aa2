//! One call for permits: many requests in, as many answers out.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisResult};

use super::question::{Asked, Question};
use super::script::Lua;
use crate::Request;

static ACQUIRE: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("acquire.lua")));

/// What Redis takes for an expiry; any other window would fail the whole call.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// A request in Redis' words. Unanswered, it is judged without Redis.
pub(super) struct Ask {
    counters: Vec<Window>,
    permits: u32,
}

struct Window {
    key: String,
    limit: u32,
    length: Duration,
}

/// What Redis says to one request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) admitted: bool,
    /// In the order of the request's counters.
    pub(super) windows: Vec<Used>,
}

/// How one window stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) used: u32,
    pub(super) ends_in: Duration,
}

impl Ask {
    pub(super) fn new(request: &Request, prefix: &str) -> Self {
        // The braces make the owner the hash tag of Redis Cluster.
        let key = |scope: &str| format!("{prefix}:limit:{{{}}}:{scope}", request.owner);
        let counters = request.counters().map(|counter| Window {
            key: key(&counter.scope),
            limit: counter.rate.permits,
            length: counter.rate.window.clamp(SHORTEST, LONGEST),
        });
        Self { counters: counters.collect(), permits: request.permits() }
    }
}

impl Question for Ask {
    type Answer = Answer;
    const OF: &'static str = "permits";

    async fn ask(connection: &mut MultiplexedConnection, asked: &[Asked<Self>]) -> RedisResult<Vec<Answer>> {
        let (keys, arguments) = words(asked);
        let numbers: Vec<i64> = ACQUIRE.run(connection, &keys, &arguments).await?;
        let mut numbers = numbers.into_iter();
        let read = |asked: &Asked<Self>| read(&mut numbers, asked.question.counters.len());
        let answers: Option<Vec<_>> = asked.iter().map(read).collect();
        answers.ok_or_else(|| (ErrorKind::Parse, "the script answered too little").into())
    }
}

fn read(numbers: &mut impl Iterator<Item = i64>, counters: usize) -> Option<Answer> {
    let admitted = numbers.next()? == 1;
    let mut window = || {
        let used = u32::try_from(numbers.next()?).unwrap_or(u32::MAX);
        let ends_in = Duration::from_millis(u64::try_from(numbers.next()?).ok()?);
        Some(Used { used, ends_in })
    };
    let windows: Option<Vec<_>> = (0..counters).map(|_| window()).collect();
    Some(Answer { admitted, windows: windows? })
}

/// The script's KEYS and ARGV.
fn words(asked: &[Asked<Ask>]) -> (Vec<&str>, Vec<u64>) {
    let mut places: HashMap<&str, u64> = HashMap::new();
    let (mut keys, mut arguments) = (Vec::new(), Vec::new());
    for Asked { question: ask, .. } in asked {
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
