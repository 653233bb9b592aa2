//! Where the machine keeps the servers' programs.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The newest PostgreSQL's folder of programs: `/usr/lib/postgresql/*/bin`, else where `PATH` finds `initdb`.
pub(crate) fn postgres_bin() -> anyhow::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin): &(u32, PathBuf)| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return Ok(bin);
    }
    let initdb = in_path("initdb").context("PostgreSQL is not installed: no initdb in PATH")?;
    initdb.parent().map(Path::to_path_buf).context("initdb has no folder")
}

/// RabbitMQ's own program `name`. Debian's wrapper in `/usr/sbin` insists on the system's user and folders.
pub(crate) fn rabbitmq(name: &str) -> anyhow::Result<PathBuf> {
    let packaged = Path::new("/usr/lib/rabbitmq/bin").join(name);
    if packaged.is_file() {
        return Ok(packaged);
    }
    in_path(name).with_context(|| format!("RabbitMQ is not installed: no {name} in PATH"))
}

/// The Erlang port mapper, without which no node finds another.
pub(crate) fn epmd() -> anyhow::Result<PathBuf> {
    let packaged = Path::new("/usr/lib/erlang/bin/epmd");
    if packaged.is_file() {
        return Ok(packaged.to_path_buf());
    }
    in_path("epmd").context("Erlang is not installed: no epmd in PATH")
}

/// The Redis server, or Valkey where a distribution has only that.
pub(crate) fn redis() -> anyhow::Result<PathBuf> {
    in_path("redis-server")
        .or_else(|| in_path("valkey-server"))
        .context("Redis is not installed: no redis-server in PATH")
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let further = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(further).map(|folder| folder.join(name)).find(|file| file.is_file())
}
