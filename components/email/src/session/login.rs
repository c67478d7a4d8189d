//! The login: PLAIN, LOGIN or XOAUTH2 (RFC 4954), with secrets that the engine puts in.

use campanile_guest::Scope;
use campanile_guest::secrets::{Piece, SecretError};

use super::{Failed, Peer, Session, Stage, Why, at, fault};
use crate::settings::{Auth, Login, PASSWORD, TOKEN};

impl<P: Peer> Session<P> {
    pub(super) fn log_in(&mut self, login: &Login) -> Result<(), Failed> {
        let Some(mechanism) = self.mechanism_for(login)? else { return Ok(()) };
        let user = login.username.as_deref().unwrap_or_default();
        let text = |text: String| Piece::Text(text);
        let (begin, mut steps) = match mechanism {
            "PLAIN" => {
                let pieces = [text(format!("\0{user}\0")), Piece::Secret(PASSWORD.into())];
                (format!("AUTH PLAIN {}", self.composed(&pieces)?), vec![])
            }
            "LOGIN" => {
                let name = encodify::base64::STANDARD.encode(user);
                let password = self.composed(&[Piece::Secret(PASSWORD.into())])?;
                ("AUTH LOGIN".to_owned(), vec![password, name])
            }
            _ => {
                let pieces = [
                    text(format!("user={user}\u{1}auth=Bearer ")),
                    Piece::Secret(TOKEN.into()),
                    text("\u{1}\u{1}".into()),
                ];
                // Why the token is refused comes as a challenge, which an empty answer ends.
                (format!("AUTH XOAUTH2 {}", self.composed(&pieces)?), vec![String::new()])
            }
        };
        // What the challenges say is of no account: only that there is one.
        let mut reply = self.say(Stage::Auth, &begin)?;
        while reply.code == 334 {
            let Some(step) = steps.pop() else { break };
            reply = self.say(Stage::Auth, &step)?;
        }
        if reply.code != 235 {
            return Err(at(Stage::Auth, Why::Refused(reply)));
        }
        self.mechanism = Some(mechanism);
        Ok(())
    }

    /// `None`: no login is wanted.
    fn mechanism_for(&self, login: &Login) -> Result<Option<&'static str>, Failed> {
        let refuse = |code: &str, detail: &str| fault(Stage::Auth, Scope::Endpoint, code, detail);
        let has_user = login.username.is_some() || login.has_password;
        let wanted: &[&str] = match login.auth {
            Auth::None => return Ok(None),
            Auth::Auto if login.has_client || login.has_token => &["XOAUTH2"],
            Auth::Auto if has_user => &["PLAIN", "LOGIN"],
            Auth::Auto => return Ok(None),
            Auth::Plain => &["PLAIN"],
            Auth::Login => &["LOGIN"],
            Auth::XOAuth2 => &["XOAUTH2"],
        };
        if login.username.is_none() {
            let detail = "setting `username`: is missing; set the user to log in as";
            return Err(refuse("settings", detail));
        }
        if wanted == ["XOAUTH2"] && !login.has_token {
            let detail = "there is no token for XOAUTH2; set `token_url`, `client_id`, and \
                          `client_secret` or `refresh_token`";
            return Err(refuse("settings", detail));
        }
        if wanted != ["XOAUTH2"] && !login.has_password {
            let detail = "setting `password`: is missing; set it, or set `auth` to `none`";
            return Err(refuse("settings", detail));
        }
        let offered = |one: &&&str| self.offers.auth.iter().any(|offer| offer == **one);
        match wanted.iter().find(offered) {
            Some(one) => Ok(Some(one)),
            // Some take what they do not offer; but none that offers nothing at all.
            None if login.auth != Auth::Auto && !self.offers.auth.is_empty() => {
                Ok(wanted.first().copied())
            }
            None if self.offers.auth.is_empty() => {
                let detail = "the server offers no login here; check `port` and `security`, or set \
                              `auth` to `none`";
                Err(refuse("auth-missing", detail))
            }
            None => {
                let offers = self.offers.auth.join(", ");
                let wanted = wanted.join(" and ");
                let detail = format!("the server offers the logins {offers}, and not {wanted}");
                Err(refuse("auth-missing", &detail))
            }
        }
    }

    fn composed(&mut self, pieces: &[Piece]) -> Result<String, Failed> {
        self.peer.compose(pieces).map_err(|error| {
            let why = match error {
                SecretError::Unknown => "there is no such secret".to_owned(),
                SecretError::Denied(why) | SecretError::Other(why) => why,
            };
            let detail = format!("the login cannot be made: {why}; set its secrets anew");
            fault(Stage::Auth, Scope::Endpoint, "secret", &detail)
        })
    }
}
