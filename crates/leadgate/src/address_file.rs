//! The address of a running `leadgate serve`, for commands that print URLs.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::Config;

/// A file in the data folder with the address. It is valid only while the server holds a lock on it, so the
/// file of a killed server is ignored.
pub(crate) struct AddressFile(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

fn file(config: &Config) -> PathBuf {
    config.data.join("listening")
}

impl AddressFile {
    /// Writes the address of this process.
    pub(crate) fn write(config: &Config, address: SocketAddr) -> io::Result<Self> {
        let mut file = File::options().create(true).truncate(false).write(true).open(file(config))?;
        // Waits for a command that is reading the file; it releases the lock at once.
        file.lock()?;
        file.set_len(0)?;
        file.write_all(address.to_string().as_bytes())?;
        Ok(Self(file))
    }
}

/// The base URL of the gateways for clients: the configured one, otherwise the address of the server that
/// uses the data folder. `None` if both are missing.
pub(crate) fn base_url(config: &Config) -> Option<String> {
    match config.gateway.public_url.as_str() {
        "" => running_server(config).map(url),
        url => Some(url.trim_end_matches('/').to_owned()),
    }
}

fn running_server(config: &Config) -> Option<SocketAddr> {
    let path = file(config);
    match File::open(&path).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => fs::read_to_string(path).ok()?.parse().ok(),
        _ => None,
    }
}

/// The URL of a server on this machine. For a server that listens on all addresses it is the loopback
/// address.
pub(crate) fn url(address: SocketAddr) -> String {
    let mut reachable = address;
    if address.ip().is_unspecified() {
        reachable.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{reachable}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_known_while_the_server_runs() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        assert_eq!(base_url(&config), None, "no server is running");
        let listening = AddressFile::write(&config, "0.0.0.0:8099".parse().unwrap()).unwrap();
        assert_eq!(base_url(&config).as_deref(), Some("http://127.0.0.1:8099"));
        drop(listening);
        assert_eq!(base_url(&config), None, "the file of a stopped server is ignored");
        let listening = AddressFile::write(&config, "[::1]:80".parse().unwrap()).unwrap();
        assert_eq!(base_url(&config).as_deref(), Some("http://[::1]:80"));
        "https://leads.example.com/".clone_into(&mut config.gateway.public_url);
        assert_eq!(base_url(&config).as_deref(), Some("https://leads.example.com"));
        drop(listening);
    }
}
