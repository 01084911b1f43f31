//! A group of ranks by MPI.

use std::{
    collections::VecDeque,
    ffi::{CStr, c_char, c_int, c_void},
    ptr::null_mut,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use reshet::{Error, Group, Result};

/// The most bytes of one broadcast; longer messages are sent in pieces.
const PIECE: usize = 1 << 30;
/// Looks at an exchange that is not done before the processor is left to others, and before the
/// rank sleeps between two looks.
const BUSY_LOOKS: usize = 200;
const YIELDING_LOOKS: usize = 20_000;
const NAP: Duration = Duration::from_micros(50);
/// When a rank has died, `mpirun` asks all others to stop, and ends them after a second. What is
/// under way is waited for so long after that.
const GRACE: Duration = Duration::from_millis(300);

/// A group of ranks by MPI: all processes that `mpirun` started.
pub struct Mpi {
    rank: usize,
    ranks: usize,
    /// Whether this process was asked to stop.
    stopped: fn() -> bool,
    /// All calls of MPI are made with this held: MPI is initialised for one thread at a time.
    open: Mutex<Open>,
}

/// What is under way. MPI reads and writes these numbers until their request is done.
#[derive(Default)]
struct Open {
    sums: VecDeque<(Request, Vec<f32>)>,
    sent: Vec<(Request, Vec<u8>)>,
}

struct Request(*mut c_void);

// SAFETY: MPI's requests may be passed from thread to thread, as long as one at a time calls MPI.
unsafe impl Send for Request {}

mod shim {
    use super::{c_char, c_int, c_void};

    unsafe extern "C" {
        pub fn reshet_mpi_init(rank: *mut c_int, ranks: *mut c_int) -> c_int;
        pub fn reshet_mpi_finalize() -> c_int;
        pub fn reshet_mpi_error(code: c_int, text: *mut c_char);
        pub fn reshet_mpi_start_sum(x: *mut f32, count: usize, to: *mut *mut c_void) -> c_int;
        pub fn reshet_mpi_start_broadcast(
            bytes: *mut u8,
            count: usize,
            to: *mut *mut c_void,
        ) -> c_int;
        pub fn reshet_mpi_start_send(
            bytes: *const u8,
            count: usize,
            rank: c_int,
            to: *mut *mut c_void,
        ) -> c_int;
        pub fn reshet_mpi_test(request: *mut c_void, done: *mut c_int) -> c_int;
        pub fn reshet_mpi_probe(found: *mut c_int, from: *mut c_int, count: *mut usize) -> c_int;
        pub fn reshet_mpi_receive(into: *mut u8, count: usize, from: c_int) -> c_int;
    }
}

/// An error code of MPI as an error.
fn checked(code: c_int) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    let mut text: [c_char; 512] = [0; 512];
    // SAFETY: there is room for 512 characters, the last of which ends the text.
    let text = unsafe {
        shim::reshet_mpi_error(code, text.as_mut_ptr());
        CStr::from_ptr(text.as_ptr())
    };
    Err(Error::Group(format!("MPI: {}", text.to_string_lossy())))
}

impl Mpi {
    /// Joins the processes that were started together. `stopped` says whether this one was asked
    /// to stop.
    ///
    /// # Errors
    /// MPI cannot be started.
    pub fn join(stopped: fn() -> bool) -> Result<Self> {
        let (mut rank, mut ranks) = (0, 0);
        // SAFETY: called once, at the program's start; both numbers are there.
        checked(unsafe { shim::reshet_mpi_init(&mut rank, &mut ranks) })?;
        Ok(Self { rank: rank as usize, ranks: ranks as usize, stopped, open: Mutex::default() })
    }

