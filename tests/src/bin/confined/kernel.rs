//! Attacks that are one call to the kernel.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;

use crate::attack::Ground;

/// One call, as the kernel takes it; the number of its error.
pub(crate) fn call(number: libc::c_long, given: &[usize]) -> Result<usize, i32> {
    let mut all = [0; 6];
    all[..given.len()].copy_from_slice(given);
    let [a, b, c, d, e, f] = all;
    // SAFETY: addresses among the arguments are of memory that lives in the caller, of the size that
    // the call expects, and that the caller does not look at through Rust while it lasts.
    #[expect(unsafe_code, reason = "attacks are calls that no safe crate makes")]
    let got = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    usize::try_from(got).map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap_or(-1))
}

pub(crate) fn text(words: &str) -> CString {
    CString::new(words).unwrap_or_default()
}

/// A flag or number that is not negative.
const fn bits(flag: i32) -> usize {
    flag.unsigned_abs() as usize
}

/// As the kernel takes -1.
const NONE: usize = usize::MAX;

pub(crate) fn fork(_: &Ground) -> Result<(), i32> {
    ended(call(libc::SYS_clone, &[bits(libc::SIGCHLD)])?)
}

pub(crate) fn fork_by_clone3(_: &Ground) -> Result<(), i32> {
    let mut arguments = [0_u64; 8];
    arguments[4] = bits(libc::SIGCHLD) as u64;
    ended(call(libc::SYS_clone3, &[arguments.as_ptr().addr(), size_of_val(&arguments)])?)
}

pub(crate) fn user_namespace(_: &Ground) -> Result<(), i32> {
    ended(call(libc::SYS_clone, &[bits(libc::CLONE_NEWUSER | libc::SIGCHLD)])?)
}

/// The child ends at once, and its parent waits for that.
fn ended(child: usize) -> Result<(), i32> {
    if child == 0 {
        call(libc::SYS_exit_group, &[0])?;
    }
    call(libc::SYS_wait4, &[child, 0, 0, 0]).map(drop)
}

pub(crate) fn mount_namespace(_: &Ground) -> Result<(), i32> {
    call(libc::SYS_unshare, &[bits(libc::CLONE_NEWNS)]).map(drop)
}

pub(crate) fn become_root(_: &Ground) -> Result<(), i32> {
    call(libc::SYS_setresuid, &[0, 0, 0])?;
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(-1) }
}

const PAGE: usize = 4096;

