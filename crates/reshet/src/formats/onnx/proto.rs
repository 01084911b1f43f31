//! The messages of ONNX that are needed here, by their numbers in
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>; others are ignored.
//!
//! Numbers of tensors stay as in the file (`Bytes` is a view of it): as lists of `i64` they
//! could take eight times the file. [`check`] checks a file before it is decoded, since a
//! message of two bytes takes hundreds in memory.

use prost::bytes::Bytes;

/// The most fields, without tensors' numbers, of a network of dense layers.
const MOST_FIELDS: usize = 50_000;

/// Types of tensors' numbers.
pub mod kind {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const STRING: i32 = 8;
    pub const BOOL: i32 = 9;
    pub const FLOAT16: i32 = 10;
    pub const DOUBLE: i32 = 11;
    pub const BFLOAT16: i32 = 16;
}

/// What an attribute holds.
pub mod holds {
    pub const FLOAT: i32 = 1;
    pub const INT: i32 = 2;
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(string, tag = "6")]
    pub doc_string: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Entry>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct OperatorSet {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub s: Option<Bytes>,
    #[prost(message, optional, boxed, tag = "5")]
    pub t: Option<Box<Tensor>>,
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    #[prost(int32, tag = "20")]
    pub holds: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Packed floats.
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub float_data: Vec<Bytes>,
    /// Packed varints.
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub int32_data: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub string_data: Vec<Bytes>,
    /// Packed varints.
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub int64_data: Vec<Bytes>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub raw_data: Option<Bytes>,
    /// Packed doubles.
    #[prost(bytes = "bytes", repeated, tag = "10")]
    pub double_data: Vec<Bytes>,
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<Entry>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<Type>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorType {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dim>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Dim {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
}

/// What a field's content is to [`check`].
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Message(&'static [(u64, Content)]),
    /// Numbers that are unpacked one by one.
    Numbers,
}

use Content::{Message, Numbers};

const ENTRY: Content = Message(&[]);
const TENSOR: Content = Message(&[(1, Numbers), (13, ENTRY)]);
const ATTRIBUTE: Content = Message(&[(5, TENSOR), (7, Numbers), (8, Numbers)]);
const NODE: Content = Message(&[(5, ATTRIBUTE)]);
const DIM: Content = Message(&[]);
const SHAPE: Content = Message(&[(1, DIM)]);
const TENSOR_TYPE: Content = Message(&[(2, SHAPE)]);
const TYPE: Content = Message(&[(1, TENSOR_TYPE)]);
const VALUE_INFO: Content = Message(&[(2, TYPE)]);
const GRAPH: Content = Message(&[(1, NODE), (5, TENSOR), (11, VALUE_INFO), (12, VALUE_INFO)]);
const MODEL: Content = Message(&[(7, GRAPH), (8, ENTRY), (14, ENTRY)]);

/// Checks a file without decoding it.
///
/// # Errors
/// It is no protocol buffer, breaks off, or has so many fields that it can be no network.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let mut left = MOST_FIELDS;
    visit(bytes, MODEL, bytes.len(), &mut left)
}

/// `end`: where `bytes` end in the file.
fn visit(mut bytes: &[u8], content: Content, end: usize, left: &mut usize) -> Result<(), String> {
    let Message(fields) = content else {
        *left = left.saturating_sub(bytes.len());
        return Ok(());
    };
    while !bytes.is_empty() {
        let at = end - bytes.len();
        let broken = |what: &str| format!("{what} at byte {at}");
        *left = left.checked_sub(1).ok_or_else(|| {
            broken(&format!("more than {MOST_FIELDS} fields, too many for dense layers,"))
        })?;
        let key = varint(&mut bytes).ok_or_else(|| broken("it breaks off"))?;
        let length = match key & 7 {
            0 => {
                varint(&mut bytes).ok_or_else(|| broken("it breaks off"))?;
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes).ok_or_else(|| broken("it breaks off"))?,
            5 => 4,
            _ => return Err(broken("there is no such field")),
        };
        let length = usize::try_from(length).ok().filter(|n| *n <= bytes.len());
        let length = length.ok_or_else(|| broken("a field is longer than what holds it,"))?;
        let (inner, rest) = bytes.split_at(length);
        let start = end - bytes.len();
        let child = fields.iter().find(|(tag, _)| *tag == key >> 3);
        if let (2, Some((_, child))) = (key & 7, child) {
            visit(inner, *child, start + length, left)?;
        }
        bytes = rest;
    }
    Ok(())
}

/// A number of seven bits a byte, the lowest first.
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}