    /// Leaves the group; the last call of MPI.
    pub fn leave(&self) -> Result<()> {
        let _open = self.open();
        // SAFETY: MPI was started by `join`.
        checked(unsafe { shim::reshet_mpi_finalize() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request is done.
    fn wait(&self, request: &Request) -> Result<()> {
        let (mut looks, mut asked) = (0usize, None);
        while !is_done(request)? {
            looks += 1;
            if looks > YIELDING_LOOKS {
                thread::sleep(NAP);
            } else if looks > BUSY_LOOKS {
                thread::yield_now();
            }
            if looks % 64 == 0 && (self.stopped)() {
                let since = asked.get_or_insert_with(Instant::now);
                if since.elapsed() > GRACE {
                    return Err(Error::Group("another rank does not answer any more".into()));
                }
            }
        }
        Ok(())
    }

    /// Broadcasts these bytes of rank 0's.
    fn broadcast_bytes(&self, bytes: &mut [u8]) -> Result<()> {
        for piece in bytes.chunks_mut(PIECE) {
            let mut request = Request(null_mut());
            // SAFETY: the bytes stay where they are until the request is done, or, if that is
            // given up, until the process ends: see `broadcast`.
            checked(unsafe {
                shim::reshet_mpi_start_broadcast(piece.as_mut_ptr(), piece.len(), &mut request.0)
            })?;
            self.wait(&request)?;
        }
        Ok(())
    }
}

fn is_done(request: &Request) -> Result<bool> {
    let mut done = 0;
    // SAFETY: the request is one that was started and not done.
    checked(unsafe { shim::reshet_mpi_test(request.0, &mut done) })?;
    Ok(done != 0)
}

impl Group for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn start_sum(&self, mut numbers: Vec<f32>) -> Result<()> {
        let mut open = self.open();
        let mut request = Request(null_mut());
        // SAFETY: the numbers stay where they are, in `open`, until the request is done.
        checked(unsafe {
            shim::reshet_mpi_start_sum(numbers.as_mut_ptr(), numbers.len(), &mut request.0)
        })?;
        open.sums.push_back((request, numbers));
        // What is under way goes on only when MPI is called; what is done is seen later.
        let mut found = (0, 0, 0);
        // SAFETY: the three numbers are there.
        checked(unsafe { shim::reshet_mpi_probe(&mut found.0, &mut found.1, &mut found.2) })
    }

    fn finish_sum(&self) -> Result<Vec<f32>> {
        let mut open = self.open();
        let Some((request, _)) = open.sums.front() else {
            return Err(Error::Invalid("finish_sum without start_sum".into()));
        };
        self.wait(request)?;
        Ok(open.sums.pop_front().map(|(_, numbers)| numbers).unwrap_or_default())
    }

    fn broadcast(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        let _open = self.open();
        let mut length = (message.len() as u64).to_le_bytes().to_vec();
        let done = self.broadcast_bytes(&mut length);
        if done.is_err() {
            // MPI may still write to it.
            length.leak();
            done?;
            return Ok(Vec::new());
        }
        let length = length.try_into().map_or(0, u64::from_le_bytes) as usize;
        let mut message = if self.rank == 0 { message } else { vec![0; length] };
        if let Err(error) = self.broadcast_bytes(&mut message) {
            message.leak();
            return Err(error);
        }
        Ok(message)
    }

    fn send(&self, to: usize, message: Vec<u8>) -> Result<()> {
        if to >= self.ranks {
            return Err(Error::Invalid(format!("no rank {to} of {}", self.ranks)));
        }
        let mut open = self.open();
        let mut request = Request(null_mut());
        // SAFETY: the bytes stay where they are, in `open`, until the request is done.
        checked(unsafe {
            let bytes = message.as_ptr();
            shim::reshet_mpi_start_send(bytes, message.len(), to as c_int, &mut request.0)
        })?;
        open.sent.push((request, message));
        let sent = std::mem::take(&mut open.sent);
        for (request, message) in sent {
            if !is_done(&request)? {
                open.sent.push((request, message));
            }
        }
        Ok(())
    }

    fn receive(&self) -> Result<Option<(usize, Vec<u8>)>> {
        let _open = self.open();
        let (mut found, mut from, mut count) = (0, 0, 0);
        // SAFETY: the three numbers are there.
        checked(unsafe { shim::reshet_mpi_probe(&mut found, &mut from, &mut count) })?;
        if found == 0 {
            return Ok(None);
        }
        let mut message = vec![0; count];
        // SAFETY: there is room for the message that was found.
        checked(unsafe { shim::reshet_mpi_receive(message.as_mut_ptr(), count, from) })?;
        Ok(Some((from as usize, message)))
    }
}
