//! `verify`: whether an audit log is as it was written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use twinconsent_core::api::consent::AuditMark;
use twinconsent_core::consent::audit::{self, Problem, Verified};

use crate::audit_log::Files;
use crate::context::{Cluster, Context, Scope};
use crate::error::Error;
use crate::objects::{self, Consent, Unreadable};
use crate::output::{BAD, FAINT, Format, GOOD, Output, styled};
use crate::text::plain;

/// The arguments of `verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The files of the log, the oldest first; `-` is the standard input. What `export` has written can be verified as well.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Also that the log has the last event of each consent in the cluster, of one namespace or of all.
    #[arg(long)]
    pub against_cluster: bool,

    /// Also that the log has the events in this file: lines of a uid, a number and a digest, which were kept elsewhere.
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,

    /// Where in the cluster.
    #[command(flatten)]
    pub scope: Scope,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
}

/// The last events that are to be in the log, by the uid of their objects.
type Marks = BTreeMap<String, AuditMark>;

/// Runs the command.
///
/// # Errors
/// Exit code 5 when something is wrong with the log; else when it cannot be read, or the cluster refuses.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    // Before the log is read: what is written meanwhile is in the log, and in no status that was read.
    let mut marks = if args.against_cluster { marks_of_cluster(&Context::of(cluster).await?, args.scope).await? } else { Marks::new() };
    let anchor = match &args.anchor {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            anchored(&text.map_err(|error| Error::failed(format!("cannot read {}: {error}", file.display())))?)?
        }
        None => Marks::new(),
    };
    let mut lines = Vec::new();
    let files = Files::read(&args.files, |line| {
        // The objects of an export name their last events; their lines stay, empty, so that the others keep their numbers.
        let exported = exported(line);
        lines.push(if exported.is_some() { String::new() } else { line.to_owned() });
        if let Some((uid, mark)) = exported.flatten() {
            marks.entry(uid).or_insert(mark);
        }
        Ok(())
    })?;
    let mut verified = audit::verify(&lines, &marks);
    if !anchor.is_empty() {
        let of_anchor = |problem: &Problem| matches!(problem, Problem::NotInLog { .. }) && !verified.problems.contains(problem);
        let more: Vec<_> = audit::verify(&lines, &anchor).problems.into_iter().filter(of_anchor).collect();
        verified.problems.extend(more);
    }
    match args.output {
        Some(Format::Json) => output.json(&as_json(&verified, &files))?,
        None => output.answer(&as_text(&verified, &files))?,
    }
    match verified.problems.len() {
        0 => Ok(()),
        1 => Err(Error::unsound("the log is not as it was written: 1 problem")),
        more => Err(Error::unsound(format!("the log is not as it was written: {more} problems"))),
    }
    .map_err(|error| error.then("docs/evidence.md says what each can mean, and who could have done it."))
}

async fn marks_of_cluster(context: &Context, scope: Scope) -> Result<Marks, Error> {
    let marks = objects::list(context, context.within(scope), |consent| consent.map(|consent| mark(&consent))).await?;
    // Of an object that cannot be read nothing could be said, and silence would say that its lines are there.
    let marks: Vec<_> = marks.into_iter().collect::<Result<_, Unreadable>>()?;
    Ok(marks.into_iter().flatten().collect())
}

/// PURE. The last event that the status of an object names, if that is one of this very object and not of another that it was restored from.
fn mark(consent: &Consent) -> Option<(String, AuditMark)> {
    let uid = consent.object.metadata.uid.clone()?;
    let mark = consent.object.status.as_ref()?.audit.clone()?;
    (mark.object_uid.as_ref() == Some(&uid)).then_some((uid, mark))
}

/// PURE. Of a line of an export that is an object: the event that it names, if it names one. `None` for any other line.
fn exported(line: &str) -> Option<Option<(String, AuditMark)>> {
    // An event has no `kind`, and to read each line twice would take twice as long.
    if !line.contains(r#""kind":"DigitalTwinConsent""#) || line.contains(r#""specversion""#) {
        return None;
    }
    Consent::read(serde_json::from_str(line).ok()?).ok().as_ref().map(mark)
}

/// PURE. Reads an anchor: of each line the uid, the number and the digest. A heading, and objects without an event, are left out.
fn anchored(text: &str) -> Result<Marks, Error> {
    let mut marks = Marks::new();
    for (number, line) in (1..).zip(text.lines()) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        match columns[..] {
            [] | ["UID", "NUMBER", "DIGEST"] | [_, "<none>", "<none>"] => {}
            [uid, sequence, digest] if sequence.parse::<i64>().is_ok() && digest.starts_with("sha256:") => {
                let mark = AuditMark { sequence: sequence.parse().unwrap_or_default(), digest: digest.to_owned(), ..AuditMark::default() };
                marks.insert(uid.to_owned(), mark);
            }
            _ => {
                return Err(Error::failed(format!("line {number} of the anchor is not a uid, a number and a digest"))
                    .then("docs/evidence.md shows how an anchor is made."));
            }
        }
    }
    Ok(marks)
}

/// PURE. For people.
fn as_text(verified: &Verified, files: &Files) -> String {
    let Verified { events, objects, unconfirmed, problems } = verified;
    let mut lines: Vec<String> = problems.iter().map(|problem| plain(&problem.described(|line| files.named(line)))).collect();
    let verdict = if problems.is_empty() { styled(GOOD, "nothing is wrong") } else { styled(BAD, &format!("{} wrong", problems.len())) };
    lines.push(format!("{events} events of {objects} objects: {verdict}"));
    let superseded = unconfirmed.iter().filter(|unconfirmed| unconfirmed.superseded).count();
    let last = unconfirmed.len() - superseded;
    if last > 0 {
        let note = format!("{last} unconfirmed: the last of an object, which no later line and no status that was given names");
        lines.push(styled(FAINT, &note));
    }
    if superseded > 0 {
        let note = format!("{superseded} unconfirmed: beside a confirmed one, for a status that was never written; they do not count");
        lines.push(styled(FAINT, &note));
    }
    lines.join("\n")
}

/// PURE. For programs.
fn as_json(verified: &Verified, files: &Files) -> Value {
    let place = |line: u64| {
        let (file, line) = files.place(line);
        json!({ "file": file, "line": line })
    };
    let problem = |problem: &Problem| {
        let text = problem.described(|line| files.named(line));
        let mut said = problem.line().map_or_else(|| json!({}), place);
        said["problem"] = <&str>::from(problem).into();
        said["message"] = text.into();
        said
    };
    let unconfirmed = |unconfirmed: &audit::Unconfirmed| {
        let mut said = place(unconfirmed.line);
        said["id"] = unconfirmed.id.clone().into();
        said["superseded"] = unconfirmed.superseded.into();
        said
    };
    json!({
        "events": verified.events,
        "objects": verified.objects,
        "problems": verified.problems.iter().map(problem).collect::<Vec<_>>(),
        "unconfirmed": verified.unconfirmed.iter().map(unconfirmed).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
