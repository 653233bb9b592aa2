//! A private RabbitMQ node with its own Erlang port mapper.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustix::process::Signal;

use super::daemon::Daemon;
use super::management::{ManagementApi, Vhost};
use super::programs;
use super::server_folder::ServerFolder;
use crate::free_port;
use crate::tls::ServerCertificate;

const NAME: &str = "rabbitmq";
const EPMD: &str = "epmd";

/// A RabbitMQ server with the management plugin.
#[derive(Clone, Debug)]
pub struct RabbitMqServer {
    management: ManagementApi,
    private: Option<Arc<PrivateRabbitMq>>,
}

#[derive(Debug)]
struct PrivateRabbitMq {
    node: Daemon,
    epmd: Daemon,
    server_folder: ServerFolder,
    name: String,
    ports: RabbitMqPorts,
    management: ManagementApi,
}

#[derive(Debug)]
struct RabbitMqPorts {
    amqp: u16,
    management: u16,
    distribution: u16,
    epmd: u16,
    tls: Option<u16>,
}

impl RabbitMqServer {
    /// Starts a private node.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or does not start. The error contains its last log lines.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None).await
    }

    /// Starts a private node with a second port for TLS.
    ///
    /// # Errors
    /// See [`RabbitMqServer::start`].
    pub async fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        Self::start_with(Some(certificate)).await
    }

    async fn start_with(certificate: Option<&ServerCertificate>) -> anyhow::Result<Self> {
        let ports = RabbitMqPorts {
            amqp: free_port()?,
            management: free_port()?,
            distribution: free_port()?,
            epmd: free_port()?,
            tls: certificate.map(|_| free_port()).transpose()?,
        };
        let management = ManagementApi::new("127.0.0.1", ports.amqp, ports.management);
        let private = PrivateRabbitMq {
            node: Daemon::new(NAME),
            epmd: Daemon::new(EPMD),
            server_folder: ServerFolder::create(NAME, None)?,
            name: format!("leadgate-{}@localhost", ports.amqp),
            ports,
            management: management.clone(),
        };
        if let Some(ServerCertificate { certificate, key }) = certificate {
            private.server_folder.write("server.pem", certificate)?;
            private.server_folder.write("server.key", key)?;
        }
        private.configure()?;
        private.launch_epmd()?;
        private.launch().await?;
        Ok(Self { management, private: Some(Arc::new(private)) })
    }

    /// A shared server that was started before. Tests must not break it.
    pub(crate) fn at(management: ManagementApi) -> Self {
        Self { management, private: None }
    }

    pub(crate) fn management(&self) -> &ManagementApi {
        &self.management
    }

    /// The AMQP port, for a proxy in front of the broker.
    pub fn port(&self) -> u16 {
        self.management.amqp_port()
    }

    /// The AMQP port with TLS.
    ///
    /// # Errors
    /// When the node was started without TLS.
    pub fn tls_port(&self) -> anyhow::Result<u16> {
        self.private()?.ports.tls.context("this RabbitMQ was started without TLS")
    }

    /// Creates a virtual host with a unique name and its own user.
    ///
    /// # Errors
    /// When the management API does not respond.
    pub async fn vhost(&self) -> anyhow::Result<Vhost> {
        Vhost::create(self.management.clone()).await
    }

    /// Kills the node (`SIGKILL`).
    ///
    /// RabbitMQ 3.10 writes its table of quorum queues with a delay of up to one second. A queue that was
    /// declared just before the kill has no messages and no leader after a restart. To prevent this, call
    /// [`RabbitMqServer::remember_queues`] after declaring queues.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn kill(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.node.kill(&private.server_folder)
    }

    /// Makes the node write its table of quorum queues to disk, so that they survive
    /// [`RabbitMqServer::kill`].
    ///
    /// # Errors
    /// When the node does not respond, or is not private.
    pub async fn remember_queues(&self) -> anyhow::Result<()> {
        self.rabbitmqctl(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]).await.map(drop)
    }

    /// Suspends the node (`SIGSTOP`). Connections stay open, and the node does not respond.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.private()?.node.signal_all(Signal::STOP)
    }

    /// Resumes a suspended node (`SIGCONT`).
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.private()?.node.signal_all(Signal::CONT)
    }

    /// Shuts down the node, and waits until it has ended.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.node.stop(&private.server_folder, Signal::TERM).await
    }

    /// Starts a killed or stopped node with the same ports and data.
    ///
    /// # Errors
    /// When it is running, is not private, or does not start.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.private()?.launch().await
    }

    /// Shuts down the node, and starts it with the same ports and data.
    ///
    /// # Errors
    /// See [`RabbitMqServer::stop`] and [`RabbitMqServer::start_again`].
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    /// Sets or clears the memory alarm. While it is set, the broker does not read from connections that
    /// publish.
    ///
    /// # Errors
    /// When the node does not respond, or is not private.
    pub async fn memory_alarm(&self, on: bool) -> anyhow::Result<()> {
        let watermark = if on { "0.00001" } else { "0.6" };
        self.rabbitmqctl(&["set_vm_memory_high_watermark", watermark]).await?;
        self.private()?.await_alarm("memory", on).await
    }

    /// Sets or clears the disk alarm, which blocks publishers like the memory alarm.
    ///
    /// # Errors
    /// When the node does not respond, or is not private.
    pub async fn disk_alarm(&self, on: bool) -> anyhow::Result<()> {
        let limit = if on { "9000000000000000000" } else { "1" };
        self.rabbitmqctl(&["set_disk_free_limit", limit]).await?;
        self.private()?.await_alarm("disk", on).await
    }

    /// Runs `rabbitmqctl` on this node, and returns its output. This takes about half a second.
    ///
    /// # Errors
    /// When it fails, or the node is not private.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let private = self.private()?;
        let mut command = Command::new(programs::rabbitmq("rabbitmqctl")?);
        private.environment(&mut command)?;
        command.arg("-q").args(arguments);
        let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "rabbitmqctl {}: {stderr}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn private(&self) -> anyhow::Result<&PrivateRabbitMq> {
        self.private
            .as_deref()
            .context("this RabbitMQ is shared by all tests; start a private one with RabbitMqServer::start()")
    }
}

