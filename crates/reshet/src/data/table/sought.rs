//! Finds a model's columns in a table.

use std::collections::{HashMap, HashSet};

use super::{Columns, letters::seen, list};
use crate::{Result, error::Error};

impl Columns {
    /// The places of the inputs in a table with these columns.
    ///
    /// # Errors
    /// A column is missing, or one is there that the model does not know; lists them.
    pub fn places(&self, source: &str, names: &[String]) -> Result<Vec<usize>> {
        self.places_beside(source, names, &[])
    }

    /// [`Columns::places`], where `others` may be there too.
    pub(super) fn places_beside<'a>(
        &'a self,
        source: &str,
        names: &[String],
        others: &[String],
    ) -> Result<Vec<usize>> {
        // Models of older versions may hold other forms of letters.
        let places = names.iter().enumerate();
        let as_seen: HashMap<_, usize> = places.clone().map(|(i, n)| (seen(n), i)).collect();
        let exactly: HashMap<&str, usize> = places.map(|(i, n)| (n.as_str(), i)).collect();
        let find = |name: &str| exactly.get(name).or_else(|| as_seen.get(&seen(name))).copied();
        // Of a date's parts the file has the date.
        let written = |name: &'a str| {
            let of = self.dates.iter().find(|dates| dates.names().any(|part| part == name));
            of.map_or(name, |dates| &*dates.name)
        };
        let mut missing: Vec<&str> = self
            .inputs
            .iter()
            .map(|c| &*c.name)
            .filter(|n| find(n).is_none())
            .map(written)
            .collect();
        missing.dedup();
        let inputs = self.inputs.iter().map(|column| &column.name);
        let known = inputs.chain(self.left_out.iter().map(|column| &column.name));
        let known: HashSet<_> = known.chain(&self.targets).map(|name| seen(name)).collect();
        let knows = |name: &String| {
            self.pass_over_others
                || known.contains(&seen(name))
                || others.contains(name)
                || self.dates.iter().any(|dates| dates.names().any(|part| part == *name))
        };
        let unknown: Vec<&str> = names.iter().filter(|n| !knows(n)).map(String::as_str).collect();
        let columns = |n: usize| if n == 1 { "column" } else { "columns" };
        let mut what = Vec::new();
        if !missing.is_empty() {
            what.push(format!(
                "the model needs the {} {}",
                columns(missing.len()),
                list(missing.iter().copied())
            ));
        }
        if !unknown.is_empty() {
            what.push(format!(
                "does not know the {} {}",
                columns(unknown.len()),
                list(unknown.iter().copied())
            ));
        }
        if !what.is_empty() {
            let what = match missing.is_empty() {
                true => format!("the model {}", what[0]),
                false => what.join(" and "),
            };
            return Err(Error::data(format!("{source}: {what}")));
        }
        Ok(self.inputs.iter().filter_map(|column| find(&column.name)).collect())
    }
}
