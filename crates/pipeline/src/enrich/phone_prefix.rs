//! Infers the state and time zones of a North American number from its first digits, with `data/nanp_*.csv`.

use std::sync::LazyLock;

/// Prefixes with their state and their time zones, sorted by prefix.
struct PrefixTables {
    states: Vec<(&'static str, &'static str)>,
    timezones: Vec<(&'static str, &'static str)>,
}

static TABLES: LazyLock<PrefixTables> = LazyLock::new(|| {
    let states = rows(include_str!("../../data/nanp_area_codes.csv"))
        .filter_map(|mut columns| Some((columns.next()?, columns.nth(1)?)))
        .filter(|(_, state)| !state.is_empty());
    let timezones = rows(include_str!("../../data/nanp_timezones.csv"))
        .filter_map(|mut columns| Some((columns.next()?, columns.next()?)));
    PrefixTables { states: sorted(states), timezones: sorted(timezones) }
});

/// The facts about a prefix.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PrefixInfo {
    /// Only for the United States.
    pub(super) state: Option<&'static str>,
    pub(super) timezones: Vec<&'static str>,
}

pub(super) fn load() {
    LazyLock::force(&TABLES);
}

/// The facts about a number; `None` for numbers outside North America.
pub(super) fn find(e164: &str) -> Option<PrefixInfo> {
    let digits = e164.strip_prefix("+1")?;
    let timezones = longest_match(&TABLES.timezones, digits);
    Some(PrefixInfo {
        state: longest_match(&TABLES.states, digits),
        timezones: timezones.into_iter().flat_map(|zones| zones.split('|')).collect(),
    })
}

fn rows(table: &'static str) -> impl Iterator<Item = impl Iterator<Item = &'static str>> {
    table.lines().skip(1).map(|line| line.split(','))
}

fn sorted(rows: impl Iterator<Item = (&'static str, &'static str)>) -> Vec<(&'static str, &'static str)> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    rows
}

/// The value of the longest prefix of a number.
fn longest_match(rows: &[(&'static str, &'static str)], digits: &str) -> Option<&'static str> {
    let value = |length| {
        let prefix = digits.get(..length)?;
        let index = rows.binary_search_by_key(&prefix, |(digits, _)| digits).ok()?;
        rows.get(index).map(|(_, value)| *value)
    };
    (3..=7).rev().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        for (e164, state, timezones) in [
            ("+14155550132", Some("CA"), &["America/Los_Angeles"][..]),
            ("+12125550132", Some("NY"), &["America/New_York"]),
            ("+16135550132", None, &["America/Toronto"]),
            ("+12083205550", Some("ID"), &["America/Boise", "America/Los_Angeles"]),
            ("+18005550132", None, &[]),
        ] {
            assert_eq!(find(e164), Some(PrefixInfo { state, timezones: timezones.to_vec() }), "{e164}");
        }
        assert_eq!(find("+442079460958"), None);
        assert_eq!(find("+1"), Some(PrefixInfo::default()));
    }

    #[test]
    fn the_tables_are_complete_and_their_values_are_valid() {
        assert_eq!((TABLES.states.len() > 300, TABLES.timezones.len()), (true, 1_995));
        assert!(TABLES.states.iter().all(|(_, state)| leadgate_domain::states::state(state) == Some(state)));
        let zones = TABLES.timezones.iter().flat_map(|(_, zones)| zones.split('|'));
        for zone in zones {
            assert_eq!(leadgate_domain::standard_codes::timezone(zone), Some(zone));
        }
        let digits = TABLES.timezones.iter().map(|(digits, _)| digits.len());
        assert_eq!((digits.clone().min(), digits.max()), (Some(3), Some(6)));
    }
}
