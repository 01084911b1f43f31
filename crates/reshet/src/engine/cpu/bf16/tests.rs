//! Products in bfloat16 against plain loops, on each instruction set.

use super::{By, LEAST, Rounded, is_wide, pairs};
use crate::{
    Adam, Dataset, Features, Loss, Plan, Sequential, Storage, Targets,
    engine::{
        Buffer, Engine, Precision, Samples,
        cpu::{Cpu, Instructions},
    },
    init::Init,
    optim::Hyper,
};

/// Numbers in ±1, from the seed.
fn numbers(seed: u32, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    (0..n).map(|_| next() as f32 / 8_388_608.0 - 1.0).collect()
}

/// The nearest bfloat16 number, by its two neighbours.
fn nearest(x: f32) -> f32 {
    if x.abs() < LEAST {
        return 0.0;
    }
    let below = f32::from_bits(x.to_bits() & 0xffff_0000);
    let above = f32::from_bits((x.to_bits() & 0xffff_0000) + 0x1_0000);
    let far = |y: f32| (f64::from(y) - f64::from(x)).abs();
    match far(below).total_cmp(&far(above)) {
        std::cmp::Ordering::Less => below,
        std::cmp::Ordering::Greater => above,
        std::cmp::Ordering::Equal if below.to_bits() >> 16 & 1 == 0 => below,
        std::cmp::Ordering::Equal => above,
    }
}

#[test]
fn rounds_to_the_nearest_ties_to_even() {
    let round = |x: f32| f32::from_bits(pairs::round(x) << 16);
    for exponent in 60..190 {
        for fraction in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1_7fff, 0x1_8000, 0x7f_7fff] {
            for sign in [0, 1 << 31] {
                let x = f32::from_bits(sign | exponent << 23 | fraction);
                assert_eq!(round(x), nearest(x), "{x:e}");
            }
        }
    }
    assert_eq!(round(LEAST), LEAST);
    assert_eq!(round(f32::MAX), f32::INFINITY);
    assert_eq!(round(f32::NEG_INFINITY), f32::NEG_INFINITY);
    for bits in [0x7fc0_0000, 0x7f80_0001, 0xffff_ffff] {
        assert!(round(f32::from_bits(bits)).is_nan(), "{bits:x}");
    }
}

/// Σ a·b as `bf16` says: pair by pair, the second first, in passes of so many pairs; or as `tiles`
/// does.
fn sum(
    factors: impl Iterator<Item = (f32, f32)>,
    tiles: bool,
    pass: usize,
    start: Option<f32>,
) -> f32 {
    let all: Vec<(f32, f32)> = factors.map(|(a, b)| (nearest(a), nearest(b))).collect();
    if tiles {
        let sum = |tile: &[(f32, f32)], first: usize| {
            tile.iter().skip(first).step_by(2).fold(0.0, |sum, (a, b)| sum + a * b)
        };
        let sum = all.chunks(32).fold(0.0, |total, tile| total + (sum(tile, 0) + sum(tile, 1)));
        return start.map_or(sum, |start| start + sum);
    }
    let mut total = start;
    for pass in all.chunks(2 * pass) {
        let mut sum = 0.0;
        for pair in pass.chunks(2) {
            for (a, b) in pair.iter().rev() {
                // The product is exact.
                sum += a * b;
            }
        }
        total = Some(total.map_or(sum, |total| total + sum));
    }
    total.unwrap_or(0.0)
}

fn data(inputs: Vec<f32>, width: usize, outputs: usize) -> Dataset {
    let rows = inputs.len() / width;
    let features = Features::new(Storage::F32(inputs), &[width]).unwrap();
    Dataset::new(features, Targets::numbers(numbers(5, rows * outputs), outputs)).unwrap()
}

/// Vectors, and what multiplies pairs.
type How = (Instructions, By);

/// The engine, with this to multiply pairs.
fn engine(plan: &Plan, parameters: &[f32], threads: usize, how: How) -> Cpu {
    let mut cpu = Cpu::new(plan.clone(), parameters, 0, threads, how.0);
    cpu.set_precision(Precision::Bf16).unwrap();
    cpu.rounded = Some(Rounded::by(&cpu.ops, how.1, &mut cpu.arena));
    cpu
}

