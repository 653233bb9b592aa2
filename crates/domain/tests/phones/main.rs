//! Compares the phone parser with `rlibphonenumber`, which gives the same results as Google's libphonenumber.
//! Every accepted text must be the same number there. Numbers that are refused only here must be rare.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and prints its table with --nocapture"
)]

mod formats;
mod oracle;
mod samples;
mod tally;

use leadgate_domain::Phone;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tally::Tally;

/// The most populous countries. They have more samples than the others.
const LARGEST: [&str; 40] = [
    "IN", "CN", "US", "ID", "PK", "NG", "BR", "BD", "RU", "ET", "MX", "JP", "EG", "PH", "CD", "VN", "IR",
    "TR", "DE", "TH", "GB", "TZ", "FR", "ZA", "IT", "KE", "MM", "CO", "KR", "SD", "UG", "ES", "DZ", "IQ",
    "AR", "AF", "CA", "PL", "MA", "SA",
];

#[test]
fn an_accepted_number_is_the_same_in_libphonenumber() {
    let mut random = StdRng::seed_from_u64(20);
    let mut tally = Tally::default();
    for sample in samples::all(&mut random) {
        for (format, text, default_region) in formats::all(&sample) {
            tally.compare(&sample, format, &text, default_region);
        }
    }
    for sample in samples::invalid(&mut random) {
        for (format, text, default_region) in formats::plain(&sample) {
            tally.compare(&sample, format, &text, default_region);
        }
    }
    println!("{tally}");
    assert!(tally.texts() > 200_000, "{} texts", tally.texts());
    let wrong = tally.wrong().iter().take(20).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "accepted, but different in libphonenumber: {wrong:#?}");
    assert!(tally.agreement() >= 0.99);
    assert!(tally.agreement_of_largest_countries() >= 0.999);
    for country in LARGEST {
        assert!(tally.agreement_of_country(country) >= 0.999, "{country}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(raw: String, region in "[A-Z]{2}") {
        let _ = Phone::parse(&raw, region.parse().ok());
    }

    #[test]
    fn a_random_phone_is_the_same_in_libphonenumber(
        raw in "(tel:)?[+＋]?[0-9٠-٩０-９ ().,;x#/~*a-z\u{a0}\u{ad}\u{200b}\n-]{0,40}(;ext=[0-9]{0,9})?",
        region in prop::sample::select(&LARGEST[..]),
    ) {
        if let Ok(phone) = Phone::parse(&raw, region.parse().ok()) {
            let text = if phone.repairs().is_empty() { raw.trim() } else { phone.e164() };
            let expected = oracle::parse(text, Some(region)).map(|expected| expected.e164);
            prop_assert_eq!(expected.as_deref(), Some(phone.e164()));
        }
    }
}
