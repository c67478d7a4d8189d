//! The addresses of this machine, as the kernel has them.
//!
//! Promise: what is asked for is never older than a few seconds, so that an address that was added
//! while the engine runs is known, too.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Age at which the addresses are read again.
const AGE_MAX: Duration = Duration::from_secs(5);

/// The machine's addresses, read when they are asked for.
#[derive(Debug, Default)]
pub(super) struct OwnAddresses(Mutex<Option<(Instant, Arc<[IpAddr]>)>>);

impl OwnAddresses {
    /// A machine of a test.
    #[cfg(test)]
    pub(super) fn of(addresses: &[IpAddr]) -> Self {
        Self(Mutex::new(Some((Instant::now(), addresses.into()))))
    }

    /// `Err`: the kernel does not tell. Then no address can be said not to be ours.
    pub(super) fn list(&self) -> io::Result<Arc<[IpAddr]>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((read, list)) if read.elapsed() < AGE_MAX => Ok(Arc::clone(list)),
            _ => {
                let list: Arc<[IpAddr]> = read()?.into();
                *known = Some((Instant::now(), Arc::clone(&list)));
                Ok(list)
            }
        }
    }
}

/// Every address of every interface, both families.
fn read() -> io::Result<Vec<IpAddr>> {
    Ok(if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip()).collect())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn the_kernel_tells_loopback_and_the_address_that_leads_outside() {
        let list = OwnAddresses::default().list().unwrap();
        assert!(list.contains(&Ipv4Addr::LOCALHOST.into()), "{list:?}");
        // What the kernel would send from; nothing is sent. A machine without a route has none.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("198.51.100.1:9").is_ok() {
            let own = socket.local_addr().unwrap().ip();
            assert!(list.contains(&own), "{own} is not in {list:?}");
        }
    }
}
