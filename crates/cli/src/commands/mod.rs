//! The commands, a file each.

pub mod course;
pub mod data;
pub mod dependence;
pub mod explain;
pub mod export;
pub mod import;
pub mod info;
pub mod lecture;
pub mod predict;
pub mod runs;
pub mod serve;
pub mod shapley;
#[cfg(not(target_os = "wasi"))]
pub mod site;
pub mod test;
pub mod train;
pub mod trained;
pub mod tune;

mod bag;
mod choice;
mod code;
mod find_lr;
mod folds;
mod follow;
mod make;
mod rows;
mod weights;
