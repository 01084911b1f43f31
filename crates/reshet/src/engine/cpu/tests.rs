//! What the engine promises, seen from inside.

use super::update::SETTLES_EACH;
use super::*;
use crate::{Adam, AdamW, Features, Loss, RMSprop, SGD, Sequential, Storage, Targets, init::Init};

/// Of these, the first for Miri, which is slow.
fn few<T, const N: usize>(all: [T; N]) -> impl Iterator<Item = T> {
    all.into_iter().take(if cfg!(miri) { 1 } else { N })
}

const BATCH: u32 = if cfg!(miri) { 5 } else { 130 };

/// Nothing is read that the step has not written: with NaN in all its
/// scratch memory it gives the same bits.
#[test]
fn poisoned_scratch_never_leaks() {
    for net in few(["5:dropout(0.5)-7:relu:tanh-3", "170-190:relu-133:softmax-65:gelu-3"]) {
        let network: Sequential = net.parse().unwrap();
        let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
        let n = network.inputs();
        let inputs = (0..20 * n).map(|i| (i % 7) as f32 / 7.0).collect();
        let features = Features::new(Storage::F32(inputs), &[n]).unwrap();
        let names = ["a", "b", "c"].map(String::from).into();
        let targets = Targets::classes((0..20).map(|i| i % 3).collect(), names);
        let data = Dataset::new(features, targets).unwrap();
        let parameters = plan.init(Init::Default, 0);
        let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: None };
        for instructions in Instructions::here() {
            let run = |poison: bool| {
                let mut cpu = Cpu::new(plan.clone(), &parameters, 0, 2, instructions);
                cpu.attach(&data);
                for rows in [&[1, 2, 3, 4, 5][..], &[6, 7, 8], &[9; 19]] {
                    cpu.reserve(20);
                    if poison {
                        cpu.stages.numbers.as_mut_slice().fill(f32::NAN);
                        cpu.scratch.numbers.as_mut_slice().fill(f32::NAN);
                        cpu.scratch.wide.fill(f64::NAN);
                        cpu.stages.losses.fill(f64::NAN);
                    }
                    assert!(cpu.step(&Samples::of(&data, rows), &hyper).1, "{net} {instructions}");
                }
                cpu.flat.parameters.as_slice().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(run(false), run(true), "{net} {instructions}");
        }
    }
}

/// However many samples go through the layers together, in either precision.
#[test]
fn blocks_of_samples_give_the_same_bits() {
    for net in few(["5:dropout(0.5)-7:relu:tanh-3", "90-190:relu-133:softmax-65:gelu-3", "90-70"]) {
        let network: Sequential = net.parse().unwrap();
        let plan = Plan::new(&network, Loss::MSELoss).unwrap();
        let (n, outputs) = (network.inputs(), network.outputs());
        for zeros in [false, true] {
            let number = |i: usize| if zeros && i % 3 > 0 { 0.0 } else { (i % 7) as f32 / 7.0 };
            let features = Storage::F32((0..300 * n).map(number).collect());
            let targets = (0..300 * outputs).map(|i| (i % 11) as f32 / 11.0).collect();
            let targets = Targets::numbers(targets, outputs);
            let data = Dataset::new(Features::new(features, &[n]).unwrap(), targets).unwrap();
            let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: None };
            let parameters = plan.init(Init::Default, 0);
            let run = |together: usize, threads: usize, precision: Precision| {
                let mut cpu = Cpu::new(plan.clone(), &parameters, 0, threads, Instructions::best());
                cpu.set_precision(precision).unwrap();
                cpu.go_together(together);
                cpu.attach(&data);
                for samples in [300, 131] {
                    let rows: Vec<u32> = (0..samples).collect();
                    assert!(cpu.step(&Samples::of(&data, &rows), &hyper).1, "{net}");
                }
                let mut outputs = vec![0.0; 300 * outputs];
                cpu.predict(Rows::of(data.features()), &mut outputs);
                let numbers = cpu.flat.parameters.as_slice().iter().chain(&outputs);
                numbers.map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            for precision in few([Precision::F32, Precision::Bf16]) {
                let want = run(64, 1, precision);
                for (together, threads) in few([(128, 1), (256, 1), (128, 2), (256, 3)]) {
                    assert!(run(together, threads, precision) == want, "{net} {together}");
                }
            }
        }
    }
}

