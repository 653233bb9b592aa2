//! Where the machine keeps the servers' programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Names a folder with the unpacked packages of another Debian, whose servers are run instead of the installed ones.
/// `deploy/newer-servers` makes one.
const FOLDER: &str = "LEADGATE_TEST_SERVERS";

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// A path of the packages' own, in the folder if one is named.
fn packaged(path: &str) -> PathBuf {
    folder().unwrap_or_else(|| PathBuf::from("/")).join(path)
}

/// The newest PostgreSQL's folder of programs: `/usr/lib/postgresql/*/bin`, else where `PATH` finds `initdb`.
pub(crate) fn postgres_bin() -> anyhow::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(packaged("usr/lib/postgresql"))
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
    let packaged = packaged("usr/lib/rabbitmq/bin").join(name);
    if packaged.is_file() {
        return Ok(packaged);
    }
    in_path(name).with_context(|| format!("RabbitMQ is not installed: no {name} in PATH"))
}

/// The Erlang port mapper, without which no node finds another.
pub(crate) fn epmd() -> anyhow::Result<PathBuf> {
    let packaged = packaged("usr/lib/erlang/bin/epmd");
    if packaged.is_file() {
        return Ok(packaged);
    }
    in_path("epmd").context("Erlang is not installed: no epmd in PATH")
}

/// The `PATH` in which RabbitMQ's scripts find the folder's Erlang; nothing without a folder.
pub(crate) fn path_to_erlang() -> anyhow::Result<Option<OsString>> {
    let Some(folder) = folder() else { return Ok(None) };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder.join("usr/lib/erlang/bin")].into_iter().chain(std::env::split_paths(&path));
    Ok(Some(std::env::join_paths(folders)?))
}

/// The Redis server, or Valkey where a distribution has only that.
pub(crate) fn redis() -> anyhow::Result<PathBuf> {
    if folder().is_some() {
        let valkey = packaged("usr/bin/valkey-server");
        anyhow::ensure!(valkey.is_file(), "{FOLDER} holds no usr/bin/valkey-server");
        return Ok(valkey);
    }
    in_path("redis-server")
        .or_else(|| in_path("valkey-server"))
        .context("Redis is not installed: no redis-server in PATH")
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let further = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(further).map(|folder| folder.join(name)).find(|file| file.is_file())
}
