//! PURE. Reads as much of a value as can be read: what cannot is cut out, and counts as absent.
//!
//! The smallest part goes first: a field, then the entry of a list that cannot do without it, then what stands around that. A value with
//! very many wrong parts loses the whole field that they stand in, so that no text costs more than a few dozen readings.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

/// How many cuts are made inside one field of the value before the field goes as a whole.
const CUTS: usize = 4;

/// Reads `value` without what cannot be read.
pub(super) fn prune<T: DeserializeOwned + Default>(mut value: Value) -> T {
    let mut cuts: HashMap<String, usize> = HashMap::new();
    loop {
        let error = match serde_path_to_error::deserialize(&value) {
            Ok(read) => return read,
            Err(error) => error,
        };
        let path: Vec<&Segment> = error.path().iter().collect();
        let Some(Segment::Map { key: field }) = path.first() else { return T::default() };
        let made = cuts.entry(field.clone()).or_default();
        *made += 1;
        let depth = if *made > CUTS { 1 } else { path.len() };
        if !cut(&mut value, &path[..depth]) {
            return T::default();
        }
    }
}

/// Drops the fields of an object whose text is longer than `longest` bytes.
pub(super) fn without_long_fields(mut value: Value, longest: usize) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| field.to_string().len() <= longest);
    }
    value
}

/// Cuts out the deepest part of `path` that is there. Returns whether any was.
fn cut(value: &mut Value, path: &[&Segment]) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    match (step, value) {
        (Segment::Map { key }, Value::Object(fields)) => {
            let Some(inner) = fields.get_mut(key) else { return false };
            cut(inner, rest) || fields.remove(key).is_some()
        }
        (Segment::Seq { index }, Value::Array(items)) => {
            let Some(inner) = items.get_mut(*index) else { return false };
            if !cut(inner, rest) {
                items.remove(*index);
            }
            true
        }
        _ => false,
    }
}
