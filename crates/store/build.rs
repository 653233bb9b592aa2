//! A new folder of migrations has to be embedded, although no source of this crate changed.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
