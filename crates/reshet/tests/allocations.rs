//! A steady training step allocates nothing, on any thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use reshet::{prelude::*, *};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test: two at once would count each other's.
#[test]
fn steady_loops_allocate_nothing() {
    over_arrays();
    // All of the inputs are there, or one in seven.
    for gap in [1, 7] {
        steady_steps((0..500 * 150).map(|i| if i % gap == 0 { 9 } else { 0 }).collect());
    }
}

fn steady_steps(inputs: Vec<u8>) {
    let features = Features::new(Storage::U8(inputs), &[150]).unwrap();
    let names = ["a", "b", "c"].map(String::from).into();
    let targets = Targets::classes((0..500).map(|i| i % 3).collect(), names);
    let data = Dataset::new(features, targets).unwrap();
    let network = sequential![
        Linear(150, 180),
        ReLU,
        Dropout(0.1),
        Linear(180, 70),
        GELU,
        Softmax,
        Linear(70, 3)
    ];
    let setup = network.unwrap().with_loss(Loss::cross_entropy());
    for clip in [None, Some(0.1)] {
        let device = Device::cpu().exact_threads(2);
        let mut training = setup.clone().on(device).unwrap().attach(&data).unwrap();
        training.clip_grad_norm(clip);
        let adam = Adam::new(0.01);
        let batches: Vec<Batch> = data.loader(60).collect();
        let mut epoch = || {
            for batch in &batches {
                training.prefetch(batch.following());
                training.step(batch, adam).unwrap();
                training.forward(batch).unwrap();
                training.backward().unwrap();
                training.update(adam).unwrap();
            }
        };
        assert_eq!(least_allocated(&mut epoch), 0, "clip {clip:?}");
    }
}

/// The least that a round allocates, after the first: a thread of the team that only now starts
/// allocates too, but not in every round.
fn least_allocated(round: &mut dyn FnMut()) -> usize {
    round();
    let allocated = |_| {
        let before = COUNT.load(Relaxed);
        round();
        COUNT.load(Relaxed) - before
    };
    (0..10).map(allocated).min().unwrap_or(usize::MAX)
}

/// A game's loop: answers of two networks, a step on them, and now and then a copy.
fn over_arrays() {
    let network = sequential![Linear(11, 128), ReLU, Linear(128, 64), ReLU, Linear(64, 1), Sigmoid];
    let setup = network.unwrap().with_loss(BCELoss).on(Device::cpu().exact_threads(2)).unwrap();
    let (mut agent, mut target) = (setup.clone().start().unwrap(), setup.start().unwrap());
    let states: Vec<f32> = (0..64 * 11).map(|i| (i % 13) as f32 / 13.0).collect();
    let mut targets = vec![0.0; 64];
    let chosen = [0; 64];
    let adam = Adam::new(0.01);
    let mut round = || {
        targets.copy_from_slice(target.predict(&states).unwrap());
        agent.step_on(&states, &targets, adam).unwrap();
        agent.step_on(&states, &targets.chosen(&chosen), adam).unwrap();
        agent.forward_on(&states).unwrap();
        agent.backward_on(&targets).unwrap();
        agent.update(adam).unwrap();
        agent.forward_on(&states).unwrap();
        agent.backward_from(&targets).unwrap();
        agent.update(adam).unwrap();
        target.copy_from(&agent).unwrap();
    };
    assert_eq!(least_allocated(&mut round), 0);
}
