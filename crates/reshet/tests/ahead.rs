//! `fit` on a graphics card, which has one launch of many steps in hand while those of the one
//! before it are told: what it tells, saves and returns is that of a loop that takes step by step.
//!
//! The card is the emulated one (`gpu/emulation`), which does nothing before somebody waits for it;
//! without it (no `RESHET_TEST_CUDA`) nothing is asked.

use std::{env, ops::ControlFlow};

use reshet::{Dataset, Device, Error, Event, Features, Model, Storage, Targets, prelude::*};

/// A launch is of at most 256 steps, so an epoch has three.
const ROWS: usize = 600;

fn card() -> Option<Device> {
    env::var_os("RESHET_TEST_CUDA").map(|_| Device::cuda(0).unwrap())
}

/// The target of row `wild`, if any, gives a loss that is no number.
fn data(wild: Option<usize>) -> Dataset {
    let x = Storage::F32((0..2 * ROWS).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect());
    let y = (0..ROWS).map(|i| if Some(i) == wild { 3e38 } else { (i % 5) as f32 / 5.0 }).collect();
    Dataset::new(Features::new(x, &[2]).unwrap(), Targets::numbers(y, 1)).unwrap()
}

fn trainer<'a>(card: Device) -> Trainer<'a> {
    let network: Sequential = "2-3:relu:dropout(0.2)-1".parse().unwrap();
    let trainer = Trainer::new(network).device(card).epochs(2).batch_size(1).seed(5);
    trainer.optimizer(Adam::new(0.02)).schedule(Schedule::OneCycleLR).units(Vec::new())
}

fn bits(model: &Model) -> Vec<u32> {
    model.parameters().iter().map(|x| x.to_bits()).collect()
}

type Told = Vec<(usize, u32, u64)>;

fn tell(told: &mut Told, event: &Event) {
    match event {
        Event::Step { step, loss, lr, .. } => told.push((*step, loss.to_bits(), lr.to_bits())),
        Event::Epoch { epoch, loss, .. } => told.push((*epoch, 0, loss.to_bits())),
        _ => {}
    }
}

#[test]
fn fit_is_the_loop_step_by_step() {
    let Some(card) = card() else { return };
    let data = data(None);
    // In the first launch, at its end, in the second, in the next epoch, nowhere.
    for end in [1, 256, 257, 400, 700, 5000] {
        let mut by_hand = trainer(card).start(&data).unwrap();
        let (mut want, mut got, mut kept) = (Told::new(), Told::new(), Vec::new());
        while let Some(event) = by_hand.advance().unwrap() {
            tell(&mut want, &event);
            if matches!(event, Event::Step { step, .. } if step + 1 == end) {
                by_hand.stop();
            }
        }
        let want_model = by_hand.finish().model;
        for every in [None, Some(300)] {
            got.clear();
            kept.clear();
            let fit = trainer(card)
                .on_event(|event| {
                    tell(&mut got, event);
                    match event {
                        Event::Step { step, .. } if step + 1 == end => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    }
                })
                .on_checkpoint(every, |checkpoint| kept.push(checkpoint.steps()))
                .fit(&data)
                .unwrap();
            assert!(got == want, "ended after {end}, looked at every {every:?}");
            assert_eq!(bits(&fit.model), bits(&want_model), "ended after {end}, {every:?}");
            let last = end.min(2 * ROWS);
            assert_eq!(kept.last(), Some(&last), "{every:?}");
            if let Some(every) = every {
                assert!(kept.iter().all(|step| step % every == 0 || *step == last), "{kept:?}");
            }
        }
    }
}

/// A checkpoint in the middle goes on to the same bits, whatever the device had in hand.
#[test]
fn a_checkpoint_is_of_the_step_that_was_told() {
    let Some(card) = card() else { return };
    let data = data(None);
    let mut kept = Vec::new();
    let whole = trainer(card).on_checkpoint(Some(400), |one| kept.push(one)).fit(&data).unwrap();
    let steps: Vec<usize> = kept.iter().map(|one| one.steps()).collect();
    assert_eq!(steps, [400, 800, 1200, 1200]);
    for one in kept {
        let fit = trainer(card).resume(one).fit(&data).unwrap();
        assert_eq!(bits(&fit.model), bits(&whole.model));
    }
}

/// The card keeps an epoch's order, of which a launch names a place: the steps are those on rows that
/// are passed one batch after the other.
#[test]
fn batches_are_those_of_the_loader() {
    let Some(card) = card() else { return };
    let data = data(None);
    let network: Sequential = "2-3:relu:dropout(0.2)-1".parse().unwrap();
    for shuffle in [true, false] {
        let (mut want, mut got) = (Vec::new(), Vec::new());
        let fit = Trainer::new(network.clone())
            .device(card)
            .epochs(3)
            .batch_size(70)
            .seed(5)
            .shuffle(shuffle)
            .optimizer(Adam::new(0.02))
            .units(Vec::new())
            .on_event(|event| {
                if let Event::Step { loss, .. } = event {
                    got.push(loss.to_bits());
                }
                ControlFlow::Continue(())
            })
            .fit(&data)
            .unwrap();
        let trainer = Trainer::new(network.clone()).seed(5).epochs(0).units(Vec::new());
        let initial = trainer.fit(&data).unwrap().model.parameters().to_vec();
        let setup = network.clone().with_loss(Loss::MSELoss).seeded(5).parameters(initial);
        let mut training = setup.on(card).unwrap().attach(&data).unwrap();
        for epoch in 0..3 {
            let loader = data.loader(70);
            let loader = if shuffle { loader.shuffled(5, epoch) } else { loader };
            for batch in loader {
                // In memory of its own: no part of an order.
                let rows = batch.to_vec();
                want.push(training.step(&rows, Adam::new(0.02)).unwrap().to_bits());
            }
        }
        assert!(got == want && got.len() == 27, "shuffled: {shuffle}");
        assert!(fit.model.parameters() == training.parameters(), "shuffled: {shuffle}");
    }
}

/// A step of the launch in hand diverges, but the training is ended before it is told.
#[test]
fn what_would_have_diverged_is_not_taken_again() {
    let Some(card) = card() else { return };
    let data = data(Some(100));
    let trainer = || trainer(card).shuffle(false);
    let mut by_hand = trainer().start(&data).unwrap();
    for _ in 0..4 {
        by_hand.advance().unwrap();
    }
    by_hand.stop();
    let end_after = |event: &Event| match event {
        Event::Step { step: 3, .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let fit = trainer().on_event(end_after).fit(&data).unwrap();
    assert_eq!((fit.steps, bits(&fit.model)), (4, bits(&by_hand.finish().model)));
}

#[test]
fn divergence_is_told_where_it_is() {
    let Some(card) = card() else { return };
    for wild in [3, 255, 256, 300, 520] {
        let data = data(Some(wild));
        let trainer = || trainer(card).shuffle(false);
        let mut by_hand = trainer().start(&data).unwrap();
        let (mut want, mut got) = (Told::new(), Told::new());
        let first = loop {
            match by_hand.advance() {
                Ok(event) => tell(&mut want, &event.unwrap()),
                Err(error) => break error,
            }
        };
        let second = trainer()
            .on_event(|event| {
                tell(&mut got, event);
                ControlFlow::Continue(())
            })
            .fit(&data)
            .unwrap_err();
        assert!(got == want && got.len() == wild, "{wild}");
        let (Error::Diverged(first), Error::Diverged(second)) = (first, second) else {
            panic!("{wild}")
        };
        assert_eq!((first.step, &first.what), (second.step, &second.what));
        assert!(second.last_good.is_some());
    }
}
