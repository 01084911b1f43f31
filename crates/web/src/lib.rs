//! The page's lab in a browser's tab: plain functions for a worker to call.
//!
//! ```text
//! page ──message──▶ worker ──request, advance, poll──▶ Lab ──files──▶ worker (memory, IndexedDB)
//! ```
//! What goes in and out lies in one buffer: the worker asks for room with [`room`], writes there,
//! and calls; what comes back is [`given`] many bytes from [`buffer`] on. One thread calls: a
//! training goes on while [`advance`] runs, with the threads of its engine. Times are milliseconds.

// Elsewhere there is nothing to call it.
#![cfg(target_os = "wasi")]

mod tab;

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use reshet::{Device, Result};
use reshet_lab::{About, Drive, Lab, Listener, Memory, Request, Response};
use serde_json::json;

/// Bytes for data, trainings and runs.
const MEMORY: u64 = 384 << 20;
/// Where what is dropped on the page lies, each file in a folder of its own. It is kept, as `runs` is.
const TABLES: &str = "/tables";
/// Bytes of tables that are offered again: each is read anew.
const MOST_TABLES: u64 = 16 << 20;

/// Of one tab.
#[derive(Default)]
struct Place {
    lab: Option<Arc<Lab>>,
    listener: Option<Listener>,
    buffer: Vec<u8>,
}

thread_local! {
    static PLACE: RefCell<Place> = RefCell::default();
}

fn lab() -> Option<Arc<Lab>> {
    PLACE.with_borrow(|place| place.lab.clone())
}

/// Takes what was written into the buffer.
fn taken() -> Vec<u8> {
    PLACE.with_borrow_mut(|place| std::mem::take(&mut place.buffer))
}

fn give(bytes: Vec<u8>) {
    PLACE.with_borrow_mut(|place| place.buffer = bytes);
}

unsafe extern "C" {
    fn __wasi_init_tp();
    fn __wasm_call_ctors();
}

/// To be called first, once: what a module does before its `main`. Without it the linker would
/// have each function do that.
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    // SAFETY: the C library and the linker make them, for this place; nobody else calls them.
    unsafe {
        __wasi_init_tp();
        __wasm_call_ctors();
    }
}

/// Makes the buffer this long, and says where it is.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    PLACE.with_borrow_mut(|place| {
        place.buffer = vec![0; length];
        place.buffer.as_mut_ptr()
    })
}

/// Where the buffer is.
#[unsafe(no_mangle)]
pub extern "C" fn buffer() -> *const u8 {
    PLACE.with_borrow(|place| place.buffer.as_ptr())
}

/// How many bytes were given back.
#[unsafe(no_mangle)]
pub extern "C" fn given() -> usize {
    PLACE.with_borrow(|place| place.buffer.len())
}

/// Begins, with the runs that are kept, and as many threads at most. 0: what went wrong is in the
/// buffer.
#[unsafe(no_mangle)]
pub extern "C" fn begin(threads: usize) -> u32 {
    told(started(threads))
}

fn started(threads: usize) -> Result<()> {
    tempfile::env::override_temp_dir(Path::new("/tmp")).ok();
    // Not `Device::threads`: the system knows of one core, whatever the browser says.
    let device = match Device::cpu() {
        Device::Cpu { instructions, .. } => Device::Cpu { threads: threads.max(1), instructions },
        other => other,
    };
    let (version, text) = (env!("CARGO_PKG_VERSION").into(), device.to_string());
    let about = About { version, device: text, threads, cores: threads };
    let (host, memory) = (Box::new(tab::Tab::new(device)), Memory::new(Some(MEMORY)));
    let lab = Lab::new(host, about, memory, Drive::Calls)?.keep_uploads(TABLES.into());
    let lab = Arc::new(lab);
    let listener = lab.listen();
    PLACE.with_borrow_mut(|place| {
        place.lab = Some(lab);
        place.listener = Some(listener);
    });
    Ok(())
}

/// Offers the data that is named in the buffer, if any is, and the tables that are kept. 0: what went
/// wrong with the first is in the buffer.
#[unsafe(no_mangle)]
pub extern "C" fn offer() -> u32 {
    let name = String::from_utf8_lossy(&taken()).into_owned();
    told(at_once(|lab| {
        let done = if name.is_empty() { Ok(()) } else { lab.offer(&name) };
        for table in kept_tables() {
            let _ = lab.offer(&table.to_string_lossy());
        }
        done
    }))
}

