//! The native kinds through the whole engine: monitor, engine and helpers as root starts them.

mod bans;
mod confined;
mod given;
mod ground;
mod killed;
mod plain;
