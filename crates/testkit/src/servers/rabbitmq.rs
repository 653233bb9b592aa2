//! A private RabbitMQ node, with an Erlang port mapper of its own.

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
    home: ServerFolder,
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
    /// When RabbitMQ is not installed or does not come up; the message has its last log lines.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None).await
    }

    /// Starts a private node with a second port, for TLS.
    ///
    /// # Errors
    /// As [`RabbitMqServer::start`].
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
            home: ServerFolder::create(NAME, None)?,
            name: format!("leadgate-{}@localhost", ports.amqp),
            ports,
            management: management.clone(),
        };
        if let Some(ServerCertificate { certificate, key }) = certificate {
            private.home.write("server.pem", certificate)?;
            private.home.write("server.key", key)?;
        }
        private.configure()?;
        private.launch_epmd()?;
        private.launch().await?;
        Ok(Self { management, private: Some(Arc::new(private)) })
    }

    /// A server that somebody else started, and that is not to be broken.
    pub(crate) fn at(management: ManagementApi) -> Self {
        Self { management, private: None }
    }

    pub(crate) fn management(&self) -> &ManagementApi {
        &self.management
    }

    /// The port on which the broker speaks AMQP, for a proxy in front of it.
    pub fn port(&self) -> u16 {
        self.management.amqp_port()
    }

    /// The port on which the broker speaks AMQP with TLS.
    ///
    /// # Errors
    /// When the node was started without.
    pub fn tls_port(&self) -> anyhow::Result<u16> {
        self.private()?.ports.tls.context("this RabbitMQ has no port for TLS")
    }

    /// Creates a virtual host nobody else has, with a user of its own.
    ///
    /// # Errors
    /// When the management interface does not answer.
    pub async fn vhost(&self) -> anyhow::Result<Vhost> {
        Vhost::create(self.management.clone()).await
    }

    /// Kills the node with `SIGKILL`.
    ///
    /// RabbitMQ 3.10 writes its register of quorum queues up to a second late. A queue declared just before this
    /// comes back without its messages and without a leader: call [`RabbitMqServer::remember_queues`] after declaring.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn kill(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.node.kill(&private.home)
    }

    /// Has the node write its register of quorum queues to disk, so that they survive [`RabbitMqServer::kill`].
    ///
    /// # Errors
    /// When the node does not answer, or is not private.
    pub async fn remember_queues(&self) -> anyhow::Result<()> {
        self.rabbitmqctl(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]).await.map(drop)
    }

    /// Stops the node from running (`SIGSTOP`): connections stay open and nothing answers.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.private()?.node.signal_all(Signal::STOP)
    }

    /// Lets a frozen node run on.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.private()?.node.signal_all(Signal::CONT)
    }

    /// Ends the node in order, and waits for that.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.node.stop(&private.home, Signal::TERM).await
    }

    /// Starts a killed or stopped node on the same ports and data.
    ///
    /// # Errors
    /// When it runs, is not private, or does not come up.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.private()?.launch().await
    }

    /// Stops the node in order and starts it on the same ports and data.
    ///
    /// # Errors
    /// As [`RabbitMqServer::stop`] and [`RabbitMqServer::start_again`].
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    /// Raises or ends the memory alarm: while it lasts, the broker reads nothing from connections that publish.
    ///
    /// # Errors
    /// When the node does not answer, or is not private.
    pub async fn memory_alarm(&self, on: bool) -> anyhow::Result<()> {
        let watermark = if on { "0.00001" } else { "0.6" };
        self.rabbitmqctl(&["set_vm_memory_high_watermark", watermark]).await?;
        self.private()?.await_alarm("memory", on).await
    }

    /// Raises or ends the disk alarm, which blocks publishers as the memory alarm does.
    ///
    /// # Errors
    /// When the node does not answer, or is not private.
    pub async fn disk_alarm(&self, on: bool) -> anyhow::Result<()> {
        let limit = if on { "9000000000000000000" } else { "1" };
        self.rabbitmqctl(&["set_disk_free_limit", limit]).await?;
        self.private()?.await_alarm("disk", on).await
    }

    /// Runs `rabbitmqctl` against this node (about half a second); returns its output.
    ///
    /// # Errors
    /// When it fails, or the node is not private.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let private = self.private()?;
        let mut command = Command::new(programs::rabbitmq("rabbitmqctl")?);
        private.environment(&mut command)?;
        command.arg("-q").args(arguments);
        let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "rabbitmqctl {}: {complaint}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn private(&self) -> anyhow::Result<&PrivateRabbitMq> {
        self.private.as_deref().context("this RabbitMQ is shared by all tests: break one of your own")
    }
}

