//! A card: its memory, and what it is told to do.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    marker::PhantomData,
    ptr,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use super::{
    batch::Resident,
    driver::{Driver, Handle, OUT_OF_MEMORY, Status, unavailable},
    job::{Job, Plain, THREADS},
};
use crate::Result;

/// The kernels, compiled from `kernels/`; see `gpu/ptx.py`. With tensor cores for bfloat16 and
/// TF32 from compute capability 8.0 on.
const PTX: &str = concat!(include_str!("kernels/reshet.ptx"), "\0");
const PTX_80: &str = concat!(include_str!("kernels/reshet_80.ptx"), "\0");
const TENSOR_CORES: c_int = 80;
const KERNEL: &CStr = c"reshet_steps";
const MEMBERS: &CStr = c"reshet_members";

/// The oldest compute capability that the kernel is compiled for, 7.5.
const CAPABILITY: c_int = 75;

/// Numbers of the driver for what can be asked of a card.
const MULTIPROCESSORS: c_int = 16;
const CAPABILITY_MAJOR: c_int = 75;
const CAPABILITY_MINOR: c_int = 76;
const COOPERATIVE: c_int = 95;

/// Numbers of the driver for the text of what is wrong with a kernel, and its length.
const ERROR_LOG: u32 = 5;
const ERROR_LOG_BYTES: u32 = 6;
const LOG: usize = 4096;

/// A card that is ready to compute, with the kernel on it.
pub(super) struct Card {
    pub(super) driver: &'static Driver,
    number: u32,
    context: Handle,
    kernel: Handle,
    /// The kernel for many networks.
    members: Handle,
    /// How many blocks of either kernel there can be at once.
    pub blocks: u32,
    /// Whether it multiplies bfloat16 and TF32 by tensor cores.
    pub tensor_cores: bool,
    /// The datasets that are on it.
    pub residents: Mutex<Vec<Weak<Resident>>>,
}

// SAFETY: the driver's handles may be used from any thread, once its context is set there.
unsafe impl Send for Card {}
// SAFETY: as above.
unsafe impl Sync for Card {}

impl Card {
    /// The card of this number, made ready once and kept.
    pub fn open(number: u32) -> Result<Arc<Self>> {
        static CARDS: Mutex<Vec<Arc<Card>>> = Mutex::new(Vec::new());
        let mut cards = CARDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(card) = cards.iter().find(|card| card.number == number) {
            return Ok(card.clone());
        }
        let card = Arc::new(Self::start(Driver::get()?, number)?);
        cards.push(card.clone());
        Ok(card)
    }

    fn start(driver: &'static Driver, number: u32) -> Result<Self> {
        let check = |status: Status| match status {
            0 => Ok(()),
            _ => Err(unavailable(&format!("the card cannot be used ({})", driver.text(status)))),
        };
        let device = device(driver, number)?;
        let name = name(driver, device);
        let ask = |what| {
            let mut value = 0;
            // SAFETY: the driver writes a number there.
            check(unsafe { (driver.device_attribute)(&mut value, what, device) }).map(|()| value)
        };
        let (major, minor) = (ask(CAPABILITY_MAJOR)?, ask(CAPABILITY_MINOR)?);
        if major * 10 + minor < CAPABILITY || ask(COOPERATIVE)? == 0 {
            return Err(unavailable(&format!(
                "{name} has compute capability {major}.{minor} and 7.5 is needed; use cpu"
            )));
        }
        let (mut context, mut kernel, mut members) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let (mut blocks, mut member_blocks) = (0, 0);
        // SAFETY: the driver writes handles and a number there.
        unsafe {
            check((driver.context)(&mut context, device))?;
            check((driver.set_context)(context))?;
        }
        let tensor_cores = major * 10 + minor >= TENSOR_CORES;
        let module = load(driver, &name, if tensor_cores { PTX_80 } else { PTX })?;
        // SAFETY: as above, of a module that is loaded.
        unsafe {
            check((driver.function)(&mut kernel, module, KERNEL.as_ptr()))?;
            check((driver.function)(&mut members, module, MEMBERS.as_ptr()))?;
            check((driver.occupancy)(&mut blocks, kernel, THREADS as c_int, 0))?;
            check((driver.occupancy)(&mut member_blocks, members, THREADS as c_int, 0))?;
        }
        let blocks = (blocks.min(member_blocks) * ask(MULTIPROCESSORS)?).max(1) as u32;
        let residents = Mutex::default();
        Ok(Self { driver, number, context, kernel, members, blocks, tensor_cores, residents })
    }

