//! Finds which of a graph's outputs is the network's prediction, and what the other outputs tell
//! about it.

use super::{
    label::{Label, Rule, Said},
    links::Op,
    proto::Graph,
    value::Value,
    walk::Walk,
};
use crate::{Activation, Result, error::Error, formats::foreign::network::Decision};

/// The end of the network.
pub struct Prediction {
    pub link: usize,
    /// The decision that the graph makes from it.
    pub decision: Option<Decision>,
    /// For yes and no: the graph answers yes if the network's output is low.
    pub turned: bool,
    /// For yes and no: an output exactly at the threshold is yes.
    pub tie: bool,
    pub names: Option<Vec<String>>,
    pub said: Vec<String>,
}

/// An output that is the network's, by its name.
type Net<'a> = (&'a str, usize);

/// Finds the answer among all outputs, or at the one called `wanted`. `labels`: whether what is
/// decided counts; else it is the numbers that it is decided from.
///
/// # Errors
/// An output that is not understood and could be the answer, or several answers: they are named.
pub fn prediction(
    graph: &Graph,
    walk: &Walk,
    wanted: Option<&str>,
    labels: bool,
) -> Result<Prediction> {
    let names: Vec<&str> = graph.output.iter().map(|o| &*o.name).collect();
    let outputs: Vec<&str> = match wanted {
        Some(name) if !names.contains(&name) => {
            let names = names.join(", ");
            return Err(Error::invalid(format!(
                "no output is called \"{name}\"; there are {names}"
            )));
        }
        Some(name) => vec![name],
        None => names,
    };
    let (mut nets, mut decided, mut unknown): (Vec<Net>, Vec<(&str, &Label)>, Vec<_>) =
        Default::default();
    for name in &outputs {
        match walk.values.get(*name) {
            Some(Value::Net(x)) => nets.push((name, *x)),
            Some(Value::Label(label)) => decided.push((name, label)),
            Some(Value::Unknown(why)) => unknown.push((name, why)),
            Some(Value::Const(_)) | None => {}
        }
    }
    let choose = |what: String| {
        let advice = if outputs.len() > 1 {
            format!("; the outputs are {}: say which one is the answer", outputs.join(", "))
        } else {
            String::new()
        };
        Error::data(format!("{what}{advice}"))
    };
    let Some((first, label)) = decided.first() else {
        // It could be the prediction.
        if let Some((_, why)) = unknown.first() {
            return Err(choose(format!("not a network of dense layers: {why}")));
        }
        return numbers(walk, &nets, &choose);
    };
    if let Some((other, second)) = decided.iter().find(|(_, l)| !same(l, label)) {
        let (a, b) = (&label.node, &second.node);
        let what = format!("\"{first}\" ({a}) and \"{other}\" ({b}) are two decisions");
        return Err(choose(what));
    }
    if !label.is_distinct() {
        let what = format!("{}: what is made of it is the same for several answers", label.node);
        return Err(choose(format!("the label \"{first}\" is not one a model gives: {what}")));
    }
    if !labels {
        let nets = if nets.is_empty() { vec![(*first, label.link)] } else { nets };
        return numbers(walk, &nets, &choose);
    }
    let (link, mut said) = joined(walk, (first, label), &nets, &choose)?;
    let passed_over = |(name, why): &(&&str, &std::rc::Rc<str>)| {
        format!("the output \"{name}\" is not taken over: {why}")
    };
    said.extend(unknown.iter().map(passed_over));
    let prediction = Prediction {
        link,
        decision: Some(Decision::Class),
        turned: false,
        tie: false,
        names: None,
        said,
    };
    let prediction = match label.rule {
        Rule::Largest => Prediction { names: texts(&label.says), ..prediction },
        Rule::Above { tie, several } => {
            let turned = match &label.says[..] {
                [no, yes] => no.number().zip(yes.number()).is_some_and(|(no, yes)| no > yes),
                _ => false,
            };
            let mut says = label.says.clone();
            if turned {
                says.reverse();
            }
            let names = texts(&says);
            if several && names.is_some() {
                let what = format!("{}: it says the same words to several questions", label.node);
                return Err(choose(what));
            }
            Prediction {
                decision: Some(Decision::YesNo),
                turned,
                tie: tie != turned,
                names,
                ..prediction
            }
        }
    };
    named(walk, prediction, Some(label), &choose)
}

