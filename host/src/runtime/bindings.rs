//! What `wasmtime` makes of `wit/endpoint.wit`: the contract as Rust types, host side.

wasmtime::component::bindgen!({
    path: "../wit/endpoint.wit",
    // A component may be made for any world of the contract. What it exports is the same in all of
    // them; what it may import is checked against its own world by `catalog`.
    inline: "
        package campanile:host;
        world every-kind {
            import campanile:endpoint/http@0.9.0;
            import campanile:endpoint/secrets@0.9.0;
            import campanile:endpoint/net@0.9.0;
            import campanile:endpoint/files@0.9.0;
            import campanile:endpoint/log@0.9.0;
            export campanile:endpoint/kind@0.9.0;
        }
    ",
    world: "campanile:host/every-kind",
    imports: {
        "campanile:endpoint/http.send": async | trappable,
        "campanile:endpoint/files.read": async | trappable,
        "campanile:endpoint/files.append": async | trappable,
        "campanile:endpoint/files.size": async | trappable,
        "campanile:endpoint/files.rename": async | trappable,
        "campanile:endpoint/files.remove": async | trappable,
        "campanile:endpoint/files.names": async | trappable,
        "campanile:endpoint/net.dial": async | trappable,
        "campanile:endpoint/net.send-datagram": async | trappable,
        "campanile:endpoint/net.[method]connection.write": async | trappable,
        "campanile:endpoint/net.[method]connection.read": async | trappable,
        "campanile:endpoint/net.[method]connection.start-tls": async | trappable,
        "campanile:endpoint/net.[static]connection.park": async | trappable,
        "campanile:endpoint/net.[drop]connection": async | trappable,
        default: trappable,
    },
    with: { "campanile:endpoint/net.connection": crate::capability::net::Connection },
    exports: { default: async },
    require_store_data_send: true,
    additional_derives: [Clone],
});

pub use self::campanile::endpoint::{alerts, files, http, log, net, secrets};
pub use self::exports::campanile::endpoint::kind;
