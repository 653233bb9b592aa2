//! Phones as this crate reads them, against `rlibphonenumber`, which reads every number as Google's libphonenumber
//! does: whatever is accepted is accepted there, as the same number; what is refused though it is a number is rare.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and shows its table with --nocapture"
)]

mod oracle;
mod samples;
mod tally;
mod writing;

use leadgate_domain::Phone;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tally::Tally;

/// The most populous countries, each more often than the others.
const LARGEST: [&str; 40] = [
    "IN", "CN", "US", "ID", "PK", "NG", "BR", "BD", "RU", "ET", "MX", "JP", "EG", "PH", "CD", "VN", "IR",
    "TR", "DE", "TH", "GB", "TZ", "FR", "ZA", "IT", "KE", "MM", "CO", "KR", "SD", "UG", "ES", "DZ", "IQ",
    "AR", "AF", "CA", "PL", "MA", "SA",
];

#[test]
fn an_accepted_number_is_the_one_libphonenumber_reads() {
    let mut random = StdRng::seed_from_u64(20);
    let mut tally = Tally::default();
    for sample in samples::all(&mut random) {
        for (way, text, home) in writing::ways(&sample) {
            tally.judge(&sample, way, &text, home);
        }
    }
    for sample in samples::broken(&mut random) {
        for (way, text, home) in writing::plainly(&sample) {
            tally.judge(&sample, way, &text, home);
        }
    }
    println!("{tally}");
    assert!(tally.texts() > 200_000, "{} texts", tally.texts());
    let wrong = tally.wrong().iter().take(20).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "accepted, but not as libphonenumber reads it: {wrong:#?}");
    assert!(tally.agreement() >= 0.99);
    assert!(tally.agreement_of_largest() >= 0.999);
    for country in LARGEST {
        assert!(tally.agreement_of(country) >= 0.999, "{country}");
    }
}

proptest! {
    #[test]
    fn no_text_crashes_the_reader(raw: String, region in "[A-Z]{2}") {
        let _ = Phone::parse(&raw, region.parse().ok());
    }

    #[test]
    fn no_text_like_a_phone_crashes_the_reader_or_is_read_otherwise(
        raw in "(tel:)?[+＋]?[0-9٠-٩０-９ ().,;x#/~*a-z\u{a0}\u{ad}\u{200b}\n-]{0,40}(;ext=[0-9]{0,9})?",
        region in prop::sample::select(&LARGEST[..]),
    ) {
        if let Ok(phone) = Phone::parse(&raw, region.parse().ok()) {
            let text = if phone.repairs().is_empty() { raw.trim() } else { phone.e164() };
            let known = oracle::read(text, Some(region)).map(|known| known.e164);
            prop_assert_eq!(known.as_deref(), Some(phone.e164()));
        }
    }
}
