//! The program that `kubectl twinconsent` runs.

fn main() -> std::process::ExitCode {
    kubectl_twinconsent::main()
}
