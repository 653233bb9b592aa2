//! What a lead may grow to, however many submissions are merged into it.

use leadgate_domain::trace::MergeTrace;
use leadgate_domain::{FieldVersion, Lead};
use serde_json::Value;

/// Names of custom fields, with those that were last said to be nothing.
const MOST_CUSTOM_FIELDS: usize = 1_000;

/// Of all custom fields together, in bytes.
const LARGEST_CUSTOM_FIELDS: usize = 256 * 1024;

const MOST_TAGS: usize = 1_000;

const CUSTOM: &str = "custom_fields/";

/// Leaves out what a lead has too much of: the custom fields that were not said for the longest time, and the tags that
/// come last in their order. In both, what only public submissions set goes before anything that a secret one set.
/// Which these are does not depend on the order in which workers process submissions.
pub(super) fn enforce_limits(lead: &mut Lead) -> MergeTrace {
    MergeTrace { custom_fields: keep_custom_fields(lead), tags: keep_tags(lead) }
}

fn keep_custom_fields(lead: &mut Lead) -> usize {
    let silent = lead.clocks.own.keys().filter_map(|name| name.strip_prefix(CUSTOM));
    let silent: Vec<_> = silent.filter(|name| !lead.custom_fields.contains_key(*name)).collect();
    let size = |name: &str| name.len() + lead.custom_fields.get(name).map_or(0, estimated_size);
    let names = || lead.custom_fields.keys().map(String::as_str).chain(silent.iter().copied());
    let (count, total) = (names().count(), names().map(size).sum::<usize>());
    let before = lead.clocks.left_out;
    if before.is_none() && count <= MOST_CUSTOM_FIELDS && total <= LARGEST_CUSTOM_FIELDS {
        return 0;
    }
    let said_at = |name: &str| -> FieldVersion {
        lead.clocks.own.get(&format!("{CUSTOM}{name}")).copied().unwrap_or(lead.clocks.base)
    };
    let mut newest_first: Vec<_> = names().map(|name| (said_at(name), name, size(name))).collect();
    newest_first.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let mut room = LARGEST_CUSTOM_FIELDS;
    let fits = |(_, _, size): &&(FieldVersion, &str, usize)| {
        room.checked_sub(*size).inspect(|left| room = *left).is_some()
    };
    let fitting = newest_first.iter().take(MOST_CUSTOM_FIELDS).take_while(fits).count();
    // What is small and old is not kept in place of what is large and newer, whichever of them came first.
    let limit = before.max(newest_first.get(fitting).map(|(at, _, _)| *at));
    let left_out = newest_first.iter().filter(|(at, _, _)| Some(*at) <= limit);
    let left_out: Vec<String> = left_out.map(|(_, name, _)| (*name).to_owned()).collect();
    for name in &left_out {
        lead.custom_fields.remove(name);
        lead.clocks.own.remove(&format!("{CUSTOM}{name}"));
    }
    lead.clocks.left_out = limit;
    left_out.len()
}

fn keep_tags(lead: &mut Lead) -> usize {
    let left_out = lead.tags.len().saturating_sub(MOST_TAGS);
    for _ in 0..left_out {
        match lead.clocks.public_tags.pop_last() {
            Some(tag) => drop(lead.tags.remove(&tag)),
            None => drop(lead.tags.pop_last()),
        }
    }
    left_out
}

/// About as many bytes as its JSON has. Documents are not nested deeply: who takes them in sees to that.
fn estimated_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(estimated_size).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + 3 + estimated_size(value)).sum::<usize>() + 2
        }
    }
}
