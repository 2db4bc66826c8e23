//! What the commands that change consents have in common.

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::error::Error;
use crate::names;
use crate::objects::Consent;
use crate::output::Output;

/// The annotation that says why a consent is suspended.
pub const SUSPENSION_REASON: &str = "twinconsent.io/suspension-reason";

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The changed objects as JSON, without links: one as itself, several as a list.
    Json,
    /// Their names alone.
    Name,
}

/// Which consents, and the form of the answer.
#[derive(Debug, Clone, clap::Args)]
pub struct Several {
    /// The consents.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Form>,
}

/// Changes each of several consents, and says so in the words of kubectl: `… suspended`. One that cannot be changed stops no other.
///
/// # Errors
/// When one could not be changed; of several, each is said.
pub async fn each(
    Several { names, output: form }: &Several,
    word: &str,
    output: &mut Output,
    mut change: impl AsyncFnMut(&str, &mut Output) -> Result<Consent, Error>,
) -> Result<(), Error> {
    let mut changed = Vec::new();
    let mut failed = Vec::new();
    for name in names {
        match change(name, output).await {
            Ok(consent) => {
                if let Some(line) = line(&consent, word, *form) {
                    output.answer(&line)?;
                }
                changed.push(consent.shown());
            }
            Err(error) => failed.push(error),
        }
    }
    if *form == Some(Form::Json) && !changed.is_empty() {
        output.json(&together(changed, names.len()))?;
    }
    finish(failed, names.len(), output)
}

/// PURE. The line for one that was changed.
fn line(consent: &Consent, word: &str, form: Option<Form>) -> Option<String> {
    match form {
        None => Some(format!("{} {word}", names::of(consent.name()))),
        Some(Form::Name) => Some(names::of(consent.name())),
        Some(Form::Json) => None,
    }
}

/// PURE. One object as itself, several as a list.
fn together(mut objects: Vec<Value>, asked: usize) -> Value {
    match objects.pop() {
        Some(object) if asked == 1 => object,
        last => {
            objects.extend(last);
            json!({ "apiVersion": "v1", "kind": "List", "items": objects })
        }
    }
}

fn finish(mut failed: Vec<Error>, asked: usize, output: &mut Output) -> Result<(), Error> {
    match failed.len() {
        0 => Ok(()),
        1 => failed.pop().map_or(Ok(()), Err),
        more => {
            failed.iter().for_each(|error| output.error(error));
            Err(Error::failed(format!("{more} of {asked} consents were not changed")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_is_printed_as_itself_and_several_as_a_list() {
        assert_eq!(together(vec![json!(1)], 1), json!(1));
        assert_eq!(together(vec![json!(1)], 2)["items"], json!([1]), "also when one could not be changed");
        assert_eq!(together(vec![json!(1), json!(2)], 2)["items"], json!([1, 2]));
    }
}
