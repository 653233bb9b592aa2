//! Reads the kind of device, the operating system and the browser from a user agent.

/// The part of a user agent that is read, in bytes.
const MAX_LENGTH: usize = 512;

/// Tokens of crawlers, in lower case. User agents of crawlers contain browser tokens too.
const CRAWLERS: [&str; 8] =
    ["bot/", "bot;", "bot-", "crawler", "spider", "+http", "facebookexternalhit", "bingpreview"];

/// The tokens of browsers. The first match counts, because most user agents also contain the tokens of older
/// browsers.
const BROWSERS: [(&str, &str); 22] = [
    ("MSIE ", "Internet Explorer"),
    ("Trident/", "Internet Explorer"),
    ("IEMobile/", "Internet Explorer"),
    ("Edge/", "Edge"),
    ("Edg/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "SamsungBrowser"),
    ("; wv)", "Webview"),
    ("OPR/", "Opera"),
    ("Opera", "Opera"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("CrMo/", "Chrome"),
    ("GSA/", "Google Search App"),
    ("Safari/", "Safari"),
    ("Firefox/", "Firefox"),
    // Inside another app.
    ("iPhone; ", "Webview"),
    ("iPad; ", "Webview"),
];

/// The tokens of operating systems. The first match counts, because user agents of phones also contain the
/// tokens of computers.
const SYSTEMS: [(&str, &str, &str); 19] = [
    ("Windows Phone", "Windows Phone OS", PHONE),
    ("Windows NT 10.0", "Windows 10", COMPUTER),
    ("Windows NT 6.3", "Windows 8.1", COMPUTER),
    ("Windows NT 6.2", "Windows 8", COMPUTER),
    ("Windows NT 6.1", "Windows 7", COMPUTER),
    ("Windows NT 6.0", "Windows Vista", COMPUTER),
    ("Windows NT 5.1", "Windows XP", COMPUTER),
    ("Windows NT 5.0", "Windows 2000", COMPUTER),
    ("Windows", "Windows", COMPUTER),
    ("iPad", "iPad", TABLET),
    ("iPod", "iPod", PHONE),
    ("iPhone", "iPhone", PHONE),
    ("Android", "Android", PHONE),
    ("Mac OS X", "Mac OSX", COMPUTER),
    ("CrOS ", "ChromeOS", COMPUTER),
    ("BB10", "BlackBerry 10", PHONE),
    ("BlackBerry", "BlackBerry", PHONE),
    ("Linux", "Linux", COMPUTER),
    ("FreeBSD", "BSD", COMPUTER),
];

const PHONE: &str = "phone";
const TABLET: &str = "tablet";
const COMPUTER: &str = "computer";

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Device {
    pub(crate) kind: &'static str,
    pub(crate) os: &'static str,
    pub(crate) browser: &'static str,
}

/// Reads a user agent; `None` if it is not the browser of a person, such as a program, a crawler or a game
/// console.
pub(crate) fn read(user_agent: &str) -> Option<Device> {
    let agent = user_agent.get(..user_agent.floor_char_boundary(MAX_LENGTH))?;
    let folded = agent.to_ascii_lowercase();
    if CRAWLERS.iter().any(|token| folded.contains(token)) || agent.contains("Xbox") {
        return None;
    }
    let (_, browser) = BROWSERS.into_iter().find(|(token, _)| agent.contains(token))?;
    let (_, os, kind) = SYSTEMS.into_iter().find(|(token, _, _)| agent.contains(token))?;
    // Browsers on Android send `Mobile` on phones only.
    let kind = if os == "Android" && !agent.contains("Mobile") { TABLET } else { kind };
    Some(Device { kind, os, browser })
}

#[cfg(test)]
mod tests;
