//! The program `leadgate-dispatcher`.

fn main() -> std::process::ExitCode {
    leadgate::programs::dispatcher()
}
