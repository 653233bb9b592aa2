//! Limits the size of a lead, independent of the number of submissions that are merged into it.

use leadgate_domain::trace::MergeTrace;
use leadgate_domain::{FieldVersion, Lead};
use serde_json::Value;

/// Including custom fields that were set to null.
const MAX_CUSTOM_FIELDS: usize = 1_000;

/// The size of all custom fields together, in bytes.
const MAX_CUSTOM_FIELDS_SIZE: usize = 256 * 1024;

const MAX_TAGS: usize = 1_000;

const CUSTOM: &str = "custom_fields/";

/// Removes the custom fields with the oldest versions, and the last tags in alphabetical order, until the
/// lead is within its limits. Values that only public submissions set are removed first. The result does not
/// depend on the order in which submissions are processed.
pub(super) fn enforce_limits(lead: &mut Lead) -> MergeTrace {
    MergeTrace { custom_fields: keep_custom_fields(lead), tags: keep_tags(lead) }
}

fn keep_custom_fields(lead: &mut Lead) -> usize {
    let versioned = lead.field_versions.by_field.keys().filter_map(|name| name.strip_prefix(CUSTOM));
    let nulls: Vec<_> = versioned.filter(|name| !lead.custom_fields.contains_key(*name)).collect();
    let size = |name: &str| name.len() + lead.custom_fields.get(name).map_or(0, estimated_size);
    let names = || lead.custom_fields.keys().map(String::as_str).chain(nulls.iter().copied());
    let (count, total) = (names().count(), names().map(size).sum::<usize>());
    let previous_limit = lead.field_versions.custom_fields_dropped_up_to;
    if previous_limit.is_none() && count <= MAX_CUSTOM_FIELDS && total <= MAX_CUSTOM_FIELDS_SIZE {
        return 0;
    }
    let version = |name: &str| -> FieldVersion {
        lead.field_versions
            .by_field
            .get(&format!("{CUSTOM}{name}"))
            .copied()
            .unwrap_or(lead.field_versions.base)
    };
    let mut newest_first: Vec<_> = names().map(|name| (version(name), name, size(name))).collect();
    newest_first.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let mut available = MAX_CUSTOM_FIELDS_SIZE;
    let fits = |(_, _, size): &&(FieldVersion, &str, usize)| {
        available.checked_sub(*size).inspect(|rest| available = *rest).is_some()
    };
    let fitting = newest_first.iter().take(MAX_CUSTOM_FIELDS).take_while(fits).count();
    // All fields up to this version are removed, also small ones that would fit. Otherwise the result would
    // depend on the order of processing.
    let limit = previous_limit.max(newest_first.get(fitting).map(|(version, _, _)| *version));
    let removed = newest_first.iter().filter(|(version, _, _)| Some(*version) <= limit);
    let removed: Vec<String> = removed.map(|(_, name, _)| (*name).to_owned()).collect();
    for name in &removed {
        lead.custom_fields.remove(name);
        lead.field_versions.by_field.remove(&format!("{CUSTOM}{name}"));
    }
    lead.field_versions.custom_fields_dropped_up_to = limit;
    removed.len()
}

fn keep_tags(lead: &mut Lead) -> usize {
    let excess = lead.tags.len().saturating_sub(MAX_TAGS);
    for _ in 0..excess {
        match lead.field_versions.public_tags.pop_last() {
            Some(tag) => drop(lead.tags.remove(&tag)),
            None => drop(lead.tags.pop_last()),
        }
    }
    excess
}

/// The approximate length of the value as JSON, in bytes. The recursion is limited, because the intake
/// refuses deeply nested documents.
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