impl PrivateRabbitMq {
    /// Writes the configuration in Erlang syntax. The node would need a second more to translate the other
    /// syntax.
    fn configure(&self) -> anyhow::Result<()> {
        let RabbitMqPorts { amqp, management, tls, .. } = &self.ports;
        let folder = self.server_folder.path();
        let tls = tls.map_or_else(String::new, |port| {
            let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
            format!(
                r#"{{ssl_listeners, [{{"127.0.0.1", {port}}}]}},
             {{ssl_options, [{{certfile, "{}"}}, {{keyfile, "{}"}}, {{verify, verify_none}}]}},
             "#,
                certificate.display(),
                key.display()
            )
        });
        // Queues report their length at this interval, by default every five seconds.
        let configuration = format!(
            r#"[{{rabbit, [{tls}{{tcp_listeners, [{{"127.0.0.1", {amqp}}}]}}, {{quorum_tick_interval, 200}},
             {{collect_statistics_interval, 500}}, {{disk_free_limit, 1}}, {{vm_memory_high_watermark, 0.6}}]}},
 {{rabbitmq_management, [{{listener, [{{ip, "127.0.0.1"}}, {{port, {management}}}]}}]}},
 {{rabbitmq_management_agent, [{{disable_metrics_collector, true}}]}}]."#
        );
        std::fs::write(folder.join("advanced.config"), configuration)?;
        std::fs::write(folder.join("enabled_plugins"), "[rabbitmq_management].")?;
        Ok(())
    }

    fn launch_epmd(&self) -> anyhow::Result<()> {
        let mut command = self.server_folder.command(EPMD, &programs::epmd()?)?;
        command.args(["-address", "127.0.0.1", "-port", &self.ports.epmd.to_string()]);
        self.epmd.start(command)
    }

    async fn launch(&self) -> anyhow::Result<()> {
        let mut command = self.server_folder.command(NAME, &programs::rabbitmq("rabbitmq-server")?)?;
        self.environment(&mut command)?;
        // With this variable, the start script executes the node in its own process. There is only one
        // process to kill.
        command.env("RABBITMQ_ALLOW_INPUT", "1").arg("-noinput");
        self.node.start(command)?;
        self.node.ready(&self.server_folder, || self.management.await_listener()).await
    }

    async fn await_alarm(&self, kind: &str, on: bool) -> anyhow::Result<()> {
        let what = format!("the {kind} alarm to be {on}");
        super::wait::until(&what, std::time::Duration::from_secs(120), || async {
            ensure!(self.management.alarmed().await? == on, "it is {}", !on);
            Ok(())
        })
        .await
    }

    fn environment(&self, command: &mut Command) -> anyhow::Result<()> {
        let folder = self.server_folder.path();
        let path = |name: &str| folder.join(name);
        let paths = [
            ("HOME", folder.to_path_buf()),
            ("RABBITMQ_CONF_ENV_FILE", path("absent-env.conf")),
            ("RABBITMQ_CONFIG_FILE", path("absent.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", path("mnesia")),
            ("RABBITMQ_LOG_BASE", path("log")),
            ("RABBITMQ_PID_FILE", path("rabbitmq-node-pid")),
            ("ERL_CRASH_DUMP", Path::new("/dev/null").to_path_buf()),
        ];
        command.envs(paths);
        let texts = [
            ("RABBITMQ_NODENAME", self.name.clone()),
            ("RABBITMQ_DIST_PORT", self.ports.distribution.to_string()),
            ("ERL_EPMD_PORT", self.ports.epmd.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
            // Bound schedulers compete with the other processes of the machine.
            ("RABBITMQ_SCHEDULER_BIND_TYPE", "u".to_owned()),
        ];
        command.envs(texts).envs(programs::path_to_erlang()?.map(|path| ("PATH", path)));
        Ok(())
    }
}
