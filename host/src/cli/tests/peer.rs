//! An engine by its words alone: answers as `docs/api.md` says, in the order that a test gives.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One that was started; it ends when it is dropped.
pub(super) struct Peer {
    address: SocketAddr,
    folder: tempfile::TempDir,
    heard: Arc<Mutex<Vec<Heard>>>,
    _serving: JoinSet<()>,
}

/// What it was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    /// Method and path with query.
    pub(super) line: String,
    pub(super) if_match: Option<String>,
    /// `null` where there was none.
    pub(super) body: Value,
}

/// What it answers: status, `ETag`, body.
pub(super) type Reply = (u16, Option<&'static str>, Value);

impl Peer {
    pub(super) async fn answering<const N: usize>(replies: [Reply; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, replies.into(), Arc::clone(&heard)));
        let peer = Self { address, folder, heard, _serving: serving };
        peer.file("token", &"x".repeat(43));
        peer
    }

    /// What leads a command here.
    pub(super) fn target(&self) -> [String; 4] {
        let token = self.folder.path().join("token").display().to_string();
        ["--url".into(), format!("http://{}", self.address), "--token-file".into(), token]
    }

    /// A file that nobody else reads.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.heard().into_iter().map(|one| one.line).collect()
    }
}

async fn serve(listener: TcpListener, replies: Vec<Reply>, heard: Arc<Mutex<Vec<Heard>>>) {
    let mut replies = replies.into_iter();
    while let Ok((stream, _)) = listener.accept().await {
        let reply = Mutex::new(replies.next());
        let answer = service_fn(|request: Request<Incoming>| {
            let reply = reply.lock().unwrap().take();
            let heard = &heard;
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                heard.lock().unwrap().push(Heard {
                    line: format!("{} {}", head.method, head.uri),
                    if_match: head
                        .headers
                        .get("if-match")
                        .map(|one| one.to_str().unwrap().to_owned()),
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                });
                let (status, etag, body) = reply.expect("an answer to each request");
                let mut answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
                if let Some(etag) = etag {
                    answer = answer.header("etag", etag);
                }
                let body = if body.is_null() { String::new() } else { body.to_string() };
                Ok::<_, Infallible>(answer.body(Full::new(Bytes::from(body))).unwrap())
            }
        });
        // The client closes after each answer; how says nothing.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
    }
}
