//! Checks that `docs/cli.md` agrees with the command line.

use std::path::PathBuf;

use clap::Command;

use super::leadgate::command_line;

/// The environment variable that makes the test write the table of the page instead of comparing it.
const WRITE: &str = "LEADGATE_WRITE_CLI";

const BEGIN: &str = "<!-- commands -->\n";
const END: &str = "<!-- end of commands -->";

fn page() -> (PathBuf, String) {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md"));
    let text = std::fs::read_to_string(&file).unwrap();
    (file, text)
}

/// A row for each command that is not only a group of commands.
fn table(command: &Command, path: &str, rows: &mut Vec<String>) {
    let path = format!("{path} {}", command.get_name()).trim().to_owned();
    if !command.is_subcommand_required_set() {
        rows.push(format!("| `{path}` | {} |", command.get_about().unwrap()));
    }
    command.get_subcommands().for_each(|subcommand| table(subcommand, &path, rows));
}

#[test]
fn the_page_lists_every_command() {
    let mut rows = Vec::new();
    table(&command_line(), "", &mut rows);
    let (file, text) = page();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let expected = format!("\n| command | what it does |\n|---|---|\n{}\n\n", rows.join("\n"));
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(file, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    let missing: Vec<_> = rows.iter().filter(|row| !shown.lines().any(|line| line == *row)).collect();
    let unknown: Vec<_> =
        shown.lines().filter(|line| line.starts_with("| `") && !rows.iter().any(|row| row == line)).collect();
    assert!(
        shown == expected,
        "docs/cli.md differs; {WRITE}=1 writes it\nmissing: {missing:#?}\nnot in the program: {unknown:#?}"
    );
}

/// Splits a shell line into words. Only double quotes are supported.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

#[test]
fn every_example_of_the_page_is_a_command() {
    let (_, text) = page();
    let mut examples = 0;
    for line in text.lines().filter(|line| line.starts_with("leadgate ")) {
        let line = line.split(" > ").next().unwrap();
        let words = words(line).into_iter().map(|word| match word.as_str() {
            "SOURCE" | "ID" => "01a1fea9-1461-757d-9d74-5642f0fe5c4b".to_owned(),
            "KEY" => "abcdefghij".to_owned(),
            _ => word,
        });
        let parsed = command_line().try_get_matches_from(words);
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        examples += 1;
    }
    assert!(examples > 50, "{examples}");
}
