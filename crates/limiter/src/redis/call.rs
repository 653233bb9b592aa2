//! One call of the script: many requests in, as many answers out.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ErrorKind, RedisResult, Script, ServerErrorKind};
use tokio::sync::oneshot;

use crate::Request;

const SOURCE: &str = include_str!("acquire.lua");
static HASH: LazyLock<String> = LazyLock::new(|| Script::new(SOURCE).get_hash().to_owned());

/// What Redis takes for an expiry; any other window would fail the whole call.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// A request on its way to Redis, and where its answer is awaited. Dropped unanswered, it is judged without Redis.
pub(super) struct Ask {
    counters: Vec<Asked>,
    permits: u32,
    pub(super) since: Instant,
    reply: oneshot::Sender<Answer>,
}

struct Asked {
    key: String,
    limit: u32,
    window: Duration,
}

/// What Redis says to one request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) admitted: bool,
    /// In the order of the request's counters.
    pub(super) windows: Vec<Window>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    pub(super) used: u32,
    pub(super) ends_in: Duration,
}

impl Ask {
    pub(super) fn new(
        request: &Request,
        prefix: &str,
        since: Instant,
        reply: oneshot::Sender<Answer>,
    ) -> Self {
        // The braces make the owner the hash tag of Redis Cluster.
        let key = |scope: &str| format!("{prefix}:limit:{{{}}}:{scope}", request.owner);
        let counters = request.counters().map(|counter| Asked {
            key: key(&counter.scope),
            limit: counter.rate.permits,
            window: counter.rate.window.clamp(SHORTEST, LONGEST),
        });
        Self { counters: counters.collect(), permits: request.permits(), since, reply }
    }
}

/// Has Redis judge all of them in order; the answers lie in the same order.
pub(super) async fn judge(connection: &mut MultiplexedConnection, asks: &[Ask]) -> RedisResult<Vec<Answer>> {
    let call = Call::of(asks);
    let known = call.command("EVALSHA", &HASH).query_async(connection).await;
    let numbers: Vec<i64> = match known {
        // The source itself instead of a load and a second try: one way, and nothing can come between.
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            call.command("EVAL", SOURCE).query_async(connection).await?
        }
        known => known?,
    };
    let mut numbers = numbers.into_iter();
    let answers: Option<Vec<_>> = asks.iter().map(|ask| read(&mut numbers, ask.counters.len())).collect();
    answers.ok_or_else(|| (ErrorKind::Parse, "the script answered too little").into())
}

/// Gives everyone their answer; who no longer waits is passed over.
pub(super) fn answer(asks: impl IntoIterator<Item = Ask>, answers: Vec<Answer>) {
    for (ask, answer) in asks.into_iter().zip(answers) {
        _ = ask.reply.send(answer);
    }
}

fn read(numbers: &mut impl Iterator<Item = i64>, counters: usize) -> Option<Answer> {
    let admitted = numbers.next()? == 1;
    let mut window = || {
        let used = u32::try_from(numbers.next()?).unwrap_or(u32::MAX);
        let ends_in = Duration::from_millis(u64::try_from(numbers.next()?).ok()?);
        Some(Window { used, ends_in })
    };
    let windows: Option<Vec<_>> = (0..counters).map(|_| window()).collect();
    Some(Answer { admitted, windows: windows? })
}

/// The script's KEYS and ARGV.
struct Call<'asks> {
    keys: Vec<&'asks str>,
    arguments: Vec<u64>,
}

impl<'asks> Call<'asks> {
    fn of(asks: &'asks [Ask]) -> Self {
        let mut places: HashMap<&str, u64> = HashMap::new();
        let (mut keys, mut arguments) = (Vec::new(), Vec::new());
        for ask in asks {
            arguments.extend([u64::from(ask.permits), u64::try_from(ask.counters.len()).unwrap_or(u64::MAX)]);
            for counter in &ask.counters {
                let next = u64::try_from(keys.len() + 1).unwrap_or(u64::MAX);
                let place = *places.entry(&counter.key).or_insert_with(|| {
                    keys.push(counter.key.as_str());
                    next
                });
                let window = u64::try_from(counter.window.as_millis()).unwrap_or(u64::MAX);
                arguments.extend([place, u64::from(counter.limit), window]);
            }
        }
        Self { keys, arguments }
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = ::redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}
