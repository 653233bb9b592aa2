//! `schema.rs` has the tables of the migrated database.

use std::collections::BTreeSet;

use crate::world::World;

const POSTGRES: &str = include_str!("../../src/postgres/schema.rs");
const SQLITE: &str = include_str!("../../src/sqlite/schema.rs");

/// The tables of a schema, each as the text in `table!`.
fn tables(schema: &str) -> BTreeSet<String> {
    let table = |text: &str| text.split("\n}").next().unwrap_or_default().trim().to_owned();
    schema.split("diesel::table! {").skip(1).map(table).collect()
}

/// The same text for a table of the database: its name, the columns of its primary key, and all columns as `(name,
/// type, whether it is nullable)`.
fn table(name: &str, key: &[String], columns: impl Iterator<Item = (String, String, bool)>) -> String {
    let column = |(name, sql_type, nullable): (String, String, bool)| match nullable {
        true => format!("        {name} -> Nullable<{sql_type}>,\n"),
        false => format!("        {name} -> {sql_type},\n"),
    };
    format!("{name} ({}) {{\n{}    }}", key.join(", "), columns.map(column).collect::<String>())
}

/// The columns that `columns` selects as lines of `name|type|nullable`.
fn parse(
    lines: Vec<String>,
    sql_type: impl Fn(&str) -> String,
) -> impl Iterator<Item = (String, String, bool)> {
    lines.into_iter().map(move |line| {
        let [name, declared, nullable] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (name.to_owned(), sql_type(declared), nullable == "true")
    })
}

fn assert_same(found: &BTreeSet<String>, written: &BTreeSet<String>) {
    let only =
        |these: &BTreeSet<String>, those| these.difference(those).cloned().collect::<Vec<_>>().join("\n\n");
    let (found, written) = (only(found, written), only(written, found));
    assert!(
        found.is_empty() && written.is_empty(),
        "the database has:\n{found}\n\nthe schema has:\n{written}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_postgres_has_the_tables_of_the_database() {
    let world = World::postgres().await;
    let sql_type = |declared: &str| {
        let known = match declared {
            "uuid" => "Uuid",
            "timestamp with time zone" => "Timestamptz",
            "bytea" => "Binary",
            "text" => "Text",
            "boolean" => "Bool",
            "smallint" => "SmallInt",
            "integer" => "Integer",
            "bigint" => "BigInt",
            other => panic!("the type {other} has no counterpart in the schema"),
        };
        known.to_owned()
    };
    let names = "SELECT relname::text AS line FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                   AND relname <> '__diesel_schema_migrations'";
    let mut found = BTreeSet::new();
    for name in world.lines(names) {
        let key = world.lines(&format!(
            "SELECT a.attname::text AS line
             FROM pg_index AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place)
             JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
             WHERE i.indisprimary AND i.indrelid = '{name}'::regclass ORDER BY k.place"
        ));
        let columns = world.lines(&format!(
            "SELECT concat_ws('|', attname, format_type(atttypid, atttypmod), (NOT attnotnull)::text) AS line
             FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ));
        found.insert(table(&name, &key, parse(columns, sql_type)));
    }
    assert_same(&found, &tables(POSTGRES));
}

/// SQLite has fewer types than diesel: an integer can be a time, a number of any size or a truth value.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_sqlite_has_the_tables_of_the_database() {
    let world = World::sqlite().await;
    let names = "SELECT name AS line FROM sqlite_schema
                 WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '__diesel_schema_migrations'";
    let mut found = BTreeSet::new();
    for name in world.lines(names) {
        let key = world
            .lines(&format!("SELECT name AS line FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk"));
        let columns = world.lines(&format!(
            "SELECT name || '|' || type || '|' || iif(\"notnull\" OR pk, 'false', 'true') AS line
             FROM pragma_table_info('{name}') ORDER BY cid"
        ));
        found.insert(table(&name, &key, parse(columns, str::to_owned)));
    }
    let storage = |mut schema: String| {
        for (stored, types) in [
            ("INTEGER", &["SmallInt", "Integer", "BigInt", "Bool"][..]),
            ("BLOB", &["Binary"]),
            ("TEXT", &["Text"]),
        ] {
            for sql_type in types {
                schema = schema.replace(&format!("-> {sql_type},"), &format!("-> {stored},"));
                schema = schema.replace(&format!("<{sql_type}>"), &format!("<{stored}>"));
            }
        }
        schema
    };
    assert_same(&found, &tables(SQLITE).into_iter().map(storage).collect());
}

#[test]
fn both_schemas_differ_in_types_and_in_the_counter_of_changes_alone() {
    let as_sqlite = |text: String| text.replace("Uuid", "Binary").replace("Timestamptz", "BigInt");
    // PostgreSQL numbers its transactions itself.
    let without_counter = |text: String| text.replace("        lead_changes -> BigInt,\n", "");
    let of_sqlite = tables(SQLITE).into_iter().map(without_counter).collect();
    assert_same(&tables(POSTGRES).into_iter().map(as_sqlite).collect(), &of_sqlite);
    let allowed = |schema: &'static str| schema.split("allow_tables_to_appear_in_same_query!").nth(1);
    assert!(allowed(POSTGRES).is_some() && allowed(POSTGRES) == allowed(SQLITE));
}
