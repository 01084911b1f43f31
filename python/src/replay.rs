//! What an agent remembers.

use std::sync::{Mutex, PoisonError};

use pyo3::{
    exceptions::{PyKeyError, PyValueError},
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt},
};
use reshet::rng::{Purpose, Stream};

use crate::convert;

/// Remembers the last `capacity` moves of a game, and gives random ones.
///
///     buffer = reshet.ReplayBuffer(10_000, seed=0)
///     buffer.push(state=s, action=a, reward=r, next=s2, done=False)
///     batch = buffer.sample(64)          # batch.state, batch["action"], ...: an array each
///
/// What is pushed has names of your choice, the same each time, and is numbers, whole numbers,
/// truth values, or arrays of float32 of the same shape.
#[pyclass(module = "reshet", frozen)]
pub struct ReplayBuffer {
    capacity: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    columns: Vec<Column>,
    length: usize,
    /// Where the next one goes.
    next: usize,
    stream: Stream,
    drawn: u64,
}

/// What was pushed under one name.
struct Column {
    name: String,
    values: Values,
}

enum Values {
    Whole(Vec<i64>),
    Truth(Vec<bool>),
    /// Numbers, and the shape of one; a single number has none.
    Floats(Vec<f32>, Vec<usize>),
}

impl Values {
    fn of(value: &Bound<PyAny>) -> PyResult<Self> {
        let kind = value.getattr("dtype").and_then(|dtype| dtype.getattr("kind"));
        let kind: Option<char> = kind.and_then(|kind| kind.extract()).ok();
        let shape: Vec<usize> =
            value.getattr("shape").and_then(|shape| shape.extract()).unwrap_or_default();
        let single = shape.is_empty();
        if value.is_instance_of::<PyBool>() || single && kind == Some('b') {
            return Ok(Self::Truth(Vec::new()));
        }
        if value.is_instance_of::<PyInt>() || single && matches!(kind, Some('i' | 'u')) {
            return Ok(Self::Whole(Vec::new()));
        }
        if value.is_instance_of::<PyFloat>() || kind.is_some() {
            return Ok(Self::Floats(Vec::new(), shape));
        }
        // A list of numbers, say.
        let mut numbers = Vec::new();
        convert::floats(value.py(), value, &mut numbers)?;
        Ok(Self::Floats(Vec::new(), vec![numbers.len()]))
    }

    /// Puts a value in a place, or at the end.
    fn put(&mut self, place: usize, name: &str, value: &Bound<PyAny>) -> PyResult<()> {
        fn set<T>(values: &mut Vec<T>, place: usize, value: T) {
            match values.get_mut(place) {
                Some(old) => *old = value,
                None => values.push(value),
            }
        }
        match self {
            Self::Whole(values) => set(values, place, value.extract()?),
            Self::Truth(values) => set(values, place, value.is_truthy()?),
            Self::Floats(values, shape) if shape.is_empty() => set(values, place, value.extract()?),
            Self::Floats(values, shape) => {
                let mut numbers = Vec::new();
                convert::floats(value.py(), value, &mut numbers)?;
                let width: usize = shape.iter().product();
                if numbers.len() != width {
                    let has = numbers.len();
                    let what = format!("{name}: {width} numbers were pushed before, now {has}");
                    return Err(PyValueError::new_err(what));
                }
                if place * width < values.len() {
                    values[place * width..][..width].copy_from_slice(&numbers);
                } else {
                    values.extend(numbers);
                }
            }
        }
        Ok(())
    }

    fn pick<'py>(&self, py: Python<'py>, places: &[usize]) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Whole(values) => {
                let picked: Vec<i64> = places.iter().map(|place| values[*place]).collect();
                convert::whole(py, &picked)
            }
            Self::Truth(values) => {
                let picked: Vec<u8> = places.iter().map(|place| values[*place].into()).collect();
                convert::truth(py, &picked)
            }
            Self::Floats(values, shape) => {
                let width: usize = shape.iter().product();
                let mut picked = Vec::with_capacity(places.len() * width);
                for place in places {
                    picked.extend_from_slice(&values[place * width..][..width]);
                }
                let mut all = vec![places.len()];
                all.extend(shape);
                convert::array(py, &picked, &all)
            }
        }
    }
}

#[pymethods]
impl ReplayBuffer {
    #[new]
    #[pyo3(signature = (capacity, seed=0))]
    fn new(capacity: usize, seed: u64) -> PyResult<Self> {
        if capacity == 0 {
            return Err(PyValueError::new_err("capacity: at least 1"));
        }
        let stream = Stream::new(seed, Purpose::Play, 1);
        let inner = Inner { columns: Vec::new(), length: 0, next: 0, stream, drawn: 0 };
        Ok(Self { capacity, inner: Mutex::new(inner) })
    }

    /// Remembers one more, in place of the oldest if it is full.
    #[pyo3(signature = (**values))]
    fn push(&self, values: Option<&Bound<PyDict>>) -> PyResult<()> {
        let Some(values) = values else {
            return Err(PyValueError::new_err("push: name what is to be remembered, state=… say"));
        };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.columns.is_empty() {
            for (name, value) in values {
                let column = Column { name: name.extract()?, values: Values::of(&value)? };
                inner.columns.push(column);
            }
        }
        if values.len() != inner.columns.len() {
            return Err(names(&inner.columns));
        }
        let place = inner.next;
        for i in 0..inner.columns.len() {
            let column = &inner.columns[i];
            let Some(value) = values.get_item(&*column.name)? else {
                return Err(names(&inner.columns));
            };
            let column = &mut inner.columns[i];
            column.values.put(place, &column.name, &value)?;
        }
        inner.length = inner.length.max(place + 1);
        inner.next = (place + 1) % self.capacity;
        Ok(())
    }

    /// Gives `n` different ones at random, an array a name.
    fn sample<'py>(&self, py: Python<'py>, n: usize) -> PyResult<Bound<'py, PyAny>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let length = inner.length;
        if n > length {
            let what = format!("{n} are asked for and {length} are remembered");
            return Err(PyValueError::new_err(what));
        }
        // Floyd's way: n different places without looking at all of them.
        let mut places: Vec<usize> = Vec::with_capacity(n);
        for last in length - n..length {
            let bits = u64::from(inner.stream.bits(inner.drawn));
            inner.drawn += 1;
            let place = ((bits * (last as u64 + 1)) >> 32) as usize;
            places.push(if places.contains(&place) { last } else { place });
        }
        let batch = PyDict::new(py);
        for column in &inner.columns {
            batch.set_item(&column.name, column.values.pick(py, &places)?)?;
        }
        py.import("reshet")?.getattr("Batch")?.call1((batch,))
    }

    fn __len__(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).length
    }

    /// The most it remembers.
    #[getter]
    fn capacity(&self) -> usize {
        self.capacity
    }
}

fn names(columns: &[Column]) -> PyErr {
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    PyKeyError::new_err(format!("push: the names were {} before", names.join(", ")))
}
