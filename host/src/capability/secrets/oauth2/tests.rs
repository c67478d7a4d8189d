use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::*;
use crate::capability::egress::{Connector, Pool};

/// A token server, which gives these answers one after the other, and what it was asked.
struct Server {
    url: String,
    asked: mpsc::UnboundedReceiver<String>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn answering(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let (tell, asked) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                tell.send(request(&mut stream).await).unwrap();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            }
        });
        Self { url, asked, _serving: serving }
    }

    async fn asked(&mut self) -> String {
        self.asked.recv().await.expect("a request")
    }

    fn was_left_alone(&mut self) -> bool {
        self.asked.try_recv().is_err()
    }
}

async fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            return text;
        }
    }
}

fn client(url: &str, refresh: Option<&str>) -> Client {
    Client {
        name: "access_token".into(),
        grant: crate::capability::http::tests::to(url),
        token_url: url.into(),
        clear_text: true,
        client_id: "cam panile".into(),
        client_secret: Some(Secret::new("hunter2/é".into())),
        refresh_token: refresh.map(|value| Refresh {
            setting: "refresh_token".into(),
            value: Secret::new(value.into()),
        }),
        scope: Some("mail.send".into()),
        places: vec![Place::Sasl],
        bound_to: vec!["tls://mail.example:465".into()],
    }
}

fn tokens(keep: Keep) -> Tokens {
    let (connector, pool) = (Connector::default(), Pool::default());
    Tokens::new(Arc::new(HttpGate { connector, pool, response_bytes_max: 64 << 10 }), keep)
}

