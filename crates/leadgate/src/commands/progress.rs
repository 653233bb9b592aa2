//! Progress bars of long commands, on standard error if it is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for a known number of bytes.
pub(crate) fn of_bytes(total: u64, message: &'static str) -> ProgressBar {
    let template = "{msg} [{bar:40}] {bytes}/{total_bytes}, {elapsed} of about {duration}";
    styled(ProgressBar::new(total), template, message)
}

/// A bar for an unknown number of items, and a function that adds to their number.
pub(crate) fn counter(message: &'static str) -> (ProgressBar, impl FnMut(usize)) {
    let bar = styled(ProgressBar::no_length(), "{msg}: {human_pos} in {elapsed}", message);
    let counted_bar = bar.clone();
    (bar, move |count| counted_bar.inc(u64::try_from(count).unwrap_or(0)))
}

fn styled(bar: ProgressBar, template: &str, message: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(message)
}
