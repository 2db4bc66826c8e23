//! The program that `kubectl twinconsent` runs, as tests run it.

fn main() -> std::process::ExitCode {
    kubectl_twinconsent::main()
}