fn nothing_to_keep() -> Keep {
    Box::new(|rotated| panic!("no refresh token was exchanged: {rotated:?}"))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn granted(token: &str, lives: u32, refresh: Option<&str>) -> (u16, String) {
    let refresh = refresh.map(|it| format!(r#","refresh_token":"{it}""#)).unwrap_or_default();
    let body = format!(
        r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{lives}{refresh}}}"#
    );
    (200, body)
}

#[tokio::test]
async fn many_who_ask_at_once_share_one_fetch_and_those_after_them_its_token() {
    let mut server = Server::answering(vec![granted("t1", 3600, None)]).await;
    let (tokens, client) = (tokens(nothing_to_keep()), client(&server.url, None));
    let mut asking = JoinSet::new();
    for _ in 0..10 {
        let (tokens, client) = (tokens.clone(), client.clone());
        asking.spawn(async move { tokens.get(&client, soon()).await.unwrap() });
    }
    for token in asking.join_all().await {
        assert_eq!(token.value.expose(), "t1");
    }
    let asked = server.asked().await;
    // Both halves of the pair are encoded as in a form: `cam+panile:hunter2%2F%C3%A9`.
    assert!(asked.contains("Basic Y2FtK3BhbmlsZTpodW50ZXIyJTJGJUMzJUE5"), "{asked}");
    assert!(asked.ends_with("\r\n\r\ngrant_type=client_credentials&scope=mail.send"), "{asked}");
    let later = tokens.get(&client, soon()).await.unwrap();
    assert!(!later.is_new && later.value.expose() == "t1");
    assert!(server.was_left_alone());
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_given_out_again() {
    let answers = ["t1", "t2"].map(|token| granted(token, 3600, None));
    let server = Server::answering(answers.into()).await;
    let (tokens, client) = (tokens(nothing_to_keep()), client(&server.url, None));
    let first = tokens.get(&client, soon()).await.unwrap();
    let kept = tokens.get(&client, soon()).await.unwrap();
    assert!(tokens.refused(&client, &kept), "another may be better than one that was kept");
    let second = tokens.get(&client, soon()).await.unwrap();
    assert_eq!(second.value.expose(), "t2");
    assert!(!tokens.refused(&client, &second), "it was new");
    assert!(!tokens.refused(&client, &first), "known already");
}

#[tokio::test]
async fn a_refresh_token_that_was_exchanged_is_stored_before_what_came_with_it_is_used() {
    let answers = vec![granted("t1", 0, Some("r2")), granted("t2", 3600, None)];
    let mut server = Server::answering(answers).await;
    let (tell, mut kept) = mpsc::unbounded_channel();
    let disk = Arc::new(Semaphore::new(0));
    let tokens = {
        let disk = Arc::clone(&disk);
        tokens(Box::new(move |rotated| {
            tell.send(rotated).unwrap();
            let disk = Arc::clone(&disk);
            Box::pin(async move { disk.acquire().await.map(drop).map_err(|_| NotKept) })
        }))
    };
    let old = client(&server.url, Some("r1"));
    let mut waiting = Box::pin(tokens.get(&old, soon()));
    let rotated = tokio::select! {
        _ = &mut waiting => panic!("the refresh token is not on disk yet"),
        rotated = kept.recv() => rotated.unwrap(),
    };
    assert_eq!((rotated.before.expose(), rotated.value.expose()), ("r1", "r2"));
    assert_eq!((rotated.tenant, rotated.endpoint), (TenantId(1), EndpointId(1)));
    assert_eq!(rotated.setting, "refresh_token");
    disk.add_permits(1);
    assert_eq!(waiting.await.unwrap().value.expose(), "t1");
    let asked = server.asked().await;
    assert!(asked.contains("grant_type=refresh_token&refresh_token=r1&"), "{asked}");

    // Settings that were read before still have the old one.
    assert_eq!(tokens.get(&old, soon()).await.unwrap().value.expose(), "t2");
    let asked = server.asked().await;
    assert!(asked.contains("refresh_token=r2&"), "{asked}");
    let new = client(&server.url, Some("r2"));
    assert_eq!(tokens.get(&new, soon()).await.unwrap().value.expose(), "t2");
    assert!(server.was_left_alone(), "the same token for both");
}

#[tokio::test]
async fn what_could_not_be_stored_is_neither_used_nor_lost() {
    let mut server = Server::answering(vec![granted("t1", 3600, Some("r2"))]).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let tokens = {
        let tries = Arc::clone(&tries);
        tokens(Box::new(move |_| {
            let is_first = tries.fetch_add(1, Ordering::Relaxed) == 0;
            Box::pin(async move { if is_first { Err(NotKept) } else { Ok(()) } })
        }))
    };
    let client = client(&server.url, Some("r1"));
    assert_eq!(tokens.get(&client, soon()).await.unwrap_err(), TokenError::NotKept);
    assert_eq!(tokens.get(&client, soon()).await.unwrap().value.expose(), "t1");
    server.asked().await;
    assert!(server.was_left_alone(), "the token was there already");
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_refresh_token_is_stored_even_if_whoever_asked_has_gone() {
    let mut server = Server::answering(vec![granted("t1", 3600, Some("r2"))]).await;
    let (tell, mut kept) = mpsc::unbounded_channel();
    let tokens = tokens(Box::new(move |rotated| {
        tell.send(rotated).unwrap();
        Box::pin(async { Ok(()) })
    }));
    let client = client(&server.url, Some("r1"));
    tokio::select! {
        biased;
        _ = server.asked() => {}
        token = tokens.get(&client, soon()) => panic!("before the server was asked: {token:?}"),
    }
    tokens.close().await;
    assert_eq!(kept.try_recv().unwrap().value.expose(), "r2");
    assert!(!tokens.get(&client, soon()).await.unwrap().is_new);
}

#[tokio::test]
async fn a_server_that_wants_the_secret_in_the_body_is_remembered() {
    let refused = (401, r#"{"error":"invalid_client"}"#.to_owned());
    let answers = vec![refused.clone(), granted("t1", 0, None), granted("t2", 0, None)];
    let mut server = Server::answering(answers).await;
    let (tokens, client) = (tokens(nothing_to_keep()), client(&server.url, None));
    for token in ["t1", "t2"] {
        assert_eq!(tokens.get(&client, soon()).await.unwrap().value.expose(), token);
    }
    let asked = [server.asked().await, server.asked().await, server.asked().await];
    let in_header = asked.each_ref().map(|asked| asked.contains("authorization: Basic "));
    assert_eq!(in_header, [true, false, false]);
    let ending = "&client_id=cam+panile&client_secret=hunter2%2F%C3%A9";
    assert!(asked[1].ends_with(ending), "{}", asked[1]);

    let server = Server::answering(vec![refused.clone(), refused]).await;
    let client = self::client(&server.url, None);
    let error = tokens.get(&client, soon()).await.unwrap_err();
    assert_eq!(error, TokenError::Refused { code: "invalid_client".into() });
    assert!(error.needs_a_person());
}

#[tokio::test]
async fn nothing_is_asked_in_clear_text_without_a_grant() {
    let mut server = Server::answering(vec![granted("t1", 3600, None)]).await;
    let client = Client { clear_text: false, ..client(&server.url, None) };
    let error = tokens(nothing_to_keep()).get(&client, soon()).await.unwrap_err();
    assert!(matches!(&error, TokenError::Denied { code, .. } if code == "clear-text"), "{error:?}");
    assert!(server.was_left_alone());
}

#[tokio::test]
async fn another_scope_or_another_refresh_token_is_another_token() {
    let answers = ["t1", "t2", "t3"].map(|token| granted(token, 3600, None));
    let mut server = Server::answering(answers.into()).await;
    let tokens = tokens(nothing_to_keep());
    let first = client(&server.url, Some("r1"));
    let second = Client { scope: None, ..first.clone() };
    for (client, expected) in
        [(&first, "t1"), (&second, "t2"), (&client(&server.url, Some("r9")), "t3")]
    {
        assert_eq!(tokens.get(client, soon()).await.unwrap().value.expose(), expected);
        server.asked().await;
    }
    assert!(!format!("{first:?} {:?}", tokens.get(&first, soon()).await).contains("hunter2"));
}
