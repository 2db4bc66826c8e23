//! A git repository of a test's own, served over HTTP on loopback as git servers do it.
//!
//! Git's own CGI program answers, behind a dozen lines of HTTP: Flux's git library speaks only the "smart" protocol, so a folder of
//! files is not enough, and an SSH server is more than is needed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

/// The largest request of a fetch: a list of commits.
const LARGEST_REQUEST: usize = 1 << 20;

/// A repository with a working copy; it is served as long as the test's runtime lives.
pub struct Repository {
    folder: TempDir,
    url: String,
}

impl Repository {
    /// A repository with a first commit of this folder's content.
    pub async fn with(content: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/studio.git", listener.local_addr().unwrap());
        let backend = Router::new().fallback(git_http_backend).with_state(folder.path().to_path_buf());
        tokio::spawn(async move { axum::serve(listener, backend).await });
        let repository = Self { folder, url };
        repository.run(repository.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "studio.git"]);
        repository.run(repository.folder.path(), &["init", "--quiet", "--initial-branch=main", "work"]);
        copy(content, &repository.work());
        repository.commit("The first commit");
        repository
    }

    /// Where it is served.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.work().join(path)).unwrap()
    }

    /// Writes a file and pushes it; returns the commit.
    pub fn write(&self, path: &str, text: &str) -> String {
        std::fs::write(self.work().join(path), text).unwrap();
        self.commit(&format!("Change {path}"))
    }

    /// Removes files and pushes that; returns the commit.
    pub fn remove(&self, paths: &[&str]) -> String {
        for path in paths {
            std::fs::remove_file(self.work().join(path)).unwrap();
        }
        self.commit(&format!("Remove {}", paths.join(" and ")))
    }

    /// Takes the last commit back, as `git revert` does, and pushes that; returns the commit.
    pub fn revert(&self) -> String {
        self.run(&self.work(), &["revert", "--no-edit", "HEAD"]);
        self.push()
    }

    fn commit(&self, message: &str) -> String {
        self.run(&self.work(), &["add", "--all"]);
        self.run(&self.work(), &["commit", "--quiet", "--message", message]);
        self.push()
    }

    fn push(&self) -> String {
        self.run(&self.work(), &["push", "--quiet", "../studio.git", "main"]);
        self.run(&self.work(), &["rev-parse", "HEAD"])
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> String {
        let output =
            git(folder).args(arguments).output().unwrap_or_else(|error| panic!("git, which these tests need, cannot be run: {error}"));
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {}: {}: {shown}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// `git`, shielded from the settings of the user who runs the tests.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")]);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "A test").env(format!("GIT_{role}_EMAIL"), "test@example.com");
    }
    command
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Hands a request to git's CGI program, and its answer back.
async fn git_http_backend(State(root): State<PathBuf>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, LARGEST_REQUEST).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response(),
    };
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut command = tokio::process::Command::from(git(&root));
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    match answer_of(command, body).await {
        Ok(answer) => answer,
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn answer_of(mut command: tokio::process::Command, body: Bytes) -> std::io::Result<Response> {
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().ok_or_else(|| std::io::Error::other("no pipe"))?;
    let (written, output) = tokio::join!(
        async move {
            stdin.write_all(&body).await?;
            stdin.shutdown().await
        },
        child.wait_with_output()
    );
    written?;
    let output = output?.stdout;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| std::io::Error::other("no header from git"))?;
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("status") {
            let code = value.trim().split(' ').next().unwrap_or_default();
            status = code.parse().map_err(std::io::Error::other)?;
        } else {
            let name: axum::http::HeaderName = name.parse().map_err(std::io::Error::other)?;
            headers.insert(name, value.trim().parse().map_err(std::io::Error::other)?);
        }
    }
    Ok((status, headers, output[end + 4..].to_vec()).into_response())
}
