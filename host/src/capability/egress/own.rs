//! The addresses of this machine, as the kernel has them.
//!
//! Promise: what is asked for is never older than a few seconds, so that an address that was added
//! while the engine runs is known, too.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{recv, sendto, socket_with};

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

// From <linux/netlink.h>, <linux/rtnetlink.h> and <linux/if_addr.h>.
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_ANYCAST: u16 = 5;
const HEADER_BYTES: usize = 16;
const IFADDR_BYTES: usize = 8;

/// Asks for every address of every interface, both families.
fn read() -> io::Result<Vec<IpAddr>> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let length = u32::try_from(HEADER_BYTES + IFADDR_BYTES).unwrap_or(u32::MAX);
    let mut request = Vec::with_capacity(HEADER_BYTES + IFADDR_BYTES);
    request.extend(length.to_ne_bytes());
    request.extend(RTM_GETADDR.to_ne_bytes());
    request.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    // Sequence and port of the sender, then an `ifaddrmsg` of any family.
    request.extend([0; 8 + IFADDR_BYTES]);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let mut addresses = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (count, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        if messages(&buffer[..count], &mut addresses)? {
            return Ok(addresses);
        }
    }
}

/// Takes the addresses out of one answer; whether it was the last.
fn messages(mut bytes: &[u8], addresses: &mut Vec<IpAddr>) -> io::Result<bool> {
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "an odd answer of the kernel");
    while !bytes.is_empty() {
        let length = usize::try_from(u32_at(bytes, 0).ok_or_else(odd)?).unwrap_or(usize::MAX);
        let message = bytes.get(HEADER_BYTES..length).ok_or_else(odd)?;
        match u16_at(bytes, 4).ok_or_else(odd)? {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = u32_at(message, 0).ok_or_else(odd)?.cast_signed();
                return Err(io::Error::from_raw_os_error(-code));
            }
            RTM_NEWADDR => {
                addresses.extend(message.get(IFADDR_BYTES..).and_then(address));
            }
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// The address among the attributes of one message.
fn address(mut attributes: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let length = usize::from(length);
        let value = attributes.get(4..length)?;
        let ip = <[u8; 4]>::try_from(value)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from));
        match (kind, ip) {
            // On a point-to-point link `IFA_ADDRESS` is the peer's; `IFA_LOCAL` is always ours.
            (IFA_LOCAL, Ok(ip)) => return Some(ip),
            (IFA_ADDRESS | IFA_ANYCAST, Ok(ip)) => found = Some(ip),
            _ => {}
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
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

    #[test]
    fn an_answer_that_is_cut_or_odd_is_an_error_and_no_panic() {
        let mut bytes = Vec::new();
        bytes.extend(44_u32.to_ne_bytes());
        bytes.extend(RTM_NEWADDR.to_ne_bytes());
        bytes.extend([0; 10 + IFADDR_BYTES]);
        for (kind, address) in [(IFA_ADDRESS, [10, 0, 0, 2]), (IFA_LOCAL, [10, 0, 0, 1])] {
            bytes.extend(8_u16.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(address);
        }
        bytes.extend([0; 4]);
        let mut found = Vec::new();
        assert!(!messages(&bytes, &mut found).unwrap());
        assert_eq!(found, [IpAddr::from([10, 0, 0, 1])], "ours, not the peer's");
        for cut in 1..44 {
            assert!(messages(&bytes[..cut], &mut Vec::new()).is_err(), "{cut}");
        }
        assert!(messages(&[0; 16], &mut Vec::new()).is_err(), "a length of nothing");
    }
}
