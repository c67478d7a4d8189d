//! What a running engine gives away of itself to others on its machine.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;

use campanile_tests::site::Site;

fn proc(pid: u32, file: &str) -> std::path::PathBuf {
    format!("/proc/{pid}/{file}").into()
}

#[tokio::test]
async fn no_core_file_is_ever_written() {
    let engine = Site::new().await.start_as_it_was().await;
    let limits = fs::read_to_string(proc(engine.pid(), "limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(words, ["0", "0"], "soft and hard");
}

#[tokio::test]
async fn nobody_but_root_looks_into_it() {
    let engine = Site::new().await.start_as_it_was().await;
    let own = fs::metadata(proc(std::process::id(), "environ")).unwrap().uid();
    if own == 0 {
        // Root owns these files whether or not the process is dumpable, and may read all of them.
        let text = "skipped: the tests run as root, who may look into every process\n";
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        return;
    }
    for file in ["environ", "mem", "maps", "fd"] {
        assert_eq!(fs::metadata(proc(engine.pid(), file)).unwrap().uid(), 0, "{file}");
    }
    let refused = fs::read(proc(engine.pid(), "environ")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    let refused = fs::File::open(proc(engine.pid(), "mem")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
}
