//! `leadgate lead validate`.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use leadgate_dialect::native;
use leadgate_domain::{SourceId, Submission};
use leadgate_operations::{leads, sources};
use leadgate_store::{Preview, Snapshot, Store};
use serde_json::{Value, json};

use crate::commands::{Output, details, files, judge_context, organization, with_hint};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct Validate {
    /// File with a lead as a JSON object, in the dialect of the source; `-` is standard input
    file: PathBuf,
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Source that it would be posted to [default: the organization's native source]
    #[arg(long, value_name = "ID")]
    source: Option<SourceId>,
    /// The file has a lead on each line
    #[arg(long)]
    lines: bool,
}

pub(super) async fn run(
    asked: Validate,
    store: &Store,
    config: &Config,
    output: &Output,
) -> anyhow::Result<()> {
    let owner = organization(store, &asked.organization).await?;
    let source = sources::find_or_default(store, owner.id, asked.source).await.map_err(with_hint(&owner))?;
    let body = read(&asked)?;
    let context = judge_context(store, config).await?;
    if !asked.lines {
        let normalized = leads::normalize(vec![leads::draft(&source, &body)?], &context).await?;
        let judged = leads::validate(store, owner.id, normalized, &context, store).await?;
        let judged = judged.first().context("the lead was not judged")?;
        output.details(&shown(judged, &context.known)?);
        return Ok(());
    }
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let drafts: Vec<_> = lines.map(|line| leads::draft(&source, line)).collect();
    let good: Vec<Submission> = drafts.iter().filter_map(|draft| draft.as_ref().ok()).cloned().collect();
    let normalized = leads::normalize(good, &context).await?;
    let mut judged = leads::validate(store, owner.id, normalized, &context, store).await?.into_iter();
    let all = drafts.iter().map(|draft| match draft {
        Ok(_) => shown(&judged.next().context("a lead was not judged")?, &context.known),
        Err(problem) => Ok(json!({ "error": problem.to_string() })),
    });
    let all = all.collect::<anyhow::Result<Vec<_>>>()?;
    output.print(&all, |line| {
        for (number, one) in (1_u64..).zip(&all) {
            line(&format!("lead {number}"));
            details(one, line);
        }
    });
    Ok(())
}

fn read(asked: &Validate) -> anyhow::Result<Vec<u8>> {
    if asked.file.as_os_str() != "-" {
        return Ok(files::bytes(&asked.file, "a lead as a JSON object")?);
    }
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).context("standard input")?;
    Ok(body)
}

fn shown(judged: &Preview, known: &Snapshot) -> anyhow::Result<Value> {
    let title = |id| known.source(id).map(|source| source.title());
    let Preview { ruling, lead, trace } = judged;
    let shown = native::validated(ruling.outcome, ruling.quarantine, lead.as_ref(), trace, &title);
    Ok(serde_json::to_value(shown)?)
}
