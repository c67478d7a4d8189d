use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::net::{UdpSocket, UnixDatagram};

use super::*;

async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut room = vec![0; 70_000];
    let received = tokio::time::timeout_at(soon(), socket.recv(&mut room)).await;
    let length = received.expect("a datagram").unwrap();
    room.truncate(length);
    room
}

async fn send(ground: &Ground, door: &mut NetDoor, bytes: &[u8]) -> Result<(), NetError> {
    let target = &ground.targets[0];
    door.send_datagram(&ground.calls, &mut Keyring::default(), target, bytes).await
}

#[tokio::test]
async fn a_datagram_goes_to_a_granted_target_whole_or_not_at_all() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = format!("udp://{}", socket.local_addr().unwrap());
    let ground = Ground::new(&[&target, "tcp://127.0.0.1:25"]);
    let mut door = ground.door();
    send(&ground, &mut door, b"<14>1 - log").await.unwrap();
    assert_eq!(receive(&socket).await, b"<14>1 - log");
    send(&ground, &mut door, &[b'x'; 65_507]).await.unwrap();
    assert_eq!(receive(&socket).await.len(), 65_507);
    assert_eq!(told(send(&ground, &mut door, &[b'x'; 65_508]).await), "too-large 65507");
    let seen = door.seen();
    assert_eq!(seen.origin.as_deref(), Some(target.as_str()));
    assert_eq!((seen.sent_bytes, seen.unanswered), (65_518, false), "nobody answers datagrams");

    let mut keyring = Keyring::default();
    for asked in ["tcp://127.0.0.1:25", "udp://127.0.0.1:1", "udp://127.0.0.1", "tls://a:1", ""] {
        let sent = door.send_datagram(&ground.calls, &mut keyring, asked, b"x").await;
        assert_eq!(told(sent), "denied target", "{asked:?}");
    }
    let (mut keyring, placeholder) = secret(&target);
    let sent = door.send_datagram(&ground.calls, &mut keyring, &target, placeholder.as_bytes());
    assert_eq!(told(sent.await), "denied secret-misuse", "no login is a datagram");
}

/// A folder with a path in it that the operator granted.
struct Local {
    ground: Ground,
    folder: TempDir,
    path: PathBuf,
}

fn local() -> Local {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("log");
    let mut ground = Ground::new(&[&format!("unix-dgram:{}", path.display())]);
    ground.config =
        format!("[[egress.grant]]\nendpoints = ['*']\nunix_datagram = '{}'\n", path.display());
    Local { ground, folder, path }
}

#[tokio::test]
async fn a_local_socket_is_reached_at_the_very_path_that_the_operator_granted() {
    let Local { mut ground, path, folder: _folder } = local();
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut door = ground.door();
    send(&ground, &mut door, b"<14>log").await.unwrap();
    let mut room = [0; 100];
    let length = socket.recv(&mut room).await.unwrap();
    assert_eq!(&room[..length], b"<14>log");

    // As much as fits, and a byte more: the bound that is told is the right one.
    let too_large = Told::from(send(&ground, &mut door, &vec![0; 32 << 20]).await.unwrap_err());
    let Told::TooLarge(most) = too_large else { panic!("{too_large:?}") };
    let most = usize::try_from(most).unwrap();
    send(&ground, &mut door, &vec![0; most]).await.unwrap();
    let sent = send(&ground, &mut door, &vec![0; most + 1]).await;
    assert_eq!(told(sent), format!("too-large {most}"));

    // What the settings name alone is not enough.
    ground.config.clear();
    assert_eq!(told(send(&ground, &mut ground.door(), b"x").await), "denied socket");
}

#[tokio::test]
async fn what_is_not_a_datagram_socket_at_that_place_is_refused() {
    let Local { mut ground, folder, path } = local();
    let mut door = ground.door();
    assert_eq!(told(send(&ground, &mut door, b"x").await), "denied no-socket", "nothing");

    let real = folder.path().join("real");
    let _socket = UnixDatagram::bind(&real).unwrap();
    symlink(&real, &path).unwrap();
    assert_eq!(told(send(&ground, &mut door, b"x").await), "denied socket-link", "a link");
    std::fs::remove_file(&path).unwrap();

    std::fs::write(&path, "").unwrap();
    assert_eq!(told(send(&ground, &mut door, b"x").await), "denied no-socket", "a file");
    assert_eq!(std::fs::read(&path).unwrap(), b"", "and nothing is written to it");
    std::fs::remove_file(&path).unwrap();

    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert_eq!(told(send(&ground, &mut door, b"x").await), "denied no-socket", "for streams");
    std::fs::remove_file(&path).unwrap();

    drop(UnixDatagram::bind(&path).unwrap());
    assert_eq!(told(send(&ground, &mut door, b"x").await), "unreachable unsent", "nobody there");
    std::fs::remove_file(&path).unwrap();

    // A link on the way.
    std::fs::create_dir(folder.path().join("run")).unwrap();
    symlink("run", folder.path().join("var")).unwrap();
    let _socket = UnixDatagram::bind(folder.path().join("run/log")).unwrap();
    let by_link = path.with_file_name("var").join("log");
    ground.targets = vec![format!("unix-dgram:{}", by_link.display())];
    ground.config =
        format!("[[egress.grant]]\nendpoints = ['*']\nunix_datagram = '{}'\n", by_link.display());
    assert_eq!(told(send(&ground, &mut ground.door(), b"x").await), "denied socket-link");
}

/// A receiver that takes nothing makes the sender wait, but not beyond its deadline.
#[tokio::test]
async fn a_receiver_that_takes_nothing_costs_no_more_than_the_deadline() {
    let Local { ground, path, folder: _folder } = local();
    let _socket = UnixDatagram::bind(&path).unwrap();
    let mut door = ground.door();
    let begun = Instant::now();
    let sent = loop {
        door.begin(Instant::now() + Duration::from_millis(50));
        let sent = send(&ground, &mut door, b"<14>log").await;
        if sent.is_err() || begun.elapsed() > Duration::from_secs(10) {
            break sent;
        }
    };
    assert_eq!(told(sent), "timed-out timeout");
}
