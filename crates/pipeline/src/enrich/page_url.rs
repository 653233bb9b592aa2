//! Infers the campaign and the referrer of a lead from page URLs.

use std::collections::BTreeMap;

use leadgate_domain::text;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

/// Query parameters in which ad platforms append click ids.
const CLICK_IDS: [&str; 17] = [
    "dclid",
    "epik",
    "fbclid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "irclickid",
    "li_fat_id",
    "mc_eid",
    "msclkid",
    "rdt_cid",
    "sccid",
    "ttclid",
    "twclid",
    "wbraid",
    "yclid",
];

/// Attribution members with the referrer.
const REFERRERS: [&str; 5] = ["referrer", "referer", "_referrer", "__referrer", "referrer_url"];

/// The maximum length of the name of a campaign parameter, in bytes.
const MAX_NAME_LENGTH: usize = 64;

/// Parameters of Google's cross-domain measurement. Its scripts append them to links and to the URLs of
/// forms.
const LINKER_PARAMETERS: [&str; 2] = ["_ga", "_gl"];

/// Whether this is the name of a parameter that scripts or ad platforms append to URLs to track visitors.
pub fn is_tracking_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_campaign_parameter(&name)
        || CLICK_IDS.contains(&name.as_str())
        || LINKER_PARAMETERS.contains(&name.as_str())
}

fn is_campaign_parameter(name: &str) -> bool {
    name.len() <= MAX_NAME_LENGTH && name.starts_with("utm_") && name.is_ascii()
}

/// The campaign parameters (`utm_…`) and click ids in the query of a page URL. Of a repeated parameter, the
/// first value counts.
pub(super) fn campaign(page_url: &str) -> impl Iterator<Item = (String, String)> {
    let query = page_url.split('#').next().and_then(|page| page.split_once('?')).map(|(_, query)| query);
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let name = name.to_ascii_lowercase();
        let value = text::clean(&value);
        if (is_campaign_parameter(&name) || CLICK_IDS.contains(&name.as_str())) && !value.is_empty() {
            parameters.entry(name).or_insert_with(|| value.into_owned());
        }
    }
    parameters.into_iter()
}

/// The host of the referrer in the attribution.
pub(super) fn referrer_host(attribution: &Map<String, Value>) -> Option<String> {
    let text = |name: &&str| attribution.get(*name)?.as_str().map(str::trim).filter(|text| !text.is_empty());
    let referrer = REFERRERS.iter().find_map(text)?;
    let has_scheme = referrer.contains("://");
    let url = if has_scheme { Url::parse(referrer) } else { Url::parse(&format!("https://{referrer}")) };
    let host = url.ok()?.host_str()?.to_owned();
    host.contains('.').then_some(host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_campaign_parameters_and_click_ids_are_read_from_a_query() {
        let parameters =
            |url: &str| campaign(url).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        for (url, expected) in [
            (
                "https://x.example/?utm_source=google&UTM_Medium=cpc&q=roof",
                &["utm_medium=cpc", "utm_source=google"][..],
            ),
            (
                "https://x.example/a?gclid=G1&fbclid=F1&li_fat_id=L1",
                &["fbclid=F1", "gclid=G1", "li_fat_id=L1"],
            ),
            ("/a?utm_campaign=spring+sale%202#utm_term=x", &["utm_campaign=spring sale 2"]),
            ("x.example?utm_source=a&utm_source=b", &["utm_source=a"]),
            ("https://x.example/?utm_source=&utm_term=%00%E2%80%AE", &[]),
            ("https://x.example/?utm_source=%ff", &["utm_source=\u{fffd}"]),
            ("https://x.example/#?utm_source=a", &[]),
            ("utm_source=a", &[]),
            ("", &[]),
        ] {
            assert_eq!(parameters(url), expected, "{url}");
        }
        assert_eq!(parameters(&format!("?utm_{}=1", "x".repeat(100))), [""; 0]);
    }

    #[test]
    fn the_host_is_read_from_a_referrer() {
        let host = |referrer: Value| referrer_host(json!({ "referrer": referrer }).as_object().unwrap());
        assert_eq!(host(json!("https://www.Google.com/search?q=x")).as_deref(), Some("www.google.com"));
        assert_eq!(host(json!("news.example/path")).as_deref(), Some("news.example"));
        assert_eq!(
            host(json!("android-app://com.google.android.gm")).as_deref(),
            Some("com.google.android.gm")
        );
        for referrer in [json!("direct"), json!(""), json!(7), json!("https://"), json!("(not set)")] {
            assert_eq!(host(referrer.clone()), None, "{referrer}");
        }
    }
}
