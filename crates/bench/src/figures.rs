//! Medians, and how figures are written.

/// A count as a floating-point number. Counts of this program are below 2³².
pub(crate) fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The median of a figure of all rounds; `NaN` without rounds.
pub(crate) fn median<T>(rounds: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let upper = figures.get(figures.len() / 2).copied();
    let lower = figures.get(figures.len().saturating_sub(1) / 2).copied();
    lower.zip(upper).map_or(f64::NAN, |(lower, upper)| f64::midpoint(lower, upper))
}

/// Measures all cases in turn (A B A B …): one round for warm-up, which does not count, and then `rounds`.
/// Returns the rounds of each case.
pub(crate) async fn in_turn<C, T, const N: usize>(
    rounds: usize,
    cases: [C; N],
    mut measure: impl AsyncFnMut(&C) -> anyhow::Result<T>,
) -> anyhow::Result<[Vec<T>; N]> {
    let mut measured = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for (case, measured) in cases.iter().zip(&mut measured) {
            let figure = measure(case).await?;
            if round > 0 {
                measured.push(figure);
            }
        }
    }
    Ok(measured)
}

/// Like [`in_turn`], for one figure. Returns the median of each case.
pub(crate) async fn medians_in_turn<C, const N: usize>(
    rounds: usize,
    cases: [C; N],
    measure: impl AsyncFnMut(&C) -> anyhow::Result<f64>,
) -> anyhow::Result<[f64; N]> {
    Ok(in_turn(rounds, cases, measure).await?.map(|rounds| median(&rounds, |figure| *figure)))
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    PerSecond,
    Milliseconds,
    Megabytes,
    Bytes,
    /// A ratio, with this text after it.
    Times(&'static str),
}

/// Writes a figure with its unit: `16,600/s`, `9.3 ms`, `0.31 × echo`.
pub(crate) fn written(figure: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", grouped(figure)),
        Unit::Milliseconds if figure >= 100.0 => format!("{} ms", grouped(figure)),
        Unit::Milliseconds => format!("{figure:.1} ms"),
        Unit::Megabytes => format!("{figure:.0} MB"),
        Unit::Bytes => format!("{} bytes", grouped(figure)),
        Unit::Times(what) => format!("{figure:.2} × {what}"),
    }
}

/// Rounds to an integer, with a comma before each group of three digits.
fn grouped(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_outliers() {
        assert_eq!(median(&[5.0, 1.0, 900.0], |figure| *figure), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 900.0], |figure| *figure), 3.0);
        assert!(median(&[], |figure: &f64| *figure).is_nan());
    }

    #[test]
    fn figures_are_written_with_their_unit() {
        let written = [
            (16_612.4, Unit::PerSecond, "16,612/s"),
            (999.0, Unit::PerSecond, "999/s"),
            (1_234_567.0, Unit::PerSecond, "1,234,567/s"),
            (9.26, Unit::Milliseconds, "9.3 ms"),
            (0.314, Unit::Times("echo"), "0.31 × echo"),
        ]
        .map(|(figure, unit, expected)| (super::written(figure, unit), expected));
        for (written, expected) in written {
            assert_eq!(written, expected);
        }
    }
}
