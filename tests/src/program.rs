//! The smallest program that the kernel starts: it needs no library, and ends at once.

/// Ends with 42. `asks`: only where root runs it; with another code where another user does.
pub fn ending_with(asks: bool) -> Vec<u8> {
    let code: Vec<u8> = if cfg!(target_arch = "x86_64") {
        let mut code = vec![0x31, 0xc0]; // xor eax, eax
        if asks {
            code = vec![0xb8, 107, 0, 0, 0, 0x0f, 0x05]; // geteuid
        }
        // xor eax, 42; mov edi, eax; exit
        code.extend([0x83, 0xf0, 42, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]);
        code
    } else {
        let mut code: Vec<u32> = vec![0x5280_0000]; // mov w0, 0
        if asks {
            code = vec![0xd280_0008 | (175 << 5), 0xd400_0001]; // geteuid
        }
        // mov w1, 42; eor w0, w0, w1; mov x8, exit; svc
        code.extend([0x5280_0001 | (42 << 5), 0x4a01_0000, 0xd280_0008 | (93 << 5), 0xd400_0001]);
        code.into_iter().flat_map(u32::to_le_bytes).collect()
    };
    const AT: u64 = 0x40_0000;
    const HEADS: u64 = 64 + 56;
    let machine: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    // Where it begins, and where the one part is described.
    for number in [AT + HEADS, 64, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for number in [64_u16, 56, 1, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    // One part, to load: read and execute.
    let length = HEADS + code.len() as u64;
    file.extend(1_u32.to_le_bytes());
    file.extend(5_u32.to_le_bytes());
    for number in [0, AT, AT, length, length, 0x1_0000] {
        file.extend(number.to_le_bytes());
    }
    file.extend(code);
    file
}
