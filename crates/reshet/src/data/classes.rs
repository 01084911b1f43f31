//! A dataset's classes: their names and order, and questions about some of them.

use super::{Dataset, Targets};
use crate::{Result, error::Error};

impl Dataset {
    /// Converts numeric targets to classes: see [`Targets::into_classes`].
    ///
    /// # Errors
    /// As [`Targets::into_classes`].
    pub fn with_classes_of_numbers(&self) -> Result<Self> {
        Ok(self.with_targets(self.targets().clone().into_classes()?))
    }

    /// Renames the classes, in their order. Where classes are numbers of which some do not
    /// occur, a name for each number from 0 is good too.
    ///
    /// # Errors
    /// There are no classes, or not this many; a name occurs twice.
    pub fn with_names(&self, names: &[String]) -> Result<Self> {
        let Targets::Classes { labels, names: own, probabilities } = self.targets() else {
            return Err(Error::invalid("the data has no classes to name"));
        };
        let numbered = || own.iter().map(|name| names.get(name.parse::<usize>().ok()?)).collect();
        let all: Option<Vec<&String>> = match own.len() == names.len() {
            true => Some(names.iter().collect()),
            false => numbered(),
        };
        let Some(all) = all else {
            let (given, needed) = (names.len(), own.len());
            return Err(Error::data(format!("{given} names for {needed} classes")));
        };
        if let Some(i) = (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
            return Err(Error::data(format!("two classes would be called \"{}\"", names[i])));
        }
        let (labels, probabilities) = (labels.clone(), probabilities.clone());
        let names = all.into_iter().cloned().collect();
        Ok(self.with_targets(Targets::Classes { labels, names, probabilities }))
    }

    /// Asks the yes/no question "is it one of these classes?" of the same samples. Yes is named
    /// like `0, 1 or 5`, in the classes' order.
    ///
    /// # Errors
    /// A name is no class, all classes or none are asked about, or there are no classes.
    pub fn is_any(&self, labels: &[impl ToString]) -> Result<Self> {
        let Targets::Classes { labels: of, names, .. } = self.targets() else {
            return Err(Error::invalid("is_any: the data has no classes to ask about"));
        };
        self.refuse_soft_labels()?;
        let mut asked = vec![false; names.len()];
        for label in labels {
            let label = label.to_string();
            let place = names.iter().position(|name| *name == label);
            asked[place.ok_or_else(|| no_class(&label, names))?] = true;
        }
        let group: Vec<&str> =
            names.iter().zip(&asked).filter(|(_, asked)| **asked).map(|(n, _)| &**n).collect();
        if group.is_empty() || group.len() == names.len() {
            let what = "no class is asked about, or all are: every answer would be the same";
            return Err(Error::invalid(what));
        }
        let name = group_name(&group);
        let values = of.iter().map(|l| f32::from(u8::from(asked[*l as usize]))).collect();
        Ok(self.with_targets(Targets::yes_no(values, vec![name])))
    }

    /// Asks the yes/no question "is it a `label`?" of the same samples. `0,1,5` and `0, 1 or 5`
    /// ask about a group, unless a class has that name: see [`Dataset::is_any`].
    ///
    /// # Errors
    /// No class has this name, or there are no classes.
    pub fn is(&self, label: impl ToString) -> Result<Self> {
        let label = label.to_string();
        let Targets::Classes { labels, names, .. } = self.targets() else {
            return Err(Error::invalid(format!(
                "is({label}): the data has no classes to ask about"
            )));
        };
        self.refuse_soft_labels()?;
        let Some(class) = names.iter().position(|name| *name == label) else {
            let group = group(&label);
            return match group.len() {
                1 => Err(no_class(&label, names)),
                _ => self.is_any(&group),
            };
        };
        let values = labels.iter().map(|l| f32::from(u8::from(*l as usize == class))).collect();
        let targets = Targets::yes_no(values, vec![label]);
        Ok(self.with_targets(targets))
    }

