//! What may change while the operator runs: the root certificates of `--ca-bundle` and the proxies of `--proxy-folder`.
//!
//! Kubernetes writes what a Secret or a ConfigMap has become into the files of a pod within about a minute, and into no variable. So
//! these files are read again every [`PERIOD`], and when they say something else, the client of HeyGen goes by that from then on. What is
//! under way ends as it began. Content that makes no sense changes nothing: it is told once, and what was understood last goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::heygen::{ExtraRoots, HeyGen};
use crate::process::config;
use crate::process::config::{Config, read_bundle};
use crate::process::proxies::{EXCEPTIONS, NAMING, Proxies, VARIABLES};

/// How long until the files are read again.
pub const PERIOD: Duration = Duration::from_secs(10);

/// The files that are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Of `--ca-bundle`.
    pub ca_bundle: Option<PathBuf>,
    /// Of `--proxy-folder`: one for each variable that it stands for.
    pub proxy_folder: Option<PathBuf>,
}

impl Files {
    /// Those that the configuration names.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self { ca_bundle: config.ca_bundle_file.clone(), proxy_folder: config.proxy_folder.clone() }
    }

    /// The proxies that the files and, where there is none of that name, the variables of the process name; and what a user should
    /// hear of them. What either of them excepts is excepted: a chart's own entry must not be lost to a Secret's.
    ///
    /// # Errors
    ///
    /// One line about the file or the variable that makes no sense, or about a folder without a file that names a proxy: a user who gives
    /// one has a proxy, and is not to be led past it because a file has another name.
    pub fn proxies(&self) -> Result<(Proxies, Vec<String>), String> {
        self.proxies_with(|name| std::env::var_os(name))
    }

    fn proxies_with(&self, variable: impl Fn(&str) -> Option<OsString>) -> Result<(Proxies, Vec<String>), String> {
        let Some(folder) = &self.proxy_folder else {
            return Proxies::from_variables(variable).map_err(|error| error.to_string());
        };
        let (files, notes) = files(folder).map_err(|error| format!("--proxy-folder: cannot read {folder:?}: {error}"))?;
        if !NAMING.iter().any(|name| files.get(name).is_some_and(|content| !content.is_empty())) {
            return Err(format!(
                "--proxy-folder: no file in {folder:?} names a proxy; it is called HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or so in lower case"
            ));
        }
        let shown = |name: &str| {
            if EXCEPTIONS.contains(&name) {
                joined(name, [&|name| files.get(name).cloned(), &variable])
            } else {
                files.get(name).cloned().or_else(|| variable(name))
            }
        };
        let (proxies, more) = Proxies::from_variables(shown).map_err(|error| match files.get(error.variable()) {
            Some(_) => format!("--proxy-folder: {error}"),
            None => error.to_string(),
        })?;
        Ok((proxies, notes.into_iter().chain(more).collect()))
    }

    fn read(&self) -> Result<Content, String> {
        let roots = self.ca_bundle.as_deref().map(|path| config::ca_bundle(path, read_bundle)).transpose();
        let (proxies, notes) = self.proxies()?;
        Ok(Content { roots: roots?.unwrap_or_default(), proxies, notes })
    }
}

/// What the files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// To trust besides the system's.
    pub roots: ExtraRoots,
    /// On the way to HeyGen.
    pub proxies: Proxies,
    /// What a user should hear of them, one line each.
    pub notes: Vec<String>,
}

