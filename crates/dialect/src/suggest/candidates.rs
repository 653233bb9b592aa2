//! Which places may fill which field.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::contact_field::ContactField;
use super::value_kind::ValueKind;
use super::{ObservedPath, SuggestedRule};

/// The best one, and others for bodies in which it has no value.
const MOST_PLACES: usize = 3;

/// At most one rule for each field; no place is in two of them.
pub(super) fn rules(mut seen: Vec<ObservedPath>) -> Vec<SuggestedRule> {
    let mut rules = Vec::new();
    for field in ContactField::ALL {
        let mut candidates: Vec<(u8, ObservedPath)> =
            seen.iter().filter_map(|place| Some((field.fits(place)?, place.clone()))).collect();
        let depth = |place: &ObservedPath| place.place.matches('/').count();
        candidates.sort_by_key(|(score, place)| (Reverse(*score), Reverse(place.bodies.len()), depth(place)));
        let from = select_paths(candidates);
        if !from.is_empty() {
            seen.retain(|place| !from.contains(place));
            rules.push(SuggestedRule { to: field.as_str(), from });
        }
    }
    rules
}

/// The best place, and then those that are named like the field and have a value where the ones before have none.
fn select_paths(candidates: Vec<(u8, ObservedPath)>) -> Vec<ObservedPath> {
    let mut filled: BTreeSet<usize> = BTreeSet::new();
    let mut from: Vec<ObservedPath> = Vec::new();
    for (score, place) in candidates {
        let counts = from.is_empty() || (from.len() < MOST_PLACES && score > 1);
        if counts && !place.bodies.is_subset(&filled) {
            filled.extend(&place.bodies);
            from.push(place);
        }
    }
    from
}

impl ContactField {
    /// How well a place fits, by its names and its values; `None` if it does not.
    fn fits(self, seen: &ObservedPath) -> Option<u8> {
        let of = |kind: ValueKind| seen.kinds.get(&kind).copied().unwrap_or_default();
        let all: usize = seen.kinds.values().sum();
        let mostly = |kind: ValueKind| of(kind) * 2 >= all;
        // Forms that only number their fields have no names.
        let score = if seen.names.is_empty() { 0 } else { self.score(&seen.names)? };
        let fits = match self {
            Self::Email => mostly(ValueKind::Email),
            Self::Phone => mostly(ValueKind::Phone) && (score > 0 || seen.is_formatted),
            Self::FirstName | Self::LastName | Self::FullName | Self::Company => {
                mostly(ValueKind::Text) && score > 1
            }
        };
        fits.then_some(score)
    }
}