    /// Renumbers the classes as in `classes`, which may have another order or more classes.
    /// Data without classes does not change.
    ///
    /// # Errors
    /// The data has a class that is not in `classes`: lists all such classes.
    pub fn with_classes(&self, classes: &[String]) -> Result<Self> {
        let Targets::Classes { labels, names, probabilities } = self.targets() else {
            return Ok(self.clone());
        };
        if names == classes {
            return Ok(self.clone());
        }
        let place = |name: &String| classes.iter().position(|c| c == name);
        let places: Vec<Option<usize>> = names.iter().map(place).collect();
        let mut used = vec![false; names.len()];
        labels.iter().for_each(|l| used[*l as usize] = true);
        let rows = || probabilities.iter().flat_map(|all| all.chunks_exact(names.len()));
        for row in rows() {
            used.iter_mut().zip(row).for_each(|(used, p)| *used |= *p > 0.0);
        }
        let unknown = |i: &usize| used[*i] && places[*i].is_none();
        let unknown: Vec<&str> =
            (0..names.len()).filter(unknown).map(|i| names[i].as_str()).collect();
        if !unknown.is_empty() {
            return Err(Error::data(format!(
                "unknown classes: {}; the known ones are {}",
                unknown.join(", "),
                classes.join(", ")
            )));
        }
        if probabilities.is_some() {
            let mut values = vec![0.0; classes.len() * labels.len()];
            for (into, row) in values.chunks_exact_mut(classes.len()).zip(rows()) {
                let each =
                    places.iter().zip(row).filter_map(|(place, p)| Some((*place)?).zip(Some(p)));
                each.for_each(|(place, p)| into[place] = *p);
            }
            return Ok(self.with_targets(Targets::of_probabilities(values, classes.to_vec())));
        }
        let labels = labels.iter().filter_map(|l| places[*l as usize]).map(|c| c as u32).collect();
        let targets = Targets::classes(labels, classes.to_vec());
        Ok(self.with_targets(targets))
    }
}

impl Dataset {
    /// A probability is neither yes nor no.
    fn refuse_soft_labels(&self) -> Result<()> {
        match self.targets() {
            Targets::Classes { probabilities: Some(_), .. } => Err(Error::invalid(
                "the data has soft labels: a yes/no question asks about labels that are certain",
            )),
            _ => Ok(()),
        }
    }
}

fn no_class(label: &str, names: &[String]) -> Error {
    let names = names.join(", ");
    Error::invalid(format!("no class is called \"{label}\"; the classes are {names}"))
}

