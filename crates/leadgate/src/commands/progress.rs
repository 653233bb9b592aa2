//! How far a long command has come, on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Of a known number of bytes.
pub(crate) fn of_bytes(total: u64, what: &'static str) -> ProgressBar {
    let style = "{msg} [{bar:40}] {bytes}/{total_bytes}, {elapsed} of about {duration}";
    styled(ProgressBar::new(total), style, what)
}

/// Of an unknown number of things, and what counts more of them.
pub(crate) fn counter(what: &'static str) -> (ProgressBar, impl FnMut(usize)) {
    let bar = styled(ProgressBar::no_length(), "{msg}: {human_pos} in {elapsed}", what);
    let counting = bar.clone();
    (bar, move |more| counting.inc(u64::try_from(more).unwrap_or(0)))
}

fn styled(bar: ProgressBar, style: &str, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(what)
}
