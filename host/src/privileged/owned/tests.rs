use std::fs;
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};

use rustix::fs::XattrFlags;
use rustix::process::geteuid;

use super::*;

/// A folder of this user with mode 755, whatever its parents are.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let site = Self(folder);
        site.folder("a");
        site.folder("a/b");
        site.file("a/b/one.sh", 0o755);
        site
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn folder(&self, path: &str) {
        fs::DirBuilder::new().mode(0o755).create(self.at(path)).unwrap();
        self.mode(path, 0o755);
    }

    fn file(&self, path: &str, mode: u32) {
        fs::write(self.at(path), "content").unwrap();
        self.mode(path, mode);
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn open(&self, folder: &str, name: &str) -> Result<File, NotOwned> {
        let me = [geteuid().as_raw()];
        let folder = OwnedFolder::open_from(self.0.path(), &self.at(folder), &me)?;
        beneath(&folder, OsStr::new(name), &me)
    }
}

#[test]
fn a_file_that_only_its_owner_can_change_is_opened() {
    let site = Site::new();
    let mut text = String::new();
    site.open("a/b", "one.sh").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "content");
    assert!(matches!(site.open("a/b", "two.sh"), Err(NotOwned::Missing { .. })));
    assert!(matches!(site.open("a/c", "one.sh"), Err(NotOwned::Missing { .. })));
}

#[test]
fn whoever_could_change_the_file_or_a_parent_is_named() {
    for path in ["a", "a/b", "a/b/one.sh"] {
        for mode in [0o775, 0o757, 0o777, 0o1777, 0o720] {
            let site = Site::new();
            site.mode(path, mode);
            let error = site.open("a/b", "one.sh").unwrap_err();
            let NotOwned::Writable { path: told, mode: seen } = &error else {
                panic!("{path} {mode:o}: {error}")
            };
            assert_eq!((told, *seen), (&site.at(path), mode));
            assert!(error.to_string().contains("chmod go-w"), "{error}");
        }
    }
    // The folder above all of them counts, too.
    let site = Site::new();
    site.mode("", 0o1777);
    assert!(matches!(site.open("a/b", "one.sh"), Err(NotOwned::Writable { .. })));
}

#[test]
fn a_file_or_parent_of_another_user_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    for path in ["a", "a/b", "a/b/one.sh"] {
        let site = Site::new();
        chown(site.at(path), Some(12_345), None).unwrap();
        let error = site.open("a/b", "one.sh").unwrap_err();
        assert!(matches!(error, NotOwned::Owner { owner: 12_345, .. }), "{path}: {error}");
        assert!(error.to_string().contains("chown root"), "{error}");
        let folder = OwnedFolder::open_from(site.0.path(), &site.at("a/b"), &[12_345]).unwrap();
        beneath(&folder, OsStr::new("one.sh"), &[12_345]).unwrap();
    }
}

#[test]
fn no_link_is_followed_and_nothing_but_a_plain_file_is_opened() {
    let site = Site::new();
    symlink("one.sh", site.at("a/b/link.sh")).unwrap();
    symlink("/etc/passwd", site.at("a/b/passwd.sh")).unwrap();
    symlink("b", site.at("a/c")).unwrap();
    site.folder("a/b/folder.sh");
    rustix::fs::mkfifoat(CWD, site.at("a/b/fifo.sh"), Mode::from(0o700)).unwrap();
    for name in ["link.sh", "passwd.sh"] {
        let error = site.open("a/b", name).unwrap_err();
        assert!(matches!(error, NotOwned::Link { .. }), "{name}: {error}");
    }
    let error = site.open("a/c", "one.sh").unwrap_err();
    assert!(matches!(error, NotOwned::Link { .. }), "{error}");
    for name in ["folder.sh", "fifo.sh"] {
        let error = site.open("a/b", name).unwrap_err();
        assert!(matches!(error, NotOwned::OtherType { .. }), "{name}: {error}");
    }
    for name in ["", ".", "..", "../b/one.sh", "/etc/passwd", "folder.sh/"] {
        let error = site.open("a/b", name).unwrap_err();
        assert!(matches!(error, NotOwned::NoPath { .. }), "{name}: {error}");
    }
    for path in ["a/../a/b", "../etc"] {
        let error = site.open(path, "one.sh").unwrap_err();
        assert!(matches!(error, NotOwned::NoPath { .. }), "{path}: {error}");
    }
    assert!(matches!(open(Path::new("one.sh"), &[]), Err(NotOwned::NoPath { .. })));
    assert!(matches!(open(Path::new("/"), &[]), Err(NotOwned::NoPath { .. })));
}

/// As `setfacl -m u:12345:rwx` and `setfacl -m g:12345:rwx` write it.
#[test]
fn write_access_by_an_access_control_list_is_seen() {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    for path in ["a/b", "a/b/one.sh"] {
        for tag in [USER, GROUP] {
            let site = Site::new();
            let mut list = 2_u32.to_le_bytes().to_vec();
            let none = u32::MAX;
            let entries = [(0x01, 7, none), (0x04, 5, none), (0x10, 7, none), (0x20, 5, none)];
            let mut entries = entries.to_vec();
            entries.push((tag, 7, 12_345));
            entries.sort_unstable();
            for (tag, access, id) in entries {
                list.extend(u16::to_le_bytes(tag));
                list.extend(u16::to_le_bytes(access));
                list.extend(u32::to_le_bytes(id));
            }
            let name = "system.posix_acl_access";
            match rustix::fs::setxattr(site.at(path), name, &list, XattrFlags::empty()) {
                // This file system has none.
                Err(Errno::OPNOTSUPP) => return,
                set => set.unwrap(),
            }
            let error = site.open("a/b", "one.sh").unwrap_err();
            assert!(matches!(error, NotOwned::Writable { .. }), "{path} {tag}: {error}");
        }
    }
}

#[test]
fn the_usual_files_of_a_machine_are_trusted_and_a_world_writable_folder_is_not() {
    open(Path::new("/etc/passwd"), &[]).unwrap();
    let error = OwnedFolder::open(Path::new("/tmp"), &[]).unwrap_err();
    assert!(matches!(error, NotOwned::Writable { .. }), "{error}");
}
