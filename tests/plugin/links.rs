//! The link: one command prints it, no other does.

use serde_json::json;

use crate::plugin::Plugin;
use crate::support::scene::{AWAITING, link};
use crate::support::{Scene, eventually};
use crate::users::administrator;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_link_prints_a_link() {
    let scene = Scene::start("plugin-link").await;
    let plugin = administrator(&scene);
    scene.ask("ada", json!({})).await;
    let url = link(&scene.until_reading("ada", AWAITING).await).unwrap();
    // A restored object carries its link in an annotation as well, when it was applied with its status.
    let note = format!("kubectl.kubernetes.io/last-applied-configuration={{\"status\":{{\"url\":\"{url}\"}}}}");
    scene.plane.kubectl_ok(&["-n", &scene.namespace, "annotate", "digitaltwinconsent/ada", &note]).unwrap();

    let printed = plugin.run(&["link", "ada"]);
    assert_eq!((printed.code, printed.stdout), (0, format!("{url}\n")));
    assert!(printed.stderr.contains("presumably works until") && !printed.stderr.contains(&url), "{}", printed.stderr);
    let drawn = plugin.run(&["link", "ada", "--qr"]).done();
    assert!(drawn.ends_with(&format!("\n{url}\n")) && drawn.contains('▀') && drawn.starts_with("█████"), "{drawn}");
    let for_light = plugin.run(&["link", "ada", "--qr=light"]).done();
    assert!(for_light.starts_with("     "), "{for_light}");

    let coloured = plugin.run_with(&["link", "ada", "--qr"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]).done();
    assert!(coloured.starts_with("\u{1b}[38;5;231;48;5;231m "), "its own black and white: {coloured}");

    let others: &[&[&str]] = &[
        &["list"],
        &["list", "-o", "wide"],
        &["list", "-o", "json"],
        &["list", "-o", "name"],
        &["status", "ada"],
        &["status", "ada", "-o", "json"],
        &["wait", "ada", "--timeout=0s"],
        &["wait", "ada", "--timeout=0s", "-o", "json"],
        &["check"],
        &["check", "-o", "json"],
        &["export"],
        &["poll", "ada", "-o", "json"],
        &["version"],
        &["version", "-o", "json"],
    ];
    let token = url.rsplit('/').next().unwrap();
    for command in others {
        let ran = plugin.run(command);
        assert!(!ran.stdout.contains(token) && !ran.stderr.contains(token), "{command:?} prints the link");
        assert!(!(ran.stdout.is_empty() && ran.stderr.is_empty()), "{command:?} says something");
    }
    scene
        .plane
        .kubectl_ok(&["-n", &scene.namespace, "annotate", "digitaltwinconsent/ada", "kubectl.kubernetes.io/last-applied-configuration-"])
        .unwrap();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_a_secret_is_printed_for_readers_of_the_secret() {
    let scene = Scene::start("plugin-secret").await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    scene.until_reading("ada", AWAITING).await;
    let url = scene.simulator.group("ada").unwrap().links[0].url.clone();
    assert_eq!(administrator(&scene).run(&["link", "ada"]).done(), format!("{url}\n"));

    let namespace = ["-n", &scene.namespace];
    let kubectl = |arguments: &[&str]| scene.plane.kubectl_ok(&[&namespace, arguments].concat()).unwrap();
    kubectl(&["create", "serviceaccount", "reader"]);
    kubectl(&["create", "role", "reader", "--verb=get,list,watch", "--resource=digitaltwinconsents.twinconsent.io"]);
    kubectl(&["create", "rolebinding", "reader", "--role=reader", &format!("--serviceaccount={}:reader", scene.namespace)]);
    let kubeconfig = scene.plane.service_account_kubeconfig(&scene.namespace, "reader").unwrap();
    let reader = Plugin::new(&kubeconfig, &scene.namespace);
    // Rights take a moment to be known.
    eventually("the reader may read", || async {
        let ran = reader.run(&["status", "ada"]);
        if ran.code == 0 { Ok(()) } else { Err(ran) }
    })
    .await;
    let refused = reader.run(&["link", "ada"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
    assert!(
        refused.stderr.contains("cannot read the Secret ada-link with the link: ") && refused.stderr.contains("docs/rbac.md"),
        "{refused:?}"
    );
    let status = reader.run(&["status", "ada"]).done();
    assert!(status.contains("link stands in: the Secret ada-link") && status.contains("not visible to you"), "{status}");
    scene.end().await;
}