/// What the files of a folder that stand for variables hold, and what a user should hear of the others.
fn files(folder: &Path) -> io::Result<(BTreeMap<&'static str, OsString>, Option<String>)> {
    let mut others = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Kubernetes' own begin so.
        if !VARIABLES.contains(&name.as_str()) && !name.starts_with("..") {
            others.insert(format!("{name:?}"));
        }
    }
    let mut found = BTreeMap::new();
    for name in VARIABLES {
        match read_bundle(&folder.join(name)) {
            Ok(content) => drop(found.insert(name, OsString::from_vec(content))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let others: Vec<String> = others.into_iter().collect();
    let note = format!("--proxy-folder: ignored, because no variable of proxies is called so: {}", others.join(", "));
    Ok((found, (!others.is_empty()).then_some(note)))
}

/// What a variable says, by its name.
type Source<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What several sources except in all, as the variable `name` would say it. Within each of them, a name in lower case counts where the
/// one in upper case is not set, or empty.
fn joined(name: &str, sources: [Source<'_>; 2]) -> Option<OsString> {
    let said = |source: Source<'_>, name: &str| source(name).filter(|list| !list.is_empty());
    // A name that is not set says nothing, so that the other one is what is told of.
    sources.iter().find(|source| said(source, name).is_some())?;
    let first_or_other = |source: Source<'_>| said(source, name).or_else(|| EXCEPTIONS.iter().find_map(|other| said(source, other)));
    let lists: Vec<OsString> = sources.into_iter().filter_map(first_or_other).collect();
    Some(lists.join(OsStr::new(",")))
}

/// Tells which way HeyGen is reached, where there is a choice.
pub fn tell(proxies: &Proxies, notes: &[String], base_url: &Url) {
    for note in notes {
        tracing::warn!("{note}");
    }
    match proxies.to(base_url) {
        Some(proxy) => tracing::info!(proxy = proxy.host(), variable = proxy.variable(), "HeyGen is reached through a proxy"),
        None if proxies.both() != [None, None] => tracing::info!("HeyGen is reached directly, past the proxy"),
        None => {}
    }
}

/// Follows the files until `stopping`; `now` is what they have said at the start, and `base_url` the one whose way is told.
pub async fn follow(files: Files, mut now: Content, heygen: HeyGen, base_url: Url, stopping: CancellationToken) {
    if files == Files::default() {
        return;
    }
    let mut shown = None;
    while stopping.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
        let again = files.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || again.read()).await else { continue };
        let problem = match read {
            Ok(new) if new == now => None,
            Ok(new) => heygen.renew(&new.roots, new.proxies.clone()).map_err(|error| error.to_string()).err().or_else(|| {
                tracing::info!("root certificates or proxies have changed: HeyGen is reached as they say now");
                if (&new.proxies, &new.notes) != (&now.proxies, &now.notes) {
                    tell(&new.proxies, &new.notes, &base_url);
                }
                now = new;
                None
            }),
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem.as_ref().filter(|problem| shown.as_ref() != Some(*problem)) {
            tracing::warn!(problem, "root certificates or proxies have changed and make no sense: those before go on");
        }
        shown = problem;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_VARIABLES: fn(&str) -> Option<OsString> = |_| None;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let files = Files { proxy_folder: Some(folder.path().to_owned()), ..Files::default() };
        (folder, files)
    }

    /// The proxy that leads to a host.
    fn way(proxies: &Proxies, host: &str) -> Option<String> {
        proxies.to(&format!("https://{host}").parse().unwrap()).map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn a_file_goes_before_the_variable_of_its_name_and_may_end_in_a_newline() {
        let (_folder, files) = folder(&[("HTTPS_PROXY", "http://user:hunter2@proxy.test:3128\n"), ("NO_PROXY", "")]);
        let (proxies, notes) = files.proxies_with(|name| (name == "HTTPS_PROXY").then(|| "other.test".into())).unwrap();
        assert_eq!((way(&proxies, "heygen.test").as_deref(), notes.len()), (Some("proxy.test:3128"), 0));
        assert!(!format!("{proxies:?}").contains("hunter2"));
    }

    #[test]
    fn a_folder_or_a_file_that_cannot_be_read_or_understood_is_no_way_past_the_proxy() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| {
            let files = Files { proxy_folder: Some(path.to_owned()), ..Files::default() };
            files.proxies_with(NO_VARIABLES).unwrap_err()
        };
        let missing = refusal(&folder.path().join("missing"));
        assert!(missing.starts_with("--proxy-folder: cannot read ") && missing.contains("missing"), "{missing}");
        std::fs::create_dir(folder.path().join("HTTPS_PROXY")).unwrap();
        let unreadable = refusal(folder.path());
        assert!(unreadable.starts_with("--proxy-folder: cannot read "), "{unreadable}");
        std::fs::remove_dir(folder.path().join("HTTPS_PROXY")).unwrap();
        std::fs::write(folder.path().join("HTTPS_PROXY"), "ftp://user:hunter2@proxy.test").unwrap();
        let senseless = refusal(folder.path());
        assert!(senseless.starts_with("--proxy-folder: HTTPS_PROXY: ") && !senseless.contains("hunter2"), "{senseless}");
    }

    /// Also beside a variable that names a proxy: the folder is where it is meant to be.
    #[test]
    fn a_folder_that_names_no_proxy_is_no_way_past_it() {
        let proxy = "http://proxy.test:3128";
        for content in [
            &[][..],
            &[("https-proxy", proxy)],
            &[("url", proxy)],
            &[("HTTPS_PROXY", "")],
            &[("HTTPS_PROXY", ""), ("all_proxy", ""), ("NO_PROXY", "a")],
            &[("NO_PROXY", "a"), ("..data", proxy)],
        ] {
            let (_folder, files) = folder(content);
            for variable in [NO_VARIABLES, |name| (name == "HTTPS_PROXY").then(|| "other.test".into())] {
                let refusal = files.proxies_with(variable).unwrap_err();
                assert!(refusal.starts_with("--proxy-folder: no file in "), "{content:?}: {refusal}");
                assert!(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].iter().all(|name| refusal.contains(name)), "{refusal}");
            }
        }
        // An empty one beside another is as an empty variable, and a blank one as a blank variable.
        let (_folder, files) = folder(&[("HTTPS_PROXY", ""), ("https_proxy", proxy)]);
        assert_eq!(way(&files.proxies_with(NO_VARIABLES).unwrap().0, "heygen.test").as_deref(), Some("proxy.test:3128"));
        for blank in [" ", "\n", "\t\r\n"] {
            let (_folder, files) = folder(&[("HTTPS_PROXY", blank), ("ALL_PROXY", proxy)]);
            let refusal = files.proxies_with(NO_VARIABLES).unwrap_err();
            assert!(refusal.starts_with("--proxy-folder: HTTPS_PROXY: is blank"), "{refusal}");
        }
    }

    #[test]
    fn what_no_variable_is_called_is_told_unless_it_is_kubernetes_own() {
        let (_folder, files) = folder(&[("ALL_PROXY", "proxy.test"), ("url", "hunter2"), ("https-proxy", ""), ("..data", "")]);
        let (_, notes) = files.proxies_with(NO_VARIABLES).unwrap();
        assert_eq!(notes, [r#"--proxy-folder: ignored, because no variable of proxies is called so: "https-proxy", "url""#]);
    }

    #[test]
    fn what_a_file_or_a_variable_excepts_is_excepted() {
        for (file, variable, name) in [
            ("NO_PROXY", "NO_PROXY", "NO_PROXY"),
            ("no_proxy", "NO_PROXY", "NO_PROXY"),
            ("NO_PROXY", "no_proxy", "NO_PROXY"),
            ("no_proxy", "no_proxy", "no_proxy"),
        ] {
            let (_folder, files) = folder(&[("ALL_PROXY", "proxy.test"), (file, "a.test\n")]);
            let (proxies, notes) = files.proxies_with(|asked| (asked == variable).then(|| "b.test,b*".into())).unwrap();
            let ways = ["a.test", "b.test", "c.test"].map(|host| way(&proxies, host).is_some());
            assert_eq!(ways, [false, false, true], "{file} and {variable}");
            let [note] = notes.as_slice() else { panic!("{notes:?}") };
            assert!(note.starts_with(&format!(r#"{name}: "b*" is not understood"#)), "{note}");
        }
        // In the folder, both cases say something else.
        let (_folder, files) = folder(&[("ALL_PROXY", "proxy.test"), ("NO_PROXY", "a.test"), ("no_proxy", "b.test")]);
        let (proxies, notes) = files.proxies_with(|asked| (asked == "NO_PROXY").then(|| "c.test".into())).unwrap();
        assert_eq!(["a.test", "b.test", "c.test"].map(|host| way(&proxies, host).is_some()), [false, true, false]);
        assert_eq!(notes, ["NO_PROXY counts, and no_proxy, which says something else, is ignored"]);
    }

    #[test]
    fn a_proxy_whose_file_is_removed_is_not_passed_over() {
        let (folder, files) = folder(&[("HTTPS_PROXY", "proxy.test"), ("NO_PROXY", "a.test")]);
        let before = files.proxies_with(NO_VARIABLES);
        assert!(before.is_ok());
        std::fs::remove_file(folder.path().join("HTTPS_PROXY")).unwrap();
        let refusal = files.proxies_with(NO_VARIABLES).unwrap_err();
        assert!(refusal.starts_with("--proxy-folder: no file in "), "{refusal}");
        std::fs::write(folder.path().join("HTTPS_PROXY"), "proxy.test").unwrap();
        assert_eq!(files.proxies_with(NO_VARIABLES), before);
    }
}
