//! `reshet train DATA`

use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use reshet::{
    Checkpoint, Dataset, Device, Ended, Error, Event, Fit, Meaning, Model, Precision, Score,
    Trainer, diagnosis,
    formats::safetensors,
    metrics::{Residuals, digits},
    recipe::{Bag, Choice},
};
use serde_json::json;

use crate::{
    commands::{bag, choice, find_lr, folds::Folds, follow, trained::TrainedRun},
    exit,
    input::{
        arrays,
        asked::{check_blocks, score_by_blocks},
        split_data::SplitData,
    },
    ranks,
    run::{CHECKPOINT, Run, folder::check_free, resumed},
    say,
    settings::{Settings, recipe::filled_in},
    terminal::{self, bold, note},
};

/// What the residuals of samples held back are called in a checkpoint.
const RESIDUALS: &str = "residuals";

pub fn run(args: &Settings) -> Result<ExitCode> {
    let start = Instant::now();
    terminal::stop_on_interrupt();
    if let Some(group) = ranks::followed() {
        return follow::train(group);
    }
    let device = check(args)?;
    let mut args = Settings { chooses: !args.find_lr, ..args.clone() };
    bag::settle(&mut args)?;
    arrays::refuse_folds(&args)?;
    follow::tell(&args)?;
    let asked = args.clone();
    let folds = args.folds.map(|folds| Folds::train(&args, folds)).transpose()?;
    let folded = start.elapsed();
    let mut split = SplitData::read_or_stream(&mut args)?;
    bag::check(&args, &split.train, split.streamed.is_some())?;
    let loaded = start.elapsed() - folded;
    let choosing = Instant::now();
    let (choice, mut bag) = match args.find_lr || split.streamed.is_some() {
        true => (None, None),
        false => choose(&mut args, &asked, &mut split)?,
    };
    if choice.is_some() {
        split.chosen = filled_in(&asked.recipe, &args.recipe);
    }
    let trained_on = split.trained();
    let SplitData { name, train, validation, test, said, warnings, chosen, streamed, .. } = split;
    let args = &args;
    let optimizer = args.recipe.optimizer()?;
    let choosing = choosing.elapsed();
    if bag.is_none() {
        bag::check_average(args, &train)?;
    }

    let mut trainer = args.trainer_of_sample(&train, trained_on)?;
    if let Some(validation) = &validation {
        trainer = trainer.validation(validation);
    }
    if let Some(rows) = &streamed {
        trainer = trainer.streamed(rows);
    }
    let plan = trainer.plan(&train)?;
    if let (None, Some(file)) = (&test, &args.test) {
        check_blocks(&Meaning::of(&train, plan.loss()), file, &args.table.csv)?;
    }
    let (mut precision, about_precision) = args.precision(&plan, &train)?;
    let untrained = trainer.network().clone();
    let network = untrained.to_string();
    if let (Some(path), None) = (&args.load, &args.resume) {
        trainer = trainer.parameters(safetensors::load_parameters(path, &plan)?);
    }
    if args.find_lr {
        let run = Run::beside(args.out.as_deref(), &format!("{name}-find-lr"), args.force)?;
        return find_lr::run(&run, trainer, &train, args.json);
    }
    let (mut resumed_at, mut residuals) = (0, held_back(folds.as_ref(), choice.as_ref()));
    let (mut run, checkpoint) = open(args, &name)?;
    if let Some(checkpoint) = checkpoint {
        if let Some(kept) = args.machine.precision_of(&checkpoint)? {
            (precision, trainer) = (kept, trainer.precision(kept));
        }
        check_resumed(&checkpoint, args, &precision.instructions(device))?;
        resumed_at = checkpoint.steps();
        residuals = kept_residuals(&checkpoint)?;
        run.note_settings(args)?;
        note(&format!("going on from step {resumed_at}"));
        follow::tell(args)?;
        follow::tell_checkpoint(Some(&checkpoint))?;
        trainer = trainer.resume(checkpoint);
    }
    if let Some(group) = ranks::group() {
        trainer = trainer.group(group);
    }
    if args.resume.is_none() {
        run.save_config(args)?;
    }
    let odd = diagnosis::of_network(&untrained);
    let warnings: Vec<String> =
        warnings.into_iter().chain(odd.iter().map(ToString::to_string)).collect();
    warnings.iter().for_each(|warning| terminal::tell(&format!("warning: {warning}")));
    if let Some(what) = device.caution() {
        terminal::tell(&format!("warning: {what}: compare its results with --device cpu"));
    }
    if !args.json && !terminal::quiet() {
        said.iter().for_each(|line| say!("{line}"));
        let (how, loss) = (computed_by(device, precision), plan.loss().name());
        say!("{}\n{how}; {loss}, {optimizer}", bold(&network));
        if let Some(said) = about_precision.filter(|_| args.resume.is_none()) {
            say!("{said}");
        }
        if let Some(choice) = &choice {
            say!("{}", choice::text(choice));
        }
        if let Some(chosen) = chosen {
            say!("by default: {chosen} (a flag changes each, --net all of it)");
        }
        say!("{trained_on} training samples of shape {:?}", train.features().shape());
    }

    let training = Instant::now();
    let fit = match args.bag {
        Some(networks) => {
            bag = bag::train(&run, args, &train, networks, bag)?;
            let Some(bag) = &bag else {
                return Ok(interrupted(&run, "; the networks trained so far are kept"));
            };
            resumed_at = bag.known_steps;
            bag.fit(args.recipe.epochs.unwrap_or(0))?
        }
        None => train_one(&mut run, args, trainer, &train, residuals)?,
    };
    let trained = training.elapsed();

    let testing = Instant::now();
    let score = score(args, &fit.model, test.as_ref(), device)?;
    let seconds = json!({
        "load": loaded.as_secs_f64(),
        "choose": choosing.as_secs_f64(),
        "train": trained.as_secs_f64(),
        "test": testing.elapsed().as_secs_f64(),
        "total": start.elapsed().as_secs_f64(),
    });
    let (test, folds) = (test.as_ref(), folds.as_ref());
    let done = TrainedRun {
        args,
        precision,
        train: &train,
        trained_on,
        test,
        fit: &fit,
        score: &score,
        folds,
        bag: bag.as_ref(),
        choice: choice.as_ref(),
        findings: None,
        in_short: false,
    };
    let kept = done.keep(&mut run, &name, &device, &seconds);
    let finished = run.finish();
    let kept = match (kept, &finished) {
        (Err(error), Ok(())) => return Err(error.context(go_on(&run, &fit))),
        (kept, _) => kept?,
    };
    finished?;
    terminal::saved();
    kept.findings.iter().for_each(|finding| terminal::tell(&format!("warning: {finding}")));
    if args.resume.is_some() {
        // Only now is it sure that the run could go on with these.
        run.save_config(args)?;
    }
    match args.json {
        true => say!("{}", kept.report),
        false => done.say(&kept, trained, fit.steps - resumed_at.min(fit.steps)),
    }
    if fit.ended == Ended::Asked {
        let model = kept.model.display();
        let what = format!(" after {} steps; the model so far is in {model}", fit.steps);
        return Ok(interrupted(&run, &what));
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells wrong flags before anything is read; returns the device.
fn check(args: &Settings) -> Result<Device> {
    let device = args.machine.device()?;
    if args.resume.is_none() {
        args.machine.check_precision()?;
    }
    args.recipe.optimizer()?;
    args.recipe.schedule()?;
    args.recipe.loss()?;
    if args.find_lr && ranks::group().is_some() {
        let what = "--find-lr: one rank alone tries learning rates: run reshet itself";
        return Err(Error::Invalid(what.into()).into());
    }
    if let (Some(out), None) = (&args.out, &args.resume) {
        check_free(out, args.force)?;
    }
    Ok(device)
}

/// Chooses the defaults that `asked` leaves open; with all effort also trains the networks of the
/// average.
fn choose(
    args: &mut Settings,
    asked: &Settings,
    split: &mut SplitData,
) -> Result<(Option<Choice>, Option<Bag>)> {
    if let Some(networks) = args.bag.filter(|_| args.effort == Some(bag::MOST_EFFORT)) {
        return Ok(choice::choose_bag(args, asked, split, networks)?.unzip());
    }
    let mut choice = choice::choose(args, asked, split)?;
    if let (Some(_), Some(choice)) = (args.bag, &mut choice) {
        // The networks' own answers say more than one network's to a fifth of the samples.
        (args.recipe.0.temperature, choice.temperature) = (asked.recipe.temperature, None);
    }
    Ok((choice, None))
}

/// Makes the run's folder; or opens that of a run that goes on, with its checkpoint unless it
/// trains an average.
fn open(args: &Settings, name: &str) -> Result<(Run, Option<Checkpoint>)> {
    let Some(folder) = &args.resume else {
        let run = Run::create(args.out.as_deref(), name, args.force)?;
        follow::tell(args)?;
        follow::tell_checkpoint(None)?;
        return Ok((run, None));
    };
    if args.bag.is_none() {
        let (run, checkpoint) = Run::reopen(folder)?;
        return Ok((run, Some(checkpoint)));
    }
    if folder.join(CHECKPOINT).exists() {
        let what = "the run trains one network, and its config.toml asks for an average";
        return Err(Error::Data(format!("{}: {what}", folder.display())).into());
    }
    Ok((Run::take_up(folder)?, None))
}

/// Checks that a training can go on as `args` say, with these instructions; says what differs.
fn check_resumed(checkpoint: &Checkpoint, args: &Settings, instructions: &str) -> Result<()> {
    check_bits(checkpoint, instructions, args.same_bits)?;
    for change in resumed::changes(&checkpoint.notes, args)? {
        note(&format!("changed since the checkpoint: {change}"));
    }
    check_epochs(checkpoint, args)
}

/// The device, and with others or in another precision than usual, that too.
fn computed_by(device: Device, precision: Precision) -> String {
    let ranks = ranks::group().map_or(1, |group| group.ranks());
    let shared = if ranks > 1 { format!(", {ranks} ranks") } else { String::new() };
    let rounded = match precision {
        Precision::F32 => String::new(),
        rounded => format!(", {rounded}"),
    };
    let tiles = if precision.instructions(device).ends_with("amx") { " by amx" } else { "" };
    format!("{device}{shared}{rounded}{tiles}")
}

/// Trains one network, with a line for its epochs.
fn train_one(
    run: &mut Run,
    args: &Settings,
    trainer: Trainer,
    train: &Dataset,
    residuals: Vec<Residuals>,
) -> Result<Fit> {
    let bar = terminal::bar(0, "{wide_bar} {pos}/{len} steps  {msg}  {eta} left");
    let (mut last_note, mut skipped) = (Instant::now(), false);
    if !residuals.is_empty() {
        run.note(RESIDUALS, serde_json::to_string(&residuals)?);
    }
    run.keep_checkpoints(args.checkpoint_every.map(|n| n as usize))?;
    let epochs = args.recipe.epochs.unwrap_or(0);
    let fit = run.train(trainer, train, &bar, |event| {
        if let Event::Epoch { epoch, loss, validation } = event {
            // Of many short epochs a line a second is enough.
            if *epoch >= 3 && last_note.elapsed().as_secs() < 1 && *epoch + 1 != epochs {
                skipped = true;
                return;
            }
            last_note = Instant::now();
            let before = if std::mem::take(&mut skipped) { "…\n" } else { "" };
            let checked =
                validation.as_ref().map_or(String::new(), |v| format!("   validation {v}"));
            let line = format!("{before}epoch {}   loss {}{checked}", epoch + 1, digits(*loss));
            bar.suspend(|| note(&line));
        }
    });
    let fit = fit.map_err(|error| match error.downcast_ref() {
        Some(Error::Group(_)) => error.context(kept_so_far(run)),
        _ => error,
    })?;
    Ok(Fit { model: fit.model.with_residuals(residuals)?, ..fit })
}

/// Says that Ctrl-C has ended the training, and how it goes on.
fn interrupted(run: &Run, what: &str) -> ExitCode {
    let folder = run.folder().display();
    terminal::tell(&format!("interrupted{what}; go on: reshet train --resume {folder}"));
    ExitCode::from(exit::INTERRUPTED)
}

/// What to do when a rank has ended.
fn kept_so_far(run: &Run) -> String {
    let folder = run.folder().display();
    format!(
        "stopped; what was reached is kept; go on with any number of ranks: train --resume {folder}"
    )
}

/// How far numbers were off for samples held back: of the folds, or where the defaults were tried.
fn held_back(folds: Option<&Folds>, choice: Option<&Choice>) -> Vec<Residuals> {
    let of_folds = folds.map(|folds| &folds.residuals).filter(|residuals| !residuals.is_empty());
    of_folds.or(choice.map(|choice| &choice.residuals)).cloned().unwrap_or_default()
}

/// The same, of a run that goes on.
fn kept_residuals(checkpoint: &Checkpoint) -> Result<Vec<Residuals>> {
    let Some(text) = checkpoint.notes.get(RESIDUALS) else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|e| Error::Data(format!("{CHECKPOINT}: {e}")).into())
}

/// The score on the test part, or on the file of one, if there is any. On the processor, which is
/// said, if a graphics card fails.
fn score(
    args: &Settings,
    model: &Model,
    test: Option<&Dataset>,
    device: Device,
) -> Result<Option<Score>> {
    let Some(test) = test else {
        let Some(file) = &args.test else { return Ok(None) };
        return Ok(Some(score_by_blocks(model, file, &args.table.csv)?));
    };
    match model.test_on(test, device) {
        Err(Error::Device(why)) if matches!(device, Device::Cuda { .. }) => {
            terminal::tell(&format!("warning: {why}; the model is tested on the processor"));
            Ok(Some(model.test_on(test, Device::cpu())?))
        }
        score => Ok(Some(score?)),
    }
}

/// What to do when the result could not be written.
fn go_on(run: &Run, fit: &Fit) -> String {
    let folder = run.folder().display();
    format!("the training's {} steps are kept: reshet train --resume {folder}", fit.steps)
}

/// Says if this machine computes other bits than the one that the checkpoint is of, or refuses.
fn check_bits(checkpoint: &Checkpoint, now: &str, same_bits: bool) -> Result<()> {
    let what = match checkpoint.instructions() {
        Some(then) if then == now => return Ok(()),
        // Which computes again, where bits need not be the same.
        Some(then) if !same_bits && then.split(", cublaslt ").next() == Some(now) => return Ok(()),
        Some(then) => format!("the run was computed with {then}, and goes on with {now}"),
        None if same_bits => "the checkpoint does not say what computed it".into(),
        None => return Ok(()),
    };
    let what = format!("{what}: the bits may not be those of a run that was never stopped");
    if same_bits {
        return Err(Error::Invalid(format!("--same-bits: {what}")).into());
    }
    terminal::tell(&format!("warning: {what} (--same-bits refuses)"));
    Ok(())
}

/// Checks that a run which goes on has not had more epochs than it is to have.
fn check_epochs(checkpoint: &Checkpoint, args: &Settings) -> Result<()> {
    let (had, wanted) = (checkpoint.epochs(), args.recipe.epochs);
    match wanted.filter(|wanted| *wanted < had) {
        Some(wanted) => Err(Error::Setting {
            name: "epochs",
            value: wanted.to_string(),
            why: format!("the run has had {had} already; a run goes on to more, not to fewer"),
        }
        .into()),
        None => Ok(()),
    }
}
