//! The whole way of a person, with the operator on a real API server: the link, the page of the simulator, the return page.

use std::time::Duration;

use heygen_simulator::{BehaviourPatch, GroupDefinition};
use serde_json::{Value, json};

use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::checks::{is_private, is_usable};
use crate::chromium::{Chromium, Tab};
use crate::support::operator::{Operator, free_address};
use crate::support::{World, eventually};

/// A world in which a person has a link, and an operator with a return page.
pub struct Asked {
    pub world: World,
    operator: Operator,
    /// The public address of the page, with a path.
    base: String,
    link: String,
}

impl Asked {
    /// One with such a consent.
    pub async fn with(mut spec: Value) -> Self {
        let world = World::start("browser").await;
        let listen = free_address();
        let base = format!("http://{listen}/back");
        let (url, listen) = (format!("--return-page-url={base}"), format!("--return-page-listen={listen}"));
        let secret = format!("--return-page-secret={}-return-page", world.namespace);
        let operator = world.operator(&[&url, &listen, &secret]).await;
        world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
        spec["groupID"] = json!("ada");
        world.consent("ada", spec).await;
        let asked = world.until("ada", "AwaitingApproval").await;
        let link = asked.status.unwrap().url.unwrap();
        Self { world, operator, base, link }
    }

    /// As the person does, until HeyGen has what it needs. The review lasts until the test ends it.
    pub async fn consents_in(&self, tab: &Tab) {
        let slow = BehaviourPatch { review_time: Some(Duration::from_secs(3600)), ..BehaviourPatch::default() };
        self.world.simulator.change_behaviour(slow).unwrap();
        tab.open(&self.link).await;
        tab.click("button.main").await;
        tab.until_headed("Your statement is recorded").await;
        tab.click("button[value=consent]").await;
    }

    fn origin(&self) -> &str {
        self.base.trim_end_matches("/back")
    }

