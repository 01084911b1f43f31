//! Reads a pickle without running it.
//!
//! A pickle is a program for a stack machine, and can call any function. This reader calls
//! nothing: it knows the meaning of two or three functions (an ordered dictionary, a tensor from
//! its parts), and keeps the others as names.

use std::{collections::HashMap, io::Read, rc::Rc};

use super::pickle::{Item, Pickle, Tensor, Value};

/// More steps than this, and it is no dictionary of tensors. A step takes about 100 bytes
/// of memory at most.
const MOST_STEPS: usize = 200_000;
/// The longest text.
const MOST_TEXT: usize = 1 << 16;
/// The longest name of a class or function.
const MOST_GLOBAL: usize = 256;
/// The most dimensions of a tensor.
const MOST_DIMS: usize = 8;

struct Machine<R> {
    from: R,
    /// Bytes read so far.
    at: u64,
    items: Vec<Item>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

/// Reads one pickle, up to its end.
///
/// # Errors
/// What is wrong with it, and at which byte.
pub fn unpickle(from: impl Read) -> Result<Pickle, String> {
    let (items, stack, marks, memo) = Default::default();
    let mut machine = Machine { from, at: 0, items, stack, marks, memo };
    let top =
        machine.run().map_err(|what| format!("{what} (byte {} of the pickle)", machine.at))?;
    Ok(Pickle { items: machine.items, top })
}

impl<R: Read> Machine<R> {
    fn run(&mut self) -> Result<Value, String> {
        for _ in 0..MOST_STEPS {
            let [code] = self.bytes()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
        Err(format!("more than {MOST_STEPS} steps: too many for a dictionary of tensors"))
    }

    fn step(&mut self, code: u8) -> Result<(), String> {
        match code {
            // PROTO, FRAME
            0x80 => drop(self.bytes::<1>()?),
            0x95 => drop(self.bytes::<8>()?),
            // Marks, and getting rid of things.
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = *self.stack.last().ok_or(EMPTY)?;
                self.stack.push(top);
            }
            // Small values.
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Int(1)),
            0x89 => self.stack.push(Value::Int(0)),
            b'J' => {
                let n = i32::from_le_bytes(self.bytes()?);
                self.stack.push(Value::Int(n.into()));
            }
            b'K' | b'M' => {
                let length = if code == b'K' { 1 } else { 2 };
                let n = self.size(length)?;
                self.stack.push(Value::Int(n as i64));
            }
            0x8a => {
                let length = self.size(1)?;
                self.long(length)?;
            }
            0x8b => {
                let length = self.size(4)?;
                self.long(length)?;
            }
            b'G' => {
                self.bytes::<8>()?;
                self.stack.push(Value::Other);
            }
            // Texts, and bytes that nobody needs.
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            b'U' | b'C' => self.skip(1)?,
            b'T' | b'B' => self.skip(4)?,
            0x8e | 0x96 => self.skip(8)?,
            // Containers.
            b')' | b']' | 0x8f => self.push(Item::List(Vec::new()))?,
            b'}' => self.push(Item::Dict(Vec::new()))?,
            b't' | b'l' | 0x91 => {
                let values = self.marked()?;
                self.push(Item::List(values))?;
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(code) - 0x84).ok_or(EMPTY)?;
                self.above_marks(from)?;
                let values = self.stack.split_off(from);
                self.push(Item::List(values))?;
            }
            b'd' => {
                let pairs = pairs(&self.marked()?)?;
                self.push(Item::Dict(pairs))?;
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.marked()?;
                self.append(values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![(key, value)])?;
            }
            b'u' => {
                let pairs = pairs(&self.marked()?)?;
                self.set(pairs)?;
            }
            // Memory.
            b'q' | b'r' => {
                let place = self.size(if code == b'q' { 1 } else { 4 })?;
                self.keep(place as u32)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            b'h' | b'j' => {
                let place = self.size(if code == b'h' { 1 } else { 4 })?;
                let value =
                    self.memo.get(&(place as u32)).ok_or("it recalls what it never kept")?;
                self.stack.push(*value);
            }
            // Classes and calls: nothing is called.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Item::Global(format!("{module}.{name}").into()))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.word(module)?, self.word(name)?);
                if module.len() + name.len() > MOST_GLOBAL {
                    return Err(ENDLESS.into());
                }
                let global = format!("{module}.{name}").into();
                self.push(Item::Global(global))?;
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            0x92 => {
                self.pop()?;
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            // A state is ignored: PyTorch gives dictionaries one about versions.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                // A storage: the tuple itself stands for it.
                self.stack.push(id);
            }
            _ => {
                return Err(format!(
                    "the instruction 0x{code:02x}, which torch.save does not write"
                ));
            }
        }
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes).map_err(|_| BREAKS_OFF)?;
        self.at += N as u64;
        Ok(bytes)
    }

    /// A number of `length` bytes, little-endian.
    fn size(&mut self, length: usize) -> Result<u64, String> {
        let mut n = 0;
        for i in 0..length {
            let [byte] = self.bytes()?;
            n |= u64::from(byte) << (8 * i);
        }
        Ok(n)
    }

    fn long(&mut self, length: u64) -> Result<(), String> {
        if length > 8 {
            self.pass(length)?;
            self.stack.push(Value::Other);
            return Ok(());
        }
        let n = self.size(length as usize)?;
        // Two's complement of so many bytes.
        let shift = 64 - 8 * length as u32;
        let n = if length == 0 { 0 } else { ((n << shift) as i64) >> shift };
        self.stack.push(Value::Int(n));
        Ok(())
    }

    fn text(&mut self, width: usize) -> Result<(), String> {
        let length = self.size(width)?;
        if length > MOST_TEXT as u64 {
            self.pass(length)?;
            self.stack.push(Value::Other);
            return Ok(());
        }
        let mut bytes = vec![0; length as usize];
        self.from.read_exact(&mut bytes).map_err(|_| BREAKS_OFF)?;
        self.at += length;
        self.push(Item::Text(String::from_utf8_lossy(&bytes).into()))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        loop {
            match self.bytes()? {
                [b'\n'] => return Ok(String::from_utf8_lossy(&line).into_owned()),
                [byte] if line.len() < MOST_GLOBAL => line.push(byte),
                _ => return Err(ENDLESS.into()),
            }
        }
    }

    fn skip(&mut self, width: usize) -> Result<(), String> {
        let length = self.size(width)?;
        self.pass(length)?;
        self.stack.push(Value::Other);
        Ok(())
    }

    fn pass(&mut self, length: u64) -> Result<(), String> {
        let passed = std::io::copy(&mut self.from.by_ref().take(length), &mut std::io::sink());
        match passed {
            Ok(n) if n == length => {
                self.at += length;
                Ok(())
            }
            _ => Err(BREAKS_OFF.into()),
        }
    }

    fn push(&mut self, item: Item) -> Result<(), String> {
        self.stack.push(Value::Item(self.items.len() as u32));
        self.items.push(item);
        Ok(())
    }

    fn above_marks(&self, length: usize) -> Result<(), String> {
        if self.marks.last().is_some_and(|mark| length < *mark) {
            Err(EMPTY.into())
        } else {
            Ok(())
        }
    }

    fn pop(&mut self) -> Result<Value, String> {
        let length = self.stack.len().checked_sub(1).ok_or(EMPTY)?;
        self.above_marks(length)?;
        self.stack.pop().ok_or_else(|| EMPTY.into())
    }

    fn marked(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or(EMPTY)?;
        Ok(self.stack.split_off(mark))
    }

    fn keep(&mut self, place: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or(EMPTY)?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn top(&mut self) -> Option<&mut Item> {
        match self.stack.last() {
            Some(Value::Item(i)) => self.items.get_mut(*i as usize),
            _ => None,
        }
    }

    fn append(&mut self, values: Vec<Value>) -> Result<(), String> {
        match self.top() {
            Some(Item::List(list)) => list.extend(values),
            Some(Item::Object(_)) => {}
            _ => return Err("it appends to what is no list".into()),
        }
        Ok(())
    }

    fn set(&mut self, pairs: Vec<(Value, Value)>) -> Result<(), String> {
        match self.top() {
            Some(Item::Dict(dict)) => dict.extend(pairs),
            Some(Item::Object(_)) => {}
            _ => return Err("it sets entries of what is no dictionary".into()),
        }
        Ok(())
    }

    fn item(&self, value: Value) -> Option<&Item> {
        if let Value::Item(i) = value { self.items.get(i as usize) } else { None }
    }

    fn word(&self, value: Value) -> Result<&Rc<str>, String> {
        match self.item(value) {
            Some(Item::Text(text)) => Ok(text),
            _ => Err("a name that is no text".into()),
        }
    }

    fn list(&self, value: Value) -> Result<&[Value], String> {
        match self.item(value) {
            Some(Item::List(list)) => Ok(list),
            _ => Err("it calls something with what is no list".into()),
        }
    }

    /// The result of a call, for the functions that make a `state_dict`.
    fn call(&mut self, callable: Value, arguments: Value) -> Result<(), String> {
        let name = match self.item(callable) {
            Some(Item::Global(name) | Item::Object(name)) => name.clone(),
            _ => return Err("it calls what is no function".into()),
        };
        let item = match &*name {
            "collections.OrderedDict" => Item::Dict(Vec::new()),
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => {
                Item::Tensor(self.tensor(self.list(arguments)?)?.into())
            }
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                let inner = self.list(arguments)?.first();
                self.stack.push(*inner.ok_or("a parameter without a tensor")?);
                return Ok(());
            }
            _ => Item::Object(name),
        };
        self.push(item)
    }

    fn tensor(&self, arguments: &[Value]) -> Result<Tensor, String> {
        const NOT: &str = "a tensor that is not described as torch.save does";
        let [storage, Value::Int(offset), shape, strides, ..] = arguments else {
            return Err(NOT.into());
        };
        // ("storage", torch.FloatStorage, key, where it was, numbers in it)
        let [_, class, key, _, Value::Int(length), view @ ..] = self.list(*storage)? else {
            return Err(NOT.into());
        };
        if view.first().is_some_and(|view| *view != Value::None) {
            return Err("a storage that is part of another; save it anew".into());
        }
        let class = match self.item(*class) {
            Some(Item::Global(name)) => name.clone(),
            _ => return Err(NOT.into()),
        };
        let sizes = |value: Value| {
            let size =
                |v: &Value| if let Value::Int(n) = v { usize::try_from(*n).ok() } else { None };
            let list = self.list(value)?;
            let sizes = (list.len() <= MOST_DIMS).then(|| list.iter().map(size).collect());
            sizes.flatten().ok_or(NOT.to_string())
        };
        let (shape, strides): (Vec<_>, Vec<_>) = (sizes(*shape)?, sizes(*strides)?);
        if shape.len() != strides.len() || *offset < 0 || *length < 0 {
            return Err(NOT.into());
        }
        let (length, offset) = (*length as u64, *offset as u64);
        let key = self.word(*key)?.clone();
        Ok(Tensor { storage: class, key, length, offset, shape, strides })
    }
}

const EMPTY: &str = "it takes more from its stack than is there";
const BREAKS_OFF: &str = "it breaks off";
const ENDLESS: &str = "a class's name that does not end";

fn pairs(values: &[Value]) -> Result<Vec<(Value, Value)>, String> {
    let (pairs, rest) = values.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a key without a value".into());
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}
