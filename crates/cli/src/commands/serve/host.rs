//! What the page gets from the program: data and defaults as `reshet train` has
//! them, and run folders.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use reshet::{Dataset, Device, Error, Precision, Result};
use reshet_lab::{Host, Keeper, Lesson, Loaded, Spec};
use serde_json::Value;

use super::{keeper::RunFolder, spec};
use crate::{
    commands::tune,
    input::{asked, split_data::SplitData, table},
    run::{loss_curves::LossCurves, record::Record},
    settings::{Settings, command, config},
    terminal::tell,
};

/// Data sets and questions that are kept read.
const KEPT: usize = 8;

/// This machine: its files, its run folders.
pub struct Here {
    device: Device,
    read: Mutex<Vec<(Settings, SplitData)>>,
}

impl Here {
    /// With trainings on this device.
    pub fn new(device: Device) -> Self {
        Self { device, read: Mutex::default() }
    }

    /// The data for a question, read once.
    fn split(&self, question: &Settings) -> Result<SplitData> {
        let lock = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, split)) = lock().iter().find(|(known, _)| known == question) {
            return Ok(split.clone());
        }
        let split = read(&mut question.clone())?;
        let mut read = lock();
        read.retain(|(known, _)| known != question);
        if read.len() == KEPT {
            read.remove(0);
        }
        read.push((question.clone(), split.clone()));
        Ok(split)
    }

    /// A training as settings say it, of data that is read.
    fn lesson_of(&self, args: &Settings, split: SplitData, command: String) -> Result<Lesson> {
        let network = args.recipe.network(&split.train)?;
        let (mut precision, mut said) = (Precision::F32, split.said);
        if !args.machine.asks_for_f32() {
            let plan = args.trainer(&split.train)?.plan(&split.train)?;
            let (taken, why) = args.precision(&plan, &split.train)?;
            precision = taken;
            said.extend(why);
        }
        let mut spec = spec::of(args, &network);
        let columns = split.train.features().columns();
        if let (Some(columns), None) = (columns, &spec.target) {
            spec.target = Some(columns.targets.join(","));
        }
        let all = columns.map(|columns| {
            let inputs = columns.inputs.iter().map(|column| &column.name);
            let left_out = columns.left_out.iter().map(|column| &column.name);
            inputs.chain(left_out).chain(&columns.targets).cloned().collect()
        });
        Ok(Lesson {
            source: args.data().into(),
            name: split.name,
            columns: all,
            said,
            warnings: split.warnings,
            network,
            recipe: args.recipe.0.clone(),
            no_scale: args.no_scale,
            device: self.device,
            precision,
            command,
            train: split.train,
            test: split.test,
            spec,
        })
    }

    /// The settings of a lesson, with nothing left open, its data, and its command.
    fn args(&self, spec: &Spec) -> Result<(Settings, SplitData, String)> {
        let mut args = spec::question(spec);
        let split = self.split(&args)?;
        let (train, defaults) = (&split.train, split.defaults);
        if let Some(name) = &spec.precision {
            args.machine.ask_for(name)?;
        }
        let mut recipe = spec::recipe(spec, train.width(), train.targets())?;
        if spec.data == "mnist" {
            // The lecture's.
            recipe.lr = recipe.lr.or(Some(0.01));
            recipe.epochs = recipe.epochs.or(Some(2));
        }
        args.recipe.0 = recipe.resolve_for(defaults, train.len());
        let command = command::of(&args, defaults, train.len());
        args.recipe.0 = args.recipe.resolve(train)?;
        Ok((args, split, command))
    }
}

/// Reads data; what is said about it on the way goes to the terminal.
fn read(args: &mut Settings) -> Result<SplitData> {
    SplitData::read(args, None).map_err(|e| match e.downcast::<Error>() {
        Ok(error) => error,
        Err(other) => Error::Data(format!("{other:#}")),
    })
}

impl Host for Here {
    fn lesson(&self, spec: &Spec) -> Result<Lesson> {
        let (args, split, command) = self.args(spec)?;
        self.lesson_of(&args, split, command)
    }

    fn kept(&self) -> Vec<Dataset> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let sets = read.iter().flat_map(|(_, parts)| [Some(&parts.train), parts.test.as_ref()]);
        sets.flatten().cloned().collect()
    }

    fn let_go(&self) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn keeper(&self, lesson: &Lesson) -> Result<Box<dyn Keeper>> {
        let spec = Spec { data: lesson.source.clone(), ..lesson.spec.clone() };
        let (settings, ..) = self.args(&spec)?;
        Ok(Box::new(RunFolder::new(settings, lesson.name.clone())))
    }

    fn load(&self, path: &Path) -> Result<Loaded> {
        let model = asked::load(path)?;
        let folder = if path.is_dir() { Some(path) } else { path.parent() };
        let folder = folder.filter(|folder| folder.join("config.toml").is_file());
        let name = match folder {
            Some(folder) => folder.file_name().unwrap_or(folder.as_os_str()),
            None => path.file_stem().unwrap_or(path.as_os_str()),
        };
        let name = name.to_string_lossy().into_owned();
        let course = folder.and_then(|folder| LossCurves::read(&folder.join("log.jsonl")).ok());
        let losses = course.as_ref().map(LossCurves::losses).unwrap_or_default();
        let record = folder.map(Record::read);
        let steps = record.as_ref().and_then(|record| record.report.steps);
        let steps = steps.or(losses.last().map(|(step, _)| *step)).unwrap_or(0);
        let lesson = record.and_then(|record| match self.reopen(&record, &model) {
            Ok(lesson) => Some(lesson),
            Err(e) => {
                tell(&format!("warning: {}: without its data: {e}", record.folder.display()));
                None
            }
        });
        Ok(Loaded { name, model, lesson, losses, steps })
    }

    fn study(&self, path: &Path) -> Result<Value> {
        tune::study(path)
    }
}

impl Here {
    /// What a run was trained on, split as it was then.
    fn reopen(&self, record: &Record, model: &reshet::Model) -> Result<Lesson> {
        let mut args = match record.config.get("digit") {
            // Of a lecture, which has flags of its own.
            Some(digit) => {
                let is = Some(digit.to_string());
                spec::question(&Spec { data: "mnist".into(), is, ..Spec::default() })
            }
            None => config::load(&record.folder.join("config.toml"))?,
        };
        if table::is_table(Path::new(args.data())) && !table::is_there(Path::new(args.data())) {
            return Err(Error::Data(format!("{} is not there any more", args.data())));
        }
        let split = read(&mut args)?;
        let meaning = model.meaning();
        if split.train.width() != model.network().inputs() {
            let what = "has other inputs by now than the model";
            return Err(Error::Data(format!("{} {what}", args.data())));
        }
        if split.train.features().columns() != meaning.columns.as_ref() {
            return Err(Error::Data(format!("{} has changed since", args.data())));
        }
        let lesson = self.lesson_of(&args, split, command::question(&args))?;
        let spec = spec::of(&args, model.network());
        let target = lesson.spec.target.clone();
        Ok(Lesson { network: model.network().clone(), spec: Spec { target, ..spec }, ..lesson })
    }
}