/// What multiplies pairs, tiles or not, with these vectors.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
fn multiply(instructions: Instructions, tiles: bool) -> Vec<By> {
    if !tiles {
        #[cfg(target_arch = "x86_64")]
        if super::is_native(instructions) {
            return vec![By::Emulation, By::Avx512];
        }
        return vec![By::Emulation];
    }
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    if instructions != Instructions::Portable {
        super::tiles::trap::catch();
        return vec![By::EmulatedTiles, By::Tiles];
    }
    vec![By::EmulatedTiles]
}

/// Each instruction set, with all that multiplies pairs.
fn ways() -> impl Iterator<Item = How> {
    Instructions::here().flat_map(|i| {
        let all = [false, true].map(|tiles| multiply(i, tiles));
        all.into_iter().flatten().map(move |by| (i, by))
    })
}

/// All three products of both layers, number by number.
fn has_the_bits_of_plain_loops(net: &str, batch: usize, tiles: bool) {
    let sum = |factors: &mut dyn Iterator<Item = (f32, f32)>, pass, start| {
        sum(factors, tiles, pass, start)
    };
    let network: Sequential = net.parse().unwrap();
    let plan = Plan::new(&network, Loss::MSELoss).unwrap();
    let [one, two] = plan.dense().collect::<Vec<_>>()[..] else { panic!("two layers") };
    let (inputs, hidden, outputs) = (one.inputs, one.outputs, two.outputs);
    let x = numbers(1, batch * inputs);
    let derivative: Vec<f32> = numbers(2, batch * outputs);
    let parameters = numbers(3, plan.parameters);
    let data = data(x.clone(), inputs, outputs);
    let rows: Vec<u32> = (0..batch as u32).collect();
    let samples = Samples { targets: None, ..Samples::of(&data, &rows) };
    let w1 = |i: usize, h: usize| parameters[one.offset + h * inputs + i];
    let w2 = |h: usize, o: usize| parameters[two.offset + o * hidden + h];
    let bias = |start: usize, o: usize| Some(parameters[start + o]);
    // Some of the samples, so that a test is soon done.
    let some: Vec<usize> = (0..batch).filter(|s| s % 37 == 0 || s + 2 >= batch).collect();
    let mut z1 = vec![0.0; batch * hidden];
    let mut d1 = vec![0.0; batch * hidden];
    for s in 0..batch {
        for h in 0..hidden {
            let mut factors = (0..inputs).map(|i| (x[s * inputs + i], w1(i, h)));
            z1[s * hidden + h] = sum(&mut factors, 512, bias(one.bias().start, h));
            let mut factors = (0..outputs).map(|o| (derivative[s * outputs + o], w2(h, o)));
            d1[s * hidden + h] = sum(&mut factors, 512, None);
        }
    }
    for how in ways().filter(|how| (how.1.depth() > 1) == tiles) {
        for threads in [1, 3] {
            let mut cpu = engine(&plan, &parameters, threads, how);
            cpu.attach(&data);
            cpu.forward(&samples);
            let (mut z2, mut gradients) = (vec![0.0; batch * outputs], vec![0.0; plan.parameters]);
            cpu.output(&mut z2);
            cpu.backward(&samples, Some(&derivative), false);
            cpu.read(Buffer::Gradients, &mut gradients);
            let at = |what: &str, i: usize, j: usize| format!("{net} {how:?} {what} {i} {j}");
            for &s in &some {
                for o in 0..outputs {
                    let mut factors = (0..hidden).map(|h| (z1[s * hidden + h], w2(h, o)));
                    let want = sum(&mut factors, 512, bias(two.bias().start, o));
                    assert_eq!(z2[s * outputs + o].to_bits(), want.to_bits(), "{}", at("Z", s, o));
                }
                for h in 0..hidden {
                    let place = cpu.stages.share().all[1].d.index(s, h);
                    let got = cpu.stages.numbers.as_slice()[place];
                    let want = d1[s * hidden + h];
                    assert_eq!(got.to_bits(), want.to_bits(), "{}", at("dX", s, h));
                }
            }
            for h in 0..hidden {
                for o in (0..outputs).step_by(7) {
                    let mut factors =
                        (0..batch).map(|s| (z1[s * hidden + h], derivative[s * outputs + o]));
                    let want = sum(&mut factors, 256, None);
                    let got = gradients[two.offset + o * hidden + h];
                    assert_eq!(got.to_bits(), want.to_bits(), "{}", at("dW2", h, o));
                }
                for i in (h % 13..inputs).step_by(13) {
                    let mut factors = (0..batch).map(|s| (x[s * inputs + i], d1[s * hidden + h]));
                    let want = sum(&mut factors, 256, None);
                    let got = gradients[one.offset + h * inputs + i];
                    assert_eq!(got.to_bits(), want.to_bits(), "{}", at("dW1", i, h));
                }
            }
        }
    }
}