/// Opens the kept runs and models, oldest first; one that cannot be read is left out.
#[unsafe(no_mangle)]
pub extern "C" fn open_kept() {
    let _ = at_once(|lab| {
        let mut found: Vec<_> = folders("runs").chain(uploads(is_model)).collect();
        found.sort();
        for (_, path) in found {
            let _ = lab.load(&path);
        }
        Ok(())
    });
}

/// Does what tells many things, and then tells all there is in one message: a page chooses what it
/// shows by what it knows.
fn at_once(work: impl FnOnce(&Lab) -> Result<()>) -> Result<()> {
    let Some(lab) = lab() else { return Ok(()) };
    PLACE.with_borrow_mut(|place| place.listener = None);
    let done = work(&lab);
    let listener = lab.listen();
    PLACE.with_borrow_mut(|place| place.listener = Some(listener));
    done
}

/// Kept tables, oldest first; those for which there is no room any more are gone.
fn kept_tables() -> Vec<PathBuf> {
    let mut found: Vec<_> = uploads(|path| !is_model(path)).collect();
    found.sort_by(|a, b| b.cmp(a));
    let mut room = MOST_TABLES;
    let mut fits = |path: &Path| {
        let size = path.metadata().map_or(0, |about| about.len());
        room = room.saturating_sub(size);
        room > 0
    };
    let (mut kept, old): (Vec<_>, Vec<_>) =
        found.into_iter().map(|(_, path)| path).partition(|path| fits(path));
    old.iter().for_each(|path| remove_upload(path));
    kept.reverse();
    kept
}

/// What is in a folder, with when it was last changed.
fn folders(within: impl AsRef<Path>) -> impl Iterator<Item = (SystemTime, PathBuf)> {
    let entries = std::fs::read_dir(within).into_iter().flatten();
    entries.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
    })
}

/// Files that were dropped on the page.
fn uploads(is: impl Fn(&Path) -> bool) -> impl Iterator<Item = (SystemTime, PathBuf)> {
    let files = folders(TABLES).flat_map(|(_, folder)| folders(folder));
    files.filter(move |(_, path)| is(path))
}

fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors"))
}

/// Removes what was dropped on the page, with its folder.
fn remove_upload(file: &Path) {
    if let Some(folder) = file.parent().filter(|folder| folder.starts_with(TABLES)) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn told(done: Result<()>) -> u32 {
    match done {
        Ok(()) => 1,
        Err(e) => {
            give(e.to_string().into_bytes());
            0
        }
    }
}

/// Answers the request in the buffer: its method, path, query and content type, a line each, then
/// its body. Given back: a line of JSON with `status` and `headers`, then the answer's body.
#[unsafe(no_mangle)]
pub extern "C" fn request() {
    let bytes = taken();
    let mut rest = &bytes[..];
    let mut line = || {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let line = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        line
    };
    let (method, path, query, content_type) = (line(), line(), line(), line());
    let Some(lab) = lab() else { return };
    give(written(lab.request(&Request { method, path, query, content_type, body: rest })));
}

fn written(answer: Response) -> Vec<u8> {
    let mut headers: serde_json::Map<_, _> =
        answer.headers.into_iter().map(|(name, text)| (name.to_string(), json!(text))).collect();
    headers.insert("content-type".into(), json!(answer.content_type));
    let head = json!({ "status": answer.status, "headers": headers });
    [format!("{head}\n").as_bytes(), &answer.body].concat()
}

/// Trains for about so long. Returns after how long it is to be called again; below 0: when
/// something has been asked.
#[unsafe(no_mangle)]
pub extern "C" fn advance(budget: f64) -> f64 {
    let budget = Duration::try_from_secs_f64(budget / 1000.0).unwrap_or_default();
    let next = lab().and_then(|lab| lab.advance(budget));
    next.map_or(-1.0, |time| time.as_secs_f64() * 1000.0)
}

/// Gives the next message: its event, a line, then its data. 0: there is none.
#[unsafe(no_mangle)]
pub extern "C" fn poll() -> u32 {
    // The lab may be asked for everything there is: nothing is held meanwhile.
    let Some(mut listener) = PLACE.with_borrow_mut(|place| place.listener.take()) else { return 0 };
    let message = listener.try_next();
    PLACE.with_borrow_mut(|place| place.listener = Some(listener));
    let Some(message) = message else { return 0 };
    give([message.event.as_bytes(), b"\n", message.data.as_bytes()].concat());
    1
}
