//! A browser and its tabs, which note everything that their pages ask for and complain of.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chromiumoxide::cdp::IntoEventKind;
use chromiumoxide::cdp::browser_protocol::dom::ScrollIntoViewIfNeededParams;
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams, SetScriptExecutionDisabledParams};
use chromiumoxide::cdp::browser_protocol::page::CaptureScreenshotFormat;
use chromiumoxide::cdp::browser_protocol::{audits, fetch, log, network};
use chromiumoxide::cdp::js_protocol::runtime;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig, Page};
use controlplane::{Program, Tools};
use futures::StreamExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::axe;
use crate::support::eventually;

/// How long one thing may take that the browser is asked for.
const DEADLINE: Duration = Duration::from_secs(60);

/// A browser with a profile of its own.
pub struct Chromium {
    browser: Browser,
    handler: JoinHandle<()>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts it.
    pub async fn start() -> Self {
        // Unpacking it, the first time, is work for a thread of its own.
        let tools = tokio::task::spawn_blocking(|| Tools::ensure(&[Program::Chromium]).unwrap_or_else(|error| panic!("{error}")));
        let profile = TempDir::new().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(tools.await.unwrap().path(Program::Chromium))
            .user_data_dir(profile.path())
            // It shows pages of ours and no others, and a container may forbid what the sandbox is made of.
            .no_sandbox()
            // What is not on this machine does not exist, whatever a page asks for.
            .arg(("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"))
            .arg("no-proxy-server")
            .disable_https_first()
            .launch_timeout(DEADLINE)
            .request_timeout(DEADLINE)
            .build()
            .unwrap();
        let (browser, mut events) = Browser::launch(config).await.unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        let handler = tokio::spawn(async move { while events.next().await.is_some() {} });
        Self { browser, handler, _profile: profile }
    }

    /// An empty tab, as wide as a small laptop.
    pub async fn tab(&self) -> Tab {
        let page = self.browser.new_page("about:blank").await.unwrap();
        let tab = Tab { page, seen: Arc::default() };
        tab.note(|seen, event: &network::EventRequestWillBeSent| {
            seen.asked.push((event.request_id.clone(), event.request.url.clone()));
            let referrer = event.request.headers.inner()["Referer"].as_str();
            seen.referrers.extend(referrer.map(str::to_owned));
        })
        .await;
        tab.note(|seen, event: &network::EventLoadingFailed| {
            let is_blocked = event.blocked_reason == Some(network::BlockedReason::Csp);
            seen.blocked.extend(is_blocked.then(|| event.request_id.clone()));
        })
        .await;
        tab.note(|seen, event: &network::EventResponseReceivedExtraInfo| seen.headers.push(format!("{:?}", event.headers))).await;
        tab.note(|seen, event: &log::EventEntryAdded| seen.complaints.push(format!("{:?}: {}", event.entry.level, event.entry.text))).await;
        tab.note(|seen, event: &audits::EventIssueAdded| {
            let is_complaint = !is_of_the_back_button(&event.issue);
            seen.complaints.extend(is_complaint.then(|| format!("{:?}", event.issue)));
        })
        .await;
        tab.note(|seen, event: &runtime::EventConsoleApiCalled| seen.complaints.push(format!("{:?}", event.args))).await;
        tab.note(|seen, event: &runtime::EventExceptionThrown| seen.complaints.push(format!("{:?}", event.exception_details))).await;
        tab.page.execute(network::EnableParams::default()).await.unwrap();
        tab.page.execute(log::EnableParams::default()).await.unwrap();
        tab.page.execute(audits::EnableParams::default()).await.unwrap();
        tab.page.execute(runtime::EnableParams::default()).await.unwrap();
        tab.is_wide(1280).await;
        tab
    }

    /// Ends it.
    pub async fn end(mut self) {
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
        self.handler.await.unwrap();
    }
}

/// What a tab has noted.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Each request that a page wanted to make, in order.
    asked: Vec<(network::RequestId, String)>,
    /// Those that the policy of the page did not let it make.
    blocked: Vec<network::RequestId>,
    /// What a request says of the page that it comes from, if it does.
    pub referrers: Vec<String>,
    /// The headers of each answer.
    pub headers: Vec<String>,
    /// What the console says, exceptions, and what the browser itself finds wrong.
    pub complaints: Vec<String>,
}

impl Seen {
    /// The address of each request that was made, in order, but for what a page holds itself.
    pub fn requests(&self) -> Vec<String> {
        let made = self.asked.iter().filter(|(id, url)| !self.blocked.contains(id) && !url.starts_with("data:"));
        made.map(|(_, url)| url.clone()).collect()
    }
}

/// A tab.
pub struct Tab {
    page: Page,
    seen: Arc<Mutex<Seen>>,
}

