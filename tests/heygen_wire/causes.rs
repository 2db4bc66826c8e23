//! What an account will say of an answer that did not come: each kind of trouble on a real connection, with and without a proxy.

use std::sync::Arc;
use std::time::Duration;

use rcgen::CertificateParams;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use twinconsent::heygen::{Credentials, Deadlines, ExtraRoots, HeyGen};
use twinconsent::process::metrics::Metrics;
use twinconsent::process::proxies::Proxies;
use twinconsent_core::consent::outcome::{Check, Class, FaultKind, Outcome};

use crate::nowhere;
use crate::server::{Answer, Server, answer};
use crate::tls::Authority;
use crate::{logged, trouble};

/// What stands in the URLs of proxies, and nowhere else.
const PASSWORD: &str = "proxy-hunter2";

/// What came of a probe of `base_url` with this `ALL_PROXY`: the kind of trouble, whether it is the proxy's, and what the account says.
async fn shown(base_url: &str, proxy: Option<&str>, roots: &ExtraRoots, connect: Duration) -> (FaultKind, bool, String) {
    let variables = |name: &str| proxy.filter(|_| name == "ALL_PROXY").map(Into::into);
    let (proxies, _) = Proxies::from_variables(variables).unwrap();
    let deadlines = Deadlines { connect, read: PATIENT, ..Deadlines::default() };
    let client = HeyGen::with(Arc::new(Metrics::new()), deadlines, roots, proxies).unwrap();
    let credentials = Credentials { base_url: base_url.parse().unwrap(), ..Server::saying(200, "", "").await.credentials };
    let trouble = trouble(client.probe(&credentials).await);
    assert_eq!((trouble.class, trouble.status), (Class::Unreachable, None));
    let fault = trouble.fault.as_ref().unwrap();
    let said = trouble.cause().unwrap().to_string();
    for secret in ["v3", "users", "hunter2"] {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(said.starts_with("HeyGen cannot be reached: ") && said.lines().count() == 1, "{said}");
    (fault.kind, fault.at_proxy, said)
}

/// Longer than anything takes that is not about a deadline.
const PATIENT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_name_that_no_server_knows_is_dns_of_heygen_or_of_the_proxy() {
    let none = ExtraRoots::default();
    let (heygen, proxy) = (nowhere::by_name("heygen"), nowhere::by_name("proxy"));
    // Without TLS, which takes no such name.
    let (kind, _, said) = shown(&format!("http://{heygen}:8443/some/path"), None, &none, PATIENT).await;
    assert_eq!(kind, FaultKind::Unresolved);
    assert!(said.ends_with(&format!("the name {heygen} cannot be resolved (DNS)")), "{said}");
    for base_url in ["https://heygen.test", "http://heygen.test"] {
        let (kind, at_proxy, said) = shown(base_url, Some(&format!("http://u:{PASSWORD}@{proxy}:3128")), &none, PATIENT).await;
        assert_eq!((kind, at_proxy), (FaultKind::Unresolved, true));
        assert!(said.ends_with(&format!("the name of the proxy {proxy} cannot be resolved (DNS)")), "{said}");
    }
    // This proxy is asked for an address, not for the name.
    let (_taken, address) = nowhere::at_an_address();
    let (kind, at_proxy, _) = shown(&format!("http://{heygen}"), Some(&format!("socks5://{address}")), &none, PATIENT).await;
    assert_eq!((kind, at_proxy), (FaultKind::Unresolved, false));
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_heygens_or_the_proxys() {
    let none = ExtraRoots::default();
    let (_taken, address) = nowhere::at_an_address();
    let (kind, _, said) = shown(&format!("https://{address}"), None, &none, PATIENT).await;
    assert_eq!((kind, said.as_str()), (FaultKind::Refused, format!("HeyGen cannot be reached: {address} refuses the connection").as_str()));
    for (scheme, expected) in [("http", FaultKind::Refused), ("https", FaultKind::Refused), ("socks5h", FaultKind::Unconnected)] {
        for base_url in ["https://heygen.test", "http://heygen.test"] {
            let (kind, at_proxy, said) = shown(base_url, Some(&format!("{scheme}://u:{PASSWORD}@{address}")), &none, PATIENT).await;
            assert_eq!((kind, at_proxy), (expected, true), "{scheme}, {base_url}: {said}");
            assert!(said.contains(&format!("the proxy {address}")), "{said}");
        }
    }
}

#[tokio::test]
async fn a_network_that_knows_no_way_and_a_server_that_ends_tls_are_told_as_that() {
    let none = ExtraRoots::default();
    // No connection leads to a broadcast address.
    let (kind, _, said) = shown("https://255.255.255.255", None, &none, PATIENT).await;
    assert_eq!((kind, said.as_str()), (FaultKind::NoRoute, "HeyGen cannot be reached: there is no route to 255.255.255.255"));
    // The alert "handshake failure".
    let mut server = Server::blurting("\x15\x03\x03\x00\x02\x02\x28").await;
    server.credentials.base_url.set_scheme("https").unwrap();
    let (kind, _, said) = shown(server.credentials.base_url.as_str(), None, &none, PATIENT).await;
    assert_eq!(kind, FaultKind::Tls, "{said}");
}

#[tokio::test]
async fn what_a_proxy_says_instead_of_leading_to_heygen_is_the_proxys_trouble() {
    let wants_a_user = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    for (base_url, said, expected) in [
        ("https://heygen.test", wants_a_user, FaultKind::ProxyAuthentication),
        ("http://heygen.test", wants_a_user, FaultKind::ProxyAuthentication),
        ("https://heygen.test", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", FaultKind::ProxyRefuses),
        ("https://heygen.test", "HTTP/1.1 502 Bad Gateway\r\n\r\n", FaultKind::ProxyRefuses),
        ("https://heygen.test", "this is not HTTP\r\n\r\n", FaultKind::ProxyRefuses),
        ("https://heygen.test", "", FaultKind::BrokenOff),
    ] {
        let proxy = Server::with(Answer::Bytes(said.as_bytes().to_vec())).await.credentials.base_url;
        let address = format!("{}:{}", proxy.host_str().unwrap(), proxy.port().unwrap());
        let (kind, at_proxy, shown) =
            shown(base_url, Some(&format!("http://u:{PASSWORD}@{address}")), &ExtraRoots::default(), PATIENT).await;
        assert_eq!((kind, at_proxy), (expected, true), "{said}: {shown}");
        assert!(shown.contains(&format!("the proxy {address}")), "{shown}");
    }
    assert!(!logged().contains(PASSWORD), "the proxy's password was logged");
}

#[tokio::test]
async fn each_spelling_of_an_exception_goes_past_a_real_proxy_or_through_it() {
    for (entry, is_direct) in [
        ("*", true),
        ("invalid", true),
        (".invalid", true),
        ("*.invalid", true),
        ("*.heygen.invalid", true),
        ("*.a.heygen.invalid", false),
        ("A.HeyGen.Invalid.", true),
        ("a.heygen.invalid:8443", true),
        ("a.heygen.invalid:443", false),
        ("*.invalid:8443", true),
        ("b other.test\ta.heygen.invalid", true),
        ("eygen.invalid", false),
        ("https://a.heygen.invalid:8443", false),
        ("*heygen.invalid", false),
        ("", false),
    ] {
        let mut proxy = Server::saying(403, "", "").await;
        let url = proxy.credentials.base_url.to_string();
        let variables = |name: &str| match name {
            "HTTPS_PROXY" => Some(url.clone().into()),
            "NO_PROXY" => Some(entry.into()),
            _ => None,
        };
        let (proxies, _) = Proxies::from_variables(variables).unwrap();
        let deadlines = Deadlines { connect: PATIENT, read: PATIENT, ..Deadlines::default() };
        let client = HeyGen::with(Arc::new(Metrics::new()), deadlines, &ExtraRoots::default(), proxies).unwrap();
        let credentials = Credentials { base_url: "https://a.heygen.invalid:8443".parse().unwrap(), ..proxy.credentials.clone() };
        let fault = trouble(client.probe(&credentials).await).fault.unwrap();
        let expected = if is_direct { (FaultKind::Unresolved, false) } else { (FaultKind::ProxyRefuses, true) };
        assert_eq!((fault.kind, fault.proxy.is_some()), expected, "{entry}");
        assert_eq!(proxy.requests.try_recv().is_err(), is_direct, "{entry}");
    }
}

#[tokio::test]
async fn a_proxy_that_never_answers_is_given_up_at_the_connect_deadline() {
    let proxy = Server::with(Answer::Stall(Vec::new())).await.credentials.base_url;
    let (kind, _, said) = shown("https://heygen.test", Some(proxy.as_str()), &ExtraRoots::default(), Duration::from_millis(300)).await;
    assert_eq!(kind, FaultKind::ConnectDeadline);
    assert!(said.contains("connecting to heygen.test through the proxy 127.0.0.1:"), "{said}");
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_the_proxys_or_heygens() {
    let (ours, another) = (Authority::new(), Authority::new());
    let roots = ExtraRoots::from_pem(ours.pem().as_bytes()).unwrap();
    // The proxy cannot prove its name.
    let proxy = Server::with_tls(Answer::Bytes(answer(200, "", "")), another.acceptor("127.0.0.1")).await.credentials.base_url;
    let (kind, at_proxy, said) = shown("https://heygen.test", Some(proxy.as_str()), &roots, PATIENT).await;
    assert_eq!((kind, at_proxy), (FaultKind::Certificate(Check::Issuer), true), "{said}");
    // It does not even speak TLS.
    let mut proxy = Server::blurting("HTTP/1.1 400 Bad Request\r\n\r\n").await.credentials.base_url;
    proxy.set_scheme("https").unwrap();
    let (kind, at_proxy, said) = shown("https://heygen.test", Some(proxy.as_str()), &roots, PATIENT).await;
    assert_eq!((kind, at_proxy), (FaultKind::NotTls, true), "{said}");
    // HeyGen cannot prove its name, behind a proxy of each kind.
    let mut expired = CertificateParams::new(vec!["heygen.test".to_owned()]).unwrap();
    expired.not_after = rcgen::date_time_ymd(2001, 1, 1);
    for (acceptor, check) in [
        (another.acceptor("heygen.test"), Check::Issuer),
        (ours.acceptor("other.test"), Check::Name),
        (ours.vouch_for(&expired), Check::Expired),
    ] {
        let heygen = Server::with_tls(Answer::Bytes(answer(200, "", "{}")), acceptor).await;
        let socks = Socks::leading_to(&heygen, Door::Open).await;
        let (kind, at_proxy, said) = shown("https://heygen.test", Some(&format!("socks5h://{}", socks.address)), &roots, PATIENT).await;
        assert_eq!((kind, at_proxy), (FaultKind::Certificate(check), false), "{said}");
        assert!(said.contains("the certificate of heygen.test is not accepted"), "{said}");
    }
}

#[tokio::test]
async fn a_socks_proxy_is_told_the_name_and_the_password_and_leads_to_heygen() {
    let ours = Authority::new();
    let roots = ExtraRoots::from_pem(ours.pem().as_bytes()).unwrap();
    let mut heygen = Server::with_tls(Answer::Bytes(answer(200, "", "{}")), ours.acceptor("heygen.test")).await;
    let mut socks = Socks::leading_to(&heygen, Door::Password).await;
    let url = format!("socks5h://u:proxy-hunter2%23@{}", socks.address);
    let (proxies, _) = Proxies::from_variables(|name| (name == "https_proxy").then(|| (&url).into())).unwrap();
    let client = HeyGen::with(Arc::new(Metrics::new()), Deadlines::default(), &roots, proxies).unwrap();
    let credentials = Credentials { base_url: "https://heygen.test".parse().unwrap(), ..heygen.credentials.clone() };
    let outcome = client.probe(&credentials).await;
    assert!(matches!(outcome, Outcome::Probed), "{outcome:?}");
    assert!(heygen.request().contains("x-api-key: sk-hunter2\r\n"));
    assert_eq!(socks.shown.recv().await.unwrap(), ("u:proxy-hunter2#".to_owned(), "heygen.test:443".to_owned()));
}

#[tokio::test]
async fn what_a_socks_proxy_refuses_is_the_proxys_trouble() {
    let heygen = Server::saying(200, "", "{}").await;
    for (door, user, expected) in [
        (Door::Password, "", FaultKind::ProxyAuthentication),
        (Door::WrongPassword, "u:proxy-hunter2@", FaultKind::ProxyAuthentication),
        (Door::Shut, "", FaultKind::ProxyRefuses),
    ] {
        let socks = Socks::leading_to(&heygen, door).await;
        let url = format!("socks5h://{user}{}", socks.address);
        let (kind, at_proxy, said) = shown("https://heygen.test", Some(&url), &ExtraRoots::default(), PATIENT).await;
        assert_eq!((kind, at_proxy), (expected, true), "{door:?}: {said}");
    }
}

/// Which clients a SOCKS proxy lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Every client.
    Open,
    /// Those with a password, whichever.
    Password,
    /// None: the password is wrong.
    WrongPassword,
    /// None: the rules do not allow it.
    Shut,
}

/// A SOCKS 5 proxy (RFC 1928, with passwords by RFC 1929) that leads every client to one server.
struct Socks {
    address: std::net::SocketAddr,
    /// User and password, and where to.
    shown: tokio::sync::mpsc::UnboundedReceiver<(String, String)>,
}

impl Socks {
    async fn leading_to(server: &Server, door: Door) -> Self {
        let target = server.credentials.base_url.socket_addrs(|| None).unwrap()[0];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, shown) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move { drop(lead(stream, target, door, sender).await) });
            }
        });
        Self { address, shown }
    }
}

