//! The program `leadgate-gateway`.

fn main() -> std::process::ExitCode {
    leadgate::programs::gateway()
}
