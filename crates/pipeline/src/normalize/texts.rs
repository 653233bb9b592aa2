//! Names, labels and values of standard lists, each in one spelling.

use std::borrow::Cow;
use std::collections::BTreeMap;

use leadgate_domain::trace::NormalizeTrace;
use leadgate_domain::{Region, TextField, name, standard_codes, states, text};

/// What a submission's texts are on a lead; `told` is what the trace says about them. `country` is the one in which a
/// state is looked for.
pub(super) fn read(
    said: &BTreeMap<TextField, Option<String>>,
    country: Option<Region>,
    told: &mut NormalizeTrace,
) -> BTreeMap<TextField, Option<String>> {
    let mut texts = BTreeMap::new();
    for (field, said) in said {
        let Some(said) = said.as_deref().map(str::trim).filter(|said| !said.is_empty()) else {
            texts.insert(*field, None);
            continue;
        };
        let read = one(*field, said, country);
        if read.not_said {
            told.not_said.push((*field).into());
            continue;
        }
        if read.unknown {
            told.unlisted(*field);
        }
        if read.text != said {
            told.rewritten.push((*field).into());
        }
        texts.insert(*field, Some(read.text).filter(|text| !text.is_empty()));
    }
    texts
}

#[derive(Default)]
struct NormalizedText {
    text: String,
    not_said: bool,
    unknown: bool,
}

fn one(field: TextField, said: &str, country: Option<Region>) -> NormalizedText {
    use TextField::{
        Company, Currency, ExternalId, FirstName, FullName, LastName, LineId, Locale, PageUrl, Source, State,
        Timezone,
    };
    let clean = text::clean(said);
    let listed = |code: Option<String>, must: bool| {
        let unknown = must && code.is_none();
        NormalizedText { text: code.unwrap_or_else(|| clean.to_string()), not_said: false, unknown }
    };
    match field {
        // What another system calls its record, and the address of a page, are theirs to the letter.
        ExternalId | LineId | PageUrl => {
            NormalizedText { text: said.to_owned(), ..NormalizedText::default() }
        }
        Source => NormalizedText { text: clean.into_owned(), ..NormalizedText::default() },
        FullName | FirstName | LastName | Company => {
            let plain = unescaped(&clean);
            NormalizedText {
                not_said: name::is_placeholder(&plain),
                text: plain.into_owned(),
                unknown: false,
            }
        }
        State => state(&clean, country, listed),
        Timezone => listed(standard_codes::timezone(&clean).map(str::to_owned), true),
        Locale => listed(standard_codes::locale(&clean), true),
        Currency => listed(standard_codes::currency(&clean).map(str::to_owned), true),
    }
}

/// What a page or a blog escaped and nobody undid: `O&#039;Brien`, `O\\'Brien`.
fn unescaped(text: &str) -> Cow<'_, str> {
    let backslashes = ["\\'", "\\\""].iter().any(|escaped| text.contains(escaped));
    let text = match html_escape::decode_html_entities(text) {
        Cow::Owned(plain) => Cow::Owned(text::clean(&plain).into_owned()),
        plain => plain,
    };
    if backslashes { text.replace("\\'", "'").replace("\\\"", "\"").into() } else { text }
}

/// A state of a country whose states are listed has to be one of them. Where no country is known nothing is wrong,
/// and elsewhere `WA` is not Washington.
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

    fn read_one(field: TextField, said: &str, country: &str) -> (Option<Option<String>>, serde_json::Value) {
        let said = [(field, Some(said.to_owned()))].into();
        let mut told = NormalizeTrace::default();
        let mut texts = read(&said, country.parse().ok(), &mut told);
        (texts.remove(&field), serde_json::to_value(told).unwrap())
    }

    #[test]
    fn texts_are_read_or_kept_as_they_came() {
        let none = serde_json::json!({});
        let rewritten = |field: &str| serde_json::json!({ "rewritten": [field] });
        let unknown = |field: &str| serde_json::json!({ field: "unknown" });
        for (field, country, said, read, told) in [
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
            assert_eq!(read_one(field, said, country), (Some(Some(read.to_owned())), told), "{said}");
        }
    }

    #[test]
    fn a_programs_nothing_is_not_said_and_an_empty_text_is_nothing() {
        assert_eq!(read_one(FullName, "undefined", "").0, None);
        assert_eq!(read_one(FullName, "null null", "").1, serde_json::json!({ "not_said": ["full_name"] }));
        assert_eq!(read_one(FullName, " ", "").0, Some(None));
        assert_eq!(read_one(FullName, "\u{200b}\u{202e}", "").0, Some(None));
    }
}
