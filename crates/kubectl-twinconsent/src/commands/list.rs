//! `list`: the consents, first those that wait for a person.

use clap::ValueEnum;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use twinconsent_core::api::conditions::{reasons, types};
use twinconsent_core::consent::status::{self, condition};

use crate::context::{Cluster, Context, Scope};
use crate::error::Error;
use crate::objects::{self, Consent, Unreadable};
use crate::output::{BAD, GOOD, Output, WAITING, styled};
use crate::text::plain;
use crate::times::relative;
use crate::{clock, names};

/// The arguments of `list`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// One namespace or all.
    #[command(flatten)]
    pub scope: Scope,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// More columns.
    Wide,
    /// A list of whole objects, without their links.
    Json,
    /// The name of each object, as kubectl takes it.
    Name,
}

/// Where a consent stands, in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// A person was asked and has not answered.
    Pending,
    /// A user has to act.
    Stalled,
    /// It goes on by itself.
    Underway,
    /// The twin may be used.
    Permitted,
}

/// What the list says of one consent.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    standing: Standing,
    namespace: String,
    name: String,
    reason: String,
    permitted: String,
    since: Option<Timestamp>,
    deadline: Option<Timestamp>,
    link_expires: Option<Timestamp>,
    wide: [String; 5],
}

/// Runs the command.
///
/// # Errors
/// When the API server refuses or cannot be reached.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    let namespace = context.within(args.scope);
    let wants_objects = args.output == Some(Format::Json);
    let read = |read: Result<Consent, Unreadable>| match read {
        Ok(consent) => (row(&consent), if wants_objects { consent.shown() } else { Value::Null }),
        Err(unreadable) => (unread(&unreadable), named(&unreadable)),
    };
    let mut read = objects::list(&context, namespace, read).await?;
    read.sort_by_cached_key(|(row, _)| key(row));
    match args.output {
        Some(Format::Json) => return output.json(&as_list(read.into_iter().map(|(_, object)| object).collect())),
        _ if read.is_empty() => output.note(&empty(namespace)),
        _ => {}
    }
    let rows: Vec<Row> = read.into_iter().map(|(row, _)| row).collect();
    match args.output {
        Some(Format::Name) => output.answer(&rows.iter().map(|row| names::of(&row.name)).collect::<Vec<_>>().join("\n")),
        form => output.answer(&table(&rows, namespace.is_none(), form == Some(Format::Wide), clock::now())),
    }
}

fn empty(namespace: Option<&str>) -> String {
    let place = namespace.map_or_else(|| "in this cluster".to_owned(), |namespace| format!("in the namespace {namespace}"));
    format!("There is no DigitalTwinConsent {place}.")
}

/// PURE. Pending ones first, and among them the one that has waited longest.
fn key(row: &Row) -> impl Ord + use<> {
    (row.standing, row.since.is_none(), row.since, row.namespace.clone(), row.name.clone())
}

/// PURE. What the list says of a consent.
fn row(consent: &Consent) -> Row {
    let (object, spec) = (&consent.object, &consent.object.spec);
    let status = object.status.clone().unwrap_or_default();
    let ready = condition(&status, types::READY);
    let permitted = condition(&status, types::PERMITTED).map_or("-", |condition| condition.status.as_str());
    let is_pending = status::shown(&status).is_some_and(|situation| situation.awaits());
    let standing = match permitted {
        _ if is_pending => Standing::Pending,
        _ if status::holds(&status, types::STALLED) => Standing::Stalled,
        "True" => Standing::Permitted,
        _ => Standing::Underway,
    };
    let time = |time: &Option<Time>| time.as_ref().map(|time| time.0);
    let asked = time(&status.initiation_time).filter(|_| is_pending);
    let created = || time(&object.metadata.creation_timestamp);
    let text = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), plain);
    let reference = spec.subject.as_ref().and_then(|subject| subject.reference.as_deref());
    Row {
        standing,
        namespace: consent.namespace().to_owned(),
        name: consent.name().to_owned(),
        reason: ready.map_or_else(|| "-".to_owned(), |ready| plain(&ready.reason)),
        permitted: plain(permitted),
        since: asked.or_else(|| ready.map(|ready| ready.last_transition_time.0)).or_else(created),
        deadline: status::deadline(spec, &status).filter(|_| is_pending),
        link_expires: time(&status.link_expiration_time).filter(|_| is_pending),
        wide: [
            plain(&spec.group_id),
            names::account(object),
            text(status.consent_status.as_deref()),
            text(reference),
            text(spec.valid_until.as_deref()),
        ],
    }
}