    /// Ends everything, and searches it for secrets.
    pub async fn end(self, chromium: Chromium) {
        chromium.end().await;
        self.world.end([self.operator]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_link_to_thank_you_which_comes_by_itself() {
    let (asked, chromium) = (Asked::with(json!({})).await, Chromium::start().await);
    let tab = chromium.tab().await;
    asked.consents_in(&tab).await;
    tab.until_headed("One moment, please").await;
    assert!(tab.address().await.starts_with(&format!("{}/", asked.base)), "the person is not on the return page");
    is_usable(&tab).await;
    asked.world.simulator.approve("ada").unwrap();
    tab.until_headed("Thank you").await;
    is_usable(&tab).await;
    assert!(tab.text().await.contains("You can close this page."));
    // Of HeyGen and of the page, and nothing else.
    is_private(&tab, &[&asked.world.base_url, asked.origin()]).await;
    let seen = tab.seen();
    assert!(seen.headers.iter().any(|headers| headers.contains("no-referrer")), "no headers were seen: {seen:?}");
    assert!(!seen.headers.iter().any(|headers| headers.to_lowercase().contains("set-cookie")), "{seen:?}");
    assert!(!seen.referrers.iter().any(|referrer| referrer.contains("/consent/") || referrer.contains("/back/")), "{seen:?}");
    asked.end(chromium).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_it_can_be_read_and_says_thank_you_by_itself_as_well() {
    let (asked, chromium) = (Asked::with(json!({})).await, Chromium::start().await);
    let tab = chromium.tab().await;
    tab.without_scripts().await;
    asked.consents_in(&tab).await;
    tab.until_headed("One moment, please").await;
    assert!(tab.text().await.contains("HeyGen is checking your recording."), "{}", tab.text().await);
    asked.world.simulator.approve("ada").unwrap();
    tab.until_headed("Thank you").await;
    asked.end(chromium).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_refused_is_told_so() {
    let (asked, chromium) = (Asked::with(json!({})).await, Chromium::start().await);
    let tab = chromium.tab().await;
    asked.consents_in(&tab).await;
    tab.until_headed("One moment, please").await;
    asked.world.simulator.reject("ada").unwrap();
    tab.until_headed("Consent was not given").await;
    is_usable(&tab).await;
    is_private(&tab, &[&asked.world.base_url, asked.origin()]).await;
    asked.end(chromium).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_reroute_url_it_goes_on_there_at_once() {
    let asked = Asked::with(json!({ "rerouteURL": "https://studio.example/thanks?for=ada" })).await;
    let chromium = Chromium::start().await;
    let tab = chromium.tab().await;
    tab.stands_in_for("studio.example", "The studio").await;
    asked.consents_in(&tab).await;
    tab.until_headed("The studio").await;
    assert_eq!(tab.address().await, "https://studio.example/thanks?for=ada");
    let seen = tab.seen();
    assert!(seen.requests().iter().any(|url| url.starts_with(&asked.base)), "past the return page: {seen:?}");
    assert!(!seen.referrers.iter().any(|referrer| referrer.contains("/consent/") || referrer.contains("/back/")), "{seen:?}");
    assert_eq!(seen.complaints, [] as [String; 0]);
    let landed = |consent: &DigitalTwinConsent| consent.status.as_ref().is_some_and(|status| status.landing_time.is_some());
    asked.world.until_it("ada", "the operator knows that the person has come back", landed).await;
    asked.end(chromium).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_smuggled_into_the_page_does_nothing() {
    let (asked, chromium) = (Asked::with(json!({})).await, Chromium::start().await);
    let tab = chromium.tab().await;
    for path in ["", "/", "/AAAAAAAAAAAAAAAAAAAAAA", "/%3Cscript%3Eran=1%3C%2Fscript%3E"] {
        tab.open(&format!("{}{path}?<script>ran=1</script>#<img src=x onerror=ran=1>", asked.base)).await;
        tab.until_headed("Nothing to show").await;
        assert_eq!(tab.value("typeof ran").await, "undefined", "{path}");
        assert!(!tab.text().await.contains("ran"), "{path}: the address is repeated");
    }
    is_usable(&tab).await;

    let before = tab.seen().requests().len();
    let attempts = "(async () => {
        const add = (name, fields) => document.body.append(Object.assign(document.createElement(name), fields));
        add('script', { textContent: 'window.ran = 1' });
        add('script', { src: '/script.js' });
        add('img', { src: 'http://elsewhere.example/a.png' });
        add('iframe', { src: '/' });
        add('link', { rel: 'stylesheet', href: '/style.css' });
        add('base', { href: 'http://elsewhere.example/' });
        add('form', { action: 'http://elsewhere.example/', method: 'post' });
        document.forms[0].submit();
        const answers = await Promise.allSettled([fetch('/'), fetch('http://elsewhere.example/')]);
        await new Promise(done => setTimeout(done));
        return [typeof ran, document.baseURI === location.href, ...answers.map(answer => answer.status)];
    })()";
    assert_eq!(tab.value(attempts).await, json!(["undefined", true, "rejected", "rejected"]));
    eventually("every attempt is noted as refused by the policy", || async {
        let complaints = tab.seen().complaints.join("\n");
        let policies = ["script-src", "img-src", "frame-src", "style-src", "base-uri", "form-action", "connect-src"];
        let missing: Vec<&str> = policies.into_iter().filter(|policy| !complaints.contains(policy)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} {complaints}")) }
    })
    .await;
    eventually("nothing of it reaches the network", || async {
        let made = tab.seen().requests().split_off(before);
        if made.is_empty() { Ok(()) } else { Err(made) }
    })
    .await;

    // Nor can another page show it as its own.
    let other = chromium.tab().await;
    // Of the same site, so that both pages are in one process, whose complaints are noted.
    other.open(&format!("{}/_sim/clock", asked.world.base_url)).await;
    let frame = format!("document.body.append(Object.assign(document.createElement('iframe'), {{ src: '{}/' }}));0", asked.base);
    other.value(&frame).await;
    eventually("the page is not shown in a frame", || async {
        let complaints = other.seen().complaints.join("\n");
        if complaints.contains("frame-ancestors") { Ok(()) } else { Err(complaints) }
    })
    .await;
    asked.end(chromium).await;
}
