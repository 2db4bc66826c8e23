//! Pure: what the output of Go and of cargo says about how far they are, and what of it is worth showing when they fail.

use std::collections::BTreeSet;

/// How `go list` is asked to name a package: those that are not in Go's cache yet, with a word in front that no other line begins with.
pub(super) const STALE: &str = "{{if .Stale}}stale {{.Standard}} {{.ImportPath}}{{end}}";

/// How many lines of compilers' complaints are shown.
const COMPLAINTS: usize = 200;

/// The packages that Go has yet to compile, by what makes two of them one: those of the standard library are the same in all modules.
pub(super) fn stale(listing: &str, module: &str) -> BTreeSet<(String, String)> {
    let lines = listing.lines().filter_map(|line| line.strip_prefix("stale "));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(standard, path)| (if standard == "true" { String::new() } else { module.to_owned() }, path.to_owned()))
        .collect()
}

/// How many packages `go build -v` has begun to compile.
pub(super) fn begun(output: &str) -> u32 {
    u32::try_from(output.lines().filter(|line| is_package(line)).count()).unwrap_or(u32::MAX)
}

/// How many modules Go has fetched.
pub(super) fn fetched(output: &str) -> usize {
    output.lines().filter(|line| line.starts_with("go: downloading ")).count()
}

/// `-v` names packages alone on their lines.
fn is_package(line: &str) -> bool {
    !line.is_empty() && !line.contains(char::is_whitespace) && !line.starts_with('#')
}

/// What Go says besides: why it failed.
pub(super) fn complaints_of_go(output: &str) -> String {
    let lines = output.lines().filter(|line| !is_package(line) && !line.starts_with("go: downloading ") && !line.starts_with("stale "));
    last(lines, 20)
}

/// How many crates cargo has built, and of how many; the last that it said.
pub(super) fn crates(output: &str) -> Option<(u32, u32)> {
    let after = output.rmatch_indices("] ").map(|(at, _)| &output[at + 2..]);
    after.into_iter().find_map(|rest| {
        let (counts, _) = rest.split_once(':')?;
        let (done, all) = counts.split_once('/')?;
        Some((done.parse().ok()?, all.parse().ok()?))
    })
}

/// What cargo and rustc say besides their progress: warnings, and why it failed.
pub(super) fn complaints_of_cargo(output: &str) -> String {
    let progress =
        ["Building [", "Compiling ", "Finished ", "Downloading ", "Downloaded ", "Blocking ", "Fetch [", "Updating ", "Executable "];
    let lines = output.split(['\r', '\n']).map(|line| line.trim_start_matches("\x1b[K").trim_end());
    last(lines.filter(|line| !line.is_empty() && !progress.iter().any(|word| line.trim_start().starts_with(word))), COMPLAINTS)
}

fn last<'a>(lines: impl Iterator<Item = &'a str>, most: usize) -> String {
    let lines: Vec<&str> = lines.collect();
    lines[lines.len().saturating_sub(most)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_lists_is_one_package_in_all_modules_only_if_it_is_of_the_standard_library() {
        let listing = "go: downloading example.com/a v1.0.0\nstale true fmt\n\nstale false example.com/a\n";
        let (one, other) = (stale(listing, "one"), stale(listing, "other"));
        assert_eq!(one.len(), 2);
        assert_eq!(one.union(&other).count(), 3);
    }

    #[test]
    fn go_names_what_it_compiles_and_says_the_rest_in_words() {
        let output = "go: downloading golang.org/x/net v0.1.0\ninternal/goarch\ngolang.org/x/net/http2\n# example.com/a\n./a.go:1:1: \
                      undefined: b\nfmt\ngo: verifying: checksum mismatch\n";
        assert_eq!((begun(output), fetched(output)), (3, 1));
        assert_eq!(complaints_of_go(output), "# example.com/a\n./a.go:1:1: undefined: b\ngo: verifying: checksum mismatch");
    }

    #[test]
    fn cargos_last_count_counts() {
        assert_eq!(crates("   Compiling heygen-simulator v0.1.0\n"), None);
        let output = "    Building [=====>     ] 12/323: serde, clap(build.rs)  \r   Compiling clap v4.5.0\n    \
                      Building [=====>     ] 13/323: clap, twinconsent(bin)   \r";
        assert_eq!(crates(output), Some((13, 323)));
        // Such words stand in messages, too.
        assert_eq!(crates(&format!("{output}error: see [1] below: 1/2\n")), Some((13, 323)));
        assert_eq!(crates("    Building [>          ] 0/323\r    Building [>    ] 1/323: a\r    Building [>     ] 2/3"), Some((1, 323)));
    }

    #[test]
    fn what_cargo_complains_of_is_shown_without_its_progress() {
        let output = "   Compiling a v0.1.0\n    Building [====>  ] 3/4: a\r\x1b[Kerror[E0425]: cannot find value `b`\n --> src/main.rs:1:1\n\
                      \n    Building [====>  ] 3/4: a   \rerror: could not compile `a`\n";
        assert_eq!(complaints_of_cargo(output), "error[E0425]: cannot find value `b`\n --> src/main.rs:1:1\nerror: could not compile `a`");
    }
}
