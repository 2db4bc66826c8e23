//! Proxies and certificates as a company has them: HeyGen behind `HTTPS_PROXY`, vouched for by an authority that no system knows.
//!
//! The variables belong to a process, so each test gives them to an operator of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use heygen_simulator::GroupDefinition;
use kube::config::Kubeconfig;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, copy_bidirectional, split};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{Operator, World, eventually, plane};
use crate::tls::Authority;

/// Which user the proxy lets through, and how that travels.
const USER: &str = "proxy-user:proxy-hunter2";
const USER_IN_BASE64: &str = "cHJveHktdXNlcjpwcm94eS1odW50ZXIy";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_comes_through_the_companys_proxy_which_sees_no_key_and_whose_password_is_not_logged() {
    let company = Company::found("heygen.test").await;
    let world = World::start("proxy").await;
    let heygen = company.heygen(&world).await;
    let proxy = Proxy::start(Some(heygen), None).await;
    let url = format!("http://{USER}@{}", proxy.address);
    // Every library tells all it knows.
    let chatty = ["--log-filter=trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,rustls_platform_verifier=trace"];
    let operator = company.operator(&world, "https://heygen.test", &[("HTTPS_PROXY", &url)], &chatty);
    operator.until_ready().await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;

    let heads = proxy.heads();
    assert!(!heads.is_empty() && heads.iter().all(|head| head.starts_with("CONNECT heygen.test:443 HTTP/1.1\r\n")), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains(&format!("Basic {USER_IN_BASE64}"))), "the proxy was not told the user: {heads:?}");
    assert!(!contains(&proxy.bytes(), &world.key), "the key passed the proxy in the clear");
    let log = operator.log();
    assert!(log.contains("tunneling HTTPS over proxy"), "the libraries were not heard: {log}");
    assert!(!log.contains("proxy-hunter2") && !log.contains(USER_IN_BASE64), "the proxy's password was logged");
    world.end([operator]).await;
}

/// Two of these made the library skip the proxy: an empty variable before the other, and what looks like a program behind a server.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_named_in_lower_case_and_without_a_scheme_too_whatever_else_is_set() {
    let company = Company::found("heygen.test").await;
    let world = World::start("lower").await;
    let proxy = Proxy::start(Some(company.heygen(&world).await), None).await;
    let address = proxy.address.to_string();
    let variables = [("HTTPS_PROXY", ""), ("https_proxy", address.as_str()), ("REQUEST_METHOD", "GET")];
    let operator = company.operator(&world, "https://heygen.test", &variables, &[]);
    world.until_account("CredentialsAccepted").await;
    assert!(!proxy.heads().is_empty());
    let log = operator.log();
    let way = log.lines().find(|line| line.contains("HeyGen is reached through a proxy")).unwrap();
    assert!(way.contains(&address) && way.contains("https_proxy"), "{way}");
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_speaks_tls_is_trusted_by_the_same_bundle() {
    let company = Company::found("heygen.test").await;
    let world = World::start("tls").await;
    let tls = company.authority.acceptor("127.0.0.1");
    let proxy = Proxy::start(Some(company.heygen(&world).await), Some(tls)).await;
    let url = format!("https://{}", proxy.address);
    let operator = company.operator(&world, "https://heygen.test", &[("HTTPS_PROXY", &url)], &[]);
    world.until_account("CredentialsAccepted").await;
    assert!(!proxy.heads().is_empty());
    world.end([operator]).await;
}