async fn lead(
    mut client: TcpStream,
    target: std::net::SocketAddr,
    door: Door,
    shown: tokio::sync::mpsc::UnboundedSender<(String, String)>,
) -> std::io::Result<()> {
    let _version = client.read_u8().await?;
    let methods = counted(&mut client).await?;
    let wants_password = matches!(door, Door::Password | Door::WrongPassword);
    if wants_password && !methods.contains(&2) {
        return client.write_all(&[5, 0xff]).await;
    }
    client.write_all(&[5, if wants_password { 2 } else { 0 }]).await?;
    let mut user = String::new();
    if wants_password {
        let _version = client.read_u8().await?;
        let (name, password) = (counted(&mut client).await?, counted(&mut client).await?);
        user = format!("{}:{}", String::from_utf8(name).unwrap(), String::from_utf8(password).unwrap());
        client.write_all(&[1, u8::from(door == Door::WrongPassword)]).await?;
    }
    // Version, command, reserved; then the name, which alone has a length.
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    assert_eq!(head, [5, 1, 0, 3], "not asked to connect to a name");
    let name = String::from_utf8(counted(&mut client).await?).unwrap();
    let _ = shown.send((user, format!("{name}:{}", client.read_u16().await?)));
    client.write_all(&[5, if door == Door::Shut { 2 } else { 0 }, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if door != Door::Shut {
        copy_bidirectional(&mut client, &mut TcpStream::connect(target).await?).await?;
    }
    Ok(())
}

/// Bytes with their number before them.
async fn counted(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
