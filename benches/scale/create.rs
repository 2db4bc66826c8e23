//! Creation: how fast links are given, how long one takes, and what that costs.

use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::board::{self, name};
use crate::process::Spread;
use crate::stage::{NAMESPACE, Operator, consent};

/// How many objects are created at once.
pub const CREATORS: usize = 16;

/// How fast links were given, a second.
pub struct Links {
    pub overall: f64,
    pub first_tenth: f64,
    pub last_tenth: f64,
}

/// Starts the operator and lets it serve one object, whose status the raw baseline writes as well.
pub async fn first(bench: &mut Bench<'_>) -> anyhow::Result<(Operator, Value)> {
    bench.report.phase("start")?;
    let operator = bench.stage.operator().await?;
    bench.report.tell("start of the process to ready, nothing to list, s", operator.ready_after.as_secs_f64());
    create(bench, 0..1).await?;
    board::until("the first link", 1, || bench.board.linked()).await?;
    let linked = bench.stage.consents(NAMESPACE).get(&name(0)).await?;
    Ok((operator, json!(linked.status)))
}

/// Creates all objects while no operator runs, if there is to be a backlog. Returns the operator, if it is to go on.
pub async fn backlog(bench: &mut Bench<'_>, operator: Operator) -> anyhow::Result<Option<Operator>> {
    if !bench.settings.backlog {
        return Ok(Some(operator));
    }
    drop(operator);
    bench.report.phase("backlog")?;
    let (objects, began) = (bench.settings.objects, bench.board.now());
    create(bench, 1..objects).await?;
    bench.report.tell("created a second, without an operator", rate(objects - 1, bench.board.now() - began));
    Ok(None)
}

/// Links for all objects: of the backlog if no operator runs yet, or while they are created.
pub async fn run(bench: &mut Bench<'_>, operator: Option<Operator>) -> anyhow::Result<(Operator, Links)> {
    bench.report.phase("create")?;
    let objects = bench.settings.objects;
    let events = bench.events().await?;
    let began = bench.board.now();
    let (operator, used) = if let Some(operator) = operator {
        let used = processor(bench, &operator)?;
        let reported = board::until("links", objects, || bench.board.linked());
        tokio::try_join!(create(bench, 1..objects), reported)?;
        (operator, used)
    } else {
        let operator = bench.stage.operator().await?;
        let mut used = processor(bench, &operator)?;
        used[0].1 = 0.0;
        board::until("links", objects, || bench.board.linked()).await?;
        (operator, used)
    };
    let times = bench.board.all();
    let mut linked: Vec<Duration> = times.iter().skip(1).filter_map(|times| times.linked).collect();
    linked.sort_unstable();
    let asked = times.iter().filter_map(|times| times.asked).max().unwrap_or_default();
    if !bench.settings.backlog {
        bench.report.tell("created a second", rate(objects - 1, asked - began));
        let waiting = linked.iter().filter(|linked| **linked > asked).count();
        bench.report.tell("of them without a link when the last was created", waiting as f64);
        let latencies = times.iter().skip(1).filter_map(|times| times.linked?.checked_sub(times.asked?)).collect();
        bench.report.spread("create to link while others are created, as a watch sees it, ms", &Spread::of(latencies));
    }
    for ((name, before), (_, after)) in used.iter().zip(processor(bench, &operator)?) {
        bench.report.tell(&format!("processor in that time, s: {name}"), after - before);
    }
    let per_consent = (operator.process().processor()? - used[0].1) * 1000.0 / (objects - 1) as f64;
    bench.report.tell("processor of the operator for a consent, ms", per_consent);
    let links = tenths(bench, began, &linked);

    for (name, process) in bench.processes(&operator) {
        bench.report.memory(&format!("after creation: {name}"), process)?;
    }
    let writes = bench.writes(&operator).await?;
    bench.report.tell("status writes of this operator until then", writes as f64);
    let executed = bench.heygen.executed()?;
    bench.report.expect("executed POSTs", executed, objects as u64);
    let events = bench.events().await? - events;
    bench.report.tell("events of them that are there, a consent", events as f64 / (objects - 1) as f64);
    let all = bench.heygen.requests(0, u64::MAX)?;
    println!("  requests to HeyGen by kind: {:?}", all.kinds);
    bench.report.keep("requests", json!(all));
    Ok((operator, links))
}

fn tenths(bench: &mut Bench<'_>, began: Duration, linked: &[Duration]) -> Links {
    let (mut rates, mut since) = (Vec::new(), began);
    for tenth in 0..10 {
        let (from, to) = (linked.len() * tenth / 10, linked.len() * (tenth + 1) / 10);
        let until = linked[to - 1];
        rates.push(rate(to - from, until - since));
        since = until;
    }
    let overall = rate(linked.len(), since - began);
    bench.report.tell("links a second", overall);
    let shown: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
    println!("  links a second, first to last tenth of the objects: {}", shown.join(", "));
    bench.report.keep("links a second by tenths", json!(rates));
    let ceiling = bench.settings.create_rate as f64 / 60.0 / 2.0;
    bench.report.tell("the most that the account's limit allows (a poll and a POST each)", ceiling);
    Links { overall, first_tenth: rates[0], last_tenth: rates[9] }
}

fn processor(bench: &Bench<'_>, operator: &Operator) -> anyhow::Result<Vec<(&'static str, f64)>> {
    bench.processes(operator).into_iter().map(|(name, process)| Ok((name, process.processor()?))).collect()
}

async fn create(bench: &Bench<'_>, objects: std::ops::Range<usize>) -> anyhow::Result<()> {
    let api = &bench.stage.consents(NAMESPACE);
    let one = |object: usize| async move {
        let consent = consent(&name(object))?;
        bench.board.asked(object);
        api.create(&PostParams::default(), &consent).await.context("cannot create a consent")?;
        anyhow::Ok(())
    };
    futures::stream::iter(objects).map(one).buffer_unordered(CREATORS).try_collect().await
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
