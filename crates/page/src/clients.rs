//! How many connections each client has.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Connections of one address, at most: so many that a class behind one address can work, and so
/// few that it leaves some to others.
const MOST: usize = 320;

/// The connections of each address.
#[derive(Clone, Default)]
pub struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that is counted until it is dropped.
pub struct Client {
    clients: Clients,
    address: IpAddr,
}

impl Clients {
    /// Counts a connection; None if this address has too many.
    pub fn admit(&self, address: IpAddr) -> Option<Client> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(address).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Client { clients: self.clone(), address })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut all = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_connections() {
        let clients = Clients::default();
        let [one, other]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let mut held: Vec<Client> = (0..MOST).filter_map(|_| clients.admit(one)).collect();
        assert_eq!(held.len(), MOST);
        assert!(clients.admit(one).is_none());
        assert!(clients.admit(other).is_some());
        held.pop();
        assert!(clients.admit(one).is_some());
        drop(held);
        assert!(clients.0.lock().unwrap().is_empty());
    }
}
