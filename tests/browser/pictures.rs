//! The pictures of the documents: the return page, and the plugin in a terminal. `make pictures` writes them to `docs/pictures/`;
//! a test makes them all the same, and sees whether they are there.

use anstyle_svg::{Term, WIN10_CONSOLE};
use heygen_simulator::GroupDefinition;
use serde_json::json;

use crate::chromium::{Chromium, Tab};
use crate::plugin::Plugin;
use crate::return_page::Asked;
use crate::support::World;

/// The largest picture, in bytes: a page with all of them loads in a second over a slow line.
const LARGEST: usize = 200_000;

/// Keeps a picture if it is asked for, and else sees whether there is one.
fn keep(name: &str, png: &[u8]) {
    assert!(png.starts_with(b"\x89PNG") && png.len() < LARGEST, "{name} has {} bytes", png.len());
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures").join(name);
    if std::env::var_os("TWINCONSENT_GENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, png).unwrap();
    }
    assert!(path.exists(), "{} is not there: run `make pictures`", path.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_return_page() {
    let (asked, chromium) = (Asked::with(json!({})).await, Chromium::start().await);
    let tab = chromium.tab().await;
    asked.consents_in(&tab).await;
    tab.until_headed("One moment, please").await;
    tab.is_of_size(360, 400, 2.0).await;
    tab.prefers("dark").await;
    keep("return-page-on-a-phone.png", &tab.picture().await);
    asked.world.simulator.approve("ada").unwrap();
    tab.until_headed("Thank you").await;
    tab.is_of_size(720, 300, 2.0).await;
    tab.prefers("light").await;
    keep("return-page.png", &tab.picture().await);
    asked.end(chromium).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_terminal() {
    let (world, chromium) = (World::start("studio").await, Chromium::start().await);
    let operator = world.operator(&[]).await;
    for (name, group) in [("ada", "5f2c8e0b9d3a4c71ada"), ("grace", "5f2c8e0b9d3a4c71grace"), ("hedy", "5f2c8e0b9d3a4c71hedy")] {
        world.simulator.create_group(GroupDefinition::twin(group)).unwrap();
        world.consent(name, json!({ "groupID": group })).await;
        world.until(name, "AwaitingApproval").await;
    }
    world.simulator.approve("5f2c8e0b9d3a4c71ada").unwrap();
    world.until("ada", "Approved").await;
    world.simulator.reject("5f2c8e0b9d3a4c71hedy").unwrap();
    world.until("hedy", "ConsentRefused").await;
    let plugin = Plugin::new(world.plane.kubeconfig(), &world.namespace);
    let tab = chromium.tab().await;
    for (name, command) in [("list.png", "list"), ("status.png", "status grace"), ("link.png", "link grace --qr")] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let printed = plugin.run_with(&arguments, &[("CLICOLOR_FORCE", "1")]).done();
        keep(name, &terminal(&tab, &format!("$ kubectl twinconsent {command}\n{printed}")).await);
    }
    chromium.end().await;
    world.end([operator]).await;
}

/// A terminal that shows this. Its font is as high as its lines, so that the blocks of a QR code meet.
async fn terminal(tab: &Tab, text: &str) -> Vec<u8> {
    // Of two colours in one sequence, the library takes the first alone.
    let text = text.trim_end().replace(";48;5;", "m\u{1b}[48;5;");
    let svg = Term::new().palette(WIN10_CONSOLE).render_svg(&text).replace("14px", "15.46px");
    tab.shows(&format!("<style>body {{ margin: 0; background: #0c0c0c }} svg {{ display: block; overflow: visible }}</style>{svg}")).await;
    let box_of_text = "(box => [box.x + box.width, box.y + box.height])(document.querySelector('text').getBBox())";
    let corner: [f64; 2] = serde_json::from_value(tab.value(box_of_text).await).unwrap();
    let [width, height] = corner.map(|length| format!("{:.0}", length + 12.0).parse().unwrap());
    tab.is_of_size(width, height, 1.5).await;
    tab.picture().await
}
