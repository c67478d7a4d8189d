//! A mail server that is honest only as far as its script says.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{Heard, Listening};

/// What is wrong with it. Nothing is, by default.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Every line of `AUTH`, and what follows it, is said back in the answer.
    pub echoes_login: bool,
    /// `STARTTLS` is not offered, and refused.
    pub strips_starttls: bool,
    /// Said right behind the answer to `STARTTLS`, in the same packet and in clear.
    pub injects: String,
}

/// A running server.
#[derive(Debug)]
pub struct Smtp {
    listening: Listening,
    heard: Heard<Line>,
}

/// One line that was said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub encrypted: bool,
}

impl Smtp {
    pub async fn start(tls: TlsAcceptor, faults: Faults) -> Self {
        let heard: Heard<Line> = Heard::default();
        let listening = Listening::start({
            let heard = heard.clone();
            move |stream| {
                let (tls, faults, heard) = (tls.clone(), faults.clone(), heard.clone());
                async move { welcome(stream, &tls, &faults, &heard).await }
            }
        });
        Self { listening: listening.await, heard }
    }

    pub fn address(&self) -> SocketAddr {
        self.listening.address
    }

    /// What was said to it until now.
    pub fn lines(&self) -> Vec<Line> {
        self.heard.all()
    }
}

/// In clear, until whoever connected asks for more.
async fn welcome(
    stream: TcpStream,
    tls: &TlsAcceptor,
    faults: &Faults,
    heard: &Heard<Line>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.test ESMTP\r\n").await?;
    if !talk(&mut stream, faults, heard, false).await? {
        return Ok(());
    }
    let said = format!("220 go ahead\r\n{}", faults.injects);
    stream.write_all(said.as_bytes()).await?;
    let mut stream = BufReader::new(tls.accept(stream.into_inner()).await?);
    talk(&mut stream, faults, heard, true).await.map(drop)
}

/// Until the end, or until TLS is to begin (`true`).
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    faults: &Faults,
    heard: &Heard<Line>,
    encrypted: bool,
) -> io::Result<bool> {
    // In a login each line is a part of it, and in data each line is a part of the message.
    let (mut login_lines, mut in_data) = (0, false);
    loop {
        let mut text = String::new();
        if stream.read_line(&mut text).await? == 0 {
            return Ok(false);
        }
        let text = text.trim_end().to_owned();
        heard.add(Line { text: text.clone(), encrypted });
        let verb = text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let echo = if faults.echoes_login { text.as_str() } else { "login" };
        let answer = match verb.as_str() {
            _ if in_data && text != "." => continue,
            _ if in_data => {
                in_data = false;
                "250 queued as 1\r\n".to_owned()
            }
            _ if login_lines > 0 => {
                login_lines -= 1;
                if login_lines == 0 {
                    format!("235 {echo} accepted\r\n")
                } else {
                    format!("334 {echo}\r\n")
                }
            }
            "EHLO" if encrypted => "250-mail.test\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n".to_owned(),
            "EHLO" if faults.strips_starttls => {
                "250-mail.test\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n".to_owned()
            }
            "EHLO" => "250-mail.test\r\n250 STARTTLS\r\n".to_owned(),
            "STARTTLS" if !encrypted && !faults.strips_starttls => return Ok(true),
            "AUTH" if text.to_ascii_uppercase().starts_with("AUTH LOGIN") => {
                login_lines = 2;
                "334 VXNlcm5hbWU6\r\n".to_owned()
            }
            "AUTH" => format!("235 {echo} accepted\r\n"),
            "DATA" => {
                in_data = true;
                "354 go on\r\n".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(false);
            }
            "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 ok\r\n".to_owned(),
            _ => format!("502 {text} is not known here\r\n"),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::peer::tls::Authority;

    async fn line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> String {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        line
    }

    #[tokio::test]
    async fn it_upgrades_in_place_and_says_a_login_back() {
        let authority = Authority::new();
        let faults =
            Faults { echoes_login: true, injects: "250 early\r\n".into(), ..Faults::default() };
        let smtp = Smtp::start(authority.server(&["mail.test"]), faults).await;
        let mut stream = BufReader::new(TcpStream::connect(smtp.address()).await.unwrap());
        assert_eq!(line(&mut stream).await, "220 mail.test ESMTP\r\n");
        stream.write_all(b"STARTTLS\r\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "220 go ahead\r\n");
        assert_eq!(line(&mut stream).await, "250 early\r\n");

        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("mail.test").unwrap();
        let tls = TlsConnector::from(Arc::new(config)).connect(name, stream.into_inner()).await;
        let mut stream = BufReader::new(tls.unwrap());
        stream.write_all(b"AUTH PLAIN secret\r\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "235 AUTH PLAIN secret accepted\r\n");
        let lines = smtp.lines();
        assert_eq!(lines[0], Line { text: "STARTTLS".into(), encrypted: false });
        assert_eq!(lines[1], Line { text: "AUTH PLAIN secret".into(), encrypted: true });
    }
}
