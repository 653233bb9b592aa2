//! What the address of a page, and of the page before it, tell about how somebody came.

use std::collections::BTreeMap;

use leadgate_domain::text;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

/// Ids of clicks, by the names under which ad platforms append them.
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

/// The names under which a referrer is said.
const REFERRERS: [&str; 5] = ["referrer", "referer", "_referrer", "__referrer", "referrer_url"];

/// Nothing longer is the name of a campaign.
const LONGEST_NAME: usize = 64;

/// Parameters of Google's cross-domain measurement, which its scripts append to links and to the URLs of forms.
const LINKERS: [&str; 2] = ["_ga", "_gl"];

/// Whether browsers' scripts and ad platforms append a parameter of this name to URLs, to follow a visitor.
pub fn is_tracking_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_campaign_part(&name) || CLICK_IDS.contains(&name.as_str()) || LINKERS.contains(&name.as_str())
}

fn is_campaign_part(name: &str) -> bool {
    name.len() <= LONGEST_NAME && name.starts_with("utm_") && name.is_ascii()
}

/// The campaign's parts (`utm_…`) and the ids of clicks in a page's query; of several of one name the first.
pub(super) fn campaign(page_url: &str) -> impl Iterator<Item = (String, String)> {
    let query = page_url.split('#').next().and_then(|page| page.split_once('?')).map(|(_, query)| query);
    let mut found = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let name = name.to_ascii_lowercase();
        let value = text::clean(&value);
        if (is_campaign_part(&name) || CLICK_IDS.contains(&name.as_str())) && !value.is_empty() {
            found.entry(name).or_insert_with(|| value.into_owned());
        }
    }
    found.into_iter()
}

/// The host of the page from which somebody came, as attribution says it.
pub(super) fn referrer_host(attribution: &Map<String, Value>) -> Option<String> {
    let said = |name: &&str| attribution.get(*name)?.as_str().map(str::trim).filter(|said| !said.is_empty());
    let said = REFERRERS.iter().find_map(said)?;
    let url = if said.contains("://") { Url::parse(said) } else { Url::parse(&format!("https://{said}")) };
    let host = url.ok()?.host_str()?.to_owned();
    host.contains('.').then_some(host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_tells_of_campaigns_and_clicks_and_of_nothing_else() {
        let found =
            |url: &str| campaign(url).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        for (url, told) in [
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
            assert_eq!(found(url), told, "{url}");
        }
        assert_eq!(found(&format!("?utm_{}=1", "x".repeat(100))), [""; 0]);
    }

    #[test]
    fn a_referrer_has_a_host() {
        let host = |said: Value| referrer_host(json!({ "referrer": said }).as_object().unwrap());
        assert_eq!(host(json!("https://www.Google.com/search?q=x")).as_deref(), Some("www.google.com"));
        assert_eq!(host(json!("news.example/path")).as_deref(), Some("news.example"));
        assert_eq!(
            host(json!("android-app://com.google.android.gm")).as_deref(),
            Some("com.google.android.gm")
        );
        for said in [json!("direct"), json!(""), json!(7), json!("https://"), json!("(not set)")] {
            assert_eq!(host(said.clone()), None, "{said}");
        }
    }
}
