//! What the machine can do without the engine.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use campanile_tests::alerts::{envelope, flow};
use campanile_tests::site::target;
use campanile_tests::tally::Tally;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::load::CONNECTIONS;
use crate::report::{Client, Spread};

/// A hyper client that POSTs the messages the engine sends, from one thread of its own. The
/// receiver runs on `runtime`, so that its CPU is not counted.
pub(crate) fn client(runtime: &tokio::runtime::Runtime, alerts: u32) -> Client {
    let tally = runtime.block_on(Tally::start(alerts as usize)).expect("a free port");
    let address = tally.address();
    let bodies: Vec<Bytes> = (0..alerts).map(|serial| envelope([flow(serial)]).into()).collect();
    let thread = std::thread::spawn(move || {
        let own = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (cpu, begun) = (cpu_of_thread(), Instant::now());
        own.expect("a runtime").block_on(post(address, &bodies));
        (begun.elapsed(), cpu_of_thread() - cpu)
    });
    let (wall, cpu) = thread.join().expect("a client that does not panic");
    assert_eq!(tally.distinct(), alerts as usize, "the plain client's messages all arrived");
    Client {
        per_second: f64::from(alerts) / wall.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / f64::from(alerts),
    }
}

async fn post(address: std::net::SocketAddr, bodies: &[Bytes]) {
    let mut senders = JoinSet::new();
    for hand in 0..CONNECTIONS {
        let mine: Vec<Bytes> = bodies.iter().skip(hand).step_by(CONNECTIONS).cloned().collect();
        senders.spawn(async move {
            let stream = TcpStream::connect(address).await.expect("the receiver listens");
            stream.set_nodelay(true).expect("a socket");
            let io = TokioIo::new(stream);
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(io).await.expect("a connection");
            let mut connections = JoinSet::new();
            connections.spawn(connection);
            for body in mine {
                let request = Request::post("/hook")
                    .header("host", address.to_string())
                    .header("content-type", "application/json")
                    .header("user-agent", "campanile-bench")
                    .header("webhook-id", "msg_01JD8Q5W3V9T6Z0M4K2N7P1R5S")
                    .body(Full::new(body))
                    .expect("a request");
                let answer = sender.send_request(request).await.expect("an answer");
                assert_eq!(answer.status(), 200);
                answer.into_body().collect().await.expect("a whole answer");
            }
            drop(sender);
            for ended in connections.join_all().await {
                ended.expect("a clean end");
            }
        });
    }
    senders.join_all().await;
}

/// How long the disk takes to keep 4 KiB.
pub(crate) fn sync() -> Spread {
    const ROUNDS: usize = 500;
    let folder = tempfile::tempdir_in(target().join("sites")).expect("a temporary folder");
    let path = folder.path().join("appended");
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file");
    let block = [b'x'; 4096];
    let times = (0..ROUNDS).map(|_| {
        file.write_all(&block).expect("space on the disk");
        let begun = Instant::now();
        file.sync_data().expect("a disk that syncs");
        begun.elapsed()
    });
    Spread::of(times.collect())
}

fn cpu_of_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).expect("below a second");
    Duration::new(u64::try_from(time.tv_sec).expect("a clock that counts up"), nanoseconds)
}
