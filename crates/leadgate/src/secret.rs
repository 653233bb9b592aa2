//! Where the root secret comes from.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use leadgate_domain::secret::RootSecret;

use crate::config::{Config, SecretText};

/// The file in which the embedded shape keeps its secret.
pub(crate) const FILE: &str = "secret";

/// Reads the secret that the configuration names; the embedded shape makes one on its first start.
pub(crate) fn load(config: &Config) -> anyhow::Result<RootSecret> {
    let current = match (&config.secret, &config.secret_file) {
        (Some(_), Some(_)) => bail!("`secret` and `secret_file` are both set"),
        (Some(secret), None) => secret.expose().to_owned(),
        (None, Some(file)) => read(file)?,
        // Another secret would not open the store that is there.
        (None, None) if config.is_embedded() && config.store_file_exists() && !exists(config) => bail!(
            "the secret of the store in {} is missing: put the file `{FILE}` back, or set LEADGATE_SECRET",
            config.data.display()
        ),
        (None, None) if config.is_embedded() => load_or_create(&config.data.join(FILE))?,
        (None, None) => bail!(
            "no secret: set LEADGATE_SECRET (or LEADGATE_SECRET_FILE) to the same 32 bytes or more for every process, \
             for example the output of `openssl rand -hex 32`"
        ),
    };
    Ok(RootSecret::new(&current, config.secret_previous.as_ref().map(SecretText::expose))?)
}

/// Whether [`load`] would find a secret rather than make one.
pub(crate) fn exists(config: &Config) -> bool {
    let set = config.secret.is_some() || config.secret_file.is_some();
    set || !config.is_embedded() || config.data.join(FILE).exists()
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("the secret in {}", file.display()))?;
    Ok(text.trim().to_owned())
}

/// The secret of an installation that has only its data folder. Two processes that start at once agree on one:
/// the file appears whole or not at all.
fn load_or_create(file: &Path) -> anyhow::Result<String> {
    if file.exists() {
        return read(file);
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("the data folder {}", folder.display()))?;
    // Readable by the owner only, as tempfile makes every file (mode 0600).
    let mut fresh = tempfile::NamedTempFile::new_in(folder).context("the secret's file")?;
    let (first, second) = rand::random::<(u128, u128)>();
    writeln!(fresh, "{first:032x}{second:032x}")?;
    fresh.as_file().sync_all()?;
    match fresh.persist_noclobber(file) {
        Ok(_) => sync_folder(folder)?,
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error).context("the secret's file"),
    }
    read(file)
}

/// A file is durable under its name only when its folder is.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_secret_is_made_once_and_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data").join(FILE);
        let first = load_or_create(&file).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(load_or_create(&file).unwrap(), first);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_other_shape_asks_for_one() {
        let mut config = Config::default();
        config.store.url = "postgres://localhost/leadgate".to_owned();
        let Err(error) = load(&config) else { panic!("a secret out of nothing") };
        assert!(error.to_string().contains("LEADGATE_SECRET"), "{error}");
    }
}
