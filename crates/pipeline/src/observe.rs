//! What the connection tells about a person who posted with a browser of their own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use leadgate_domain::{Basis, Client, Inferred, Said};
use serde_json::{Map, Value};
use woothee::parser::Parser;

use crate::places::Places;

/// More of a user agent is not looked at.
const LONGEST_AGENT: usize = 512;

/// The device and the place of whoever posted. A program that posts for others has no browser, and tells nothing
/// about them.
pub(crate) fn client(client: &Client, places: Option<&Places>) -> Said<BTreeMap<String, Inferred>> {
    let Some(device) = client.user_agent.as_deref().and_then(device) else { return Said::Absent };
    let mut observed = BTreeMap::from([("device".to_owned(), Inferred::new(device, Basis::UserAgent))]);
    let address = client.address.as_deref().and_then(|address| address.parse::<IpAddr>().ok());
    if let Some(place) = places.zip(address).and_then(|(places, address)| places.find(address)) {
        let place = serde_json::to_value(place).unwrap_or_default();
        observed.insert("place".to_owned(), Inferred::new(place, Basis::ClientAddress));
    }
    Said::Value(observed)
}

fn device(agent: &str) -> Option<Map<String, Value>> {
    let end = agent.floor_char_boundary(LONGEST_AGENT);
    let found = Parser::new().parse(agent.get(..end)?)?;
    let kind = match found.category {
        "pc" => "computer",
        "smartphone" if found.os == "iPad" || found.os == "Android" && !agent.contains("Mobile") => "tablet",
        "smartphone" | "mobilephone" => "phone",
        _ => return None,
    };
    let parts = [("kind", kind), ("os", found.os), ("browser", found.name)];
    let known = parts.into_iter().filter(|(_, value)| !value.is_empty() && *value != "UNKNOWN");
    Some(known.map(|(name, value)| (name.to_owned(), value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_from_programs() {
        let chrome = |system: &str, mobile: &str| {
            format!(
                "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 {mobile}Safari/537.36"
            )
        };
        let apple = |system: &str| {
            format!(
                "Mozilla/5.0 ({system}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
            )
        };
        for (agent, kind) in [
            (chrome("Windows NT 10.0; Win64; x64", ""), Some("computer")),
            (chrome("X11; Linux x86_64", ""), Some("computer")),
            (chrome("Linux; Android 14; Pixel 8", "Mobile "), Some("phone")),
            (chrome("Linux; Android 14; SM-X900", ""), Some("tablet")),
            (apple("iPhone; CPU iPhone OS 17_5 like Mac OS X"), Some("phone")),
            (apple("iPad; CPU OS 17_5 like Mac OS X"), Some("tablet")),
            ("curl/8.5.0".to_owned(), None),
            ("python-requests/2.32.3".to_owned(), None),
            ("axios/1.7.2".to_owned(), None),
            ("Zapier".to_owned(), None),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)".to_owned(), None),
            (String::new(), None),
            ("é".repeat(40_000), None),
        ] {
            let found = device(&agent);
            let found = found.as_ref().map(|found| found["kind"].as_str().unwrap());
            assert_eq!(found, kind, "{agent:.120}");
        }
    }
}