fn pages(rights: i32) -> Result<usize, i32> {
    let how = bits(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    call(libc::SYS_mmap, &[0, PAGE, bits(rights), how, NONE, 0])
}

pub(crate) fn map(_: &Ground) -> Result<(), i32> {
    pages(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC).map(drop)
}

pub(crate) fn protect(_: &Ground) -> Result<(), i32> {
    let at = pages(libc::PROT_READ | libc::PROT_WRITE)?;
    let all = bits(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC);
    call(libc::SYS_mprotect, &[at, PAGE, all]).map(drop)
}

/// All that may be read may be executed from then on.
pub(crate) fn personality(_: &Ground) -> Result<(), i32> {
    call(libc::SYS_personality, &[bits(libc::READ_IMPLIES_EXEC)]).map(drop)
}

pub(crate) fn io_uring(_: &Ground) -> Result<(), i32> {
    let parameters = [0_u64; 15];
    call(libc::SYS_io_uring_setup, &[2, parameters.as_ptr().addr()]).map(drop)
}

/// Asks for the first program in the kernel, which only who may load some may ask for.
pub(crate) fn bpf(_: &Ground) -> Result<(), i32> {
    const PROG_GET_NEXT_ID: usize = 11;
    let attributes = [0_u64; 8];
    let size = size_of_val(&attributes);
    match call(libc::SYS_bpf, &[PROG_GET_NEXT_ID, attributes.as_ptr().addr(), size]) {
        // There is none.
        Ok(_) | Err(libc::ENOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A counter of nothing, of this process, outside of the kernel: what everybody may have.
pub(crate) fn perf(_: &Ground) -> Result<(), i32> {
    let (software, dummy, without_kernel) = (1_u64, 9, 0x60);
    let mut attributes = [0_u64; 16];
    let size = size_of_val(&attributes) as u64;
    attributes[0] = software | size << 32;
    attributes[1] = dummy;
    attributes[5] = without_kernel;
    let at = attributes.as_ptr().addr();
    call(libc::SYS_perf_event_open, &[at, 0, NONE, NONE, 0]).map(drop)
}

pub(crate) fn userfaultfd(_: &Ground) -> Result<(), i32> {
    const USER_MODE_ONLY: usize = 1;
    call(libc::SYS_userfaultfd, &[USER_MODE_ONLY]).map(drop)
}

pub(crate) fn add_key(_: &Ground) -> Result<(), i32> {
    // As -2.
    const OF_THE_PROCESS: usize = usize::MAX - 1;
    let (sort, name) = (text("user"), text("campanile-test"));
    let (sort, name) = (sort.as_ptr().addr(), name.as_ptr().addr());
    call(libc::SYS_add_key, &[sort, name, name, 1, OF_THE_PROCESS]).map(drop)
}

pub(crate) fn mount(at: &Ground) -> Result<(), i32> {
    let (what, on) = (text("tmpfs"), c_path(&at.outside.join("open")));
    let (what, on) = (what.as_ptr().addr(), on.as_ptr().addr());
    call(libc::SYS_mount, &[what, on, what, 0, 0])?;
    call(libc::SYS_umount2, &[on, 0]).map(drop)
}

/// To the one that it has.
pub(crate) fn chroot(_: &Ground) -> Result<(), i32> {
    call(libc::SYS_chroot, &[text("/").as_ptr().addr()]).map(drop)
}

/// Sets a limit to what it is.
pub(crate) fn limit(_: &Ground) -> Result<(), i32> {
    let what = libc::RLIMIT_NOFILE as usize;
    let now = [0_u64; 2];
    call(libc::SYS_prlimit64, &[0, what, 0, now.as_ptr().addr()])?;
    call(libc::SYS_prlimit64, &[0, what, std::hint::black_box(&now).as_ptr().addr(), 0]).map(drop)
}

/// A terminal, opened while that is allowed.
pub(crate) fn terminal() -> Result<usize, i32> {
    // Unlocks its other end, and opens that.
    const TIOCSPTLCK: usize = 0x4004_5431;
    const TIOCGPTPEER: usize = 0x5441;
    let path = text("/dev/ptmx");
    let how = bits(libc::O_RDWR | libc::O_NOCTTY);
    let main = call(libc::SYS_openat, &[NONE, path.as_ptr().addr(), how])?;
    let unlocked = 0_i32;
    call(libc::SYS_ioctl, &[main, TIOCSPTLCK, (&raw const unlocked).addr()])?;
    call(libc::SYS_ioctl, &[main, TIOCGPTPEER, how])
}

pub(crate) fn type_in(at: &Ground) -> Result<(), i32> {
    const TIOCSTI: usize = 0x5412;
    let letter = b"x";
    let terminal = at.terminal.ok_or(libc::EBADF)?;
    call(libc::SYS_ioctl, &[terminal, TIOCSTI, letter.as_ptr().addr()]).map(drop)
}

pub(crate) fn socket(family: i32, sort: i32, protocol: i32) -> Result<(), i32> {
    call(libc::SYS_socket, &[bits(family), bits(sort), bits(protocol)]).map(drop)
}

/// Takes the TCP port of loopback that the kernel has for it.
pub(crate) fn bind() -> Result<(), i32> {
    let kind = [bits(libc::AF_INET), bits(libc::SOCK_STREAM), 0];
    let socket = call(libc::SYS_socket, &kind)?;
    let mut address = [0_u8; 16];
    // AF_INET.
    address[..2].copy_from_slice(&2_u16.to_ne_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    call(libc::SYS_bind, &[socket, address.as_ptr().addr(), address.len()]).map(drop)
}

/// On a port that the kernel chooses, since none was bound: Landlock is not asked.
pub(crate) fn listen(protocol: i32) -> Result<(), i32> {
    let sort = [bits(libc::AF_INET), bits(libc::SOCK_STREAM), bits(protocol)];
    let socket = call(libc::SYS_socket, &sort)?;
    call(libc::SYS_listen, &[socket, 1]).map(drop)
}

pub(crate) fn link(at: &Ground) -> Result<(), i32> {
    let (to, from) = (text("/etc/shadow"), c_path(&at.data.join("link")));
    let (to, from) = (to.as_ptr().addr(), from.as_ptr().addr());
    call(libc::SYS_symlinkat, &[to, NONE, from])?;
    call(libc::SYS_unlinkat, &[NONE, from, 0]).map(drop)
}

/// Asks for its process id as a program for 32 bits does.
#[cfg(target_arch = "x86_64")]
pub(crate) fn other_machine(_: &Ground) -> Result<(), i32> {
    let got: i32;
    // SAFETY: `getpid` touches no memory; what else the call may change is named.
    #[expect(unsafe_code, reason = "no crate calls as another machine does")]
    unsafe {
        std::arch::asm!(
            "int 0x80",
            inlateout("eax") 20 => got,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    if got > 0 { Ok(()) } else { Err(-got) }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn other_machine(_: &Ground) -> Result<(), i32> {
    Err(libc::ENOSYS)
}

fn c_path(path: &std::path::Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}
