//! Which places may fill which field.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::kind::Kind;
use super::names::Field;
use super::{SeenPlace, SuggestedRule};

/// The best one, and others for bodies in which it has no value.
const MOST_PLACES: usize = 3;

/// At most one rule for each field; no place is in two of them.
pub(super) fn rules(mut seen: Vec<SeenPlace>) -> Vec<SuggestedRule> {
    let mut rules = Vec::new();
    for field in Field::ALL {
        let mut candidates: Vec<(u8, SeenPlace)> =
            seen.iter().filter_map(|place| Some((field.fits(place)?, place.clone()))).collect();
        let depth = |place: &SeenPlace| place.place.matches('/').count();
        candidates.sort_by_key(|(score, place)| (Reverse(*score), Reverse(place.bodies.len()), depth(place)));
        let from = cover(candidates);
        if !from.is_empty() {
            seen.retain(|place| !from.contains(place));
            rules.push(SuggestedRule { to: field.as_str(), from });
        }
    }
    rules
}

/// The best place, and then those that are named like the field and have a value where the ones before have none.
fn cover(candidates: Vec<(u8, SeenPlace)>) -> Vec<SeenPlace> {
    let mut filled: BTreeSet<usize> = BTreeSet::new();
    let mut from: Vec<SeenPlace> = Vec::new();
    for (score, place) in candidates {
        let counts = from.is_empty() || (from.len() < MOST_PLACES && score > 1);
        if counts && !place.bodies.is_subset(&filled) {
            filled.extend(&place.bodies);
            from.push(place);
        }
    }
    from
}

impl Field {
    /// How well a place fits, by its names and its values; `None` if it does not.
    fn fits(self, seen: &SeenPlace) -> Option<u8> {
        let of = |kind: Kind| seen.kinds.get(&kind).copied().unwrap_or_default();
        let all: usize = seen.kinds.values().sum();
        let mostly = |kind: Kind| of(kind) * 2 >= all;
        // Forms that only number their fields have no names.
        let score = if seen.names.is_empty() { 0 } else { self.score(&seen.names)? };
        let fits = match self {
            Self::Email => mostly(Kind::Email),
            Self::Phone => mostly(Kind::Phone) && (score > 0 || seen.is_formatted),
            Self::FirstName | Self::LastName | Self::FullName | Self::Company => {
                mostly(Kind::Text) && score > 1
            }
        };
        fits.then_some(score)
    }
}