#[test]
fn products_have_the_bits_of_plain_loops() {
    for tiles in [false, true] {
        if cfg!(miri) {
            has_the_bits_of_plain_loops("64-64-64", 3, tiles);
            continue;
        }
        for (net, batch) in [
            ("64-64-64", 2),
            ("67-97-71", 131),
            ("65-130-66", 1),
            ("1100-64-64", 5),
            ("64-65-66", 529),
        ] {
            has_the_bits_of_plain_loops(net, batch, tiles);
        }
    }
}

/// Parameters after some steps on data some of whose columns are zero, as bits.
fn trained(net: &str, zeros: bool, threads: usize, stages: bool, how: How) -> Vec<u32> {
    let network: Sequential = net.parse().unwrap();
    let plan = Plan::new(&network, Loss::MSELoss).unwrap();
    let width = network.inputs();
    let mut inputs = numbers(7, 200 * width);
    if zeros {
        inputs.iter_mut().enumerate().for_each(|(i, x)| *x *= f32::from(u8::from(i % 3 == 0)));
    }
    let data = data(inputs, width, network.outputs());
    let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: None };
    let mut cpu = engine(&plan, &plan.init(Init::Default, 0), threads, how);
    cpu.attach(&data);
    let batches = if cfg!(miri) { 1 } else { 4 };
    for batch in 0..batches {
        // The last ones are shorter, and odd.
        let rows: Vec<u32> = (batch * 17..batch * 17 + 130 - 33 * batch).collect();
        let samples = Samples::of(&data, &rows);
        if stages {
            cpu.forward(&samples);
            cpu.backward(&samples, None, false);
            assert!(cpu.update(&hyper));
        } else {
            assert!(cpu.step(&samples, &hyper).1);
        }
    }
    let mut out = vec![0.0; plan.parameters];
    cpu.read(Buffer::Parameters, &mut out);
    out.iter().map(|x| (x + 0.0).to_bits()).collect()
}

#[test]
fn every_way_through_a_step_gives_the_same_bits() {
    for net in
        ["90-128:relu-64", "90-100:gelu:dropout(0.2)-70:softmax-65:relu-3", "70-64-130:tanh-64"]
    {
        for (zeros, tiles) in [(false, false), (true, false), (false, true), (true, true)] {
            let best = Instructions::best();
            let ways = multiply(best, tiles);
            let want = trained(net, zeros, 1, true, (best, ways[0]));
            for (threads, stages) in [(1, false), (2, false), (3, true), (4, false)] {
                for by in &ways {
                    let got = trained(net, zeros, threads, stages, (best, *by));
                    let how = format!("{threads} threads, stages {stages}, {by:?}");
                    assert!(got == want, "{net}, zeros {zeros}, {how}");
                }
            }
            if cfg!(miri) {
                return;
            }
        }
    }
}

