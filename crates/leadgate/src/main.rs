//! The program `leadgate`.

fn main() -> std::process::ExitCode {
    leadgate::programs::leadgate()
}