impl PrivateRabbitMq {
    /// Everything in the Erlang form: the other one takes the node a second longer to translate.
    fn configure(&self) -> anyhow::Result<()> {
        let RabbitMqPorts { amqp, management, tls, .. } = &self.ports;
        let home = self.home.path();
        let tls = tls.map_or_else(String::new, |port| {
            let (certificate, key) = (home.join("server.pem"), home.join("server.key"));
            format!(
                r#"{{ssl_listeners, [{{"127.0.0.1", {port}}}]}},
             {{ssl_options, [{{certfile, "{}"}}, {{keyfile, "{}"}}, {{verify, verify_none}}]}},
             "#,
                certificate.display(),
                key.display()
            )
        });
        // Queue lengths are what a queue last said of itself, by default five seconds ago.
        let configuration = format!(
            r#"[{{rabbit, [{tls}{{tcp_listeners, [{{"127.0.0.1", {amqp}}}]}}, {{quorum_tick_interval, 200}},
             {{collect_statistics_interval, 500}}, {{disk_free_limit, 1}}, {{vm_memory_high_watermark, 0.6}}]}},
 {{rabbitmq_management, [{{listener, [{{ip, "127.0.0.1"}}, {{port, {management}}}]}}]}},
 {{rabbitmq_management_agent, [{{disable_metrics_collector, true}}]}}]."#
        );
        std::fs::write(home.join("advanced.config"), configuration)?;
        std::fs::write(home.join("enabled_plugins"), "[rabbitmq_management].")?;
        Ok(())
    }

    fn launch_epmd(&self) -> anyhow::Result<()> {
        let mut command = self.home.command(EPMD, &programs::epmd()?)?;
        command.args(["-address", "127.0.0.1", "-port", &self.ports.epmd.to_string()]);
        self.epmd.start(command)
    }

    async fn launch(&self) -> anyhow::Result<()> {
        let mut command = self.home.command(NAME, &programs::rabbitmq("rabbitmq-server")?)?;
        self.environment(&mut command)?;
        // With input allowed, the start script becomes the node instead of waiting for it: one process to kill.
        command.env("RABBITMQ_ALLOW_INPUT", "1").arg("-noinput");
        self.node.start(command)?;
        self.node.ready(&self.home, || self.management.await_listener()).await
    }

    async fn await_alarm(&self, kind: &str, on: bool) -> anyhow::Result<()> {
        let what = format!("the {kind} alarm to be {on}");
        super::wait::until(&what, std::time::Duration::from_secs(10), || async {
            ensure!(self.management.alarmed().await? == on, "it is not");
            Ok(())
        })
        .await
    }

    fn environment(&self, command: &mut Command) -> anyhow::Result<()> {
        let home = self.home.path();
        let folder = |name: &str| home.join(name);
        let paths = [
            ("HOME", home.to_path_buf()),
            ("RABBITMQ_CONF_ENV_FILE", folder("absent-env.conf")),
            ("RABBITMQ_CONFIG_FILE", folder("absent.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", folder("advanced.config")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", folder("enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", folder("mnesia")),
            ("RABBITMQ_LOG_BASE", folder("log")),
            ("RABBITMQ_PID_FILE", folder("rabbitmq-node-pid")),
            ("ERL_CRASH_DUMP", Path::new("/dev/null").to_path_buf()),
        ];
        command.envs(paths);
        let texts = [
            ("RABBITMQ_NODENAME", self.name.clone()),
            ("RABBITMQ_DIST_PORT", self.ports.distribution.to_string()),
            ("ERL_EPMD_PORT", self.ports.epmd.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
            // Bound schedulers fight with everything else that runs beside the node.
            ("RABBITMQ_SCHEDULER_BIND_TYPE", "u".to_owned()),
        ];
        command.envs(texts).envs(programs::path_to_erlang()?.map(|path| ("PATH", path)));
        Ok(())
    }
}
