//! How syslog-ng is set up.

use std::path::Display;

use super::syslog::{CA, CERTIFICATE, Given, Header, KEY, SOCKET, TAKEN, Way};

/// Unlike rsyslog, it is told which header and which framing to expect.
pub(super) fn config(given: &Given<'_>) -> String {
    let folder = given.folder.display();
    let flags = match given.header {
        Header::Rfc5424 => "flags(syslog-protocol)",
        Header::Rfc3164 => "",
    };
    let source = match given.way {
        Way::Udp => format!(r#"network(ip(127.0.0.1) port(0) transport("udp") {flags})"#),
        Way::Tcp => format!(r#"network(ip(127.0.0.1) port(0) transport("tcp") {flags})"#),
        Way::TcpCounted => r#"syslog(ip(127.0.0.1) port(0) transport("tcp"))"#.to_owned(),
        Way::Tls => over_tls(&folder, "optional-untrusted"),
        Way::MutualTls => over_tls(&folder, "required-trusted"),
        Way::Local => format!(r#"unix-dgram("{folder}/{SOCKET}" {flags})"#),
    };
    format!(
        r#"@version: current
options {{
    keep-hostname(yes); chain-hostnames(no); use-dns(no); dns-cache(no); stats-freq(0);
    log-msg-size(65536);
}};
source came {{
    {source};
}};
destination kept {{
    file("{folder}/{TAKEN}" flush-lines(1) frac-digits(3)
        template("$(format-json priority=$PRI time=$ISODATE hostname=$HOST app_name=$PROGRAM
            procid=$PID msgid=$MSGID data=$SDATA text=$MESSAGE)\n"));
}};
log {{ source(came); destination(kept); }};
"#
    )
}

fn over_tls(folder: &Display<'_>, verified: &str) -> String {
    format!(
        r#"syslog(ip(127.0.0.1) port(0) transport("tls")
        tls(cert-file("{folder}/{CERTIFICATE}") key-file("{folder}/{KEY}") ca-file("{folder}/{CA}")
            peer-verify({verified})))"#
    )
}
