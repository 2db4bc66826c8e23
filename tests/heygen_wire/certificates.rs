//! Which servers are believed to be HeyGen.

use std::sync::Arc;

use twinconsent::heygen::{Deadlines, ExtraRoots, HeyGen};
use twinconsent::metrics::Metrics;
use twinconsent::outcome::{Class, Outcome, Trouble};

use crate::server::{Answer, Server, answer};
use crate::tls::Authority;
use crate::{client, logged, trouble};

fn client_that_trusts(authorities: &[&Authority]) -> HeyGen {
    let bundle: String = authorities.iter().map(|authority| authority.pem()).collect();
    let roots = ExtraRoots::from_pem(bundle.as_bytes()).unwrap();
    HeyGen::with(Arc::new(Metrics::new()), Deadlines::default(), &roots).unwrap()
}

#[tokio::test]
async fn a_server_of_a_private_authority_is_accepted_with_the_authoritys_certificate_only() {
    let (ours, another) = (Authority::new(), Authority::new());
    let mut server = Server::with_tls(Answer::Bytes(answer(200, "", "{}")), ours.acceptor("127.0.0.1")).await;
    for stranger in [client(), client_that_trusts(&[&another])] {
        assert_eq!(trouble(stranger.probe(&server.credentials).await), Trouble::of(Class::Unreachable));
    }
    assert!(server.requests.try_recv().is_err(), "the key was sent to a stranger");
    assert!(logged().contains("certificate not trusted"), "{}", logged());
    for friend in [client_that_trusts(&[&ours]), client_that_trusts(&[&another, &ours])] {
        let outcome = friend.probe(&server.credentials).await;
        assert!(matches!(outcome, Outcome::Probed), "{outcome:?}");
        assert!(server.request().contains("x-api-key: sk-hunter2\r\n"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let ours = Authority::new();
    let mut server = Server::with_tls(Answer::Bytes(answer(200, "", "{}")), ours.acceptor("heygen.test")).await;
    assert_eq!(trouble(client_that_trusts(&[&ours]).probe(&server.credentials).await), Trouble::of(Class::Unreachable));
    assert!(server.requests.try_recv().is_err(), "the key was sent to a stranger");
}
