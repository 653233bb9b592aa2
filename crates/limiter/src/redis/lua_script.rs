//! A Lua script that Redis need not know yet.

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, ToRedisArgs};

pub(crate) struct LuaScript {
    source: &'static str,
    hash: String,
}

impl LuaScript {
    pub(crate) fn new(source: &'static str) -> Self {
        Self { source, hash: Script::new(source).get_hash().to_owned() }
    }

    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        keys: &[impl ToRedisArgs + Sync],
        arguments: &[impl ToRedisArgs + Sync],
    ) -> RedisResult<T> {
        match command("EVALSHA", &self.hash, keys, arguments).query_async(connection).await {
            // The source itself instead of a load and a second try: one way, and nothing can come between.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", self.source, keys, arguments).query_async(connection).await
            }
            answer => answer,
        }
    }
}

fn command(name: &str, script: &str, keys: &[impl ToRedisArgs], arguments: &[impl ToRedisArgs]) -> Cmd {
    let mut command = ::redis::cmd(name);
    command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    command
}
