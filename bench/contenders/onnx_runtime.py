"""onnxruntime: predicts only, with fresh weights. As everybody calls it: from Python."""

import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from common import Job, serve

name, threads = sys.argv[1:3]
job = Job(name)
random = np.random.default_rng(0)
nodes, weights, last = [], [], "x"
for i, (m, k) in enumerate(zip(job.widths, job.widths[1:])):
    bound = 1 / np.sqrt(m)
    for what, shape in [("w", (m, k)), ("b", (k,))]:
        numbers = random.uniform(-bound, bound, shape).astype(np.float32)
        weights.append(numpy_helper.from_array(numbers, f"{what}{i}"))
    nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"z{i}"]))
    last = f"z{i}"
    if i + 2 < len(job.widths):
        nodes.append(helper.make_node("Relu", [last], [f"y{i}"]))
        last = f"y{i}"
ends = [
    helper.make_tensor_value_info(at, TensorProto.FLOAT, [None, width])
    for at, width in [("x", job.widths[0]), (last, job.widths[-1])]
]
graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(
    model.SerializeToString(), options, providers=["CPUExecutionProvider"]
)


def predict(rows):
    part = job.test[0][:rows]
    return lambda: session.run(None, {"x": part})


serve(f"onnxruntime {onnxruntime.__version__}", None, predict)
