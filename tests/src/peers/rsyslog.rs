//! How rsyslog is set up.

use std::path::Display;

use super::syslog::{CA, CERTIFICATE, Given, KEY, SOCKET, TAKEN, Way};

/// It reads both headers and both framings by itself.
pub(super) fn config(given: &Given<'_>) -> String {
    let folder = given.folder.display();
    let (module, input) = match given.way {
        Way::Udp => (
            r#"load="imudp""#.to_owned(),
            r#"type="imudp" address="127.0.0.1" port="0""#.to_owned(),
        ),
        Way::Tcp | Way::TcpCounted => (r#"load="imtcp""#.to_owned(), tcp(&folder)),
        Way::Tls => (over_tls("anon"), tcp(&folder)),
        Way::MutualTls => (over_tls("x509/certvalid"), tcp(&folder)),
        // It would take the time of arrival for the time of a message.
        Way::Local => (
            r#"load="imuxsock" sysSock.use="off""#.to_owned(),
            format!(
                r#"type="imuxsock" socket="{folder}/{SOCKET}" useSysTimeStamp="off"
    ignoreTimestamp="off" useSpecialParser="off" parseHostname="off""#
            ),
        ),
    };
    format!(
        r#"global(workDirectory="{folder}" maxMessageSize="64k" localHostname="receiver"
    defaultNetstreamDriverCAFile="{folder}/{CA}"
    defaultNetstreamDriverCertFile="{folder}/{CERTIFICATE}"
    defaultNetstreamDriverKeyFile="{folder}/{KEY}"
    parser.escapeControlCharactersOnReceive="off")
module({module})
template(name="line" type="list") {{
    constant(value="{{")
    property(outname="priority" name="pri" format="jsonf") constant(value=",")
    property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
    constant(value=",")
    property(outname="hostname" name="hostname" format="jsonf") constant(value=",")
    property(outname="app_name" name="app-name" format="jsonf") constant(value=",")
    property(outname="procid" name="procid" format="jsonf") constant(value=",")
    property(outname="msgid" name="msgid" format="jsonf") constant(value=",")
    property(outname="data" name="structured-data" format="jsonf") constant(value=",")
    property(outname="text" name="msg" format="jsonf")
    constant(value="}}\n")
}}
ruleset(name="keep") {{
    action(type="omfile" file="{folder}/{TAKEN}" template="line" asyncWriting="off"
        flushOnTXEnd="on")
}}
input({input} ruleset="keep")
"#
    )
}

fn over_tls(who: &str) -> String {
    format!(
        r#"load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="{who}""#
    )
}

/// Where it could not write its port down, it would take port 0 for 514.
fn tcp(folder: &Display<'_>) -> String {
    format!(r#"type="imtcp" address="127.0.0.1" port="0" listenPortFileName="{folder}/port""#)
}
