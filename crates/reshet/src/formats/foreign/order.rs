//! Finds the order of a `state_dict`'s layers.
//!
//! The names decide the order if they have numbers or known words (`input`, `hidden1`, `head`) and
//! the layers fit together so. A PyTorch file keeps the order of the modules' definitions, which is
//! nearly always the network's order: it is used if the names do not decide, and a note tells where
//! they contradict it. safetensors are sorted by name, which says nothing: the sizes decide, if the
//! layers fit together in only one way. Otherwise the order of the names is used, with a note.

use std::cmp::Ordering;

use super::layers::StoredLayer;
use crate::{Result, error::Error};

/// More layers than this are not tried in other orders.
const MOST_LAYERS: usize = 64;
/// The most steps of the search for an order.
const MOST_STEPS: usize = 100_000;

/// What is known about the order.
pub struct Known<'a> {
    /// The modules' names in order, if the user gave them.
    pub given: Option<&'a [String]>,
    /// Whether the file keeps the order of the definitions.
    pub by_file: bool,
    /// The network's widths, if known.
    pub widths: Option<&'a [usize]>,
}

/// Puts the layers in order; adds a note if the order is a guess.
///
/// # Errors
/// The given names are not the layers'.
pub fn arrange(
    layers: Vec<StoredLayer>,
    known: &Known,
    said: &mut Vec<String>,
) -> Result<Vec<StoredLayer>> {
    if let Some(given) = known.given {
        return by_given(layers, given);
    }
    let sizes: Vec<[usize; 2]> = layers.iter().filter_map(StoredLayer::size).collect();
    let fits = |sizes: &[[usize; 2]]| {
        let follow = sizes.windows(2).all(|pair| pair[0][1] == pair[1][0]);
        follow && known.widths.is_none_or(|widths| widths == self::widths(sizes))
    };
    let file: Vec<String> = layers.iter().map(|layer| layer.name().to_string()).collect();
    let by_file = known.by_file && fits(&sizes);
    let named = by_name(layers);
    let linears: Vec<&StoredLayer> = named.iter().filter(|l| l.size().is_some()).collect();
    let sizes: Vec<[usize; 2]> = linears.iter().filter_map(|l| l.size()).collect();
    let in_names: Vec<String> = linears.iter().map(|l| l.name().to_string()).collect();
    let in_file: Vec<&String> = file.iter().filter(|name| in_names.contains(name)).collect();
    let settled = linears.windows(2).all(|pair| {
        let (order, certain) = compare(pair[0].name(), pair[1].name());
        certain && order == Ordering::Less
    });
    let by_names = settled && fits(&sizes);
    if by_file && by_names && in_file.iter().copied().ne(&in_names) {
        let (names, file) = (in_names.join(", "), joined(&in_file));
        said.push(format!(
            "the layers' order is taken as {names}, as their names say; in the file it is {file}"
        ));
        return Ok(with_norms(named, &in_names));
    }
    if by_file {
        if !by_names && Search::of(&sizes, known.widths).len() > 1 {
            said.push(format!(
                "the layers' order is taken as {}, as in the file: their sizes fit in other orders too",
                joined(&in_file)
            ));
        }
        return by_given(named, &file);
    }
    if by_names {
        return Ok(named);
    }
    let orders = Search::of(&sizes, known.widths);
    let Some(first) = orders.first() else {
        // The caller reports that they do not fit, in the best known order.
        return if known.by_file { by_given(named, &file) } else { Ok(named) };
    };
    let one = orders.len() == 1;
    let names: Vec<String> = first.iter().map(|i| linears[*i].name().to_string()).collect();
    let reason = match one {
        true => "the only one in which they fit together",
        false => "their sizes fit in other orders too, and the file does not say",
    };
    said.push(format!("the layers' order is taken as {}: {reason}", names.join(", ")));
    Ok(with_norms(named, &names))
}

