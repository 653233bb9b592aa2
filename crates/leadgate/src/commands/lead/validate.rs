//! The command `leadgate lead validate`.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use leadgate_dialect::native;
use leadgate_domain::{Source, SourceId, Submission};
use leadgate_operations::{leads, sources};
use leadgate_store::{Snapshot, Store, SubmissionPreview};
use serde_json::{Value, json};

use crate::commands::{Output, details, files, judge_context, organization, with_hint};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct ValidateArguments {
    /// File with a lead as a JSON object in the dialect of the source; `-` is standard input
    file: PathBuf,
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Source to which the lead would be posted [default: the organization's native source]
    #[arg(long, value_name = "ID")]
    source: Option<SourceId>,
    /// The file has one lead per line
    #[arg(long)]
    lines: bool,
}

pub(super) async fn run(
    arguments: ValidateArguments,
    store: &Store,
    config: &Config,
    output: &Output,
) -> anyhow::Result<()> {
    let owner = organization(store, &arguments.organization).await?;
    let source = sources::find_or_default(store, owner.id, arguments.source).await;
    let source = Arc::new(source.map_err(with_hint(&owner))?);
    let body_limit = usize::try_from(config.gateway.body_limit.as_u64())?;
    let body = read(&arguments)?;
    let context = judge_context(store, config).await?;
    let draft = |body: &&[u8]| leads::draft_submission(&source, body, body_limit);
    if !arguments.lines {
        let normalized = leads::normalize(vec![draft(&body.as_slice())?], &source, &context).await?;
        let judged = leads::validate(store, owner.id, normalized, &context, store).await?;
        let judged = judged.first().context("the lead was not judged")?;
        output.details(&shown(judged, &source, &context.snapshot)?);
        return Ok(());
    }
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let mut all = Vec::new();
    for lines in Vec::from_iter(lines).chunks(leads::MAX_VALIDATED) {
        let drafts: Vec<_> = lines.iter().map(draft).collect();
        let valid: Vec<Submission> = drafts.iter().filter_map(|draft| draft.as_ref().ok()).cloned().collect();
        let normalized = leads::normalize(valid, &source, &context).await?;
        let judged = leads::validate(store, owner.id, normalized, &context, store).await?;
        let mut judged = judged.into_iter();
        for draft in drafts {
            all.push(match draft {
                Ok(_) => shown(&judged.next().context("a lead was not judged")?, &source, &context.snapshot)?,
                Err(problem) => json!({ "error": problem.to_string() }),
            });
        }
    }
    output.print(&all, |line| {
        for (number, preview) in (1_u64..).zip(&all) {
            line(&format!("lead {number}"));
            details(preview, line);
        }
    });
    Ok(())
}

fn read(arguments: &ValidateArguments) -> anyhow::Result<Vec<u8>> {
    if arguments.file.as_os_str() != "-" {
        return Ok(files::bytes(&arguments.file, "a lead as a JSON object")?);
    }
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).context("reading standard input")?;
    Ok(body)
}

fn shown(judged: &SubmissionPreview, source: &Source, snapshot: &Snapshot) -> anyhow::Result<Value> {
    let title = |id| match id == source.id {
        true => Some(source.display_name()),
        false => snapshot.source(id).map(|source| source.display_name()),
    };
    let SubmissionPreview { ruling, lead, trace } = judged;
    let shown = native::validation_response(ruling.outcome, ruling.quarantine, lead.as_ref(), trace, &title);
    Ok(serde_json::to_value(shown)?)
}