/// Zeros skipped or not, strips owned or shared, fused or in stages: the
/// same bits, but for the sign of zero.
#[test]
fn every_way_through_a_step_gives_the_same_bits() {
    for net in few(["90-100:relu-3", "90-128:gelu-3", "90-140:gelu-70:relu-3", "90-200:tanh-70"]) {
        every_way(net);
    }
}

fn every_way(net: &str) {
    let network: Sequential = net.parse().unwrap();
    let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
    let ink = |i: usize| if i % 90 == 7 || i * i % 11 > 1 { 0 } else { (i % 251) as u8 };
    let features = Features::new(Storage::U8((0..200 * 90).map(ink).collect()), &[90]).unwrap();
    let names = (0..network.outputs()).map(|c| c.to_string()).collect();
    let targets = Targets::classes((0..200).map(|i| i % 3).collect(), names);
    let data = Dataset::new(features, targets).unwrap();
    let parameters = plan.init(Init::Default, 0);
    // Weight decay moves the weights of inputs that are always zero, and leaves
    // them a momentum for the steps without it.
    let adam = |weight_decay| Adam { weight_decay, ..Adam::new(0.01) };
    let hyper = |decay| Hyper { optimizer: adam(decay).into(), clip_norm: None };
    let run = |threads, sparse, stages| {
        let instructions = Instructions::best();
        let mut cpu = Cpu::new(plan.clone(), &parameters, 0, threads, instructions);
        cpu.attach(&data);
        assert!(cpu.zeros.attached);
        cpu.zeros.attached = sparse;
        for batch in few([0, 1, 2, 3]) {
            let rows: Vec<u32> = (batch * 17..batch * 17 + BATCH).collect();
            let hyper = hyper(if batch == 1 { 0.1 } else { 0.0 });
            let samples = Samples::of(&data, &rows);
            if stages {
                cpu.forward(&samples);
                cpu.backward(&samples, None, false);
                assert!(cpu.update(&hyper));
            } else {
                assert!(cpu.step(&samples, &hyper).1);
            }
        }
        let mut out = vec![0.0; parameters.len()];
        cpu.read(Buffer::Parameters, &mut out);
        out.iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>()
    };
    let want = run(1, false, true);
    for threads in few([2, 1, 3, 4]) {
        for sparse in [false, true] {
            for stages in [false, true] {
                let got = run(threads, sparse, stages);
                assert!(got == want, "{net}, {threads} threads, sparse {sparse}, stages {stages}");
            }
        }
    }
}

/// A training may go on with another number of threads at any time, also between the stages.
#[test]
fn stages_with_different_threads_give_the_same_bits() {
    let network: Sequential = "90-128:relu-70:relu-3".parse().unwrap();
    let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
    let ink = |i: usize| if i * i % 11 > 1 { 0 } else { (i % 251) as u8 };
    let features = Features::new(Storage::U8((0..150 * 90).map(ink).collect()), &[90]).unwrap();
    let names = ["a", "b", "c"].map(String::from).into();
    let targets = Targets::classes((0..150).map(|i| i % 3).collect(), names);
    let data = Dataset::new(features, targets).unwrap();
    let parameters = plan.init(Init::Default, 0);
    let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: Some(0.1) };
    let run = |threads: &[usize]| {
        let mut cpu = Cpu::new(plan.clone(), &parameters, 0, 2, Instructions::best());
        cpu.attach(&data);
        let mut threads = threads.iter().cycle();
        for batch in 0..few([0, 1, 2, 3]).count() as u32 {
            let rows: Vec<u32> = (batch * 5..batch * 5 + BATCH).collect();
            let mut stage = |cpu: &mut Cpu, run: &mut dyn FnMut(&mut Cpu)| {
                cpu.team.exactly(*threads.next().unwrap());
                run(cpu);
            };
            let samples = Samples::of(&data, &rows);
            stage(&mut cpu, &mut |cpu| cpu.forward(&samples));
            stage(&mut cpu, &mut |cpu| _ = cpu.backward(&samples, None, false));
            stage(&mut cpu, &mut |cpu| assert!(cpu.update(&hyper)));
        }
        cpu.flat.parameters.as_slice().iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>()
    };
    let want = run(&[1]);
    for threads in [&[2][..], &[1, 2], &[2, 1], &[1, 2, 2], &[2, 1, 1], &[1, 1, 2], &[2, 2, 1]] {
        assert!(run(threads) == want, "{threads:?}");
    }
}

