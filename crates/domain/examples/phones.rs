//! Measures the time to parse a number with this crate, `phonenumber` and `rlibphonenumber`, with the example
//! numbers of one country, of 45 countries and of all: `cargo run --release -p leadgate-domain --example
//! phones`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "it measures and prints"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use leadgate_domain::Phone;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType, Region};

/// Example numbers of fixed lines and mobiles of the regions.
fn numbers(regions: &[Region]) -> Vec<String> {
    let kinds = [PhoneNumberType::FixedLine, PhoneNumberType::Mobile];
    let examples = kinds.iter().flat_map(|kind| regions.iter().map(move |region| (*region, *kind)));
    let number = |(region, kind)| PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok();
    let write = |number| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::International).into_owned();
    examples.filter_map(number).map(write).collect()
}

/// The time for a number in the first round, and the average of later rounds.
fn time(numbers: &[String], parse: impl Fn(&str) -> bool) -> (Duration, Duration) {
    let round = || numbers.iter().filter(|number| black_box(parse(number))).count();
    let count = u32::try_from(numbers.len()).unwrap();
    let start = Instant::now();
    round();
    let first = start.elapsed() / count;
    let (start, mut rounds) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(1) {
        round();
        rounds += 1;
    }
    (first, start.elapsed() / count / rounds)
}

fn main() {
    let mut regions: Vec<Region> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
    regions.sort_by_key(ToString::to_string);
    for count in [1, 45, regions.len()] {
        let numbers = numbers(&regions[..count]);
        let ours = time(&numbers, |number| Phone::parse(number, None).is_ok());
        let theirs =
            time(&numbers, |number| phonenumber::parse(None, number).is_ok_and(|parsed| parsed.is_valid()));
        let oracle = time(&numbers, |number| {
            PHONE_NUMBER_UTIL
                .parse(number, None)
                .is_ok_and(|parsed| PHONE_NUMBER_UTIL.is_valid_number(&parsed))
        });
        println!("{count:>3} regions, {} numbers; (first round, later):", numbers.len());
        println!("  leadgate {ours:?}, phonenumber {theirs:?}, rlibphonenumber {oracle:?}");
    }
}
