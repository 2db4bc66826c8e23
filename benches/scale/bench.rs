//! What every phase works with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::board::Board;
use crate::heygen::HeyGen;
use crate::process::Process;
use crate::report::Report;
use crate::settings::Settings;
use crate::sink::Sink;
use crate::stage::{NAMESPACE, Operator, Stage};

/// What is not to be waited for any longer, such as the last event.
const SETTLE: Duration = Duration::from_secs(300);

/// How long nothing must change to count as settled.
const STILL: Duration = Duration::from_secs(3);

pub struct Bench<'a> {
    pub settings: Settings,
    // Dropped before the API server that it watches.
    _watch: AbortOnDropHandle<()>,
    pub stage: Stage,
    pub heygen: HeyGen,
    pub sink: Sink,
    pub board: Arc<Board>,
    pub report: &'a mut Report,
}

impl<'a> Bench<'a> {
    pub async fn set(settings: Settings, report: &'a mut Report) -> anyhow::Result<Self> {
        println!("{} consents; {}", settings.objects, settings.as_json());
        let heygen = HeyGen::start(settings.objects)?;
        let mut stage = Stage::set(&heygen.base_url).await?;
        let sink = Sink::start().await?;
        if settings.sinks >= 1 {
            stage.sink("alive", &sink.url);
        }
        if settings.sinks >= 2 {
            // Nothing listens on a port of loopback that was given back.
            stage.sink("dead", &format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?));
        }
        stage.account(settings.create_limit()).await?;
        let (board, watch) = Board::start(stage.client.clone(), settings.objects);
        Ok(Self { settings, _watch: watch, stage, heygen, sink, board, report })
    }

    /// Changes the account, and waits until every consent has taken note.
    pub async fn pace(&self, operator: &Operator, account: Value) -> anyhow::Result<()> {
        self.stage.account(account).await?;
        settled(async || operator.reconciles().await).await?;
        Ok(())
    }

    /// Status writes on consents since the operator started, once there are no more for now.
    pub async fn writes(&self, operator: &Operator) -> anyhow::Result<u64> {
        settled(async || operator.status_writes().await).await
    }

    /// Events in the namespace, once there are no more for now.
    pub async fn events(&self) -> anyhow::Result<u64> {
        let api: Api<Event> = Api::namespaced(self.stage.client.clone(), NAMESPACE);
        settled(async || {
            // One is listed, and the server says how many are left.
            let page = api.list_metadata(&ListParams::default().limit(1)).await?;
            let rest = page.metadata.remaining_item_count.unwrap_or(0);
            Ok(page.items.len() as u64 + u64::try_from(rest)?)
        })
        .await
    }

    /// The processes that share the machine, by their names.
    pub fn processes(&self, operator: &Operator) -> Vec<(&'static str, Process)> {
        let mut processes = vec![("operator", operator.process())];
        processes.extend(["etcd", "API server"].into_iter().zip(self.stage.plane.pids().into_iter().map(Process)));
        processes.extend([("simulator", self.heygen.process()), ("bench", Process::own())]);
        processes
    }
}

/// A count, once it has not changed for a while.
async fn settled(count: impl AsyncFn() -> anyhow::Result<u64>) -> anyhow::Result<u64> {
    let began = Instant::now();
    let (mut last, mut moved) = (count().await?, Instant::now());
    while moved.elapsed() < STILL && began.elapsed() < SETTLE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = count().await?;
        if now != last {
            (last, moved) = (now, Instant::now());
        }
    }
    Ok(last)
}
