//! What the npm package `@reshet/core` calls: plain functions over networks, known by numbers.
//!
//! Bytes go in and out through one buffer ([`room`], [`buffer`], [`given`]), samples and targets
//! through two arrays ([`numbers`]). A function that fails leaves its reason in the buffer, and
//! returns 0, or NaN where a loss is expected.
//! Elsewhere than in WebAssembly their names are not exported: a C library has some of them.

pub mod net;

use std::cell::RefCell;

use net::Net;
use reshet::{Device, Error, Result};

#[derive(Default)]
struct Place {
    nets: Vec<Option<Net>>,
    buffer: Vec<u8>,
    /// Samples, targets.
    numbers: [Vec<f32>; 2],
}

thread_local! {
    static PLACE: RefCell<Place> = RefCell::default();
}

/// Makes the buffer this long, and returns its place.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn room(length: usize) -> *mut u8 {
    PLACE.with_borrow_mut(|place| {
        place.buffer = vec![0; length];
        place.buffer.as_mut_ptr()
    })
}

/// Returns the buffer's place.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn buffer() -> *const u8 {
    PLACE.with_borrow(|place| place.buffer.as_ptr())
}

/// Returns the buffer's length in bytes.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn given() -> usize {
    PLACE.with_borrow(|place| place.buffer.len())
}

/// Makes room for numbers, and returns its place. `which`: 0 samples, 1 targets.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn numbers(which: usize, length: usize) -> *mut f32 {
    PLACE.with_borrow_mut(|place| {
        let numbers = &mut place.numbers[which.min(1)];
        numbers.clear();
        numbers.resize(length, 0.0);
        numbers.as_mut_ptr()
    })
}

/// Starts the network whose settings are in the buffer, as JSON. Returns its number.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn start() -> usize {
    keep(|bytes| Net::new(bytes, Device::best()))
}

/// Loads the network whose file is in the buffer. Returns its number.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn load() -> usize {
    keep(|bytes| Net::load(bytes, Device::best()))
}

/// Forgets a network.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn forget(net: usize) {
    PLACE.with_borrow_mut(|place| {
        if let Some(slot) = place.nets.get_mut(net.wrapping_sub(1)) {
            *slot = None;
        }
    });
}

/// Puts the network's file into the buffer.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn save(net: usize) -> u32 {
    done(net, |net, place| {
        place.buffer = net.save()?;
        Ok(())
    })
}

/// Attaches the samples and targets to the network, and leaves none.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn attach(net: usize) -> u32 {
    done(net, |net, place| {
        let [x, y] = std::mem::take(&mut place.numbers);
        net.attach(x, y)
    })
}

/// Trains one epoch. Returns the mean loss.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn epoch(net: usize, batch_size: usize, shuffle: u32) -> f64 {
    loss(net, |net, _| net.epoch(batch_size, shuffle != 0))
}

/// Takes one step on the samples and targets. Returns the mean loss before it.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn step(net: usize) -> f64 {
    loss(net, |net, place| net.step(&place.numbers[0], &place.numbers[1]).map(f64::from))
}

/// Puts the answers for the samples into the buffer, as float32.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn predict(net: usize) -> u32 {
    done(net, |net, place| {
        let answers = net.training.predict(&place.numbers[0])?;
        place.buffer = answers.iter().flat_map(|answer| answer.to_le_bytes()).collect();
        Ok(())
    })
}

/// Sets the learning rate.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn set_lr(net: usize, lr: f64) -> u32 {
    done(net, |net, _| net.set_lr(lr))
}

/// Puts what is known of a network into the buffer, as JSON.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn about(net: usize) -> u32 {
    done(net, |net, place| {
        let (network, plan) = (net.training.network(), net.training.plan());
        let parameters = plan.named_parameters().into_iter().map(|p| {
            let (start, end) = (p.range.start, p.range.end);
            serde_json::json!({ "name": p.name, "shape": p.shape, "start": start, "end": end })
        });
        let about = serde_json::json!({
            "network": network.to_string(),
            "inputs": network.inputs(),
            "outputs": network.outputs(),
            "loss": plan.loss().name(),
            "optimizer": net.optimizer.name(),
            "lr": net.optimizer.lr(),
            "updates": net.training.updates(),
            "parameters": parameters.collect::<Vec<_>>(),
        });
        place.buffer = about.to_string().into_bytes();
        Ok(())
    })
}

/// Puts all parameters into the buffer, as float32 in the order of [`about`].
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn parameters(net: usize) -> u32 {
    done(net, |net, place| {
        let parameters = net.training.parameters();
        place.buffer = parameters.iter().flat_map(|number| number.to_le_bytes()).collect();
        Ok(())
    })
}

fn keep(make: impl FnOnce(&[u8]) -> Result<Net>) -> usize {
    PLACE.with_borrow_mut(|place| {
        let net = match make(&std::mem::take(&mut place.buffer)) {
            Ok(net) => net,
            Err(e) => {
                place.buffer = e.to_string().into_bytes();
                return 0;
            }
        };
        if let Some(free) = place.nets.iter().position(Option::is_none) {
            place.nets[free] = Some(net);
            return free + 1;
        }
        place.nets.push(Some(net));
        place.nets.len()
    })
}

/// Calls `f` with a network; None and a reason in the buffer if that fails.
fn with<T>(number: usize, f: impl FnOnce(&mut Net, &mut Place) -> Result<T>) -> Option<T> {
    PLACE.with_borrow_mut(|place| {
        let slot = number.wrapping_sub(1);
        let Some(mut net) = place.nets.get_mut(slot).and_then(Option::take) else {
            place.buffer = Error::Invalid("this network was freed".into()).to_string().into_bytes();
            return None;
        };
        let result = f(&mut net, place);
        place.nets[slot] = Some(net);
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                place.buffer = e.to_string().into_bytes();
                None
            }
        }
    })
}

fn done(net: usize, f: impl FnOnce(&mut Net, &mut Place) -> Result<()>) -> u32 {
    u32::from(with(net, f).is_some())
}

fn loss(net: usize, f: impl FnOnce(&mut Net, &mut Place) -> Result<f64>) -> f64 {
    with(net, f).unwrap_or(f64::NAN)
}
