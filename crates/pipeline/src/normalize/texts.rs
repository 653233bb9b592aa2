//! Normalizes names, labels, and values of standard lists (states, time zones, locales, currencies).

use std::borrow::Cow;
use std::collections::BTreeMap;

use leadgate_domain::trace::NormalizeTrace;
use leadgate_domain::{Region, TextField, name, standard_codes, states, text};

/// Normalizes the texts of a submission and records the changes in `trace`. States are read in `country`.
pub(super) fn read(
    submitted: &BTreeMap<TextField, Option<String>>,
    country: Option<Region>,
    trace: &mut NormalizeTrace,
) -> BTreeMap<TextField, Option<String>> {
    let mut texts = BTreeMap::new();
    for (field, text) in submitted {
        let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            texts.insert(*field, None);
            continue;
        };
        let normalized = normalize(*field, text, country);
        if normalized.is_placeholder {
            trace.placeholders.push((*field).into());
            continue;
        }
        if normalized.is_unlisted {
            trace.unlisted(*field);
        }
        if normalized.text != text {
            trace.rewritten.push((*field).into());
        }
        texts.insert(*field, Some(normalized.text).filter(|text| !text.is_empty()));
    }
    texts
}

#[derive(Default)]
struct NormalizedText {
    text: String,
    is_placeholder: bool,
    is_unlisted: bool,
}

fn normalize(field: TextField, submitted: &str, country: Option<Region>) -> NormalizedText {
    use TextField::{
        Company, Currency, ExternalId, FirstName, FullName, LastName, LineId, Locale, PageUrl, Source, State,
        Timezone,
    };
    let clean = text::clean(submitted);
    let listed = |code: Option<String>, is_required: bool| {
        let is_unlisted = is_required && code.is_none();
        NormalizedText { text: code.unwrap_or_else(|| clean.to_string()), is_placeholder: false, is_unlisted }
    };
    match field {
        // Ids of other systems and URLs are stored unchanged.
        ExternalId | LineId | PageUrl => {
            NormalizedText { text: submitted.to_owned(), ..NormalizedText::default() }
        }
        Source => NormalizedText { text: clean.into_owned(), ..NormalizedText::default() },
        FullName | FirstName | LastName | Company => {
            let plain = unescape(&clean);
            NormalizedText {
                is_placeholder: name::is_placeholder(&plain),
                text: plain.into_owned(),
                is_unlisted: false,
            }
        }
        State => state(&clean, country, listed),
        Timezone => listed(standard_codes::timezone(&clean).map(str::to_owned), true),
        Locale => listed(standard_codes::locale(&clean), true),
        Currency => listed(standard_codes::currency(&clean).map(str::to_owned), true),
    }
}

/// Removes escapes that a web page added and did not remove: `O&#039;Brien`, `O\\'Brien`.
fn unescape(text: &str) -> Cow<'_, str> {
    let has_backslashes = ["\\'", "\\\""].iter().any(|escaped| text.contains(escaped));
    let text = match html_escape::decode_html_entities(text) {
        Cow::Owned(plain) => Cow::Owned(text::clean(&plain).into_owned()),
        plain => plain,
    };
    if has_backslashes { text.replace("\\'", "'").replace("\\\"", "\"").into() } else { text }
}

/// Normalizes a state. A text that is not a state is reported only for a country with a list of states.
/// Without a country, known states are normalized. In other countries the text stays unchanged: there, `WA`
/// is not Washington.
fn state(
    clean: &str,
    country: Option<Region>,
    listed: impl Fn(Option<String>, bool) -> NormalizedText,
) -> NormalizedText {
    let known = states::state(clean).map(str::to_owned);
    match country {
        Some(country) if states::has_listed_states(country) => listed(known, true),
        Some(_) => listed(None, false),
        None => listed(known, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TextField::{Company, Currency, ExternalId, FullName, Locale, PageUrl, State, Timezone};

    fn read_text(field: TextField, text: &str, country: &str) -> (Option<Option<String>>, serde_json::Value) {
        let submitted = [(field, Some(text.to_owned()))].into();
        let mut trace = NormalizeTrace::default();
        let mut texts = read(&submitted, country.parse().ok(), &mut trace);
        (texts.remove(&field), serde_json::to_value(trace).unwrap())
    }

    #[test]
    fn texts_are_normalized_or_stored_unchanged() {
        let none = serde_json::json!({});
        let rewritten = |field: &str| serde_json::json!({ "rewritten": [field] });
        let unknown = |field: &str| serde_json::json!({ field: "unknown" });
        for (field, country, submitted, expected, trace) in [
            (FullName, "", "Ann Lee", "Ann Lee", none.clone()),
            (FullName, "", " Ann \u{202e}Lee ", "Ann Lee", rewritten("full_name")),
            (FullName, "", "Null", "Null", none.clone()),
            (FullName, "", "Ann O&#039;Brien", "Ann O'Brien", rewritten("full_name")),
            (FullName, "", r"Ann O\'Brien", "Ann O'Brien", rewritten("full_name")),
            (Company, "", "Smith &amp; Sons", "Smith & Sons", rewritten("company")),
            (Company, "", "AT&T; R&D", "AT&T; R&D", none.clone()),
            (Company, "", r"A\B", r"A\B", none.clone()),
            (Company, "", "Acme\u{200b} Inc.", "Acme Inc.", rewritten("company")),
            (State, "US", "California", "CA", rewritten("state")),
            (State, "US", "ON", "ON", none.clone()),
            (State, "CA", "Québec", "QC", rewritten("state")),
            (State, "PR", "puerto rico", "PR", rewritten("state")),
            (State, "US", "Bavaria", "Bavaria", unknown("state")),
            (State, "AU", "wa", "wa", none.clone()),
            (State, "DE", "Bavaria", "Bavaria", none.clone()),
            (State, "", "Bavaria", "Bavaria", none.clone()),
            (State, "", "california", "CA", rewritten("state")),
            (Timezone, "", "america/chicago", "America/Chicago", rewritten("timezone")),
            (Timezone, "", "Central", "Central", unknown("timezone")),
            (Locale, "", "pt_br", "pt-BR", rewritten("locale")),
            (Locale, "", "Klingon!", "Klingon!", unknown("locale")),
            (Currency, "", "usd", "USD", rewritten("currency")),
            (Currency, "", "$", "$", unknown("currency")),
            (ExternalId, "", "a\u{200b}1", "a\u{200b}1", none.clone()),
            (PageUrl, "", "https://x.example/?a=1  2", "https://x.example/?a=1  2", none.clone()),
        ] {
            let read = read_text(field, submitted, country);
            assert_eq!(read, (Some(Some(expected.to_owned())), trace), "{submitted}");
        }
    }

    #[test]
    fn a_placeholder_is_absent_and_an_empty_text_is_null() {
        assert_eq!(read_text(FullName, "undefined", "").0, None);
        assert_eq!(
            read_text(FullName, "null null", "").1,
            serde_json::json!({ "placeholders": ["full_name"] })
        );
        assert_eq!(read_text(FullName, " ", "").0, Some(None));
        assert_eq!(read_text(FullName, "\u{200b}\u{202e}", "").0, Some(None));
    }
}
