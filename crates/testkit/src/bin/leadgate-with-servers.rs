//! `leadgate-with-servers -- COMMAND ARGUMENTS…`: starts private servers and runs the command. Tests find the
//! servers through `LEADGATE_TESTKIT`. The exit code is that of the command.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::Instant;

use anyhow::Context;
use leadgate_testkit::servers::{ENVIRONMENT, PostgresServer, RabbitMqServer, RedisServer, ServerAddresses};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1).skip_while(|argument| argument == "--");
    let program = arguments.next().context("usage: leadgate-with-servers -- COMMAND ARGUMENTS…")?;
    let started = Instant::now();
    let (postgres, rabbitmq, redis) =
        tokio::try_join!(PostgresServer::start(), RabbitMqServer::start(), RedisServer::start())?;
    let mut stderr = std::io::stderr();
    writeln!(stderr, "PostgreSQL, RabbitMQ and Redis are up after {:.1} s", started.elapsed().as_secs_f32())?;

    let addresses = serde_json::to_string(&ServerAddresses::new(&postgres, &rabbitmq, &redis))?;
    let mut command = Command::new(&program);
    command.args(arguments).env(ENVIRONMENT, addresses);
    let status = run(command).await.with_context(|| format!("running {}", program.display()));

    let stopped = Instant::now();
    // Their data is deleted, so a clean shutdown is not necessary.
    rabbitmq.kill()?;
    tokio::try_join!(postgres.stop_immediately(), redis.stop())?;
    writeln!(stderr, "stopped the servers in {:.1} s", stopped.elapsed().as_secs_f32())?;
    Ok(exit_code(status?))
}

/// Runs the command until it ends. The terminal sends an interrupt to the command directly, so it is ignored
/// here. `SIGTERM` is forwarded.
async fn run(mut command: Command) -> anyhow::Result<ExitStatus> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = command.spawn()?;
    let pid = child.id().context("the command has no process id")?;
    let pid = Pid::from_raw(i32::try_from(pid)?).context("process 0")?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => kill_process(pid, Signal::TERM)?,
        }
    }
}

/// The exit code in the convention of shells: the code of the command, or 128 plus the number of the signal
/// that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