    /// The number of the card.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Lets this thread use the card.
    pub(super) fn enter(&self) -> Result<()> {
        // SAFETY: a context that is never given back.
        self.check(unsafe { (self.driver.set_context)(self.context) })
    }

    pub(super) fn check(&self, status: Status) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        Err(unavailable(&format!(
            "the card failed ({}), and what it held is lost",
            self.driver.text(status)
        )))
    }

    /// The bytes of its memory that are free.
    pub fn free(&self) -> usize {
        let (mut free, mut all) = (0, 0);
        if self.enter().is_ok() {
            // SAFETY: the driver writes two numbers there.
            unsafe { (self.driver.memory)(&mut free, &mut all) };
        }
        free
    }

    /// Says that there is no room for so many bytes.
    pub(super) fn full(&self, bytes: usize, what: &str) -> crate::Error {
        let (mut free, mut all) = (0, 0);
        // SAFETY: the driver writes two numbers there.
        unsafe { (self.driver.memory)(&mut free, &mut all) };
        let mega = |bytes: usize| (bytes as f64 / 1e6).ceil();
        unavailable(&format!(
            "{what}: {} MB do not fit into the card's memory, {} of {} MB are free; \
             use smaller batches or another network, or cpu",
            mega(bytes),
            mega(free),
            mega(all)
        ))
    }
}

/// Loads the kernel, which the driver compiles for the card that is set.
fn load(driver: &Driver, name: &str, ptx: &'static str) -> Result<Handle> {
    let mut module = ptr::null_mut();
    let mut log = vec![0u8; LOG];
    let mut options = [ERROR_LOG, ERROR_LOG_BYTES];
    // The size is passed as if it were an address, says NVIDIA.
    let mut values = [log.as_mut_ptr().cast::<c_void>(), ptr::without_provenance_mut(LOG)];
    // SAFETY: the driver writes a handle there, and at most so many bytes into the log; the PTX ends
    // in 0.
    let status = unsafe {
        (driver.load_module)(
            &mut module,
            ptx.as_ptr().cast(),
            options.len() as u32,
            options.as_mut_ptr(),
            values.as_mut_ptr(),
        )
    };
    if status == 0 {
        return Ok(module);
    }
    let said = log.split(|byte| *byte == 0).next().unwrap_or_default();
    let said = String::from_utf8_lossy(said);
    let said = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<&str> = said.take(4).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) };
    let why = driver.text(status);
    Err(unavailable(&format!("the driver cannot compile the kernel for {name} ({why}){said}")))
}

/// The driver's number for a card.
fn device(driver: &Driver, number: u32) -> Result<c_int> {
    let (mut count, mut device) = (0, 0);
    // SAFETY: the driver writes a number there.
    let status = unsafe { (driver.device_count)(&mut count) };
    if status != 0 || count <= 0 {
        return Err(unavailable("the driver finds no card; use cpu"));
    }
    // SAFETY: as above.
    match unsafe { (driver.device)(&mut device, number as c_int) } {
        0 => Ok(device),
        _ => Err(unavailable(&format!(
            "there is no card {number}: the driver finds {count}, counted from 0"
        ))),
    }
}

