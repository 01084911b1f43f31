//! What commands read: data, models, and both together.

pub mod asked;
pub mod parts;
pub mod pictures;
pub mod source;
pub mod table;
