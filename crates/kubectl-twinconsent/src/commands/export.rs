//! `export`: the evidence, as JSON lines.
//!
//! First each consent as it stands, one line an object, then the lines of the audit log that are about these consents, as they were written
//! and in their order. `verify` takes such a file as it takes a log.

use std::path::PathBuf;

use serde_json::Value;

use crate::audit_log::Files;
use crate::context::{Cluster, Context, Scope};
use crate::error::Error;
use crate::objects::{self, Consent, Unreadable};
use crate::output::Output;

/// The arguments of `export`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The consents; all of the namespace if none is named.
    #[arg(value_name = "NAME", conflicts_with = "all_namespaces")]
    pub names: Vec<String>,

    /// Files of the audit log, the oldest first, of which the lines about these consents are added; `-` is the standard input.
    #[arg(long, value_name = "FILE")]
    pub audit_log: Vec<PathBuf>,

    /// Where.
    #[command(flatten)]
    pub scope: Scope,
}

/// Which consents: PURE.
struct Wanted<'a> {
    namespace: Option<&'a str>,
    /// All if empty.
    names: &'a [String],
}

/// Runs the command.
///
/// # Errors
/// When an object cannot be read, or one that was named is neither in the cluster nor in the log.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    let mut missing: Vec<&str> = Vec::new();
    let mut unreadable: Vec<Unreadable> = Vec::new();
    if args.names.is_empty() {
        let mut lines = Vec::new();
        let read = |consent: Result<Consent, Unreadable>| consent.map(|consent| consent.shown().to_string());
        for line in objects::list(&context, context.within(args.scope), read).await? {
            match line {
                Ok(line) => lines.push(line),
                Err(object) => unreadable.push(object),
            }
        }
        output.answer(&lines.join("\n"))?;
    }
    for name in &args.names {
        match objects::get(&context, name).await {
            Ok(consent) => output.answer(&consent.shown().to_string())?,
            // It may be gone, and in the log all the same.
            Err(error) if error == Error::no_consent(&context.namespace, name) => missing.push(name),
            Err(error) => return Err(error),
        }
    }
    let wanted = Wanted { namespace: context.within(args.scope), names: &args.names };
    let mut foreign = 0_u64;
    Files::read(&args.audit_log, |line| {
        let Some(event) = event(line) else {
            foreign += u64::from(!line.trim().is_empty());
            return Ok(());
        };
        let Some(name) = wanted.name_of(&event) else { return Ok(()) };
        missing.retain(|missing| *missing != name);
        output.answer(&without_link(line, &event))
    })?;
    if foreign > 0 {
        output.note(&format!("{foreign} lines of the log are no audit events and are left out; `kubectl twinconsent verify` names them"));
    }
    if let Some(name) = missing.first() {
        return Err(Error::no_consent(&context.namespace, name));
    }
    unreadable.into_iter().next().map_or(Ok(()), |object| Err(object.into()))
}

impl Wanted<'_> {
    /// The name of the consent that an event is about, if it is one of these; also of one that is gone.
    fn name_of<'e>(&self, event: &'e Value) -> Option<&'e str> {
        let object = &event["data"]["object"];
        let (namespace, name) = (object["namespace"].as_str()?, object["name"].as_str()?);
        let here = self.namespace.is_none_or(|wanted| wanted == namespace);
        (here && (self.names.is_empty() || self.names.iter().any(|wanted| wanted == name))).then_some(name)
    }
}

/// PURE. A line that is an audit event.
fn event(line: &str) -> Option<Value> {
    let event: Value = serde_json::from_str(line).ok()?;
    event["data"]["object"].is_object().then_some(event)
}

/// PURE. The line as it was written. What was sent to a sink may have a link, outside of the digest, and goes on without it.
fn without_link(line: &str, event: &Value) -> String {
    if event["data"].get("url").is_none() {
        return line.to_owned();
    }
    let mut event = event.clone();
    if let Some(data) = event["data"].as_object_mut() {
        data.remove("url");
    }
    event.to_string()
}

#[cfg(test)]
mod tests;