/// Rounded weights follow whatever changes the others; a batch of zeros is in `f32`, and the next
/// one is not.
#[test]
fn rounded_weights_are_never_old() {
    let network: Sequential = "70-64:relu-64".parse().unwrap();
    let plan = Plan::new(&network, Loss::MSELoss).unwrap();
    let (dense, mut sparse) = (numbers(1, 6 * 70), numbers(2, 6 * 70));
    sparse.iter_mut().enumerate().for_each(|(i, x)| *x *= f32::from(u8::from(i % 4 == 0)));
    let (dense, sparse) = (data(dense, 70, 64), data(sparse, 70, 64));
    let given = |data| Samples { attached: false, ..Samples::of(data, &[0, 1, 2, 3, 4]) };
    let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: None };
    let how = (Instructions::best(), By::of(Instructions::best()));
    let mut cpu = engine(&plan, &plan.init(Init::Default, 0), 2, how);
    let (mut parameters, mut state) = (vec![0.0; plan.parameters], vec![0.0; plan.parameters]);
    let mut next = |cpu: &mut Cpu, data| {
        // The same as one that begins with these parameters and this state.
        cpu.read(Buffer::Parameters, &mut parameters);
        let mut fresh = engine(&plan, &parameters, 1, how);
        for slot in 0..cpu.slots() {
            cpu.read(Buffer::State(slot), &mut state);
            fresh.write(Buffer::State(slot), &state);
        }
        fresh.set_updates(cpu.updates());
        assert_eq!(cpu.step(&given(data), &hyper), fresh.step(&given(data), &hyper));
        let (mut got, mut want) = (vec![0.0; parameters.len()], vec![0.0; parameters.len()]);
        cpu.read(Buffer::Parameters, &mut got);
        fresh.read(Buffer::Parameters, &mut want);
        assert!(got == want);
    };
    for data in [&dense, &dense, &sparse, &sparse, &dense, &sparse, &dense] {
        next(&mut cpu, data);
    }
    cpu.write(Buffer::Parameters, &plan.init(Init::Default, 9));
    next(&mut cpu, &dense);
    let other = Cpu::new(plan.clone(), &plan.init(Init::Default, 5), 0, 1, how.0);
    assert!(cpu.copy_from(&other));
    next(&mut cpu, &dense);

    // Forward alone, without an update in between.
    let output = |cpu: &mut Cpu, data: &Dataset| {
        let mut output = vec![0.0; 5 * 64];
        let rows = &[0, 1, 2, 3, 4];
        cpu.forward(&Samples { attached: false, ..Samples::of(data, rows) });
        cpu.output(&mut output);
        output
    };
    let parameters = plan.init(Init::Default, 3);
    let mut cpu = engine(&plan, &parameters, 1, how);
    for data in [&sparse, &dense, &sparse, &dense] {
        let mut fresh = engine(&plan, &parameters, 1, how);
        assert!(output(&mut cpu, data) == output(&mut fresh, data));
    }
}

/// Nothing is read that the step has not written.
#[test]
fn poisoned_rounded_stages_never_leak() {
    let network: Sequential = "66:dropout(0.5)-65:sigmoid-67:elu-3".parse().unwrap();
    let plan = Plan::new(&network, Loss::MSELoss).unwrap();
    let data = data(numbers(1, 20 * 66), 66, 3);
    let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: None };
    for how in ways() {
        let run = |poison: bool| {
            let mut cpu = engine(&plan, &plan.init(Init::Default, 0), 2, how);
            cpu.attach(&data);
            for rows in [&[1, 2, 3, 4, 5][..], &[6, 7, 8], &[9; 19]] {
                let samples = Samples::of(&data, rows);
                cpu.begin(&samples, false);
                if poison {
                    cpu.stages.numbers.as_mut_slice().fill(f32::NAN);
                    cpu.rounded.as_mut().unwrap().stages.as_mut_slice().fill(f32::NAN);
                }
                assert!(cpu.step(&samples, &hyper).1, "{how:?}");
            }
            cpu.flat.parameters.as_slice().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(run(false), run(true), "{how:?}");
    }
}

/// The instructions and what stands for them, on numbers of all kinds.
#[test]
#[cfg(target_arch = "x86_64")]
fn instructions_for_pairs_are_as_emulated() {
    if !super::is_native(Instructions::Avx512) {
        eprintln!("skipped: no AVX512-BF16");
        return;
    }
    // SAFETY: the processor has the instructions.
    unsafe { super::native::is_as_emulated() }
}

#[test]
fn wide_layers_are_rounded() {
    let network: Sequential = "100-64:relu-80-63:relu-64".parse().unwrap();
    let plan = Plan::new(&network, Loss::MSELoss).unwrap();
    let (ops, _) = crate::engine::cpu::layers::place(&plan);
    let mut arena = crate::engine::cpu::arena::Arena::default();
    let rounded = Rounded::new(&ops, Instructions::Portable, &mut arena);
    let wide: Vec<bool> = (0..ops.len()).map(|op| rounded.has(op)).collect();
    assert_eq!(wide, [true, true, false, false]);
    assert!(is_wide(64, 64) && !is_wide(63, 64) && !is_wide(64, 63));
}
