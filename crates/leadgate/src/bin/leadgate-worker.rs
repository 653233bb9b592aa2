//! The program `leadgate-worker`.

fn main() -> std::process::ExitCode {
    leadgate::programs::worker()
}
