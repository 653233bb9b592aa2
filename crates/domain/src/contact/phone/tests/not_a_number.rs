//! Texts that resemble a number and are refused.

use super::*;
use PhoneProblem::{NotANumber, RepeatedDigit};

#[test]
fn placeholders_for_digits_are_refused() {
    check(&[
        ("US", "415-555-XXXX", Err(NotANumber)),
        ("US", "415-555-xxxx", Err(NotANumber)),
        ("US", "XXX-XXX-0132", Err(NotANumber)),
        ("US", "415-555-****", Err(NotANumber)),
        ("US", "415-555-____", Err(NotANumber)),
        ("US", "415-555-013x", Err(NotANumber)),
        ("DE", "+49 30 90180 xx", Err(NotANumber)),
        ("DE", "+49 30 9018…", Err(NotANumber)),
        ("DE", "+49 30 9018...", Err(NotANumber)),
        ("DE", "+49 30 9018 ••••", Err(NotANumber)),
        ("DE", "+49 30 9018 ??", Err(NotANumber)),
    ]);
}

#[test]
fn a_placeholder_for_the_carrier_in_brazil_is_accepted() {
    check(&[("BR", "0xx31 98888-8888", Ok("+5531988888888"))]);
}

#[test]
fn numbers_of_one_repeated_digit_are_refused() {
    check(&[("US", "8888888888", Err(RepeatedDigit)), ("GB", "+44 7777777777", Err(RepeatedDigit))]);
}

#[test]
fn texts_that_resemble_a_number_are_refused() {
    for (region, raw) in [
        ("US", "312 Chicago"),
        ("US", "415 unknown"),
        ("US", "212 private"),
        ("US", "+1 212 newyork"),
        ("US", "415-555-cell"),
        ("US", "415 555 home"),
        ("US", "415-555-NNNN"),
        ("US", "800 unknown"),
        ("US", "800-NNN-NNNN"),
        ("US", "2024-05-12 10"),
        ("US", "212.55.50.132"),
        ("US", "ann_4155550132"),
        ("US", "https://x.example/p/4155550132"),
        ("US", "-4155550132"),
        ("DE", "30.05.1980"),
        ("DE", "05/12/1980"),
        ("AT", "19.03.2025"),
        ("FI", "2025-03-19"),
        ("DE", "30123.45"),
        ("DE", "30.123,45"),
        ("DE", "52.520008"),
        ("DE", "2) 089 12345678"),
        ("DE", "2. 030 123456"),
        ("DE", "Nr. 2 030 123456"),
        ("DE", "#2 030 123456"),
        ("DE", "2 - 030 123456"),
        ("DE", "030 1234...567"),
        ("DE", "030 1234●●●"),
        ("DE", "030 1234567＊＊＊"),
        ("DE", "(030) 1234-5_"),
        ("DE", "030 12345 O6"),
        ("AT", "0664 12345 I1"),
        ("DE", "030 12345 sechs"),
        ("DE", "030 1234 null 56"),
        ("DE", "030 123456 (17-19 Uhr)"),
    ] {
        assert_eq!(e164(raw, region), Err(NotANumber), "{raw:?} of {region}");
    }
}