/// The name of yes for a group: `0, 1 or 5`.
pub(crate) fn group_name(parts: &[&str]) -> String {
    match parts.split_last() {
        Some((last, rest @ [_, ..])) => format!("{} or {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// Splits `0,1,5` or `0, 1 or 5` into its parts.
pub(crate) fn group(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if let Some((a, b)) = parts.last().and_then(|last| last.rsplit_once(" or ")) {
        parts.pop();
        parts.extend([a.trim(), b.trim()]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{super::dataset::tests::small, *};
    use crate::{Features, Storage, loss::Target};

    #[test]
    fn is_asks_one_class() {
        let yes = small().is("b").unwrap();
        let Target::Values(values) = yes.targets().row(1) else { panic!() };
        assert_eq!(values, [1.0]);
        let error = small().is("c").unwrap_err();
        assert_eq!(error.to_string(), "no class is called \"c\"; the classes are a, b");
        assert!(yes.is("b").is_err());
    }

    #[test]
    fn is_any_asks_about_a_group() {
        let features = || Features::new(Storage::F32(vec![0.0; 5]), &[1]).unwrap();
        let names = ["0", "1", "5", "9"].map(String::from).to_vec();
        let data = Dataset::new(features(), Targets::classes(vec![0, 1, 2, 3, 2], names)).unwrap();
        let asked = |data: Result<Dataset>| match data.unwrap().targets() {
            Targets::YesNo { values, names, .. } => (values.to_vec(), names.join(";")),
            _ => panic!(),
        };
        let group = (vec![1.0, 0.0, 1.0, 0.0, 1.0], "0 or 5".to_string());
        assert_eq!(asked(data.is_any(&["5", "0"])), group);
        assert_eq!(asked(data.is_any(&[0, 5])), group);
        assert_eq!(asked(data.is("0,5")), group);
        assert_eq!(asked(data.is("0 or 5")), group);
        assert_eq!(asked(data.is("9, 5,0")).1, "0, 5 or 9");
        assert_eq!(asked(data.is("0, 5 or 9")).1, "0, 5 or 9");
        let says = |result: Result<Dataset>, what: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says(data.is("0,7"), "no class is called \"7\"; the classes are 0, 1, 5, 9");
        says(data.is("7"), "no class is called \"7\"");
        says(data.is("0,1,5,9"), "or all are");
        // A class of that very name goes first.
        let names = ["a,b", "a", "b"].map(String::from).to_vec();
        let data = Dataset::new(features(), Targets::classes(vec![0, 1, 2, 0, 0], names)).unwrap();
        assert_eq!(asked(data.is("a,b")).0, [1.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn classes_are_the_numbers_that_occur() {
        let targets = Targets::of_whole_numbers(&[0, 20_000, -1, 20_000]).unwrap();
        let Targets::Classes { labels, names, .. } = &targets else { panic!("{targets:?}") };
        assert_eq!((&labels[..], names.join(" ")), (&[1, 2, 0, 2][..], "-1 0 20000".into()));
        // Names by number reach classes that lie apart.
        let features = Features::new(Storage::U8(vec![0; 3]), &[1]).unwrap();
        let data = Dataset::new(features, Targets::of_whole_numbers(&[0, 3, 1]).unwrap()).unwrap();
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            data.with_names(&names).map(|data| data.targets().names().unwrap().join(" "))
        };
        assert_eq!(named(&["a", "b", "c", "d"]).unwrap(), "a b d");
        assert_eq!(named(&["a", "b", "d"]).unwrap(), "a b d");
        assert!(named(&["a", "b"]).is_err());
    }

    #[test]
    fn classes_get_names_and_come_from_numbers() {
        let classes = |values: &[f32], width| {
            let targets = Targets::numbers(values.to_vec(), width).into_classes()?;
            let Targets::Classes { labels, names, .. } = targets else { panic!() };
            Ok((labels.to_vec(), names.join(" ")))
        };
        assert_eq!(classes(&[0.0, 2.0, 1.0], 1).unwrap(), (vec![0, 2, 1], "0 1 2".into()));
        assert_eq!(classes(&[1.0, 3.0], 1).unwrap(), (vec![0, 1], "1 3".into()));
        assert_eq!(classes(&[-1.0, 1.0, -1.0], 1).unwrap(), (vec![0, 1, 0], "-1 1".into()));
        let one_hot = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        assert_eq!(classes(&one_hot, 3).unwrap(), (vec![1, 0], "0 1 2".into()));
        let says = |result: Result<(Vec<u32>, String)>, what: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says(classes(&[0.0, 0.5], 1), "sample 1: 0.5 is not a class number");
        says(classes(&[0.0, 4e12], 1), "sample 1: 4000000000000 has more digits than single");
        says(classes(&[0.0, 1.0, 1.0, 1.0], 2), "sample 1: its 2 targets are not one 1 among");
        says(classes(&[0.2, 0.7], 2), "sample 0");

        let named = small().with_names(&["x".into(), "y".into()]).unwrap();
        assert_eq!(named.targets().names().unwrap(), ["x", "y"]);
        let error = small().with_names(&["x".into()]).unwrap_err().to_string();
        assert_eq!(error, "1 names for 2 classes");
        assert!(small().with_names(&["x".into(), "x".into()]).is_err());
    }
}
