//! Reads the root secret, or creates the one of the embedded shape.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use leadgate_domain::secret::RootSecret;

use crate::config::{Config, SecretText};

/// The file in which the embedded shape keeps its secret.
pub(crate) const FILE: &str = "secret";

/// Reads the configured secret. The embedded shape creates one on its first start.
pub(crate) fn load(config: &Config) -> anyhow::Result<RootSecret> {
    let current = match (&config.secret, &config.secret_file) {
        (Some(_), Some(_)) => bail!(
            "`secret` (LEADGATE_SECRET) and `secret_file` (LEADGATE_SECRET_FILE) are both set: set only one of them"
        ),
        (Some(secret), None) => secret.expose().to_owned(),
        (None, Some(file)) => read(file)?,
        // A new secret would not open the existing store.
        (None, None) if config.is_embedded() && config.store_file_exists() && !exists(config) => bail!(
            "the secret of the store in {} is missing: restore the file `{FILE}`, or set LEADGATE_SECRET",
            config.data.display()
        ),
        (None, None) if config.is_embedded() => load_or_create(&config.data.join(FILE))?,
        (None, None) => bail!(
            "the secret is not set: set LEADGATE_SECRET (or LEADGATE_SECRET_FILE) to the same 32 bytes or more for \
             all processes, for example the output of `openssl rand -hex 32`"
        ),
    };
    Ok(RootSecret::new(&current, config.secret_previous.as_ref().map(SecretText::expose))?)
}

/// Whether [`load`] would read an existing secret and not create one.
pub(crate) fn exists(config: &Config) -> bool {
    let set = config.secret.is_some() || config.secret_file.is_some();
    set || !config.is_embedded() || config.data.join(FILE).exists()
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("reading the secret from {}", file.display()))?;
    Ok(text.trim().to_owned())
}

/// The secret in the data folder of the embedded shape. The file is created atomically, so two processes that
/// start at the same time use the same secret.
fn load_or_create(file: &Path) -> anyhow::Result<String> {
    if file.exists() {
        return read(file);
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("creating the data folder {}", folder.display()))?;
    // tempfile creates files with mode 0600, so only the owner can read it.
    let mut temporary = tempfile::NamedTempFile::new_in(folder).context("creating the file of the secret")?;
    let (first, second) = rand::random::<(u128, u128)>();
    writeln!(temporary, "{first:032x}{second:032x}")?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(file) {
        Ok(_) => sync_folder(folder)?,
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error).context("creating the file of the secret"),
    }
    read(file)
}

/// Makes the names of new files durable: syncing a file does not sync its folder.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_secret_is_created_once_and_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data").join(FILE);
        let first = load_or_create(&file).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(load_or_create(&file).unwrap(), first);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_distributed_shape_requires_a_secret() {
        let mut config = Config::default();
        config.store.url = "postgres://localhost/leadgate".to_owned();
        let Err(error) = load(&config) else { panic!("a secret was created") };
        assert!(error.to_string().contains("LEADGATE_SECRET"), "{error}");
    }
}
