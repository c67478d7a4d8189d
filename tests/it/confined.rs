//! What the engine's processes gave up, tried from inside and seen from outside; and how they end and
//! begin again.

pub(crate) mod inside;
