//! The program `reshet`.

fn main() -> std::process::ExitCode {
    reshet_cli::main()
}
