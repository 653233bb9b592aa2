//! `leadgate score`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_domain::{ActiveScoring, Lead, Organization, Scoring, Temperature, scoring};
use leadgate_store::Store;
use serde_json::{Value, json};

use super::arguments::{count, version};
use super::{Output, Table, UsageError, files, open_store, organization};
use crate::config::Config;
use crate::plain::plain;

#[derive(Args)]
pub(crate) struct Of {
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the scoring in use, as `set` takes it
    Show {
        #[command(flatten)]
        of: Of,
        /// Version to print; 0 is the standard scoring [default: the one in use]
        #[arg(long, value_name = "VERSION", value_parser = version)]
        version: Option<u32>,
    },
    /// Store a scoring as the next version and use it
    Set {
        /// Rules in TOML, or in JSON in a file named .json
        file: PathBuf,
        #[command(flatten)]
        of: Of,
    },
    /// Use the standard scoring again
    Reset {
        #[command(flatten)]
        of: Of,
    },
    /// List all versions of the scoring
    History {
        #[command(flatten)]
        of: Of,
    },
    /// Show how the newest leads would be scored, and change nothing
    Preview {
        #[command(flatten)]
        of: Of,
        /// Rules in TOML, or in JSON in a file named .json [default: the scoring in use]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// How many of the newest leads
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = count)]
        last: u32,
    },
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Show { of, version } => {
            let active = stored(&store, &organization(&store, &of.organization).await?, version).await?;
            output.print(&*active, |line| line(text(&active).trim_end()));
        }
        Command::Set { file, of } => {
            let owner = organization(&store, &of.organization).await?;
            let version = store.add_scoring(owner.id, &read(&file)?).await?;
            let version = version.context("the organization is gone")?;
            in_use(version, output);
        }
        Command::Reset { of } => {
            let owner = organization(&store, &of.organization).await?;
            store.activate_scoring(owner.id, None).await?;
            in_use(0, output);
        }
        Command::History { of } => {
            let owner = organization(&store, &of.organization).await?;
            let all = store.scorings(owner.id).await?;
            let rows = all.iter().map(|one| {
                let state = if one.active { "in use" } else { "" };
                let scoring = &one.scoring;
                let (rules, hot, warm) = (scoring.rules().len(), scoring.hot(), scoring.warm());
                let (version, made) = (one.version.to_string(), one.created_at.to_string());
                [version, made, rules.to_string(), hot.to_string(), warm.to_string(), state.to_owned()]
            });
            let headers = ["version", "created_at", "rules", "hot_from", "warm_from", "state"];
            output.list("scorings", &all, headers, rows);
            if !all.iter().any(|one| one.active) {
                output.note("the standard scoring is in use");
            }
        }
        Command::Preview { of, file, last } => {
            let owner = organization(&store, &of.organization).await?;
            let then = file.as_deref().map(read).transpose()?;
            let then = then.as_ref().unwrap_or(&owner.scoring.scoring);
            preview(
                &newest(&store, &owner, usize::try_from(last)?).await?,
                &owner.scoring.scoring,
                then,
                output,
            );
        }
    }
    Ok(())
}

fn in_use(version: u32, output: &Output) {
    output.print(&json!({ "version": version }), |line| match version {
        0 => line("the standard scoring is in use"),
        version => line(&format!("version {version} is in use")),
    });
}

/// The version that is asked for, else the one in force.
async fn stored(
    store: &Store,
    owner: &Organization,
    version: Option<u32>,
) -> anyhow::Result<Arc<ActiveScoring>> {
    match version {
        None => Ok(Arc::clone(&owner.scoring)),
        Some(0) => Ok(ActiveScoring::standard()),
        Some(version) => {
            let found = store.scorings(owner.id).await?.into_iter().find(|one| one.version == version);
            let found = found.ok_or_else(|| {
                UsageError::wrong(format!(
                    "`{}` has no scoring of version {version}; `leadgate score history` prints the versions",
                    owner.name
                ))
            })?;
            Ok(Arc::new(ActiveScoring { version, scoring: found.scoring }))
        }
    }
}

