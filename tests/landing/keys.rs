//! The key of the tokens: made by the operator, replaced by hand.

use std::path::Path;
use std::process::Command;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::page::{Replica, SECRET, Scene};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_once_and_may_be_replaced_while_links_are_out() {
    let scene = Scene::start("rotated").await;
    let replica = scene.operator().await;
    let old = scene.ask(&replica, "ada", json!({})).await;
    let made = scene.secrets().get(SECRET).await.unwrap().data.unwrap();
    assert_eq!((made.len(), made["current"].0.len()), (1, 32), "a key of 32 bytes, and none before it");

    replace_as_documented(&scene).await;
    let replaced = scene.secrets().get(SECRET).await.unwrap().data.unwrap();
    assert_eq!(replaced["previous"], made["current"]);
    let new = until_new(&scene, &replica, "bob").await;
    assert_eq!(replica.get(&old).await.status, 200, "the previous key is known");

    replace_as_documented(&scene).await;
    until_unknown(&replica, &old).await;
    assert_eq!(replica.get(&new).await.status, 200, "it was the current one before");

    // What cannot be used changes nothing.
    replace(&scene, json!({ "current": "c2hvcnQ=", "previous": null })).await;
    eventually("the operator complains", || async {
        let log = replica.operator.log();
        if log.contains("it must have at least 32 bytes under `current`") { Ok(()) } else { Err("no complaint") }
    })
    .await;
    assert_eq!(replica.get(&new).await.status, 200);
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_persons_are_asked_all_the_same() {
    let scene = Scene::start("keyless").await;
    let unusable = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": SECRET }, "stringData": { "current": "short" } });
    scene.secrets().create(&kube::api::PostParams::default(), &serde_json::from_value(unusable).unwrap()).await.unwrap();
    let replica = scene.operator().await;
    scene.simulator.create_group(heygen_simulator::GroupDefinition::twin("ada")).unwrap();
    scene.consent("ada", json!({ "groupID": "ada" })).await;
    scene.until("ada", "AwaitingApproval").await;
    assert_eq!(scene.simulator.group("ada").unwrap().links[0].reroute_url, None, "to HeyGen's own end page");
    assert_eq!(replica.get("/back/AAAAAAAAAAAAAAAAAAAAAA").await.status, 503, "which tokens there are is not known");
    scene.end([replica]).await;
}

/// Runs what `docs/return-page.md` says, in the namespace of this world.
async fn replace_as_documented(scene: &Scene) {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/return-page.md")).unwrap();
    let block = page.split_once("<!-- run: by tests/landing/keys.rs -->\n```sh\n").unwrap().1.split_once("```").unwrap().0;
    let script = block.replace("twinconsent-system", &scene.namespace);
    let kubectl = scene.plane.kubectl();
    let folder = Path::new(kubectl.get_program()).parent().unwrap();
    let mut shell = Command::new("bash");
    for (name, value) in kubectl.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let ran = shell.args(["-euc", &script]).env("PATH", path).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

async fn replace(scene: &Scene, data: Value) {
    scene.secrets().patch(SECRET, &PatchParams::default(), &Patch::Merge(json!({ "data": data }))).await.unwrap();
}

/// Asks a person once the replaced key is in use. Returns the path of its token.
async fn until_new(scene: &Scene, replica: &Replica, name: &str) -> String {
    // Until the key was read again, new requests have tokens of the one before: those are known in any case.
    eventually("the new key is in use", || async {
        let count = replica.operator.log().matches("the keys of the return page are in use").count();
        if count >= 2 { Ok(()) } else { Err(count) }
    })
    .await;
    scene.ask(replica, name, json!({})).await
}

async fn until_unknown(replica: &Replica, path: &str) {
    eventually("the token is unknown", || async {
        let answer = replica.get(path).await;
        if answer.status == 404 { Ok(()) } else { Err(answer.status) }
    })
    .await;
}