fn name(driver: &Driver, device: c_int) -> String {
    let mut name = [0 as c_char; 128];
    // SAFETY: the driver writes at most so many bytes there, and a 0.
    let status = unsafe { (driver.device_name)(name.as_mut_ptr(), 127, device) };
    if status != 0 {
        return "the card".into();
    }
    // SAFETY: as above; the last byte stays 0 in any case.
    unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned()
}

/// The name of the card of this number.
pub(super) fn named(number: u32) -> Result<String> {
    let driver = Driver::get()?;
    Ok(name(driver, device(driver, number)?))
}

/// Some numbers in a card's memory, given back when dropped.
pub(super) struct Memory<T> {
    card: Arc<Card>,
    at: u64,
    length: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: Plain> Memory<T> {
    /// Where it is, for the kernel.
    pub fn address(&self) -> u64 {
        self.at
    }

    pub fn len(&self) -> usize {
        self.length
    }

    /// Waits until its card has done all that it was told.
    pub fn wait(&self) {
        if self.card.enter().is_ok() {
            // SAFETY: the context is set.
            unsafe { (self.card.driver.wait_for_all)() };
        }
    }
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        // What fails here failed before.
        if self.card.enter().is_ok() {
            // SAFETY: from `allocate`, and given back once. The driver waits for the kernels.
            unsafe { (self.card.driver.free)(self.at) };
        }
    }
}

/// A queue of work for a card: each thing is done after the one before.
pub(super) struct Stream {
    pub card: Arc<Card>,
    pub(super) handle: Handle,
}

// SAFETY: as of [`Card`].
unsafe impl Send for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.handle.is_null() && self.card.enter().is_ok() {
            // SAFETY: made in `new`, and given back once.
            unsafe { (self.card.driver.destroy_stream)(self.handle) };
        }
    }
}

impl Stream {
    pub fn new(card: Arc<Card>) -> Result<Self> {
        card.enter()?;
        let mut handle = ptr::null_mut();
        // SAFETY: the driver writes a handle there.
        card.check(unsafe { (card.driver.stream)(&mut handle, 0) })?;
        Ok(Self { card, handle })
    }

    /// The stream that waits for what all others have been told before, and they for it.
    pub fn of_all(card: Arc<Card>) -> Self {
        Self { card, handle: ptr::null_mut() }
    }

    /// Memory for at least one number, for `what`; its content is undefined.
    pub fn allocate<T: Plain>(&self, length: usize, what: &str) -> Result<Memory<T>> {
        let card = &self.card;
        card.enter()?;
        let bytes = length.max(1) * size_of::<T>();
        let mut at = 0;
        // SAFETY: the driver writes an address there.
        match unsafe { (card.driver.allocate)(&mut at, bytes) } {
            OUT_OF_MEMORY => Err(card.full(bytes, what)),
            status => {
                card.check(status)?;
                Ok(Memory { card: card.clone(), at, length, of: PhantomData })
            }
        }
    }

    /// Memory with these numbers.
    pub fn with<T: Plain>(&self, numbers: &[T], what: &str) -> Result<Memory<T>> {
        let memory = self.allocate(numbers.len(), what)?;
        self.write(&memory, numbers)?;
        Ok(memory)
    }

    /// Memory with zeros.
    pub fn zeros<T: Plain>(&self, length: usize, what: &str) -> Result<Memory<T>> {
        let memory = self.allocate(length, what)?;
        self.clear(&memory)?;
        Ok(memory)
    }

    /// Copies numbers to the start of a memory.
    pub fn write<T: Plain>(&self, into: &Memory<T>, from: &[T]) -> Result<()> {
        assert!(from.len() <= into.length);
        if from.is_empty() {
            return Ok(());
        }
        let card = &self.card;
        card.enter()?;
        // SAFETY: both have so many bytes. The driver has read `from` when it returns; what this
        // stream was told before is done first, as it is one that waits for such copies.
        card.check(unsafe {
            (card.driver.copy_in)(into.at, from.as_ptr().cast(), size_of_val(from))
        })
    }

