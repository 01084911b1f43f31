//! Dense layers and batch normalization.

use std::rc::Rc;

use super::{
    attributes::{float, int},
    links::{Link, Links, Op},
    proto::Node,
    tensor::Const,
    value::{NOT_SO, Value},
};
use crate::formats::foreign::affine::Affine;

impl Links {
    /// y = α x W + β b
    pub fn gemm(
        &mut self,
        node: &Node,
        x: usize,
        w: &Rc<Const>,
        rest: &[Value],
        at: &Rc<str>,
    ) -> Result<Value, String> {
        let number = |name| f64::from(float(node, name).unwrap_or(1.0));
        if int(node, "transA").unwrap_or(0) != 0 {
            return Err("transA".into());
        }
        let bias = match rest {
            [] => None,
            [Value::Const(b)] => Some((b.clone(), number("beta"))),
            _ => return Err(NOT_SO.into()),
        };
        let by_output = int(node, "transB").unwrap_or(0) != 0;
        self.linear(
            x,
            Op::Linear { weight: w.clone(), by_output, alpha: number("alpha"), bias },
            at,
        )
    }

    /// y = x W + b
    pub fn linear(&mut self, x: usize, op: Op, at: &Rc<str>) -> Result<Value, String> {
        let Op::Linear { weight, by_output, bias, .. } = &op else { return Err(NOT_SO.into()) };
        let [inputs, outputs] = match weight.dims[..] {
            [o, i] if *by_output => [i, o],
            [i, o] => [i, o],
            _ => {
                return Err(format!("its weights have the shape {:?}, not two sizes", weight.dims));
            }
        };
        if !weight.is_floats() || bias.as_ref().is_some_and(|(b, _)| !b.is_floats()) {
            return Err("its weights are not floats".into());
        }
        match &self.all[x].dims {
            Some(dims) if dims.len() != 1 => {
                return Err(format!("samples of shape {dims:?} come in without being flattened"));
            }
            Some(dims) if dims[0] != inputs => {
                return Err(format!("it takes {inputs} values and gets {}", dims[0]));
            }
            _ => {}
        }
        if bias.as_ref().is_some_and(|(b, _)| b.len() != outputs && b.len() != 1) {
            return Err(format!("its bias is not of {outputs} values"));
        }
        self.all.push(Link { before: x, op, dims: Some(vec![outputs]), node: at.clone() });
        Ok(Value::Net(self.all.len() - 1))
    }

    /// y = (x − mean) / √(var + ε) · scale + b
    pub fn normalize(
        &mut self,
        node: &Node,
        x: usize,
        rest: &[Value],
        at: &Rc<str>,
    ) -> Result<Value, String> {
        let [Value::Const(scale), Value::Const(b), Value::Const(mean), Value::Const(var)] = rest
        else {
            return Err(NOT_SO.into());
        };
        if int(node, "training_mode").unwrap_or(0) != 0 {
            return Err("it is in training mode; export the network after eval()".into());
        }
        if [b, mean, var].iter().any(|c| c.len() != scale.len()) {
            return Err("its parts are not of one length".into());
        }
        // Of a picture it normalizes the channels.
        let each = match self.all[x].dims.as_deref() {
            Some([channels, rest @ ..]) if *channels == scale.len() => crate::data::count(rest),
            Some(_) => None,
            None => Some(1),
        };
        let what = "it normalizes something else than the values of a dense layer";
        let each = each.ok_or(what)?;
        // Two numbers for each value.
        self.hold(each.saturating_mul(scale.len()).saturating_mul(2))?;
        let epsilon = f64::from(float(node, "epsilon").unwrap_or(1e-5));
        let [scale, b, mean, var] = [scale, b, mean, var].map(|c| c.numbers());
        let channels = Affine::batch_norm(&scale, &b, &mean, &var, epsilon);
        let spread = |of: &[f64]| of.iter().flat_map(|x| vec![*x; each]).collect();
        let affine = Affine { scale: spread(&channels.scale), shift: spread(&channels.shift) };
        Ok(self.push(x, Op::Affine(affine), at))
    }
}