/// The answer is the numbers that the network gives.
fn numbers(walk: &Walk, nets: &[Net], choose: &dyn Fn(String) -> Error) -> Result<Prediction> {
    let Some((last, link)) = nets.iter().max_by_key(|(_, x)| x) else {
        return Err(Error::data("no output of the graph depends on its input"));
    };
    // Several outputs may be stages of one network, such as logits and probabilities.
    let path = walk.links.path(*link);
    if let Some((other, x)) = nets.iter().find(|(_, x)| !path.contains(x)) {
        let (a, b) = (&walk.links.all[*link].node, &walk.links.all[*x].node);
        let what = format!("the outputs \"{last}\" ({a}) and \"{other}\" ({b}) are two networks");
        return Err(choose(what));
    }
    let earlier = nets.iter().filter(|(_, x)| x != link).map(|(name, _)| stage(name));
    let said = earlier.collect();
    let decision = matches!(walk.links.all[*link].op, Op::NoAndYes).then_some(Decision::YesNo);
    let prediction =
        Prediction { link: *link, decision, turned: false, tie: false, names: None, said };
    named(walk, prediction, None, choose)
}

fn stage(name: &str) -> String {
    format!("the output \"{name}\" is a stage on the way to the answer: not taken over")
}

/// The last link that the label and other outputs have in common, and the outputs left out.
fn joined(
    walk: &Walk,
    (label_name, label): (&str, &Label),
    nets: &[Net],
    choose: &dyn Fn(String) -> Error,
) -> Result<(usize, Vec<String>)> {
    // The links after it decide the same: the order of the outputs stays.
    let keeps = |x: usize| {
        let largest = label.rule == Rule::Largest;
        match &walk.links.all[x].op {
            Op::Nothing | Op::NoAndYes => true,
            Op::LogSoftmax => largest,
            Op::Activation(Activation::Softmax) => largest,
            Op::Activation(Activation::Sigmoid | Activation::Tanh) => !largest,
            _ => false,
        }
    };
    let mut root = label.link;
    while keeps(root) {
        root = walk.links.all[root].before;
    }
    let (mut end, mut said) = (label.link, Vec::new());
    for (name, x) in nets {
        let path = walk.links.path(*x);
        match path.iter().position(|link| *link == root) {
            Some(at) if path[at + 1..].iter().all(|link| keeps(*link)) => {
                // Of two branches either will do.
                let goes_on = path.contains(&end);
                end = if goes_on { *x } else { end };
            }
            None if walk.links.path(root).contains(x) => said.push(stage(name)),
            _ => {
                let (a, b) = (&label.node, &walk.links.all[*x].node);
                return Err(choose(format!(
                    "the outputs \"{label_name}\" ({a}) and \"{name}\" ({b}) are two answers"
                )));
            }
        }
    }
    Ok((end, said))
}

fn same(a: &Label, b: &Label) -> bool {
    let texts = |label: &Label| label.says.iter().map(Said::text).collect::<Vec<_>>();
    a.link == b.link && a.rule == b.rule && texts(a) == texts(b)
}

/// None if it is only the numbers 0, 1, 2, …, or no and yes.
fn texts(says: &[Said]) -> Option<Vec<String>> {
    let plain = says.iter().enumerate().all(|(i, s)| s.number() == Some(i as f64));
    (!plain).then(|| says.iter().map(Said::text).collect())
}

/// The classes' names that ZipMap knows must be the label's.
fn named(
    walk: &Walk,
    prediction: Prediction,
    label: Option<&Label>,
    choose: &dyn Fn(String) -> Error,
) -> Result<Prediction> {
    let path = walk.links.path(prediction.link);
    let mut zipped = walk.names.iter().filter(|zip| path.contains(&zip.link));
    let Some(first) = zipped.next() else { return Ok(prediction) };
    let zip = &first.names;
    let numbered = |names: &[String]| names.iter().enumerate().all(|(i, n)| *n == i.to_string());
    let agree = label.is_none_or(|label| {
        let says: Vec<String> = label.says.iter().map(Said::text).collect();
        let words = zip.iter().all(|name| name.parse::<f64>().is_err());
        // A place says nothing that words could contradict, and the other way round.
        let loose = !prediction.turned && (numbered(&says) && words || numbered(zip));
        says == *zip || loose
    });
    if !agree || zipped.any(|other| other.names != *zip) {
        let what = format!("{}: the label calls the classes by other names", first.node);
        return Err(choose(what));
    }
    let names = prediction.names.or_else(|| (!numbered(zip)).then(|| zip.clone()));
    Ok(Prediction { names, ..prediction })
}
