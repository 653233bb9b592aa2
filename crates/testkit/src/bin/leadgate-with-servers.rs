//! `leadgate-with-servers -- COMMAND ARGUMENTS…`: runs the command with private servers around it, which tests find
//! through `LEADGATE_TESTKIT`, and ends with the command's exit code.

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

    let addresses = serde_json::to_string(&ServerAddresses::of(&postgres, &rabbitmq, &redis))?;
    let mut command = Command::new(&program);
    command.args(arguments).env(ENVIRONMENT, addresses);
    let status = run(command).await.with_context(|| format!("running {}", program.display()));

    let stopped = Instant::now();
    // Their data is thrown away with them: nothing is gained by a farewell in order.
    rabbitmq.kill()?;
    tokio::try_join!(postgres.stop_immediately(), redis.stop())?;
    writeln!(stderr, "stopped them in {:.1} s", stopped.elapsed().as_secs_f32())?;
    Ok(exit_code(status?))
}

/// Runs the command to its end. An interrupt from the terminal reaches the command by itself; a request to end is
/// passed on.
async fn run(mut command: Command) -> anyhow::Result<ExitStatus> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = command.spawn()?;
    let pid = child.id().context("it ended before it began")?;
    let pid = Pid::from_raw(i32::try_from(pid)?).context("process 0")?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => kill_process(pid, Signal::TERM)?,
        }
    }
}

/// As a shell has it: the command's own code, or 128 and the number of the signal that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
