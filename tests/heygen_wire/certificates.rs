//! Which servers are believed to be HeyGen.

use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use twinconsent::heygen::{Deadlines, ExtraRoots, HeyGen};
use twinconsent::process::metrics::Metrics;
use twinconsent::process::proxies::Proxies;
use twinconsent_core::consent::outcome::{Check, FaultKind, Outcome};

use crate::server::{Answer, Server, answer};
use crate::tls::Authority;
use crate::{client, logged, unreachable};

pub fn client_that_trusts(authorities: &[&Authority]) -> HeyGen {
    let bundle: String = authorities.iter().map(|authority| authority.pem()).collect();
    let roots = ExtraRoots::from_pem(bundle.as_bytes()).unwrap();
    HeyGen::with(Arc::new(Metrics::new()), Deadlines::default(), &roots, Proxies::default()).unwrap()
}

#[tokio::test]
async fn a_server_of_a_private_authority_is_accepted_with_the_authoritys_certificate_only() {
    let (ours, another) = (Authority::new(), Authority::new());
    let mut server = Server::with_tls(Answer::Bytes(answer(200, "", "{}")), ours.acceptor("127.0.0.1")).await;
    for stranger in [client(), client_that_trusts(&[&another])] {
        assert_eq!(unreachable(stranger.probe(&server.credentials).await), FaultKind::Certificate(Check::Issuer));
    }
    assert!(server.requests.try_recv().is_err(), "the key was sent to a stranger");
    assert!(logged().contains("certificate of an unknown issuer"), "{}", logged());
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
    let outcome = client_that_trusts(&[&ours]).probe(&server.credentials).await;
    assert_eq!(unreachable(outcome), FaultKind::Certificate(Check::Name));
    assert!(server.requests.try_recv().is_err(), "the key was sent to a stranger");
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_only_has_the_name_of_ours_is_refused() {
    let (ours, forged) = (Authority::called("ours"), Authority::called("ours"));
    let mut server = Server::with_tls(Answer::Bytes(answer(200, "", "{}")), forged.acceptor("127.0.0.1")).await;
    let outcome = client_that_trusts(&[&ours]).probe(&server.credentials).await;
    assert_eq!(unreachable(outcome), FaultKind::Certificate(Check::Signature));
    assert!(server.requests.try_recv().is_err(), "the key was sent to a stranger");
}

#[tokio::test]
async fn a_certificate_is_refused_before_and_after_its_time_and_when_it_is_not_for_servers() {
    let ours = Authority::new();
    let like = |change: fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        params
    };
    for (params, check) in [
        (like(|params| params.not_after = date_time_ymd(2001, 1, 1)), Check::Expired),
        (like(|params| params.not_before = date_time_ymd(4001, 1, 1)), Check::NotYetValid),
        (like(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]), Check::Purpose),
    ] {
        let mut server = Server::with_tls(Answer::Bytes(answer(200, "", "{}")), ours.vouch_for(&params)).await;
        let outcome = client_that_trusts(&[&ours]).probe(&server.credentials).await;
        assert_eq!(unreachable(outcome), FaultKind::Certificate(check));
        assert!(server.requests.try_recv().is_err(), "the key was sent to a stranger");
    }
}
