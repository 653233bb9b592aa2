//! What Leadgate is compared with: simpler programs on the same machine, in the same run.

mod copy;
mod servers;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;
use leadgate_testkit::free_port;
use leadgate_testkit::logs::TestProcess;

use crate::load::{End, LeadTemplate, Load, LoadReport, native_body};

pub(crate) use copy::CopyBaseline;
pub(crate) use servers::{ONE_MESSAGE_QUEUE, serve};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that does less than a gateway.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BaselineKind {
    /// Reads the body and answers with it.
    Echo,
    /// Publishes each body as one persistent message, and answers after the confirm.
    OneMessage,
}

/// A baseline in a process of its own, a child of this program.
#[derive(Debug)]
pub(crate) struct BaselineServer {
    address: String,
    _process: TestProcess,
}

impl BaselineServer {
    /// Starts a baseline; [`BaselineKind::OneMessage`] uses the virtual host at `amqp_url`.
    pub(crate) async fn start(kind: BaselineKind, amqp_url: &str) -> anyhow::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?)).to_string();
        let name = if matches!(kind, BaselineKind::Echo) { "echo" } else { "one-message" };
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--baseline", name, "--listen", &address, "--amqp-url", amqp_url]);
        let process = TestProcess::spawn(name, &command)?;
        process.await_ready(&format!("http://{address}"), START_TIMEOUT).await?;
        Ok(Self { address, _process: process })
    }

    /// Posts plain leads in a closed loop.
    pub(crate) async fn post(&self, connections: usize, end: End) -> anyhow::Result<LoadReport> {
        let template = LeadTemplate::new("none", &native_body("Acme"));
        Load::closed_loop(&self.address, template, connections, end).run().await
    }
}