fn joined(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn widths(sizes: &[[usize; 2]]) -> Vec<usize> {
    sizes.first().map(|[inputs, _]| *inputs).into_iter().chain(sizes.iter().map(|s| s[1])).collect()
}

fn by_given(layers: Vec<StoredLayer>, given: &[String]) -> Result<Vec<StoredLayer>> {
    let names: Vec<String> = layers.iter().map(|layer| layer.name().to_string()).collect();
    let mut sorted = (names.clone(), given.to_vec());
    sorted.0.sort();
    sorted.1.sort();
    if sorted.0 != sorted.1 {
        return Err(Error::invalid(format!(
            "the order {} does not name each layer once; they are {}",
            given.join(", "),
            names.join(", ")
        )));
    }
    let mut layers: Vec<Option<StoredLayer>> = layers.into_iter().map(Some).collect();
    let place = |name: &String| names.iter().position(|n| n == name);
    Ok(given.iter().filter_map(|name| layers[place(name)?].take()).collect())
}

/// Sorts by name; a batch normalization with a dense layer's number follows that layer.
fn by_name(mut layers: Vec<StoredLayer>) -> Vec<StoredLayer> {
    layers.sort_by(|a, b| compare(a.name(), b.name()).0);
    let names: Vec<String> =
        layers.iter().filter(|l| l.size().is_some()).map(|l| l.name().to_string()).collect();
    with_norms(layers, &names)
}

/// The dense layers in the order of `names`, each with its batch normalizations: those in its
/// module or with its number, else those that followed it.
fn with_norms(layers: Vec<StoredLayer>, names: &[String]) -> Vec<StoredLayer> {
    let outputs = |name: &String| {
        let layer = layers.iter().find(|layer| layer.name() == name)?;
        layer.size().map(|[_, outputs]| outputs)
    };
    let widths: Vec<Option<usize>> = names.iter().map(outputs).collect();
    let mut groups: Vec<Vec<StoredLayer>> = names.iter().map(|_| Vec::new()).collect();
    let (mut first, mut last) = (Vec::new(), None);
    for layer in layers {
        let own = names.iter().position(|name| name == layer.name());
        last = own.or(last);
        let place = match &layer {
            StoredLayer::Linear { .. } => own,
            StoredLayer::Norm { name, affine } => {
                let beside: Vec<usize> =
                    (0..names.len()).filter(|i| parent(&names[*i]) == parent(name)).collect();
                let numbered = |i: &&usize| {
                    // `net.1` after `net.0` is numbered itself.
                    number(&names[**i]) == number(name)
                        && number(name).is_some()
                        && words(&names[**i]) != words(name)
                };
                let partner = match beside[..] {
                    [one] if !parent(name).is_empty() => Some(one),
                    _ => beside.iter().find(numbered).copied(),
                };
                partner.filter(|i| widths[*i] == Some(affine.scale.len())).or(last)
            }
        };
        match place {
            Some(i) if own.is_some() => groups[i].insert(0, layer),
            Some(i) => groups[i].push(layer),
            None => first.push(layer),
        }
    }
    first.into_iter().chain(groups.into_iter().flatten()).collect()
}

fn parent(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The number at the end of a name.
fn number(name: &str) -> Option<u64> {
    let digits = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name[digits..].parse().ok()
}

/// A name without the number at its end.
fn words(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// The order of two names, and whether numbers or known words decide it.
fn compare(a: &str, b: &str) -> (Ordering, bool) {
    let (mut first, mut second) = (pieces(a).into_iter(), pieces(b).into_iter());
    loop {
        let (a, b) = match (first.next(), second.next()) {
            (None, None) => return (Ordering::Equal, false),
            // `fc` before `fc2`.
            (a, b) if a.is_none() || b.is_none() => return (a.is_some().cmp(&b.is_some()), true),
            (a, b) => (a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if a == b {
            continue;
        }
        if let (Some(first), Some(second)) = (ordinal(&a.0), ordinal(&b.0)) {
            return (first.cmp(&second), true);
        }
        let ranks = rank(&a.0).cmp(&rank(&b.0));
        return match ranks {
            Ordering::Equal if a.0 == b.0 => (a.1.cmp(&b.1), true),
            Ordering::Equal => (a.0.cmp(&b.0), false),
            order => (order, true),
        };
    }
}

/// `net.layer10` as ("net", none), ("layer", 10).
fn pieces(name: &str) -> Vec<(String, Option<u64>)> {
    let mut pieces = Vec::new();
    for part in name.split(['.', '_', '-']).filter(|part| !part.is_empty()) {
        let mut rest = part;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let (word, from) = rest.split_at(digits);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            pieces.push((word.to_lowercase(), from[..end].parse().ok()));
            rest = &from[end..];
        }
    }
    pieces
}

/// The number that a word stands for.
fn ordinal(word: &str) -> Option<usize> {
    const NUMBERS: [[&str; 2]; 10] = [
        ["one", "first"],
        ["two", "second"],
        ["three", "third"],
        ["four", "fourth"],
        ["five", "fifth"],
        ["six", "sixth"],
        ["seven", "seventh"],
        ["eight", "eighth"],
        ["nine", "ninth"],
        ["ten", "tenth"],
    ];
    NUMBERS.iter().position(|words| words.contains(&word))
}

/// The position of a layer with this word in its name: early, in between, late.
fn rank(word: &str) -> i32 {
    match word {
        "in" | "inp" | "input" | "inputs" | "stem" | "embed" | "embedding" => -2,
        "first" | "start" | "encoder" | "enc" | "one" => -1,
        "decoder" | "dec" => 1,
        "last" | "final" | "end" => 2,
        "out" | "output" | "outputs" | "head" | "classifier" | "logits" | "logit" | "predict"
        | "prediction" | "predictor" => 3,
        _ => 0,
    }
}

/// Searches for orders in which the layers fit together, and stops at two.
struct Search<'a> {
    sizes: &'a [[usize; 2]],
    widths: Option<&'a [usize]>,
    found: Vec<Vec<usize>>,
    steps: usize,
}

impl<'a> Search<'a> {
    /// The first one or two orders; two also if there may be more.
    fn of(sizes: &'a [[usize; 2]], widths: Option<&'a [usize]>) -> Vec<Vec<usize>> {
        let mut search = Self { sizes, widths, found: Vec::new(), steps: 0 };
        if sizes.len() <= MOST_LAYERS {
            search.go(&mut Vec::new());
        }
        if let (true, [one]) = (search.steps >= MOST_STEPS, &search.found[..]) {
            let again = one.clone();
            search.found.push(again);
        }
        search.found
    }

    fn go(&mut self, path: &mut Vec<usize>) {
        self.steps += 1;
        if self.found.len() > 1 || self.steps >= MOST_STEPS {
            return;
        }
        if path.len() == self.sizes.len() {
            self.found.push(path.clone());
            return;
        }
        for i in 0..self.sizes.len() {
            if !path.contains(&i) && self.follows(path, self.sizes[i]) {
                path.push(i);
                self.go(path);
                path.pop();
            }
        }
    }

    fn follows(&self, path: &[usize], [inputs, outputs]: [usize; 2]) -> bool {
        let behind = path.last().is_none_or(|last| self.sizes[*last][1] == inputs);
        let place = path.len();
        behind
            && self.widths.is_none_or(|widths| {
                widths.get(place) == Some(&inputs) && widths.get(place + 1) == Some(&outputs)
            })
    }
}
