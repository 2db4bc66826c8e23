//! What a scratch image is known to fail at: names and certificates. The operator finds HeyGen by a name server as a pod has one,
//! and trusts the roots of its image, those of `--ca-bundle`, and no others.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::images::OPERATOR;
use crate::name_server::NameServer;
use crate::sandbox::{Root, Running};
use crate::support::World;
use crate::tls::Authority;

/// A name that this machine does not know, with as many dots as `api.heygen.com`.
const NAME: &str = "api.heygen.test";

const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
const BUNDLE: &str = "/etc/company/ca.pem";

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_finds_heygen_by_its_name_and_trusts_what_it_should() {
    let names = NameServer::start(NAME).await;

    // The authority is in the file of --ca-bundle alone.
    let heygen = HeyGen::start("bundle").await;
    let root = heygen.root();
    root.write(BUNDLE, &heygen.authority.pem());
    let operator = heygen.operator(&root, &["--ca-bundle", BUNDLE]);
    heygen.world.until_account("CredentialsAccepted").await;
    assert!(names.asked().iter().any(|name| name == NAME), "HeyGen was not looked up: {:?}", names.asked());
    drop(operator);

    // No authority vouches for it.
    let heygen = HeyGen::start("stranger").await;
    let root = heygen.root();
    let operator = heygen.operator(&root, &[]);
    heygen.world.until_account("Unreachable").await;
    assert_eq!(heygen.world.simulator.requests_since(0).len(), 0, "the key went to a stranger");
    drop(operator);

    // The authority is one of the roots of the image: the file is found, read whole, and used.
    let heygen = HeyGen::start("root").await;
    let root = heygen.root();
    root.write(ROOTS, &format!("{}{}", root.read(ROOTS), heygen.authority.pem()));
    let operator = heygen.operator(&root, &[]);
    heygen.world.until_account("CredentialsAccepted").await;
    drop(operator);
}

/// HeyGen with a certificate of an authority of its own, and an account there.
struct HeyGen {
    world: World,
    authority: Authority,
    address: SocketAddr,
}

impl HeyGen {
    async fn start(name: &str) -> Self {
        let (world, authority) = (World::start(name).await, Authority::new());
        let simulator = world.base_url.trim_start_matches("http://").parse().unwrap();
        let address = before(simulator, authority.acceptor(NAME)).await;
        Self { world, authority, address }
    }

    /// The image, with what a node mounts into it.
    fn root(&self) -> Root {
        let root = Root::of(&OPERATOR);
        root.write("/etc/resolv.conf", &NameServer::resolv_conf());
        root.write("/kubeconfig", &std::fs::read_to_string(self.world.plane.kubeconfig()).unwrap());
        root
    }

    fn operator(&self, root: &Root, arguments: &[&str]) -> Running {
        let (namespaces, base_url) = (&self.world.namespace, format!("https://{NAME}:{}", self.address.port()));
        let own = ["/twinconsent-operator", "run", "--watch-namespaces", namespaces, "--heygen-base-url", &base_url];
        let arguments = [&own, ["--listen", "127.0.0.1:0"].as_slice(), arguments].concat();
        root.start(&arguments, &[("KUBECONFIG", "/kubeconfig")])
    }
}

/// TLS on an address of its own, before a server that does not speak it.
async fn before(server: SocketAddr, tls: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let (mut outside, mut inside) = (tls.accept(stream).await?, TcpStream::connect(server).await?);
                copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}