    /// Waits until all is done, and copies numbers out, from number `start` on.
    pub fn read<T: Plain>(&self, from: &Memory<T>, start: usize, into: &mut [T]) -> Result<()> {
        assert!(start + into.len() <= from.length);
        let card = &self.card;
        card.enter()?;
        let at = from.at + (start * size_of::<T>()) as u64;
        let bytes = size_of_val(into);
        // SAFETY: both have so many bytes, and any bits are a T; the driver is waited for.
        unsafe {
            if bytes > 0 {
                card.check((card.driver.copy_out)(
                    into.as_mut_ptr().cast(),
                    at,
                    bytes,
                    self.handle,
                ))?;
            }
            card.check((card.driver.synchronize)(self.handle))
        }
    }

    /// Fills a memory with zeros.
    pub fn clear<T: Plain>(&self, memory: &Memory<T>) -> Result<()> {
        let card = &self.card;
        card.enter()?;
        let bytes = memory.length.max(1) * size_of::<T>();
        // SAFETY: the memory has so many bytes, and zeros are a T.
        card.check(unsafe { (card.driver.fill)(memory.at, 0, bytes, self.handle) })
    }

    /// Copies one memory to another of the same length.
    pub fn copy<T: Plain>(&self, into: &Memory<T>, from: &Memory<T>) -> Result<()> {
        assert!(into.length == from.length);
        let card = &self.card;
        card.enter()?;
        let bytes = from.length * size_of::<T>();
        // SAFETY: both have so many bytes.
        card.check(unsafe { (card.driver.copy)(into.at, from.at, bytes, self.handle) })
    }

    /// Waits until all is done.
    pub fn wait(&self) -> Result<()> {
        self.card.enter()?;
        // SAFETY: the stream's own handle.
        self.card.check(unsafe { (self.card.driver.synchronize)(self.handle) })
    }

    /// Runs the kernel on so many blocks, at most the card's.
    ///
    /// # Safety
    /// The job's addresses are those of memories with all that the kernel reads and writes, and
    /// stay until it is done.
    pub unsafe fn launch(&self, job: &Job, blocks: u32) -> Result<()> {
        let blocks = blocks.clamp(1, self.card.blocks);
        let mut parameters = [ptr::from_ref(job).cast_mut().cast::<c_void>()];
        // SAFETY: the kernel has one parameter, the job, which the driver copies; the rest is the
        // caller's promise.
        unsafe { self.start(self.card.kernel, (blocks, 1), &mut parameters) }
    }

    /// Runs the kernel for many networks, each on so many blocks, at most its share of the card's.
    ///
    /// # Safety
    /// As of [`Stream::launch`], for each of the jobs.
    pub unsafe fn launch_members(&self, jobs: &Memory<Job>, count: u32, blocks: u32) -> Result<()> {
        assert!(count as usize <= jobs.len());
        let all = self.card.blocks;
        let blocks = blocks.clamp(1, (all / count.max(1)).max(1));
        let rows = (all / blocks).clamp(1, count.max(1));
        let parameters = [ptr::from_ref(&jobs.at).cast::<c_void>(), ptr::from_ref(&count).cast()];
        // SAFETY: the kernel has these two parameters, which the driver copies; the rest is the
        // caller's promise.
        unsafe {
            self.start(self.card.members, (blocks, rows), &mut parameters.map(<*const _>::cast_mut))
        }
    }

    /// # Safety
    /// The parameters are this kernel's, and all blocks fit on the card.
    unsafe fn start(
        &self,
        kernel: Handle,
        (blocks, rows): (u32, u32),
        parameters: &mut [*mut c_void],
    ) -> Result<()> {
        let card = &self.card;
        card.enter()?;
        // SAFETY: the caller's promise.
        card.check(unsafe {
            (card.driver.launch)(
                kernel,
                blocks,
                rows,
                1,
                THREADS,
                1,
                1,
                0,
                self.handle,
                parameters.as_mut_ptr(),
            )
        })
    }
}
