//! Files: nothing outside of the folder that was granted, and nothing in it that is no file.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};

use super::{Attack, Chapter};

/// In the file that must not be read, and never in a report.
const TREASURE: &str = "the treasure";

struct Row {
    name: &'static str,
    does: &'static str,
    /// As JSON.
    steps: &'static str,
    said: &'static str,
}

/// Endpoint settings of the two folders, and what is said of them.
struct Placed {
    place: &'static str,
    does: &'static str,
    said: &'static str,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Names.
    Row { name: "parent", does: "reads `..`", steps: r#"[{"read":["box",".."]}]"#, said: r#"code: "name""# },
    Row { name: "parent-file", does: "reads `../treasure`", steps: r#"[{"read":["box","../treasure"]}]"#, said: r#"code: "name""# },
    Row { name: "absolute", does: "reads `/etc/passwd`", steps: r#"[{"read":["box","/etc/passwd"]}]"#, said: r#"code: "name""# },
    Row { name: "below", does: "reads a file in a folder beneath", steps: r#"[{"read":["box","deep/inner"]}]"#, said: r#"code: "name""# },
    Row { name: "backslash", does: "separates by a backslash", steps: r#"[{"read":["box","..\\treasure"]}]"#, said: r#"code: "name""# },
    Row { name: "zero-byte", does: "ends the name early by a zero byte", steps: r#"[{"read":["box","plain\u0000.txt"]}]"#, said: r#"code: "name""# },
    Row { name: "empty-name", does: "reads the folder itself", steps: r#"[{"read":["box",""]}]"#, said: r#"code: "name""# },
    Row { name: "dot", does: "reads `.`", steps: r#"[{"read":["box","."]}]"#, said: r#"code: "name""# },
    Row { name: "hidden", does: "adds to `.ssh`", steps: r#"[{"append":["box",".ssh","key"]}]"#, said: r#"code: "name""# },
    Row { name: "escapes", does: "makes a name that draws on a terminal", steps: r#"[{"append":["box","a\u001b[2Jb","x"]}]"#, said: r#"code: "name""# },
    Row { name: "end-of-line", does: "makes a name of two lines", steps: r#"[{"append":["box","a\nb","x"]}]"#, said: r#"code: "name""# },
    Row { name: "rename-out", does: "renames a file out of its folder", steps: r#"[{"rename":["box","plain","../stolen"]}]"#, said: r#"code: "name""# },
    Row { name: "remove-out", does: "removes a file beside its folder", steps: r#"[{"remove":["box","../treasure"]}]"#, said: r#"code: "name""# },
    // Folders.
    Row { name: "other-folder", does: "asks for a folder that it has not", steps: r#"[{"read":["treasury","plain"]}]"#, said: r#"code: "folder""# },
    Row { name: "folder-as-path", does: "asks for a folder by a path", steps: r#"[{"read":["box/..","treasure"]}]"#, said: r#"code: "folder""# },
    Row { name: "write-to-read", does: "adds to a folder that it may read", steps: r#"[{"append":["shelf","plain","x"]}]"#, said: r#"code: "read-only""# },
    Row { name: "remove-from-read", does: "removes from a folder that it may read", steps: r#"[{"remove":["shelf","plain"]}]"#, said: r#"code: "read-only""# },
    Row { name: "rename-in-read", does: "renames in a folder that it may read", steps: r#"[{"rename":["shelf","plain","other"]}]"#, said: r#"code: "read-only""# },
    // What lies in the folder.
    Row { name: "link-read", does: "reads over a link that lies there", steps: r#"[{"read":["box","link"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "link-append", does: "adds over a link that lies there", steps: r#"[{"append":["box","link","x"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "link-size", does: "measures what a link leads to", steps: r#"[{"size":["box","link"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "link-to-folder", does: "reads over a link to a folder", steps: r#"[{"read":["box","up"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "hard-link", does: "adds to a file that has another name elsewhere", steps: r#"[{"append":["box","twin","x"]}]"#, said: r#"code: "linked""# },
    Row { name: "hard-link-read", does: "reads a file that has another name elsewhere", steps: r#"[{"read":["box","twin"]}]"#, said: r#"code: "linked""# },
    Row { name: "fifo-read", does: "reads a FIFO, which would wait for ever", steps: r#"[{"read":["box","fifo"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "fifo-append", does: "adds to a FIFO, which would wait for ever", steps: r#"[{"append":["box","fifo","x"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "socket", does: "reads a socket", steps: r#"[{"read":["box","socket"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "folder-as-file", does: "adds to a folder", steps: r#"[{"append":["box","deep","x"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "remove-folder", does: "removes a folder", steps: r#"[{"remove":["box","deep"]}]"#, said: r#"code: "not-a-file""# },
    Row { name: "rename-over", does: "replaces a file by another", steps: r#"[{"append":["box","mine","x"]},{"rename":["box","mine","plain"]}]"#, said: r#"code: "exists""# },
    // Too much.
    Row { name: "quota", does: "fills the disk", steps: r#"[{"fill":["box","full",60000,1000]},{"remove":["box","full"]}]"#, said: r#"code: "quota-bytes""# },
    Row { name: "many-files", does: "makes a thousand files", steps: r#"[{"litter":["box",1000]}]"#, said: r#"code: "quota-files""# },
];

#[rustfmt::skip]
const PLACES: &[Placed] = &[
    Placed { place: "..", does: "names the folder above", said: "must not begin with a dot" },
    Placed { place: "../globex", does: "names another tenant's folder", said: "must not begin with a dot" },
    Placed { place: "mine/../../globex", does: "names another tenant's folder, by a way", said: "must not begin with a dot" },
    Placed { place: "/etc", does: "names a folder of the machine", said: "must not begin with `/`" },
    Placed { place: "", does: "names nothing, so the tenant's own folder", said: "must not be empty" },
    Placed { place: "a\\b", does: "names a folder with a backslash", said: "must not have a separator" },
    Placed { place: "a\u{1b}[2J", does: "names a folder that draws on a terminal", said: "must not have control characters" },
    Placed { place: "out", does: "names a link that lies in the tenant's folder and leads out of it", said: r#"code: "not-a-folder""# },
    Placed { place: "open", does: "names a folder that others may write to", said: r#"code: "shared-folder""# },
    Placed { place: "file", does: "names a file", said: r#"code: "not-a-folder""# },
];

pub(super) fn chapter() -> Chapter {
    let row = |row: &Row| Attack {
        name: row.name.to_owned(),
        does: row.does.to_owned(),
        outcome: format!("refused: `{}`", row.said.replace('"', "")),
    };
    let place = |placed: &Placed| Attack {
        name: format!("place `{}`", placed.place.escape_default()),
        does: placed.does.to_owned(),
        outcome: format!("refused: {}", placed.said.replace('"', "")),
    };
    Chapter {
        title: "Files",
        about: "A component with a folder to add to and one to read, in which somebody has put links, FIFOs and\nsockets; and settings that name another folder.\n",
        tested: ("hostile/folders.rs", "no_component_gets_out_of_its_folder"),
        attacks: ROWS.iter().map(row).chain(PLACES.iter().map(place)).collect(),
    }
}

#[tokio::test]
async fn no_component_gets_out_of_its_folder() {
    let site = Site::new().await.with_hostile("squatter");
    let root = furnish(site.folder());
    let site = site
        .set("files.root", &json!(root.to_string_lossy()).to_string())
        .set("files.folder_bytes_max", "2000000")
        .set("files.folder_files_max", "40");
    let engine = site.start().await;
    let mut wrong = Vec::new();
    for row in ROWS {
        let steps: Value = serde_json::from_str(row.steps).unwrap();
        let report = acts(&engine, "box", &steps).await;
        if !report.contains(row.said) || report.contains(TREASURE) {
            wrong.push(format!("{}: {report}, expected {}", row.name, row.said));
        }
    }
    for placed in PLACES {
        let report = acts(&engine, placed.place, &json!([{"names": "box"}])).await;
        if !report.contains(placed.said) {
            wrong.push(format!("{:?}: {report}, expected {}", placed.place, placed.said));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(fs::read_to_string(root.join("treasure")).unwrap(), TREASURE);
    assert_eq!(fs::read_to_string(root.join("default/box/plain")).unwrap(), "plain");
    let around: Vec<_> =
        fs::read_dir(&root).unwrap().flatten().map(|one| one.file_name()).collect();
    assert_eq!(around.len(), 3, "{around:?}");
}

/// What the squatter reports with this place as its box.
async fn acts(engine: &Engine, place: &str, steps: &Value) -> String {
    let settings = json!({"box": place, "shelf": "shelf", "steps": steps});
    let endpoint = json!({"kind": "squatter", "endpoint_settings": settings, "send": false});
    let answer = engine.call("POST", "/v1/test", &endpoint).await;
    match answer.status {
        200 => {
            let probe = answer.json()["probe"].clone();
            probe["summary"].as_str().map_or_else(|| probe.to_string(), str::to_owned)
        }
        422 => format!("refused: {}", answer.text()),
        _ => panic!("{endpoint}: {}", answer.text()),
    }
}

/// The operator's folder for files, and what lies in it.
fn furnish(folder: &Path) -> PathBuf {
    let root = folder.join("files");
    let make =
        |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path).unwrap();
    let own = root.join("default");
    let (boxed, shelf) = (own.join("box"), own.join("shelf"));
    for path in [&boxed.join("deep"), &shelf, &own.join("open"), &root.join("globex")] {
        make(path);
    }
    for (path, text) in [
        (root.join("treasure"), TREASURE),
        (boxed.join("plain"), "plain"),
        (boxed.join("deep/inner"), "inner"),
        (shelf.join("plain"), "plain"),
        (own.join("file"), "file"),
    ] {
        fs::write(path, text).unwrap();
    }
    symlink(root.join("treasure"), boxed.join("link")).unwrap();
    symlink("..", boxed.join("up")).unwrap();
    symlink(root.join("globex"), own.join("out")).unwrap();
    // The other name of it is where the component does not reach.
    fs::write(root.join("globex/twin"), TREASURE).unwrap();
    fs::hard_link(root.join("globex/twin"), boxed.join("twin")).unwrap();
    let mode = Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(CWD, boxed.join("fifo"), FileType::Fifo, mode, 0).unwrap();
    drop(UnixListener::bind(boxed.join("socket")).unwrap());
    fs::set_permissions(own.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
    root
}
