//! Reads the settings from the file, the environment and the flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};

use super::Config;
use crate::error_wording::plain_message;

/// The heading in `--help` of the options that all programs have.
const CONNECTION: &str = "Connection";

/// Settings on the command line. They have precedence over the environment and the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Flags {
    /// Configuration file [default: ./leadgate.toml, if it exists]
    #[arg(long, value_name = "FILE", global = true, help_heading = CONNECTION)]
    pub config: Option<PathBuf>,
    /// Data folder of the embedded shape [default: ./leadgate-data]
    #[arg(long, value_name = "FOLDER", global = true, help_heading = CONNECTION)]
    pub data: Option<PathBuf>,
}

/// Read if it exists and `--config` names no other file.
const FILE: &str = "leadgate.toml";

impl Config {
    /// Reads file, environment and flags. An error names the key and its origin.
    pub(crate) fn load(flags: &Flags, listen: Option<SocketAddr>) -> anyhow::Result<Self> {
        let figment = Figment::from(Serialized::defaults(Self::default()));
        let figment = match &flags.config {
            Some(file) if !file.exists() => {
                anyhow::bail!("the configuration file {} does not exist (--config)", file.display())
            }
            Some(file) => figment.merge(Toml::file_exact(file)),
            None if Path::new(FILE).exists() => figment.merge(Toml::file_exact(FILE)),
            None => figment,
        };
        let figment = figment.merge(Environment(std::env::vars().collect()));
        let figment = match &flags.data {
            Some(data) => figment.merge(Serialized::default("data", data)),
            None => figment,
        };
        let figment = match listen {
            Some(listen) => figment.merge(Serialized::default("listen", listen)),
            None => figment,
        };
        figment.extract().map_err(|error| anyhow::anyhow!("configuration: {}", describe(&error)))
    }
}

fn describe(error: &figment::Error) -> String {
    let all = error.clone().into_iter().map(|error| {
        let key = error.path.join(".");
        let origin = error.metadata.as_ref().map_or_else(String::new, |metadata| match &metadata.source {
            Some(source) => format!(" (from {source})"),
            None => format!(" (from {})", metadata.name),
        });
        if key.is_empty() {
            format!("{}{origin}", plain_message(&without_source_lines(&error.kind.to_string())))
        } else {
            format!("{key}: {}{origin}", plain_message(&error.kind.to_string()))
        }
    });
    all.collect::<Vec<_>>().join("; ")
}

/// Removes the lines of the file that a syntax error quotes, because they may contain a secret.
fn without_source_lines(error: &str) -> String {
    let is_quoted = |line: &&str| {
        line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
    };
    error.lines().filter(|line| !is_quoted(line)).map(str::trim).collect::<Vec<_>>().join(": ")
}

/// The environment. The names of variables are derived from the keys, because the key of a name such as
/// `LEADGATE_QUEUE_MAX_SIZE` would be ambiguous.
struct Environment(Vec<(String, String)>);

const PREFIX: &str = "LEADGATE_";

/// Variables of clients, as the examples of the documentation use them.
const CLIENT_VARIABLES: [&str; 2] = ["LEADGATE_KEY", "LEADGATE_URL"];

/// Variables with the prefix that are not settings. They are logged as warnings, because one may be a typing
/// error, but they are not errors: container platforms set variables such as `LEADGATE_GATEWAY_SERVICE_HOST`.
pub(crate) fn unknown_variables() -> Vec<String> {
    unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

fn unknown(names: impl Iterator<Item = String>) -> Vec<String> {
    let settings = keys().into_iter().map(|key| variable(&key));
    let known: Vec<_> = settings.chain(CLIENT_VARIABLES.map(str::to_owned)).collect();
    names.filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect()
}

impl figment::Provider for Environment {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named("environment").interpolater(|_, keys| variable(&keys.join(".")))
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, Dict>, figment::Error> {
        let keys = keys();
        let mut dict = Dict::new();
        for (name, text) in &self.0 {
            let Some(key) = keys.iter().find(|key| variable(key) == *name) else { continue };
            // Container files set the variable also when no rotation is in progress.
            if key == "secret_previous" && text.is_empty() {
                continue;
            }
            // TOML values (numbers, lists) are parsed, everything else is text.
            let value: Value = if is_text(key) {
                Value::from(text.as_str())
            } else {
                text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
            };
            insert(&mut dict, key, value);
        }
        Ok(figment::Profile::Default.collect(dict))
    }
}

/// Whether a setting is a text even if it consists of digits, such as a secret.
fn is_text(key: &str) -> bool {
    key.starts_with("secret") || ["url", "prefix", "file", "database"].iter().any(|end| key.ends_with(end))
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// Every key of the configuration, as `section.name`.
fn keys() -> Vec<String> {
    let value = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut keys = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(section) => keys.extend(section.keys().map(|key| format!("{name}.{key}"))),
            None => keys.push(name.clone()),
        }
    }
    keys
}

