//! The attacks by name, and those on files and the network.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Failed, becoming, kernel, others};

/// The kernel's number of the error.
pub(crate) type Attack = fn(&Ground) -> Result<(), i32>;

/// What there is to attack.
pub(crate) struct Ground {
    /// The engine's own folder.
    pub(crate) data: PathBuf,
    /// Where it has no business: `readable` and `writable` are files, `open` and `scripts` folders
    /// that everybody may write to, `closed` one that is root's.
    pub(crate) outside: PathBuf,
    pub(crate) victim: usize,
    pub(crate) address: usize,
    abstract_name: String,
    pub(crate) terminal: Option<usize>,
}

impl Ground {
    /// What is open before the process shuts itself in stays open.
    pub(crate) fn prepared(order: &Value) -> Result<Self, Failed> {
        let number = |name: &str| usize::try_from(order[name].as_u64().unwrap_or_default());
        let terminal = (order["attack"] == "types-into-a-terminal").then(kernel::terminal);
        Ok(Self {
            data: crate::word(&order["data"])?.into(),
            outside: crate::word(&order["outside"])?.into(),
            victim: number("victim")?,
            address: number("address")?,
            abstract_name: crate::word(&order["abstract"])?.to_owned(),
            terminal: terminal.transpose().map_err(io::Error::from_raw_os_error)?,
        })
    }
}

pub(crate) fn named(name: &str) -> Option<Attack> {
    Some(match name {
        "reads-a-file" => |at| told(fs::read(at.outside.join("readable")).map(drop)),
        "writes-a-file" => |at| make(&at.outside.join("open")),
        "cuts-a-file" => |at| {
            let path = at.outside.join("writable");
            told(OpenOptions::new().write(true).truncate(true).open(path).map(drop))
        },
        "adds-a-script" => |at| make(&at.outside.join("scripts")),
        "adds-a-script-of-root" => |at| make(&at.outside.join("closed")),
        "moves-a-file-out" => move_out,
        "makes-a-link" => kernel::link,
        "makes-a-socket" => |at| {
            let path = at.data.join("socket");
            let _ = fs::remove_file(&path);
            told(UnixDatagram::bind(path).map(drop))
        },
        "reads-an-environment" => {
            |at| told(fs::read(format!("/proc/{}/environ", at.victim)).map(drop))
        }
        "writes-its-code" => {
            |_| told(OpenOptions::new().write(true).open("/proc/self/mem").map(drop))
        }
        "traces" => others::trace,
        "reads-memory" => others::read,
        "writes-memory" => others::write,
        "takes-a-file" => others::take,
        "signals" => others::signal,
        "signals-a-thread" => others::signal_a_thread,
        "forks" => kernel::fork,
        "forks-by-clone3" => kernel::fork_by_clone3,
        "becomes-a-user-of-its-own" => kernel::user_namespace,
        "leaves-its-mounts" => kernel::mount_namespace,
        "starts-a-shell" => becoming::shell,
        "starts-what-it-wrote" => becoming::written,
        "starts-from-memory" => becoming::from_memory,
        "starts-a-program-of-root" => becoming::set_user,
        "becomes-root" => kernel::become_root,
        "maps-code-that-it-writes" => kernel::map,
        "makes-data-code" => kernel::protect,
        "makes-all-code" => kernel::personality,
        "queues-calls" => kernel::io_uring,
        "loads-into-the-kernel" => kernel::bpf,
        "measures" => kernel::perf,
        "holds-page-faults" => kernel::userfaultfd,
        "keeps-a-key" => kernel::add_key,
        "mounts" => kernel::mount,
        "changes-the-root" => kernel::chroot,
        "lifts-a-limit" => kernel::limit,
        "types-into-a-terminal" => kernel::type_in,
        "calls-as-another-machine" => kernel::other_machine,
        "sniffs" => |_| kernel::socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
        "speaks-to-the-host" => |_| kernel::socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        "hears-of-devices" => {
            |_| kernel::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT)
        }
        "takes-a-port" => |_| kernel::bind(),
        "listens-wherever" => |_| kernel::listen(0),
        "listens-by-multipath" => |_| kernel::listen(libc::IPPROTO_MPTCP),
        "speaks-to-an-abstract-socket" => |at| {
            let name = SocketAddr::from_abstract_name(&at.abstract_name);
            told(name.and_then(|name| UnixStream::connect_addr(&name)).map(drop))
        },
        _ => return None,
    })
}

pub(crate) fn told<T>(done: io::Result<T>) -> Result<T, i32> {
    done.map_err(|error| error.raw_os_error().unwrap_or(-1))
}

fn make(folder: &Path) -> Result<(), i32> {
    let path = folder.join("made.sh");
    told(File::create_new(&path))?;
    told(fs::remove_file(path))
}

fn move_out(at: &Ground) -> Result<(), i32> {
    let (from, to) = (at.data.join("moved"), at.outside.join("open/moved"));
    told(File::create(&from))?;
    told(fs::rename(from, &to))?;
    told(fs::remove_file(to))
}
