//! Pictures and curves, for files and for the terminal.

pub mod chart;
pub mod digits;
pub mod mistakes;
pub mod network_svg;
pub mod over;
pub mod picture;
pub mod plots;
