//! States and provinces of the United States and Canada.

use crate::{Region, text};

/// Codes of ISO 3166-2:US and -2:CA, including territories and the three regions of the armed forces, by
/// their names in lower case.
const STATES: [(&str, &str); 82] = [
    ("alabama", "AL"),
    ("alaska", "AK"),
    ("alberta", "AB"),
    ("american samoa", "AS"),
    ("arizona", "AZ"),
    ("arkansas", "AR"),
    ("armed forces americas", "AA"),
    ("armed forces europe", "AE"),
    ("armed forces pacific", "AP"),
    ("british columbia", "BC"),
    ("california", "CA"),
    ("colorado", "CO"),
    ("commonwealth of puerto rico", "PR"),
    ("connecticut", "CT"),
    ("delaware", "DE"),
    ("district of columbia", "DC"),
    ("florida", "FL"),
    ("georgia", "GA"),
    ("guam", "GU"),
    ("hawaii", "HI"),
    ("idaho", "ID"),
    ("illinois", "IL"),
    ("indiana", "IN"),
    ("iowa", "IA"),
    ("kansas", "KS"),
    ("kentucky", "KY"),
    ("louisiana", "LA"),
    ("maine", "ME"),
    ("manitoba", "MB"),
    ("maryland", "MD"),
    ("massachusetts", "MA"),
    ("michigan", "MI"),
    ("minnesota", "MN"),
    ("mississippi", "MS"),
    ("missouri", "MO"),
    ("montana", "MT"),
    ("nebraska", "NE"),
    ("nevada", "NV"),
    ("new brunswick", "NB"),
    ("new hampshire", "NH"),
    ("new jersey", "NJ"),
    ("new mexico", "NM"),
    ("new york", "NY"),
    ("new york state", "NY"),
    ("newfoundland", "NL"),
    ("newfoundland & labrador", "NL"),
    ("newfoundland and labrador", "NL"),
    ("north carolina", "NC"),
    ("north dakota", "ND"),
    ("northern mariana islands", "MP"),
    ("northwest territories", "NT"),
    ("nova scotia", "NS"),
    ("nunavut", "NU"),
    ("ohio", "OH"),
    ("oklahoma", "OK"),
    ("ontario", "ON"),
    ("oregon", "OR"),
    ("pennsylvania", "PA"),
    ("prince edward island", "PE"),
    ("puerto rico", "PR"),
    ("quebec", "QC"),
    ("québec", "QC"),
    ("rhode island", "RI"),
    ("saskatchewan", "SK"),
    ("south carolina", "SC"),
    ("south dakota", "SD"),
    ("tennessee", "TN"),
    ("texas", "TX"),
    ("united states virgin islands", "VI"),
    ("us virgin islands", "VI"),
    ("utah", "UT"),
    ("vermont", "VT"),
    ("virgin islands", "VI"),
    ("virginia", "VA"),
    ("washington", "WA"),
    ("washington dc", "DC"),
    ("washington state", "WA"),
    ("washington, dc", "DC"),
    ("west virginia", "WV"),
    ("wisconsin", "WI"),
    ("wyoming", "WY"),
    ("yukon", "YT"),
];

/// The countries and territories whose states are in the list.
const COUNTRIES: [&str; 7] = ["AS", "CA", "GU", "MP", "PR", "US", "VI"];

/// Whether the states of this country are in the list.
pub fn has_listed_states(country: Region) -> bool {
    COUNTRIES.contains(&country.to_string().as_str())
}

/// The code of a state or province, from its name, its code, or its code in ISO 3166-2 (`US-CA`).
pub fn state(text: &str) -> Option<&'static str> {
    let folded: String =
        text::clean(text).chars().filter(|c| *c != '.').flat_map(char::to_lowercase).collect();
    let local = folded.strip_prefix("us-").or_else(|| folded.strip_prefix("ca-")).unwrap_or(&folded);
    let matches = |(name, code): &&(&str, &str)| *name == folded || code.eq_ignore_ascii_case(local);
    STATES.iter().find(matches).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_and_province_has_one_code() {
        let codes: BTreeSet<_> = STATES.iter().map(|(_, code)| code).collect();
        // 50 states, the District, 5 territories, 3 of the armed forces, 13 of Canada.
        assert_eq!(codes.len(), 50 + 1 + 5 + 3 + 13);
        assert!(STATES.is_sorted());
    }

    #[test]
    fn names_and_codes_result_in_the_same_code() {
        for (text, code) in [
            ("California", Some("CA")),
            (" ca ", Some("CA")),
            ("US-CA", Some("CA")),
            ("ca-on", Some("ON")),
            ("Québec", Some("QC")),
            ("Que\u{301}bec", Some("QC")),
            ("QUEBEC", Some("QC")),
            ("N.Y.", Some("NY")),
            ("New  York", Some("NY")),
            ("Washington, D.C.", Some("DC")),
            ("Puerto Rico", Some("PR")),
            ("Newfoundland and Labrador", Some("NL")),
            ("XX", None),
            ("Cali", None),
            ("US-", None),
            ("", None),
        ] {
            assert_eq!(state(text), code, "{text}");
        }
    }
}
