//! Nodes that change a sample's shape, or the order of its values.

use std::rc::Rc;

use super::{
    links::{Link, Links, Op},
    value::Value,
};

impl Links {
    pub fn reshape(&mut self, x: usize, shape: &Value, at: &Rc<str>) -> Result<Value, String> {
        let width = self.width(x);
        let Value::Const(shape) = shape else {
            // Computed from the batch's size: it can only be that.
            return Ok(self.shaped(x, width.map(|n| vec![n]), at));
        };
        let wrong = || Err("it does not keep samples apart".to_string());
        let Some(shape) = shape.whole() else { return wrong() };
        match (&shape[..], width) {
            ([-1], Some(1)) => Ok(Value::Net(x)),
            ([_, rest @ ..], _) if !rest.is_empty() => {
                let known = rest.iter().filter(|d| **d > 0).try_fold(1usize, |n, d| {
                    usize::try_from(*d).ok().and_then(|d| n.checked_mul(d))
                });
                let Some(known) = known.filter(|n| *n > 0) else { return wrong() };
                let open = rest.iter().filter(|d| **d <= 0).count();
                let Some(width) = width.or((open == 0).then_some(known)) else { return wrong() };
                if open > 1 || width % known != 0 || (open == 0 && width != known) {
                    return wrong();
                }
                let size = |d: &i64| if *d > 0 { *d as usize } else { width / known };
                let dims = rest.iter().map(size).collect();
                Ok(self.shaped(x, Some(dims), at))
            }
            _ => wrong(),
        }
    }

    /// The values of a sample in another order of its dimensions.
    pub fn transposed(&mut self, x: usize, order: &[i64], at: &Rc<str>) -> Result<Value, String> {
        let dims = self.all[x].dims.clone().ok_or("a sample's shape is not known")?;
        let wrong = "it does not keep samples apart";
        let places: Option<Vec<usize>> = match order {
            [0, rest @ ..] => {
                rest.iter().map(|d| usize::try_from(*d).ok()?.checked_sub(1)).collect()
            }
            _ => None,
        };
        let places = places.ok_or(wrong)?;
        let mut sorted = places.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..dims.len()) {
            return Err(wrong.into());
        }
        if dims.len() == 1 {
            return Ok(Value::Net(x));
        }
        let width = self.width(x).ok_or(wrong)?;
        self.hold(width)?;
        let mut strides = vec![1; dims.len()];
        for i in (1..dims.len()).rev() {
            strides[i - 1] = strides[i] * dims[i];
        }
        let new: Vec<usize> = places.iter().map(|p| dims[*p]).collect();
        let source = |mut n: usize| {
            let mut from = 0;
            for (size, place) in new.iter().zip(&places).rev() {
                from += n % size * strides[*place];
                n /= size;
            }
            from as u32
        };
        let order = Rc::new((0..width).map(source).collect());
        let link = Link { before: x, op: Op::Reorder(order), dims: Some(new), node: at.clone() };
        self.all.push(link);
        Ok(Value::Net(self.all.len() - 1))
    }
}
