//! A pattern left in memory by one store, and the search for it by another.

use std::hint::black_box;

use super::MIB;

const PATTERN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Memory that is grown for it, in bytes.
const GROWN: usize = 4 * MIB;

/// On the stack, which has 128 KiB, in words.
const ON_STACK: usize = 32 * 1024 / size_of::<u64>();

/// Leaves the pattern in 4 MiB of new memory, and on the stack.
#[inline(never)]
pub(super) fn write() -> String {
    // Filled as it runs: a constant would lie in every store of this component.
    black_box(&[black_box(PATTERN); ON_STACK]);
    let start = grow();
    for at in (start..start + GROWN).step_by(size_of::<u64>()) {
        poke(at, PATTERN);
    }
    format!("wrote {GROWN} bytes")
}

/// Grows by as much, and searches all memory from the first byte to the last, the stack included.
pub(super) fn read() -> String {
    let end = grow() + GROWN;
    // From 8: nothing may look at address 0.
    let words = (8..end).step_by(size_of::<u64>());
    let dirty = (end - GROWN..end).step_by(size_of::<u64>()).filter(|at| peek(*at) != 0).count();
    let found = words.filter(|at| peek(*at) == PATTERN).count();
    format!("found {found} words of the pattern, and {dirty} words that are not zero in new memory")
}

/// Where the new memory begins.
#[cfg(target_family = "wasm")]
fn grow() -> usize {
    const PAGE: usize = 64 * 1024;
    let pages = core::arch::wasm32::memory_grow::<0>(GROWN / PAGE);
    assert_ne!(pages, usize::MAX, "no memory to grow into");
    pages * PAGE
}

#[cfg(not(target_family = "wasm"))]
fn grow() -> usize {
    panic!("memory grows only in a component")
}

#[expect(unsafe_code, reason = "memory that nobody owns is looked at as it comes")]
fn peek(at: usize) -> u64 {
    // SAFETY: `at` is aligned and within this guest's memory, all of which is initialized.
    unsafe { std::ptr::read_volatile(at as *const u64) }
}

#[expect(unsafe_code, reason = "memory that was grown has no owner yet")]
fn poke(at: usize, word: u64) {
    // SAFETY: `at` is aligned and within memory that was just grown for this.
    unsafe { std::ptr::write_volatile(at as *mut u64, word) }
}
