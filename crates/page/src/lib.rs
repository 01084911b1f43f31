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
mod server;
mod site;
mod stream;

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    path::PathBuf,
    sync::Arc,
};

use reshet::{Device, Error, Result};
use reshet_lab::{About, Drive, Lab, Memory};

pub use site::{SiteFile, files as site_files, one_file};

pub use reshet_lab::{Finished, Hidden, Host, Lesson, Loaded, Spec};

use guard::Guard;

/// Requests that wait for the training, or for their turn, at once.
const WAITING: usize = 32;

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
    /// Models and runs to open.
    pub models: Vec<PathBuf>,
    /// Studies to show.
    pub studies: Vec<PathBuf>,
    /// Folders of earlier runs to list, oldest first: read once the page is there.
    pub earlier: Vec<PathBuf>,
}

/// Half of the memory that is free, in bytes: what a server takes unless it is told otherwise.
pub fn half_of_free() -> u64 {
    Memory::new(None).limit
}

/// Serves until `stop` says so. `ready` is told the address to open.
///
/// # Errors
/// The address cannot be bound; data or a model cannot be read. True if a training
/// was stopped before its end, and saved.
pub fn serve(
    options: &Options,
    host: Box<dyn Host>,
    ready: impl FnOnce(&str),
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
    let lab = Arc::new(Lab::new(host, about, Memory::new(options.memory), Drive::Thread)?);
    for data in &options.data {
        lab.offer(data)?;
    }
    for model in &options.models {
        lab.load(model)?;
    }
    for study in &options.studies {
        lab.add_study(study)?;
    }
    let failed = |what: String| move |cause| Error::Io { what, reading: false, cause };
    // One thread is enough for a page, and leaves the cores to the training.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(WAITING).build();
    let runtime = runtime.map_err(failed("cannot start the server".into()))?;
    runtime.block_on(async {
        let wanted = SocketAddr::new(options.address, options.port);
        let bound = server::bind(wanted, options.any_port).await;
        let listener = bound.map_err(failed(format!("cannot listen on {wanted}")))?;
        let failed = failed("cannot tell the server's own address".into());
        let address = listener.local_addr().map_err(failed)?;
        let guard = Guard::new(address.ip(), address.port()).map_err(Error::Invalid)?;
        let token = guard.token().map(|token| format!("?token={token}")).unwrap_or_default();
        ready(&format!("http://{}/{token}", reachable(address)));
        list_earlier(&lab, options.earlier.clone());
        server::serve(listener, guard, lab.clone(), stop, options.stop_when_closed).await;
        Ok(lab.was_interrupted())
    })
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