/// The standard one with its comments; others have none.
fn text(active: &ActiveScoring) -> String {
    match active.version {
        0 => scoring::STANDARD.to_owned(),
        _ => active.scoring.to_toml(),
    }
}

fn read(file: &Path) -> anyhow::Result<Scoring> {
    let text = files::text(file, "a scoring: rules in TOML, or in JSON in a file named .json")?;
    let read = match file.extension().is_some_and(|extension| extension == "json") {
        true => {
            let document = serde_json::from_str(&text).map_err(|error| {
                UsageError::wrong(format!("the scoring in {}: {}", file.display(), plain(&error.to_string())))
            });
            Scoring::read(&document?)
        }
        false => Scoring::from_toml(&text),
    };
    match read {
        Ok(scoring) => Ok(scoring),
        Err(faults) => bail!(UsageError::wrong(format!(
            "the scoring in {}:\n  {}",
            file.display(),
            faults.sentences().join("\n  ")
        ))),
    }
}

async fn newest(store: &Store, owner: &Organization, most: usize) -> anyhow::Result<Vec<Lead>> {
    let (mut all, mut after) = (Vec::new(), None);
    while all.len() < most {
        let page = u32::try_from((most - all.len()).min(500))?;
        let page = store.leads(owner.id, None, after, page).await?;
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

const TEMPERATURES: [Temperature; 3] = [Temperature::Hot, Temperature::Warm, Temperature::Cold];

/// Every lead as it is and as it would be, by which rules that differs, and how many of each temperature there are.
fn preview(leads: &[Lead], now: &Scoring, then: &Scoring, output: &Output) {
    let scored: Vec<_> = leads.iter().map(|lead| (lead, then.score(lead))).collect();
    let count = |temperature: fn(&Lead, Temperature) -> Temperature| {
        let all = scored.iter().map(|(lead, score)| temperature(lead, score.temperature));
        let mut counts: BTreeMap<&str, usize> = TEMPERATURES.map(|one| (one.as_str(), 0)).into();
        for one in all {
            *counts.entry(one.as_str()).or_default() += 1;
        }
        counts
    };
    let (before, after) = (count(|lead, _| lead.temperature), count(|_, then| then));
    let shown: Vec<Value> = scored
        .iter()
        .map(|(lead, then)| {
            let now = json!({ "score": lead.score, "temperature": lead.temperature });
            json!({ "id": lead.id, "now": now, "then": then })
        })
        .collect();
    if scored.is_empty() {
        output.note("no leads");
    }
    output.print(&json!({ "leads": shown, "now": before, "then": after }), |line| {
        let mut table = Table::new(["LEAD", "NOW", "THEN", "DIFFERS BY"]);
        for (lead, then) in &scored {
            let is = format!("{} {}", lead.score, lead.temperature.as_str());
            let would_be = format!("{} {}", then.score, then.temperature.as_str());
            let differs = differences(&now.score(lead).points, &then.points);
            table.add([lead.id.to_string(), is, would_be, differs]);
        }
        table.print(line);
        line("");
        let mut table = Table::new(["TEMPERATURE", "NOW", "THEN"]).with_numbers([1, 2]);
        for temperature in TEMPERATURES.map(Temperature::as_str) {
            let of = |counts: &BTreeMap<&str, usize>| counts.get(temperature).copied().unwrap_or_default();
            table.add([temperature.to_owned(), of(&before).to_string(), of(&after).to_string()]);
        }
        table.print(line);
    });
}

/// By how much each rule adds more or less, such as `company_given +10`.
fn differences(now: &[(&str, i32)], then: &[(&str, i32)]) -> String {
    let now: BTreeMap<_, _> = now.iter().copied().collect();
    let then: BTreeMap<_, _> = then.iter().copied().collect();
    let names: std::collections::BTreeSet<_> = now.keys().chain(then.keys()).collect();
    let points = |of: &BTreeMap<&str, i32>, name: &str| of.get(name).copied().unwrap_or_default();
    let differs = names.into_iter().map(|name| (name, points(&now, name), points(&then, name)));
    let differs = differs.filter(|(_, now, then)| now != then);
    differs.map(|(name, now, then)| format!("{name} {:+}", then - now)).collect::<Vec<_>>().join(", ")
}