/// `0.0.0.0` leads to this machine and, unlike a loopback address, is not kept from the proxy anyway.
#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_goes_past_the_proxy_in_upper_and_in_lower_case() {
    for (variable, excepted, is_direct) in [
        ("NO_PROXY", "example.com, 0.0.0.0", true),
        ("no_proxy", "0.0.0.0/8", true),
        ("NO_PROXY", "0.0.0.0:PORT", true),
        ("NO_PROXY", "example.com,0.0.0.0:1", false),
        ("no_proxy", "0.0.0.*", false),
    ] {
        let company = Company::found("0.0.0.0").await;
        let world = World::start("past").await;
        let heygen = company.heygen(&world).await;
        let base_url = format!("https://0.0.0.0:{}", heygen.port());
        let excepted = excepted.replace("PORT", &heygen.port().to_string());
        let proxy = Proxy::start(Some(heygen), None).await;
        let url = format!("http://{}", proxy.address);
        let operator = company.operator(&world, &base_url, &[("HTTPS_PROXY", &url), (variable, &excepted)], &[]);
        world.until_account("CredentialsAccepted").await;
        assert_eq!(proxy.heads().is_empty(), is_direct, "{variable}={excepted}");
        let log = operator.log();
        assert_eq!(log.contains("HeyGen is reached directly, past the proxy"), is_direct, "{variable}={excepted}: {log}");
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN") && line.contains("is not understood")).collect();
        assert_eq!(warnings.len(), usize::from(excepted.contains('*')), "{variable}={excepted}: {log}");
        assert!(warnings.iter().all(|line| line.contains("no_proxy") && line.contains("0.0.0.*")), "{warnings:?}");
        world.end([operator]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_comes_besides_the_certificates_of_the_system() {
    let (company, other) = (Company::found("heygen.test").await, Company::found("other.test").await);
    let world = World::start("besides").await;
    let proxy = Proxy::start(Some(company.heygen(&world).await), None).await;
    let url = format!("http://{}", proxy.address);
    let system = company.bundle();
    let variables = [("HTTPS_PROXY", url.as_str()), ("SSL_CERT_FILE", system.as_str())];
    let operator = other.operator(&world, "https://heygen.test", &variables, &[]);
    world.until_account("CredentialsAccepted").await;
    world.end([operator]).await;
}

/// As the kubelet replaces the content of a Secret or a ConfigMap in a pod: all at once.
fn replace(file: &Path, content: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_changes_is_trusted_without_a_restart_and_a_broken_one_changes_nothing() {
    let (company, other) = (Company::found("heygen.test").await, Company::found("other.test").await);
    let world = World::start("renewed").await;
    let proxy = Proxy::start(Some(company.heygen(&world).await), None).await;
    let url = format!("http://{}", proxy.address);
    let operator = other.operator(&world, "https://heygen.test", &[("HTTPS_PROXY", &url)], &[]);
    world.until_account("Unreachable").await;
    let bundle = PathBuf::from(other.bundle());
    replace(&bundle, &company.authority.pem());
    world.until_account("CredentialsAccepted").await;

    replace(&bundle, "no certificate");
    eventually("the operator tells of the broken bundle", || async {
        let log = operator.log();
        if log.contains("make no sense") && log.contains("holds no certificate") { Ok(()) } else { Err(log) }
    })
    .await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_a_file_names_may_change_without_a_restart() {
    let company = Company::found("heygen.test").await;
    let world = World::start("moved").await;
    let proxy = Proxy::start(Some(company.heygen(&world).await), None).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("HTTPS_PROXY");
    // Nothing listens there; the variable is the file's to override.
    replace(&file, "http://127.0.0.1:1\n");
    let argument = format!("--proxy-folder={}", folder.path().display());
    let url = format!("http://{}", proxy.address);
    let operator = company.operator(&world, "https://heygen.test", &[("HTTPS_PROXY", &url)], &[&argument]);
    world.until_account("Unreachable").await;
    assert!(proxy.heads().is_empty(), "the variable went before the file");
    replace(&file, &format!("http://{USER}@{}\n", proxy.address));
    world.until_account("CredentialsAccepted").await;
    assert!(proxy.heads().iter().all(|head| head.contains(&format!("Basic {USER_IN_BASE64}"))), "{:?}", proxy.heads());
    let shown = |way: &str, address: &str| operator.log().lines().any(|line| line.contains(way) && line.contains(address));
    assert!(shown("HeyGen is reached through a proxy", &proxy.address.to_string()), "the new way is not told: {}", operator.log());

    // Its key is gone from the Secret, and another one is there.
    std::fs::write(folder.path().join("url"), "").unwrap();
    std::fs::remove_file(&file).unwrap();
    eventually("the operator tells of a folder that names no proxy", || async {
        let log = operator.log();
        if log.contains("make no sense") && log.contains("names a proxy; it is called HTTPS_PROXY") { Ok(()) } else { Err(log) }
    })
    .await;
    // Only the proxy knows where HeyGen is.
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    let log = operator.log();
    assert!(!log.contains("proxy-hunter2") && !log.contains("past the proxy"), "{log}");
    world.end([operator]).await;
}

/// The proxies of the environment are for HeyGen alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_is_reached_by_the_proxy_of_the_kubeconfig_and_by_no_other() {
    let world = World::start("kubeconfig").await;
    let (used, unused) = (Proxy::start(None, None).await, Proxy::start(None, None).await);
    let mut kubeconfig = Kubeconfig::read_from(plane().kubeconfig()).unwrap();
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|cluster| cluster.cluster.as_mut()) {
        cluster.proxy_url = Some(format!("http://{}", used.address));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!(kubeconfig).to_string()).unwrap();
    let environment = [("HTTPS_PROXY", format!("http://{USER}@{}", unused.address)), ("NO_PROXY", String::new())];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let operator = Operator::start_in(&world, &file.path().display().to_string(), &[], &environment);
    operator.until_ready().await;
    assert!(!used.heads().is_empty() && unused.heads().is_empty());
    world.end([operator]).await;
}

/// A company: an authority of its own, and HeyGen under a name that only its proxy knows.
struct Company {
    authority: Authority,
    name: &'static str,
    files: TempDir,
}

impl Company {
    async fn found(name: &'static str) -> Self {
        let (authority, files) = (Authority::new(), TempDir::new().unwrap());
        std::fs::write(files.path().join("company.pem"), authority.pem()).unwrap();
        std::fs::write(files.path().join("none.pem"), "").unwrap();
        std::fs::create_dir(files.path().join("none")).unwrap();
        Self { authority, name, files }
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    fn bundle(&self) -> String {
        self.file("company.pem")
    }

    /// The simulator of a world behind TLS, with a certificate of the company.
    async fn heygen(&self, world: &World) -> SocketAddr {
        let simulator: SocketAddr = world.base_url.trim_start_matches("http://").parse().unwrap();
        let acceptor = self.authority.acceptor(self.name);
        listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let (mut inside, mut outside) = (TcpStream::connect(simulator).await?, acceptor.accept(stream).await?);
                copy_bidirectional(&mut outside, &mut inside).await.map(drop)
            }
        })
        .await
    }

    /// An operator that trusts the company's authority and, unless the variables say otherwise, no other.
    fn operator(&self, world: &World, base_url: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Operator {
        let (bundle, none, nowhere) = (self.bundle(), self.file("none.pem"), self.file("none"));
        let mut environment = vec![("SSL_CERT_FILE", none.as_str()), ("SSL_CERT_DIR", nowhere.as_str())];
        environment.extend(variables);
        let (base_url, bundle) = (format!("--heygen-base-url={base_url}"), format!("--ca-bundle={bundle}"));
        let arguments: Vec<&str> = [base_url.as_str(), bundle.as_str()].into_iter().chain(arguments.iter().copied()).collect();
        Operator::start_in(world, &world.plane.kubeconfig().display().to_string(), &arguments, &environment)
    }
}

/// A proxy that only knows CONNECT, and all that its clients have told it.
struct Proxy {
    address: SocketAddr,
    shown: Arc<Mutex<Vec<Heard>>>,
}

/// What one client has sent: the head of its request, and what went through the tunnel from it.
#[derive(Default)]
struct Heard {
    head: String,
    tunnelled: Vec<u8>,
}

impl Proxy {
    /// Leads every tunnel to `target`, or to the address that the client asks for; speaks TLS itself where told to.
    async fn start(target: Option<SocketAddr>, tls: Option<TlsAcceptor>) -> Self {
        let shown = Arc::new(Mutex::new(Vec::new()));
        let ear = shown.clone();
        let address = listen(move |stream| {
            let (ear, tls) = (ear.clone(), tls.clone());
            async move {
                match tls {
                    None => tunnel(stream, target, &ear).await,
                    Some(acceptor) => tunnel(acceptor.accept(stream).await?, target, &ear).await,
                }
            }
        })
        .await;
        Self { address, shown }
    }

    fn heads(&self) -> Vec<String> {
        self.shown.lock().unwrap().iter().map(|shown| shown.head.clone()).collect()
    }

    /// Everything that was sent to the proxy or through it.
    fn bytes(&self) -> Vec<u8> {
        self.shown.lock().unwrap().iter().flat_map(|shown| [shown.head.as_bytes(), &shown.tunnelled].concat()).collect()
    }
}

async fn tunnel<S: AsyncRead + AsyncWrite>(client: S, target: Option<SocketAddr>, ear: &Mutex<Vec<Heard>>) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = split(client);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from_client.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let asked_for = head.split(' ').nth(1).unwrap().to_owned();
    let number = {
        let mut shown = ear.lock().unwrap();
        shown.push(Heard { head, tunnelled: Vec::new() });
        shown.len() - 1
    };
    let server = match target {
        Some(address) => TcpStream::connect(address).await?,
        None => TcpStream::connect(asked_for).await?,
    };
    to_client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let (mut from_server, mut to_server) = server.into_split();
    let upwards = async {
        let mut chunk = [0; 4096];
        loop {
            let count = from_client.read(&mut chunk).await?;
            if count == 0 {
                return to_server.shutdown().await;
            }
            ear.lock().unwrap()[number].tunnelled.extend_from_slice(&chunk[..count]);
            to_server.write_all(&chunk[..count]).await?;
        }
    };
    let downwards = async {
        copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(upwards, downwards).map(drop)
}

/// Serves each connection to a new address on loopback; what breaks a connection is its client's affair.
async fn listen<F: Future<Output = std::io::Result<()>> + Send + 'static>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = serve(stream);
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    address
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
