//! Arrays of Python in and out.

use pyo3::{
    buffer::{Element, PyBuffer},
    exceptions::PyValueError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyByteArray, PyTuple, PyType},
};

/// What is needed of NumPy.
struct NumPy {
    array: Py<PyAny>,
    ascontiguousarray: Py<PyAny>,
    float32: Py<PyAny>,
    int64: Py<PyAny>,
    bool_: Py<PyAny>,
}

fn numpy(py: Python<'_>) -> PyResult<&'static NumPy> {
    static NUMPY: PyOnceLock<NumPy> = PyOnceLock::new();
    NUMPY.get_or_try_init(py, || {
        let module = py.import("numpy")?;
        let dtype = |name: &str| Ok::<_, PyErr>(module.call_method1("dtype", (name,))?.unbind());
        Ok(NumPy {
            array: module.getattr("ndarray")?.cast_into::<PyType>()?.into_any().unbind(),
            ascontiguousarray: module.getattr("ascontiguousarray")?.unbind(),
            float32: dtype("float32")?,
            int64: dtype("int64")?,
            bool_: dtype("bool")?,
        })
    })
}

/// Numbers as an array of this shape.
pub fn array<'py>(
    py: Python<'py>,
    numbers: &[f32],
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let numpy = numpy(py)?;
    let length = size_of_val(numbers);
    let bytes = PyByteArray::new_with(py, length, |into| {
        for (into, number) in into.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *into = number.to_ne_bytes();
        }
        Ok(())
    })?;
    let shape = PyTuple::new(py, shape)?;
    numpy.array.bind(py).call1((shape, &numpy.float32, bytes))
}

/// Numbers as bytes.
pub fn bytes<'py, T: Number>(py: Python<'py>, numbers: &[T]) -> Bound<'py, PyByteArray> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.bytes()).collect();
    PyByteArray::new(py, &bytes)
}

/// A number of some precision.
pub trait Number: Copy {
    fn bytes(self) -> impl Iterator<Item = u8>;
}

impl Number for f32 {
    fn bytes(self) -> impl Iterator<Item = u8> {
        self.to_ne_bytes().into_iter()
    }
}

impl Number for f64 {
    fn bytes(self) -> impl Iterator<Item = u8> {
        self.to_ne_bytes().into_iter()
    }
}

/// Whole numbers as an array of one dimension.
pub fn whole<'py>(py: Python<'py>, numbers: &[i64]) -> PyResult<Bound<'py, PyAny>> {
    let numpy = numpy(py)?;
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_ne_bytes()).collect();
    let bytes = PyByteArray::new(py, &bytes);
    numpy.array.bind(py).call1(((numbers.len(),), &numpy.int64, bytes))
}

/// Truth values (0 or 1) as an array of one dimension.
pub fn truth<'py>(py: Python<'py>, values: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let numpy = numpy(py)?;
    let bytes = PyByteArray::new(py, values);
    numpy.array.bind(py).call1(((values.len(),), &numpy.bool_, bytes))
}

/// Copies an array's numbers, whatever they were; gives its shape.
fn copy<T: Element + Copy + Default>(
    py: Python,
    from: &Bound<PyAny>,
    kind: &Py<PyAny>,
    into: &mut Vec<T>,
) -> PyResult<Shape> {
    // As they are, if they are of that kind.
    let buffer = match PyBuffer::<T>::get(from) {
        Ok(buffer) => buffer,
        Err(_) => {
            let convert = numpy(py)?.ascontiguousarray.bind(py);
            PyBuffer::<T>::get(&convert.call1((from, kind))?)?
        }
    };
    into.clear();
    into.resize(buffer.item_count(), T::default());
    buffer.copy_to_slice(py, into)?;
    let shape = buffer.shape();
    Ok(Shape { first: shape.first().copied().unwrap_or(1), dimensions: shape.len() })
}

/// An array's shape, as far as it matters.
pub struct Shape {
    /// Its first size.
    pub first: usize,
    pub dimensions: usize,
}

/// Copies numbers as float32.
pub fn floats(py: Python, from: &Bound<PyAny>, into: &mut Vec<f32>) -> PyResult<Shape> {
    copy(py, from, &numpy(py)?.float32, into)
}

/// Copies numbers that name something: classes, outputs.
pub fn ordinals(py: Python, from: &Bound<PyAny>, into: &mut Vec<u32>) -> PyResult<()> {
    let kind = from.getattr("dtype").and_then(|dtype| dtype.getattr("kind"));
    if kind.is_ok_and(|kind| kind.eq("f").unwrap_or(false)) {
        let what = "whole numbers are needed here; use astype(int) if that is what they are";
        return Err(PyValueError::new_err(what));
    }
    let mut numbers = Vec::new();
    copy::<i64>(py, from, &numpy(py)?.int64, &mut numbers)?;
    into.clear();
    for number in numbers {
        let number = u32::try_from(number)
            .map_err(|_| PyValueError::new_err(format!("{number}: counted from 0")))?;
        into.push(number);
    }
    Ok(())
}