fn insert(dict: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
        }
        Some((section, name)) => {
            let entry = dict.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = entry {
                inner.insert(name.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    fn read(file: &str, environment: &[(&str, &str)]) -> anyhow::Result<Config> {
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Figment::from(Serialized::defaults(Config::default()))
            .merge(Toml::string(file))
            .merge(Environment(environment.collect()))
            .extract()
            .map_err(|error| anyhow::anyhow!(describe(&error)))
    }

    #[test]
    fn the_environment_has_precedence_over_the_file() {
        let file = "[queue]\nprefetch = 2\nmax_size = \"1 GiB\"";
        let config = read(file, &[("LEADGATE_QUEUE_PREFETCH", "4"), ("LEADGATE_SECRET", "1234")]).unwrap();
        assert_eq!((config.queue.prefetch, config.queue.max_size), (4, ByteSize::gib(1)));
        assert_eq!(config.secret, Some("1234".parse().unwrap()));
        assert_eq!(read("", &[("LEADGATE_SECRET_PREVIOUS", "")]).unwrap().secret_previous, None);
        let list = read("", &[("LEADGATE_GATEWAY_TRUSTED_PROXIES", "[10.0.0.1, \"10.0.0.0/8\"]")]).unwrap();
        assert_eq!(list.gateway.trusted_proxies, ["10.0.0.1", "10.0.0.0/8"]);
    }

    #[test]
    fn an_error_names_the_key_and_its_origin() {
        let error = read("", &[("LEADGATE_QUEUE_PREFETCH", "many")]).unwrap_err().to_string();
        assert!(error.contains("queue.prefetch") && error.contains("environment"), "{error}");
        let error = read("[queue]\nshards = 1", &[]).unwrap_err().to_string();
        assert!(error.contains("shards") && error.contains("TOML"), "{error}");
        assert_eq!(read("", &[("LEADGATE_QUEUE_SERVICE_HOST", "10.0.0.1")]).unwrap(), Config::default());
        let error = read("listen = 1\nsecret = \"hunter2", &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_error_has_no_names_of_rust_types() {
        let mut errors = 0;
        for key in keys() {
            for text in ["many", "-1", "[]", "true", "{}", "1.5", "99999999999", ""] {
                let Err(error) = read("", &[(variable(&key).as_str(), text)]) else { continue };
                let error = error.to_string();
                errors += 1;
                for word in
                    ["usize", "u16", "u32", "u64", "struct", "sequence", "invalid type", "syntax", "bool "]
                {
                    assert!(!error.contains(word), "{key}={text}: {error}");
                }
            }
        }
        assert!(errors > 100, "{errors}");
    }

    #[test]
    fn variables_of_clients_and_settings_are_known() {
        let names = ["LEADGATE_KEY", "LEADGATE_URL", "LEADGATE_STORE_URL", "LEADGATE_STORE_ULR", "HOME"];
        assert_eq!(unknown(names.map(str::to_owned).into_iter()), ["LEADGATE_STORE_ULR"]);
        let page = include_str!("../../../../docs/configuration.md");
        assert!(CLIENT_VARIABLES.iter().all(|name| page.contains(name)), "a name is not on the page");
    }

    /// `docs/configuration.md` contains the complete default file, which is parsed and compared.
    #[test]
    fn the_page_shows_every_key_with_its_default() {
        let page = include_str!("../../../../docs/configuration.md");
        let file = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let shown: toml::Table = file.parse().unwrap();
        let mut shown_keys: Vec<_> = shown
            .iter()
            .flat_map(|(name, value)| match value.as_table() {
                Some(section) => section.keys().map(|key| format!("{name}.{key}")).collect(),
                None => vec![name.clone()],
            })
            .collect();
        // Keys without a default are on the page as comments.
        for key in ["secret", "secret_file", "secret_previous"] {
            assert!(file.contains(&format!("# {key} = ")), "{key} is not on the page");
            shown_keys.push(key.to_owned());
        }
        shown_keys.sort();
        let mut keys = keys();
        keys.sort();
        assert_eq!(shown_keys, keys);
        assert_eq!(read(file, &[]).unwrap(), Config::default());
        for key in keys {
            assert!(page.contains(&variable(&key)), "{} is not on the page", variable(&key));
        }
    }
}
