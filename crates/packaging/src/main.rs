//! `packaging`: the parts of an image that no compiler makes. The scripts in `hack/` call it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use packaging::archive::Image;
use packaging::bill::{self, Besides};
use packaging::certificates;

/// What goes into the container images besides the programs, and what is read out of them again.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the root certificates of the image, in PEM form.
    Certificates,
    /// Make the bill of materials of an image from that of its program: from standard input to standard output.
    Bill(Bill),
    /// Check an image in an OCI archive, and print its name, digest, size and architecture.
    Inspect {
        /// The archive.
        archive: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Bill {
    /// The folder of the workspace, whose name must not stay in the bill.
    #[arg(long)]
    workspace: PathBuf,
    /// The C library in the program, as a package URL.
    #[arg(long, value_name = "PURL")]
    c_library: String,
    /// The image holds root certificates.
    #[arg(long)]
    certificates: bool,
}

fn main() -> anyhow::Result<()> {
    let text = match Arguments::parse().command {
        Command::Certificates => certificates::pem(),
        Command::Bill(arguments) => bill(&arguments)?,
        Command::Inspect { archive } => inspect(&archive)?,
    };
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

fn bill(arguments: &Bill) -> anyhow::Result<String> {
    let Bill { workspace, c_library, certificates } = arguments;
    let mut of_program = String::new();
    io::stdin().read_to_string(&mut of_program).context("cannot read the bill of the program")?;
    let lock = workspace.join("Cargo.lock");
    let lock = certificates.then(|| fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))).transpose()?;
    let besides = Besides { c_library, certificates_of: lock.as_deref() };
    bill::of_image(&of_program, workspace.to_str().context("the folder's name is not UTF-8")?, &besides)
}

fn inspect(archive: &Path) -> anyhow::Result<String> {
    let image = Image::open(archive)?;
    let name = image.name.as_deref().unwrap_or("without a name");
    let (digest, size) = (&image.digest, image.size()?);
    let architecture = image.config["architecture"].as_str().unwrap_or("unknown");
    Ok(format!("name\t{name}\ndigest\t{digest}\nsize\t{size}\narchitecture\t{architecture}\n"))
}