/// PURE. The same of an object that cannot be read.
fn unread(unreadable: &Unreadable) -> Row {
    Row {
        standing: Standing::Stalled,
        namespace: plain(&unreadable.namespace),
        name: plain(&unreadable.name),
        reason: reasons::UNDECODABLE.to_owned(),
        permitted: "-".to_owned(),
        since: None,
        deadline: None,
        link_expires: None,
        wide: std::array::from_fn(|_| "-".to_owned()),
    }
}

fn named(unreadable: &Unreadable) -> Value {
    json!({
        "apiVersion": names::API_VERSION, "kind": names::KIND,
        "metadata": { "namespace": unreadable.namespace, "name": unreadable.name },
    })
}

fn as_list(items: Vec<Value>) -> Value {
    let mut list = json!({ "apiVersion": "v1", "kind": "List" });
    list["items"] = Value::Array(items);
    list
}

/// PURE. The table; empty without rows.
fn table(rows: &[Row], with_namespaces: bool, is_wide: bool, now: Timestamp) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let mut header = vec!["NAME", "STATE", "SINCE", "DEADLINE", "LINK EXPIRES", "PERMITTED"];
    if with_namespaces {
        header.insert(0, "NAMESPACE");
    }
    if is_wide {
        header.extend(["GROUP", "ACCOUNT", "HEYGEN SAYS", "REFERENCE", "VALID UNTIL"]);
    }
    table.set_header(header);
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| relative(at, now));
    for row in rows {
        let mut cells = vec![row.name.clone(), row.reason.clone(), time(row.since), time(row.deadline), time(row.link_expires)];
        cells.push(row.permitted.clone());
        if with_namespaces {
            cells.insert(0, row.namespace.clone());
        }
        if is_wide {
            cells.extend(row.wide.iter().cloned());
        }
        table.add_row(cells.into_iter().map(Cell::new));
    }
    // No padding before the first column, and the space of two between others.
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.trim_fmt();
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default().to_owned();
    let coloured = lines.zip(rows).map(|(line, row)| coloured(line, row));
    std::iter::once(header).chain(coloured).collect::<Vec<_>>().join("\n")
}

/// PURE. The reason in the colour of where the consent stands. Names have no capitals, so its first occurrence is the reason.
fn coloured(line: &str, row: &Row) -> String {
    let style = match row.standing {
        Standing::Pending => WAITING,
        Standing::Stalled => BAD,
        Standing::Underway => return line.to_owned(),
        Standing::Permitted => GOOD,
    };
    line.replacen(&row.reason, &styled(style, &row.reason), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{NOW, consent};

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn pending_consents_come_first_and_the_longest_wait_before_others() {
        let rows = [
            row(&consent("permitted", "Approved", "True", |_| {})),
            row(&consent("stalled", "ConsentRefused", "False", |status| status["stalled"] = json!(true))),
            row(&consent("later", "AwaitingApproval", "False", |status| status["initiationTime"] = json!("2026-06-09T00:00:00Z"))),
            row(&consent("new", "Initiating", "False", |_| {})),
            row(&consent("first", "LinkExpired", "False", |status| status["initiationTime"] = json!("2026-06-08T00:00:00Z"))),
        ];
        let mut sorted = rows.to_vec();
        sorted.sort_by_key(key);
        let names: Vec<_> = sorted.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["first", "later", "stalled", "new", "permitted"]);
    }

    #[test]
    fn the_table_says_since_when_until_when_and_how_long_the_link_works() {
        let pending = consent("ada", "AwaitingApproval", "False", |status| {
            status["initiationTime"] = json!("2026-06-09T20:00:00Z");
            status["linkExpirationTime"] = json!("2026-06-10T20:00:00Z");
        });
        let shown = bare(&table(&[row(&pending)], false, false, now()));
        let expected = "NAME  STATE             SINCE   DEADLINE    LINK EXPIRES  PERMITTED\nada   AwaitingApproval  4h ago  in 2d 20h   in 20h        False";
        assert_eq!(squeezed(&shown), squeezed(expected));
        let wide = bare(&table(&[row(&pending)], true, true, now()));
        for part in ["NAMESPACE", "team", "ada-group", "ClusterHeyGenAccount/default", "pending", "hr-4711"] {
            assert!(wide.contains(part), "{part}: {wide}");
        }
    }

    fn squeezed(text: &str) -> Vec<Vec<&str>> {
        text.lines().map(|line| line.split_whitespace().collect()).collect()
    }

    #[test]
    fn an_object_that_cannot_be_read_is_a_row_of_its_own() {
        let unreadable = Unreadable { namespace: "team".to_owned(), name: "ada".to_owned() };
        let shown = bare(&table(&[unread(&unreadable)], false, false, now()));
        assert!(shown.lines().nth(1).unwrap().starts_with("ada   Undecodable"), "{shown}");
    }
}
