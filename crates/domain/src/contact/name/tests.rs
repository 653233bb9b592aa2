use proptest::prelude::*;

use super::*;

#[test]
fn a_full_name_is_split_into_its_parts() {
    for (full, first, last) in [
        ("Ann Lee", "Ann", "Lee"),
        ("Mary Ann Lee", "Mary Ann", "Lee"),
        ("Sukarno", "Sukarno", ""),
        ("X", "X", ""),
        ("O'Brien", "O'Brien", ""),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Dick Van Dyke", "Dick", "Van Dyke"),
        ("Van Morrison", "Van", "Morrison"),
        ("Maria de la Cruz", "Maria", "de la Cruz"),
        ("José Ortega y Gasset", "José", "Ortega y Gasset"),
        ("Leonardo da Vinci", "Leonardo", "da Vinci"),
        ("Osama bin Abu Talib", "Osama", "bin Abu Talib"),
        ("Salma al-Hassan", "Salma", "al-Hassan"),
        ("David ben Gurion", "David", "ben Gurion"),
        ("Mary Ben Smith", "Mary Ben", "Smith"),
        ("Jill St. John", "Jill", "St. John"),
        ("Jean-Luc Picard", "Jean-Luc", "Picard"),
        ("de Souza", "de", "Souza"),
        ("Martin Luther King Jr.", "Martin Luther", "King Jr."),
        ("Martin Luther King, Jr.", "Martin Luther", "King Jr."),
        ("John Smith III", "John", "Smith III"),
        ("Ann Lee, PhD, MD", "Ann", "Lee PhD MD"),
        ("Sukarno Jr.", "Sukarno", "Jr."),
        ("Dr. Ann Lee", "Ann", "Lee"),
        ("Prof. Dr. Ann van der Berg", "Ann", "van der Berg"),
        ("MRS LEE", "", "LEE"),
        ("Dr.", "Dr.", ""),
        ("Lee, Ann", "Ann", "Lee"),
        ("van der Berg, Dr. Jan Piet", "Jan Piet", "van der Berg"),
        ("Lee,", "Lee", ""),
        (",", "", ""),
        ("محمد علي", "محمد", "علي"),
        ("山田 太郎", "", ""),
        ("김철수", "", ""),
        ("", "", ""),
    ] {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        assert_eq!(split(full), (part(first), part(last)), "{full}");
    }
}

#[test]
fn parts_are_joined_in_the_order_of_their_script() {
    for (first, last, full) in [
        (Some("Ann"), Some("Lee"), Some("Ann Lee")),
        (Some("Ludwig"), Some("van Beethoven"), Some("Ludwig van Beethoven")),
        (None, Some("Lee"), Some("Lee")),
        (Some("Ann"), None, Some("Ann")),
        (Some("太郎"), Some("山田"), Some("山田 太郎")),
        (None, None, None),
    ] {
        assert_eq!(join(first, last).as_deref(), full);
    }
}

#[test]
fn placeholders_of_programs_are_recognized_and_names_are_not() {
    for text in ["null", "undefined", "NaN", "null null", "undefined  null"] {
        assert!(is_placeholder(text), "{text}");
    }
    for text in ["Null", "NULL", "Undefined", "nan", "Nan", "Jennifer Null", "null Lee", "", " ", "none"] {
        assert!(!is_placeholder(text), "{text}");
    }
}

proptest! {
    #[test]
    fn the_parts_consist_of_words_of_the_full_name(full in "[A-Za-z.,' \u{e9}]{0,30}|\\PC{0,20}") {
        let (first, last) = split(&full);
        for word in first.iter().chain(&last).flat_map(|part| part.split_whitespace()) {
            prop_assert!(full.contains(word), "{word}");
        }
        prop_assert!(first.as_deref() != Some("") && last.as_deref() != Some(""));
    }
}
