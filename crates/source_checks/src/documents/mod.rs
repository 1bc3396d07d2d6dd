//! What is written about the program: documents and comments.

pub mod columns;
mod comment;
pub mod links;
mod markdown;
pub mod retired;
