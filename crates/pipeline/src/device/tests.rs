use super::*;

#[test]
fn browsers_are_distinguished_from_programs() {
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
        let device = read(&agent);
        assert_eq!(device.map(|device| device.kind), kind, "{agent:.120}");
    }
}

/// Reads user agents, which are given without `Mozilla/5.0 (`, and compares kind, system and browser.
fn check(agents: &[(&str, (&'static str, &'static str, &'static str))]) {
    for (agent, expected) in agents {
        let agent = format!("Mozilla/5.0 ({agent}");
        let device = read(&agent).map(|Device { kind, os, browser }| (kind, os, browser));
        assert_eq!(device, Some(*expected), "{agent}");
    }
}

#[test]
fn the_device_the_system_and_the_browser_of_phones_and_tablets_are_read() {
    check(&[
        (
            "iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
            ("phone", "iPhone", "Chrome"),
        ),
        (
            "iPad; CPU OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.0 \
             Mobile/15E148 Safari/605.1.15",
            ("tablet", "iPad", "Firefox"),
        ),
        (
            "iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Mobile/15E148 [FBAN/FBIOS;FBDV/iPhone14,5]",
            ("phone", "iPhone", "Webview"),
        ),
        (
            "iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             GSA/321.0.645286553 Mobile/15E148 Safari/604.1",
            ("phone", "iPhone", "Google Search App"),
        ),
        (
            "Linux; Android 14; SM-S921U Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/125.0.6422.165 Mobile Safari/537.36 [FB_IAB/FB4A]",
            ("phone", "Android", "Webview"),
        ),
        (
            "Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 \
             Chrome/121.0.0.0 Safari/537.36",
            ("tablet", "Android", "SamsungBrowser"),
        ),
        (
            "Linux; Android 11; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile \
             Safari/537.36",
            ("phone", "Android", "Chrome"),
        ),
        ("Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", ("phone", "Android", "Firefox")),
        ("Android 14; Tablet; rv:127.0) Gecko/127.0 Firefox/127.0", ("tablet", "Android", "Firefox")),
    ]);
}

#[test]
fn the_device_the_system_and_the_browser_of_computers_are_read() {
    check(&[
        (
            "Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 \
             Safari/605.1.15",
            ("computer", "Mac OSX", "Safari"),
        ),
        (
            "Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
             Safari/537.36 Edg/126.0.0.0",
            ("computer", "Windows 10", "Edge"),
        ),
        (
            "Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
             Safari/537.36 OPR/112.0.0.0",
            ("computer", "Windows 10", "Opera"),
        ),
        (
            "Windows NT 6.1; WOW64; Trident/7.0; AS; rv:11.0) like Gecko",
            ("computer", "Windows 7", "Internet Explorer"),
        ),
        (
            "X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            ("computer", "ChromeOS", "Chrome"),
        ),
        (
            "X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            ("computer", "Linux", "Firefox"),
        ),
    ]);
}

#[test]
fn a_program_with_a_browser_token_is_not_a_device() {
    for agent in [
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/126.0.6478.61 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; \
         +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Mozilla/5.0 (compatible; Zapier)",
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240405.002)",
        "okhttp/4.12.0",
        "GuzzleHttp/7",
        "WordPress/6.5.4; https://example.com",
    ] {
        assert_eq!(read(agent), None, "{agent}");
    }
}
