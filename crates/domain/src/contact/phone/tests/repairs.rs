//! Repairs of a text before its number is parsed.

use super::*;
use PhoneProblem::{Ambiguous, NoRegion, NotANumber};

#[test]
fn a_space_that_may_have_been_a_plus_is_ambiguous_if_both_are_numbers() {
    check(&[
        ("US", " 4587654321", Err(Ambiguous)),
        ("US", "\u{feff} 4587654321", Err(Ambiguous)),
        ("US", "4587654321", Ok("+14587654321")),
        ("US", "  4587654321", Err(Ambiguous)),
        ("US", "( 45) 87654321", Err(Ambiguous)),
        ("US", " 4155550132", Ok("+14155550132")),
        ("", " 4587654321", Err(NoRegion)),
        ("DK", " 4587654321", Ok("+4587654321")),
        ("US", " 14155550132", Ok("+14155550132")),
        ("US", " (458) 765-4321", Ok("+14587654321")),
    ]);
}

#[test]
fn changes_by_spreadsheets_are_undone_or_refused() {
    check(&[
        ("DE", "309018204.0", Ok("+49309018204")),
        ("DE", "309018204,0", Ok("+49309018204")),
        ("DE", "309018204.00", Ok("+49309018204")),
        ("DE", "+49309018204.0", Ok("+49309018204")),
        ("AT", "66123456.0", Ok("+4366123456")),
        ("US", "4155550132.0", Ok("+14155550132")),
        ("US", "'4155550132", Ok("+14155550132")),
        ("US", "=\"4155550132\"", Ok("+14155550132")),
        ("US", "4.155550132E+09", Ok("+14155550132")),
        ("US", "4.155550132e9", Ok("+14155550132")),
        ("US", "1.4155550132E10", Ok("+14155550132")),
        ("DE", "4,9309018204E+10", Ok("+49309018204")),
        ("US", "4.15555E+09", Err(NotANumber)),
        ("US", "4.1555501322E+09", Err(NotANumber)),
        ("DE", "4.93E+10", Err(NotANumber)),
        ("FR", "6,12E+08", Err(NotANumber)),
        ("DE", "309018204.5", Err(NotANumber)),
        ("US", "4155550132.25", Err(NotANumber)),
        ("US", "4,155,550,132", Err(NotANumber)),
        ("US", "#REF!", Err(NotANumber)),
        ("US", "########", Err(NotANumber)),
    ]);
}

#[test]
fn invisible_characters_and_separators_of_all_kinds_are_removed() {
    for separator in [
        "\u{fe0d}",
        "\u{fe0f}",
        "\u{200b}",
        "\u{200c}",
        "\u{200d}",
        "\u{2060}",
        "\u{feff}",
        "\u{ad}",
        "\u{202a}",
        "\u{202c}",
        "\u{2068}",
        "\u{61c}",
        "\u{180e}",
        "\u{e0101}",
        "\u{e0020}",
        "\u{20e3}",
        "\u{3164}",
        "\u{a0}",
        "\u{1680}",
        "\u{2003}",
        "\u{2009}",
        "\u{202f}",
        "\u{205f}",
        "\u{3000}",
        "\t",
        "\u{b}",
        "·",
        "\u{2011}",
        "\u{2012}",
        "–",
        "—",
        "\u{2212}",
        "\u{fe63}",
        "\u{ff0d}",
        "\u{ff0e}",
        "／",
    ] {
        let raw = format!("+1{separator}415{separator}555{separator}0132");
        assert_eq!(e164(&raw, "").as_deref(), Ok("+14155550132"), "{raw:?}");
    }
    check(&[
        ("US", "4\u{fe0f}\u{20e3}155550132", Ok("+14155550132")),
        ("US", "\u{202d}(415) 555-0132\u{202c}", Ok("+14155550132")),
        ("US", "①④①⑤5550132", Err(NotANumber)),
    ]);
}