impl Tab {
    async fn note<E: IntoEventKind + Debug + Unpin>(&self, mut note: impl FnMut(&mut Seen, &E) + Send + 'static) {
        let (mut events, seen) = (self.page.event_listener::<E>().await.unwrap(), Arc::clone(&self.seen));
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), &event);
            }
        });
    }

    /// What was noted so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens an address, as a click in a mail does.
    pub async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap_or_else(|error| panic!("the page does not open: {error}"));
    }

    /// Answers requests to a host itself, which does not exist, with an empty page of this title.
    pub async fn stands_in_for(&self, host: &str, title: &'static str) {
        let pattern = fetch::RequestPattern::builder().url_pattern(format!("*://{host}/*")).build();
        let mut paused = self.page.event_listener::<fetch::EventRequestPaused>().await.unwrap();
        self.page.execute(fetch::EnableParams::builder().pattern(pattern).build()).await.unwrap();
        let page = self.page.clone();
        tokio::spawn(async move {
            while let Some(request) = paused.next().await {
                let mut answer = fetch::FulfillRequestParams::new(request.request_id.clone(), 200);
                answer.body = Some(chromiumoxide::Binary::from(
                    STANDARD.encode(format!("<!doctype html><title>{title}</title><link rel=icon href=data:,>")),
                ));
                let _ = page.execute(answer).await;
            }
        });
    }

    /// Clicks what a person would click.
    pub async fn click(&self, selector: &str) {
        let clicked = async {
            let element = self.page.find_element(selector).await?;
            // `Element::click` scrolls by a script, which waits for ever where pages may run none.
            let shown = ScrollIntoViewIfNeededParams::builder().backend_node_id(element.backend_node_id).build();
            self.page.execute(shown).await?;
            self.page.click(element.clickable_point().await?).await.map(drop)
        };
        clicked.await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// The value of an expression on the page, which must have one, also where pages may run no script. A promise is awaited.
    ///
    /// A page that renews itself meanwhile is asked again.
    pub async fn value(&self, expression: &str) -> Value {
        eventually("the page answers", || self.value_now(expression)).await
    }

    async fn value_now(&self, expression: &str) -> Result<Value, String> {
        let mut evaluated = runtime::EvaluateParams::new(expression);
        evaluated.await_promise = Some(true);
        evaluated.return_by_value = Some(true);
        // While the page gives way to the next one, nothing can be asked of either, and what is under way finds no document.
        let answer = self.page.execute(evaluated).await.map_err(|error| error.to_string())?.result;
        match (answer.exception_details, answer.result.value) {
            (Some(thrown), _) => Err(format!("{expression:.200}: {thrown:?}")),
            (None, Some(value)) => Ok(value),
            (None, None) => Err(format!("{expression:.200}: no value")),
        }
    }

    /// Waits until the heading of the page is this.
    pub async fn until_headed(&self, heading: &str) {
        eventually(&format!("the page is headed {heading:?}"), || async {
            let shown = self.value_now("document.querySelector('h1')?.innerText ?? document.title").await;
            if shown == Ok(heading.into()) { Ok(()) } else { Err(format!("{shown:?}; {:?}", self.seen().complaints)) }
        })
        .await;
    }

    /// The address of the page.
    pub async fn address(&self) -> String {
        self.value("location.href").await.as_str().unwrap_or_default().to_owned()
    }

    /// All that can be read on the page.
    pub async fn text(&self) -> String {
        self.value("document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// Makes the page so many CSS pixels wide.
    pub async fn is_wide(&self, width: i64) {
        self.is_of_size(width, 800, 1.0).await;
    }

    /// Makes the page so many CSS pixels wide and high, on a screen with so many points for each.
    pub async fn is_of_size(&self, width: i64, height: i64, points: f64) {
        self.page.execute(SetDeviceMetricsOverrideParams::new(width, height, points, false)).await.unwrap();
    }

    /// Shows the page in this scheme of colours, as a person may prefer it, `light` or `dark`.
    pub async fn prefers(&self, scheme: &str) {
        self.page.emulate_media_features(vec![MediaFeature::new("prefers-color-scheme", scheme)]).await.unwrap();
    }

    /// Lets no script of a page run.
    pub async fn without_scripts(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.unwrap();
    }

    /// How many CSS pixels of the page lie beyond its right edge.
    pub async fn overflow(&self) -> i64 {
        let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.value(overflow).await.as_i64().unwrap()
    }

    /// What axe finds wrong, a line each.
    pub async fn violations(&self) -> Vec<String> {
        // In one expression: axe is gone with a page that renews itself.
        let found = self.value(&format!("{};axe.run(document, {{ resultTypes: ['violations'] }})", axe::script())).await;
        assert!(found["passes"].as_array().is_some_and(|rules| !rules.is_empty()), "axe has found nothing to check: {found}");
        let violations = found["violations"].as_array().unwrap();
        violations
            .iter()
            .map(|violation| format!("{}: {}; {}", violation["id"], violation["help"], violation["nodes"][0]["html"]))
            .collect()
    }

    /// The page as a picture, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        self.page.screenshot(ScreenshotParams::builder().format(CaptureScreenshotFormat::Png).build()).await.unwrap()
    }

    /// Shows a page that comes from nowhere.
    pub async fn shows(&self, html: &str) {
        self.open("about:blank").await;
        self.page.set_content(html).await.unwrap();
    }

    /// The names of the cookies that the browser would send to this page.
    pub async fn cookies(&self) -> Vec<String> {
        self.page.get_cookies().await.unwrap().into_iter().map(|cookie| cookie.name).collect()
    }
}

/// That the button for the page before leaves out one that renews itself: so it should.
fn is_of_the_back_button(issue: &audits::InspectorIssue) -> bool {
    let skipped = audits::GenericIssueErrorType::NavigationEntryMarkedSkippable;
    issue.details.generic_issue_details.as_ref().is_some_and(|details| details.error_type == skipped)
}
