//! Selects the paths for each contact field.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::contact_field::ContactField;
use super::value_kind::ValueKind;
use super::{ObservedPath, SuggestedRule};

/// The limit of paths in a rule: the best one, and others for bodies in which it has no value.
const MAX_PATHS: usize = 3;

/// At most one rule for each field. A path is in at most one rule.
pub(super) fn suggest_rules(mut observed: Vec<ObservedPath>) -> Vec<SuggestedRule> {
    let mut rules = Vec::new();
    for field in ContactField::ALL {
        let mut candidates: Vec<(u8, ObservedPath)> =
            observed.iter().filter_map(|path| Some((field.rate(path)?, path.clone()))).collect();
        let depth = |path: &ObservedPath| path.path.matches('/').count();
        candidates
            .sort_by_key(|(score, path)| (Reverse(*score), Reverse(path.body_indexes.len()), depth(path)));
        let from = select_paths(candidates);
        if !from.is_empty() {
            observed.retain(|path| !from.contains(path));
            rules.push(SuggestedRule { to: field.as_str(), from });
        }
    }
    rules
}

/// The best path, then paths whose names match the field and that have values in bodies without a value so
/// far.
fn select_paths(candidates: Vec<(u8, ObservedPath)>) -> Vec<ObservedPath> {
    let mut covered: BTreeSet<usize> = BTreeSet::new();
    let mut from: Vec<ObservedPath> = Vec::new();
    for (score, path) in candidates {
        let is_eligible = from.is_empty() || (from.len() < MAX_PATHS && score > 1);
        if is_eligible && !path.body_indexes.is_subset(&covered) {
            covered.extend(&path.body_indexes);
            from.push(path);
        }
    }
    from
}

impl ContactField {
    /// Scores a path for this field by its names and values; `None` if it does not match.
    fn rate(self, path: &ObservedPath) -> Option<u8> {
        let count = |kind: ValueKind| path.kinds.get(&kind).copied().unwrap_or_default();
        let total: usize = path.kinds.values().sum();
        let mostly = |kind: ValueKind| count(kind) * 2 >= total;
        // Forms that only number their fields have no names.
        let score = if path.names.is_empty() { 0 } else { self.score(&path.names)? };
        let matches = match self {
            Self::Email => mostly(ValueKind::Email),
            Self::Phone => mostly(ValueKind::Phone) && (score > 0 || path.has_phone_format),
            Self::FirstName | Self::LastName | Self::FullName | Self::Company => {
                mostly(ValueKind::Text) && score > 1
            }
        };
        matches.then_some(score)
    }
}
