use super::*;

#[test]
fn what_is_good_in_the_standard_scoring_adds_up_to_a_hundred() {
    let standard = ActiveScoring::standard();
    let good = standard.scoring.rules().iter().map(|rule| rule.points.max(0));
    assert_eq!(good.sum::<i32>(), 100);
    assert!(standard.scoring.rules().iter().all(|rule| rule.note.is_some()));
}

#[test]
fn what_is_written_is_read_back() {
    let standard = &ActiveScoring::standard().scoring;
    assert_eq!(&Scoring::from_toml(&standard.to_toml()).unwrap(), standard);
    let json = serde_json::to_value(standard).unwrap();
    assert_eq!(&serde_json::from_value::<Scoring>(json).unwrap(), standard);
}
