//! The `kinetail` program. Everything is in the library.

fn main() -> std::process::ExitCode {
    kinetail::cli::main()
}
