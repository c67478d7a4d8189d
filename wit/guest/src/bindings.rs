//! Generated from `endpoint.wit`. Use the names that the crate re-exports.
//!
//! One world with every import: linking drops what a component does not call.

wit_bindgen::generate!({
    inline: r"
        package campanile:every;
        world every {
            include campanile:endpoint/component@0.9.0;
            include campanile:endpoint/file-component@0.9.0;
        }
    ",
    path: "../endpoint.wit",
    world: "campanile:every/every",
    generate_all,
    additional_derives: [PartialEq],
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "campanile_guest::bindings",
});
