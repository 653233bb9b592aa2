//! Where settings come from: file, environment, flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};

use super::Config;
use crate::error_wording::plain_message;

/// The heading in `--help` of what every program takes.
const CONNECTION: &str = "Connection";

/// What the command line says; it wins over environment and file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Flags {
    /// Configuration file [default: ./leadgate.toml, if it exists]
    #[arg(long, value_name = "FILE", global = true, help_heading = CONNECTION)]
    pub config: Option<PathBuf>,
    /// Data folder of the embedded shape [default: ./leadgate-data]
    #[arg(long, value_name = "FOLDER", global = true, help_heading = CONNECTION)]
    pub data: Option<PathBuf>,
}

/// Read if it is there.
const FILE: &str = "leadgate.toml";

impl Config {
    /// Reads file, environment and flags. An error names the key and the place it came from.
    pub(crate) fn load(flags: &Flags, listen: Option<SocketAddr>) -> anyhow::Result<Self> {
        let figment = Figment::from(Serialized::defaults(Self::default()));
        let figment = match &flags.config {
            Some(file) if !file.exists() => {
                anyhow::bail!("there is no configuration file {}", file.display())
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
        let place = error.metadata.as_ref().map_or_else(String::new, |place| match &place.source {
            Some(source) => format!(" (from {source})"),
            None => format!(" (from {})", place.name),
        });
        if key.is_empty() {
            format!("{}{place}", plain_message(&without_source_lines(&error.kind.to_string())))
        } else {
            format!("{key}: {}{place}", plain_message(&error.kind.to_string()))
        }
    });
    all.collect::<Vec<_>>().join("; ")
}

/// Without the lines of the file that a syntax error quotes: they may hold a secret.
fn without_source_lines(error: &str) -> String {
    let is_quoted = |line: &&str| {
        line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
    };
    error.lines().filter(|line| !is_quoted(line)).map(str::trim).collect::<Vec<_>>().join(": ")
}

/// The environment, mapped by the keys there are: `LEADGATE_QUEUE_MAX_SIZE` could be read in two ways, so the
/// names are derived from the keys and never the other way round.
struct Environment(Vec<(String, String)>);

const PREFIX: &str = "LEADGATE_";

/// Variables of clients, as the documentation's examples use them.
const OF_CLIENTS: [&str; 2] = ["LEADGATE_KEY", "LEADGATE_URL"];

/// Variables that look like settings and are none. They are no error: a container platform sets some of its own
/// (`LEADGATE_GATEWAY_SERVICE_HOST`), and a shell may hold others. But a slip of the pen should be seen.
pub(crate) fn unknown_variables() -> Vec<String> {
    unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

fn unknown(names: impl Iterator<Item = String>) -> Vec<String> {
    let known: Vec<_> = keys().iter().map(|key| variable(key)).chain(OF_CLIENTS.map(str::to_owned)).collect();
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
            // Container files pass the variable on whether a rotation is under way or not.
            if key == "secret_previous" && text.is_empty() {
                continue;
            }
            // What looks like TOML (numbers, lists) is read as such, everything else is text.
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

/// Settings whose text must not be taken for a number: a secret of digits is still a text.
fn is_text(key: &str) -> bool {
    key.starts_with("secret") || ["url", "prefix", "file"].iter().any(|end| key.ends_with(end))
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
    fn the_environment_wins_over_the_file() {
        let file = "[queue]\nprefetch = 2\nmax_size = \"1 GiB\"";
        let config = read(file, &[("LEADGATE_QUEUE_PREFETCH", "4"), ("LEADGATE_SECRET", "1234")]).unwrap();
        assert_eq!((config.queue.prefetch, config.queue.max_size), (4, ByteSize::gib(1)));
        assert_eq!(config.secret, Some("1234".parse().unwrap()));
        assert_eq!(read("", &[("LEADGATE_SECRET_PREVIOUS", "")]).unwrap().secret_previous, None);
        let list = read("", &[("LEADGATE_GATEWAY_TRUSTED_PROXIES", "[10.0.0.1, \"10.0.0.0/8\"]")]).unwrap();
        assert_eq!(list.gateway.trusted_proxies, ["10.0.0.1", "10.0.0.0/8"]);
    }

    #[test]
    fn an_error_names_the_key_and_the_place() {
        let error = read("", &[("LEADGATE_QUEUE_PREFETCH", "many")]).unwrap_err().to_string();
        assert!(error.contains("queue.prefetch") && error.contains("environment"), "{error}");
        let error = read("[queue]\nshards = 1", &[]).unwrap_err().to_string();
        assert!(error.contains("shards") && error.contains("TOML"), "{error}");
        assert_eq!(read("", &[("LEADGATE_QUEUE_SERVICE_HOST", "10.0.0.1")]).unwrap(), Config::default());
        let error = read("listen = 1\nsecret = \"hunter2", &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }

    /// Whatever a setting should be, its error is for people.
    #[test]
    fn an_error_has_no_programmers_words() {
        let mut wrong = 0;
        for key in keys() {
            for text in ["many", "-1", "[]", "true", "{}", "1.5", "99999999999", ""] {
                let Err(error) = read("", &[(variable(&key).as_str(), text)]) else { continue };
                let error = error.to_string();
                wrong += 1;
                for word in
                    ["usize", "u16", "u32", "u64", "struct", "sequence", "invalid type", "syntax", "bool "]
                {
                    assert!(!error.contains(word), "{key}={text}: {error}");
                }
            }
        }
        assert!(wrong > 100, "{wrong}");
    }

    #[test]
    fn what_clients_and_settings_are_called_is_known() {
        let names = ["LEADGATE_KEY", "LEADGATE_URL", "LEADGATE_STORE_URL", "LEADGATE_STORE_ULR", "HOME"];
        assert_eq!(unknown(names.map(str::to_owned).into_iter()), ["LEADGATE_STORE_ULR"]);
        let page = include_str!("../../../../docs/configuration.md");
        assert!(OF_CLIENTS.iter().all(|name| page.contains(name)), "a name is not on the page");
    }

    /// The page shows the whole default file; it is read back and compared.
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
        // Without a default there is nothing to show but a comment.
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
