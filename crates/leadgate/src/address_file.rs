//! Where a running `leadgate serve` listens, for commands that print its URLs beside it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::Config;

/// Holds the address in the data folder. It counts only while its process holds the lock on it, so a killed server
/// leaves nothing behind that a command could take for true.
pub(crate) struct AddressFile(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

fn file(config: &Config) -> PathBuf {
    config.data.join("listening")
}

impl AddressFile {
    /// Writes down the address of this process.
    pub(crate) fn write(config: &Config, address: SocketAddr) -> io::Result<Self> {
        let mut file = File::options().create(true).truncate(false).write(true).open(file(config))?;
        // A command may look at this moment; it does not keep the lock.
        file.lock()?;
        file.set_len(0)?;
        file.write_all(address.to_string().as_bytes())?;
        Ok(Self(file))
    }
}

/// Where clients reach the gateways: the configured URL, else the address of the server that runs on the data folder.
/// `None` if neither is known.
pub(crate) fn base_url(config: &Config) -> Option<String> {
    match config.gateway.public_url.as_str() {
        "" => running(config).map(url),
        url => Some(url.trim_end_matches('/').to_owned()),
    }
}

fn running(config: &Config) -> Option<SocketAddr> {
    let path = file(config);
    match File::open(&path).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => fs::read_to_string(path).ok()?.parse().ok(),
        _ => None,
    }
}

/// The URL of a server on this machine. One that listens on every address is reached by the loopback one, too.
pub(crate) fn url(address: SocketAddr) -> String {
    let mut shown = address;
    if address.ip().is_unspecified() {
        shown.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_while_its_server_runs() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        assert_eq!(base_url(&config), None, "what the configuration would listen on is a guess");
        let listening = AddressFile::write(&config, "0.0.0.0:8099".parse().unwrap()).unwrap();
        assert_eq!(base_url(&config).as_deref(), Some("http://127.0.0.1:8099"));
        drop(listening);
        assert_eq!(base_url(&config), None, "the file of a server that has ended");
        let listening = AddressFile::write(&config, "[::1]:80".parse().unwrap()).unwrap();
        assert_eq!(base_url(&config).as_deref(), Some("http://[::1]:80"));
        "https://leads.example.com/".clone_into(&mut config.gateway.public_url);
        assert_eq!(base_url(&config).as_deref(), Some("https://leads.example.com"));
        drop(listening);
    }
}
