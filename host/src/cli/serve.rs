//! `campanile serve`: the engine itself.

use std::io::{self, Write};
use std::net::SocketAddr;

use serde_json::json;

use super::{Common, Failure, output};
use crate::app::Ready;
use crate::config::Config;
use crate::tenant::{Role, tokens};

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Print the tokens too, not only where they are: for a terminal of one's own, never for a log
    #[arg(long)]
    show_tokens: bool,
}

pub(super) async fn run(
    args: ServeArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let config = common.load()?;
    let ready = |ready: Ready<'_>| {
        // Nobody may listen on stdout; the engine runs all the same.
        if let Err(error) = announce(ready.config, ready.address, common.json, out) {
            tracing::warn!(%error, "The address could not be printed.");
        }
        if args.show_tokens
            && let Err(error) = show_tokens(ready.config, out)
        {
            tracing::warn!(%error, "The tokens could not be printed.");
        }
    };
    Ok(Box::pin(crate::app::serve(config, ready)).await?)
}

fn show_tokens(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    for role in Role::ALL {
        let token =
            tokens::read(&tokens::path(&config.data_dir, role)).map_err(io::Error::other)?;
        writeln!(out, "  {}: {}", role.name(), token.expose())?;
    }
    out.flush()
}

/// Says where it listens, and where the tokens are; never the tokens.
fn announce(config: &Config, at: SocketAddr, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let url = crate::api::base_url(at);
    let [admin, ingest] = Role::ALL.map(|role| tokens::path(&config.data_dir, role));
    if as_json {
        output::json(out, &json!({ "url": url, "admin_token": admin, "ingest_token": ingest }))?;
    } else {
        writeln!(out, "campanile is listening on {url}")?;
        writeln!(out, "  admin token:  {}", admin.display())?;
        writeln!(out, "  ingest token: {}", ingest.display())?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_address_and_the_next_are_the_tokens_files() {
        let config = Config::parse("/srv/campanile.toml".as_ref(), "").unwrap();
        let mut out = Vec::new();
        announce(&config, "127.0.0.1:7700".parse().unwrap(), false, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "campanile is listening on http://127.0.0.1:7700\n  \
             admin token:  /srv/data/admin.token\n  ingest token: /srv/data/ingest.token\n"
        );
    }
}
