//! Reads what [`export`](super::export()) wrote: the network and its meaning from the file's
//! metadata, the parameters from its tensors, by their names.

use super::{proto::Graph, tensor::Const};
use crate::{Model, Result, error::Error, formats::metadata::Metadata};

pub fn read(json: &str, graph: &Graph) -> Result<Model> {
    let metadata = Metadata::parse(json)?;
    let plan = metadata.plan()?;
    let mut parts = Vec::new();
    for p in plan.named_parameters() {
        let wrong = |what: String| Error::data(format!("tensor {}: {what}", p.name));
        let tensor = graph.initializer.iter().find(|t| t.name == p.name);
        let tensor = tensor.ok_or_else(|| wrong("it is missing".into()))?;
        let tensor = Const::of(tensor).map_err(wrong)?;
        if tensor.dims != p.shape || !tensor.is_floats() {
            let (has, needs) = (&tensor.dims, &p.shape);
            return Err(wrong(format!("it has the shape {has:?}; the network needs {needs:?}")));
        }
        parts.push(tensor);
    }
    let mut parameters = Vec::with_capacity(plan.parameters);
    for part in &parts {
        parameters.extend(part.numbers().iter().map(|x| *x as f32));
    }
    metadata.model(parameters)
}