fn tiny(numbers: &[f32]) -> Vec<f32> {
    numbers.iter().copied().filter(|x| x.is_subnormal()).collect()
}

/// A mean of squares stands still at some 2⁻¹¹⁰, momentum and weights that decay at 0: nothing
/// stays where each operation would take the processor a hundred cycles.
#[test]
fn state_and_weights_do_not_stay_subnormal() {
    let network: Sequential = "70-20:relu-3".parse().unwrap();
    let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
    // From 2⁻¹⁴⁹ to 2⁰, of both signs.
    let spread = |i: usize| f32::from_bits(((i * 7919 % 128) as u32) << 23 | 1) * [1., -1.][i % 2];
    let spread: Vec<f32> = (0..plan.parameters).map(spread).collect();
    // Products of what is not tiny.
    let gradient = |x: &f32| if x.abs() < 1e-30 { 0.0 } else { *x };
    let gradients: Vec<f32> = spread.iter().map(gradient).collect();
    let sgd = |weight_decay| SGD { momentum: 0.9, weight_decay, ..SGD::new(0.1) };
    let rmsprop = RMSprop { momentum: 0.9, centered: true, ..RMSprop::new(0.01) };
    for optimizer in [
        sgd(0.0).into(),
        sgd(0.1).into(),
        Adam::new(0.01).into(),
        AdamW { amsgrad: true, ..AdamW::new(0.01) }.into(),
        rmsprop.into(),
    ] {
        for (clip_norm, instructions) in
            Instructions::here().flat_map(|i| [(None, i), (Some(1e-6), i)])
        {
            let features = Features::new(Storage::F32(vec![0.0; 70]), &[70]).unwrap();
            let names = ["a", "b", "c"].map(String::from).into();
            let data = Dataset::new(features, Targets::classes(vec![0], names)).unwrap();
            let mut cpu = Cpu::new(plan.clone(), &spread, 0, 1, instructions);
            cpu.attach(&data);
            cpu.forward(&Samples::of(&data, &[0]));
            let hyper = Hyper { optimizer, clip_norm };
            for slot in 0..optimizer.slots() {
                let from: Vec<f32> = spread.iter().map(|x| x.abs()).collect();
                cpu.write(Buffer::State(slot), &from);
            }
            for _ in 0..2 * SETTLES_EACH {
                cpu.write(Buffer::Gradients, &gradients);
                assert!(cpu.update(&hyper));
            }
            for state in &cpu.flat.state {
                let tiny = tiny(state.as_slice());
                assert!(tiny.is_empty(), "{optimizer} {clip_norm:?} {instructions}: {tiny:?}");
            }
        }
    }
}

/// What a saturated network leaves at its stages is not subnormal either, whatever its layers.
#[test]
fn stages_of_a_saturated_network_are_not_subnormal() {
    for middle in few(["gelu", "sigmoid", "tanh", "silu", "elu", "relu", "leaky_relu", "softmax"]) {
        let network: Sequential = format!("8-40:{middle}-40:{middle}-33-3").parse().unwrap();
        let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
        let inputs: Vec<f32> = (0..64 * 8).map(|i| (i * 37 % 101) as f32 / 25.0 - 2.0).collect();
        let classes = (0..64).map(|i| u32::from(inputs[i * 8] > 0.0)).collect();
        let features = Features::new(Storage::F32(inputs), &[8]).unwrap();
        let names = ["a", "b", "c"].map(String::from).into();
        let data = Dataset::new(features, Targets::classes(classes, names)).unwrap();
        let rows: Vec<u32> = (0..64).collect();
        for scale in [1.0, 30.0, 1e-9] {
            let mut parameters = plan.init(Init::Default, 1);
            parameters.iter_mut().for_each(|p| *p *= scale);
            for instructions in Instructions::here() {
                let mut cpu = Cpu::new(plan.clone(), &parameters, 0, 1, instructions);
                cpu.attach(&data);
                let samples = Samples::of(&data, &rows);
                cpu.forward(&samples);
                cpu.backward(&samples, None, false);
                let tiny = tiny(cpu.stages.numbers.as_slice());
                assert!(tiny.is_empty(), "{middle} × {scale}, {instructions}: {tiny:?}");
            }
        }
    }
}
