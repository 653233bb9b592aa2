//! Tables without borders, whose lines are easy to copy, cut and search.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement};

/// The number of spaces between two columns.
const COLUMN_GAP: u16 = 2;

/// Rows, and the headers of their columns.
pub(crate) struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    number_columns: Vec<usize>,
}

impl Table {
    pub(crate) fn new(headers: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let headers = headers.into_iter().map(|header| printable(header.as_ref())).collect();
        Self { headers, rows: Vec::new(), number_columns: Vec::new() }
    }

    /// Aligns the columns with these indices to the right.
    pub(crate) fn with_numbers(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.number_columns.extend(columns);
        self
    }

    /// Adds a row. An empty cell is printed as `-`, so that no line has fewer words than there are columns.
    pub(crate) fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        let cell_text = |cell: String| if cell.is_empty() { "-".to_owned() } else { printable(&cell) };
        self.rows.push(cells.into_iter().map(cell_text).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn print(self, line: &mut dyn FnMut(&str)) {
        if self.is_empty() {
            return;
        }
        let mut table = comfy_table::Table::new();
        // Lines are never wrapped, also in a narrow terminal.
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if !self.headers.is_empty() {
            table.set_header(self.headers);
        }
        table.add_rows(self.rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, COLUMN_GAP));
        }
        for index in self.number_columns {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.lines().for_each(|text| line(text.trim_end()));
    }
}

/// A line `name: value` for each pair.
pub(super) fn pairs<'n>(pairs: impl IntoIterator<Item = (&'n str, String)>) -> Table {
    let mut table = Table::new([""; 0]);
    pairs.into_iter().for_each(|(name, value)| table.add([format!("{name}:"), value]));
    table
}

/// Escapes line breaks and other control characters, with which stored text could control a terminal.
fn printable(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed_lines(table: Table) -> Vec<String> {
        let mut lines = Vec::new();
        table.print(&mut |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn columns_are_aligned_under_their_headers() {
        let mut table = Table::new(["ID", "NAME", "RULES"]).with_numbers([2]);
        table.add(["1".to_owned(), "Zürich 東京".to_owned(), "7".to_owned()]);
        table.add(["200".to_owned(), String::new(), "1200".to_owned()]);
        assert_eq!(
            printed_lines(table),
            [
                "ID   NAME         RULES", //
                "1    Zürich 東京      7",
                "200  -             1200",
            ]
        );
        assert_eq!(printed_lines(Table::new(["id"])), [""; 0], "an empty list has no header");
    }

    #[test]
    fn control_characters_in_stored_text_are_escaped() {
        let mut table = Table::new(["NAME"]);
        table.add(["two\nlines \u{1b}[2J".to_owned()]);
        assert_eq!(printed_lines(table), ["NAME", r"two\nlines \u{1b}[2J"]);
        let long = "word ".repeat(200);
        let mut table = Table::new(["NAME"]);
        table.add([long.clone()]);
        assert_eq!(printed_lines(table)[1], long.trim_end(), "a long line is not wrapped");
    }
}
