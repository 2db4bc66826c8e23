//! SIGKILL and a new start while all pend: nothing is asked twice, nothing is written, nothing comes in a burst.

use crate::bench::Bench;
use crate::idle::{self, Beginning};
use crate::stage::Operator;

pub async fn run(bench: &mut Bench<'_>, operator: Operator) -> anyhow::Result<Operator> {
    if bench.settings.restart_minutes == 0.0 {
        return Ok(operator);
    }
    bench.report.phase("restart")?;
    let beginning = Beginning::now(bench)?;
    drop(operator); // SIGKILL
    let operator = bench.stage.operator().await?;
    bench.report.tell("start of the process to ready, all to be listed, s", operator.ready_after.as_secs_f64());
    bench.report.memory("operator, when ready", operator.process())?;
    idle::follow(bench, &operator, &beginning, 0.0, bench.settings.restart_minutes).await?;
    bench.report.memory("operator, afterwards", operator.process())?;
    let until = bench.heygen.now()?;
    let posts = bench.heygen.requests(beginning.simulated_ms, until)?.of("consent");
    bench.report.expect("POSTs", posts, 0);
    let writes = operator.status_writes().await?;
    bench.report.expect("status writes", writes, 0);
    Ok(operator)
}
