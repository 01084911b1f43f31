//! A pickle that has been read: its items refer to each other by index, so nesting and cycles do
//! no harm.

use std::rc::Rc;

/// A value: small ones directly, others by their index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    None,
    Int(i64),
    /// A number or bytes of no interest here.
    Other,
    Item(u32),
}

/// An item in the list.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Text(Rc<str>),
    /// `module.name` of a class or function.
    Global(Rc<str>),
    /// A tuple or list.
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Tensor(Box<Tensor>),
    /// An object that the class or function of this name would have made.
    Object(Rc<str>),
}

/// A tensor as the pickle describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `torch.FloatStorage` and the like.
    pub storage: Rc<str>,
    /// The key of its storage.
    pub key: Rc<str>,
    /// Numbers in the storage.
    pub length: u64,
    pub offset: u64,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// A pickle that has been read.
pub struct Pickle {
    pub items: Vec<Item>,
    /// The outermost value.
    pub top: Value,
}

impl Pickle {
    pub fn item(&self, value: Value) -> Option<&Item> {
        if let Value::Item(i) = value { self.items.get(i as usize) } else { None }
    }

    pub fn text(&self, value: Value) -> Option<&str> {
        if let Some(Item::Text(text)) = self.item(value) { Some(text) } else { None }
    }

    /// The kind of a value, for messages.
    pub fn describe(&self, value: Value) -> &str {
        match (value, self.item(value)) {
            (_, Some(Item::Text(_))) => "a text",
            (_, Some(Item::Global(name) | Item::Object(name))) => name,
            (_, Some(Item::List(_))) => "a list",
            (_, Some(Item::Dict(_))) => "a dictionary",
            (_, Some(Item::Tensor(_))) => "a tensor",
            (Value::None, _) => "None",
            _ => "a number",
        }
    }
}
