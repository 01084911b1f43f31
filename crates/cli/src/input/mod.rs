//! What commands read: data, models, and both together.

pub mod arrays;
pub mod asked;
pub mod odd;
pub mod pictures;
pub mod source;
pub mod split_data;
pub mod streaming;
pub mod table;
