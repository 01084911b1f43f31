//! The local page: a server for one machine and the page it serves.
//!
//! ```text
//! browser ──HTTP, events──▶ server ──▶ api ──▶ reshet-lab (data, runs, a thread that trains)
//!                            guard
//! ```
//! What is asked and answered is the lab's business; here are connections, who may ask, and the
//! page's files. What is read and saved where is the program's business: it implements [`Host`].
//!
//! `docs/api.md` is what the routes promise.

mod api;
mod assets;
mod body;
mod clients;
mod events;
mod guard;
mod link;
mod rooms;
mod server;
mod site;
mod stream;

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    path::PathBuf,
    sync::Arc,
};

use reshet::{Device, Error, Result};
use reshet_lab::{About, Class, Drive, Lab, Memory};

pub use site::{SiteFile, files as site_files, one_file};

pub use reshet_lab::{Finished, Hidden, Host, Keeper, Lesson, Loaded, Rules, Spec};

use guard::Guard;
use link::Link;
use rooms::Rooms;

/// Requests that wait for the training, or for their turn, at once.
const WAITING: usize = 32;
/// The same of a class.
const WAITING_OF_CLASS: usize = 128;

/// Where and what to serve.
pub struct Options {
    /// Loopback, unless other machines are to be let in (with a token).
    pub address: IpAddr,
    /// 0: any.
    pub port: u16,
    /// Whether another port will do where that one is taken.
    pub any_port: bool,
    /// Stops the training when no page listens any more.
    pub stop_when_closed: bool,
    /// What trainings run on, to be shown.
    pub device: Device,
    /// Bytes that data, trainings and runs may take; by default half of what is free.
    pub memory: Option<u64>,
    /// Data to offer: names and paths.
    pub data: Vec<String>,
    /// Serves a class: a lab for each pupil; models, studies and earlier runs are left out.
    pub class: Option<Rules>,
    /// Models and runs to open.
    pub models: Vec<PathBuf>,
    /// Studies to show.
    pub studies: Vec<PathBuf>,
    /// Folders of earlier runs to list, oldest first: read once the page is there.
    pub earlier: Vec<PathBuf>,
}

/// What to open.
pub struct Addresses {
    /// The page; of a class the teacher's.
    pub page: String,
    /// Of a class.
    pub pupils: Option<ForPupils>,
}

/// What pupils open.
pub struct ForPupils {
    /// The page, with the token.
    pub address: String,
    /// The same as a QR code: lines in which the light cells are drawn.
    pub code: Vec<String>,
}

/// Half of the memory that is free, in bytes: what a server takes unless it is told otherwise.
pub fn half_of_free() -> u64 {
    Memory::new(None).limit
}

/// Serves until `stop` says so. `ready` is told what to open.
///
/// # Errors
/// The address cannot be bound; data or a model cannot be read. True if a training
/// was stopped before its end, and saved.
pub fn serve(
    options: &Options,
    host: Box<dyn Host>,
    ready: impl FnOnce(&Addresses),
    stop: impl Fn() -> bool,
) -> Result<bool> {
    let threads = match options.device {
        Device::Cpu { threads, .. } => threads,
        _ => 1,
    };
    let about = About {
        version: env!("CARGO_PKG_VERSION").into(),
        device: options.device.to_string(),
        threads,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let memory = Memory::new(options.memory);
    let served = match &options.class {
        Some(rules) => {
            let class = Class::new(host.into(), about, memory, rules, &options.data)?;
            Served::Class(Arc::new(class))
        }
        None => Served::Lab(lab(options, host, about, memory)?),
    };
    let waiting = if options.class.is_some() { WAITING_OF_CLASS } else { WAITING };
    let failed = |what: String| move |cause| Error::Io { what, reading: false, cause };
    // One thread is enough for a page, and leaves the cores to the training.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(waiting).build();
    let runtime = runtime.map_err(failed("cannot start the server".into()))?;
    runtime.block_on(async {
        let wanted = SocketAddr::new(options.address, options.port);
        let bound = server::bind(wanted, options.any_port).await;
        let listener = bound.map_err(failed(format!("cannot listen on {wanted}")))?;
        let failed = failed("cannot tell the server's own address".into());
        let address = listener.local_addr().map_err(failed)?;
        let guard = match &served {
            Served::Class(_) => Guard::of_class(address.ip(), address.port()),
            Served::Lab(_) => Guard::new(address.ip(), address.port()),
        };
        let guard = guard.map_err(Error::Invalid)?;
        let (own, pupils) = guard.queries();
        let at = |query: &str| format!("http://{}/{query}", reachable(address));
        let page = at(&own);
        let rooms = match served {
            Served::Class(class) => {
                let link = Link::new(at(&pupils.unwrap_or_default()))?;
                let (address, code) = (link.address.clone(), link.lines());
                ready(&Addresses { page, pupils: Some(ForPupils { address, code }) });
                Rooms::Class(class, Arc::new(link))
            }
            Served::Lab(lab) => {
                ready(&Addresses { page, pupils: None });
                list_earlier(&lab, options.earlier.clone());
                Rooms::One(lab)
            }
        };
        server::serve(listener, guard, rooms.clone(), stop, options.stop_when_closed).await;
        Ok(rooms.was_interrupted())
    })
}

/// What is served, before its address is known.
enum Served {
    Lab(Arc<Lab>),
    Class(Arc<Class>),
}

/// One lab for all, with what it is to show.
fn lab(options: &Options, host: Box<dyn Host>, about: About, memory: Memory) -> Result<Arc<Lab>> {
    let lab = Arc::new(Lab::new(host, about, memory, Drive::Thread)?);
    for data in &options.data {
        lab.offer(data)?;
    }
    for model in &options.models {
        lab.load(model)?;
    }
    for study in &options.studies {
        lab.add_study(study)?;
    }
    Ok(lab)
}

/// The address to open: of a server on all addresses the one that others in the network reach.
fn reachable(bound: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    // Which of its addresses a packet to elsewhere would leave from; none is sent.
    let (own, elsewhere) = match bound {
        SocketAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        SocketAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    let found = UdpSocket::bind(own).and_then(|socket| {
        socket.connect(elsewhere)?;
        socket.local_addr()
    });
    found.map_or(bound, |found| SocketAddr::new(found.ip(), bound.port()))
}

/// Adds earlier runs beside the server; one that cannot be read is left out.
fn list_earlier(lab: &Arc<Lab>, folders: Vec<PathBuf>) {
    if folders.is_empty() {
        return;
    }
    let lab = lab.clone();
    tokio::task::spawn_blocking(move || {
        for folder in folders {
            let _ = lab.load(&folder);
        }
    });
}
