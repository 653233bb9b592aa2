//! Pages of lists.

use std::fmt;
use std::str::FromStr;

use leadgate_domain::LeadId;

/// One page of a list, and the cursor of the next page. `None` after the last page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    pub data: Vec<T>,
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// From a result with one row more than the limit.
    pub(crate) fn cut(mut data: Vec<T>, most: u32, cursor: impl Fn(&T) -> C) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let more = data.len() > most;
        data.truncate(most);
        let next = data.last().filter(|_| more).map(cursor);
        Self { data, next }
    }

    /// The same, but a page whose rows are large ends early, so that an answer has a bound. `size` is in bytes.
    pub(crate) fn fit(
        mut data: Vec<T>,
        most: u32,
        size: impl Fn(&T) -> usize,
        cursor: impl Fn(&T) -> C,
    ) -> Self {
        let kept = fitting(data.iter().map(size), most);
        let more = kept < data.len();
        data.truncate(kept);
        let next = data.last().filter(|_| more).map(cursor);
        Self { data, next }
    }
}

/// Maximum total size of a page's rows in bytes. A response is somewhat larger than the stored rows, and stays
/// below 1 MB.
pub(crate) const LARGEST: usize = 512 * 1024;

/// How many rows of these sizes make a page: at most `most`, and at least one.
pub(crate) fn fitting(sizes: impl Iterator<Item = usize>, most: u32) -> usize {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut total = 0;
    let fits = |(place, size): &(usize, usize)| {
        total += size;
        *place == 0 || total <= LARGEST
    };
    sizes.enumerate().take(most).take_while(fits).count()
}

/// A position in a list of leads, which is ordered by their ids, from the newest to the oldest. An id contains the
/// time of receipt of the submission that created the lead. The cursor's text is opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadCursor {
    pub(crate) id: LeadId,
}

impl LeadCursor {
    /// Before the newest.
    pub(crate) fn start() -> Self {
        Self { id: LeadId::from_uuid(uuid::Uuid::max()) }
    }
}

impl fmt::Display for LeadCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.id.as_uuid().simple())
    }
}

impl FromStr for LeadCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = uuid::Uuid::try_parse(text).map_err(|_| "not a cursor")?;
        Ok(Self { id: LeadId::from_uuid(id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_as_it_is_written() {
        let cursor = LeadCursor { id: LeadId::from_uuid(uuid::Uuid::now_v7()) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", ".", "1", "x0000000000000000000000000000000", "1.00000000000000000000000000000000"] {
            assert!(text.parse::<LeadCursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_of_large_rows_ends_early_but_has_one() {
        let fitting = |sizes: &[usize], most| fitting(sizes.iter().copied(), most);
        assert_eq!(fitting(&[LARGEST / 2; 3], 10), 2);
        assert_eq!(fitting(&[LARGEST / 2; 3], 1), 1);
        assert_eq!(fitting(&[2 * LARGEST, 1], 10), 1);
        assert_eq!(fitting(&[1; 3], 10), 3);
        assert_eq!(fitting(&[], 10), 0);
    }

    #[test]
    fn the_last_page_says_so() {
        let page = |rows: &[u8], most| Page::cut(rows.to_vec(), most, |row| *row);
        assert_eq!(page(&[1, 2, 3], 2), Page { data: vec![1, 2], next: Some(2) });
        assert_eq!(page(&[1, 2], 2), Page { data: vec![1, 2], next: None });
        assert_eq!(page(&[], 2), Page { data: vec![], next: None });
    }
}
