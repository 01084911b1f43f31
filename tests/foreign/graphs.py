"""Writes small ONNX graphs, each with one thing before, in or behind the network that a reader
must take over or refuse by name, and what onnxruntime answers to each.

    python graphs.py        needs onnx, onnxruntime

`graphs/expected.json` says by file: `inputs`, and `labels` or `outputs` as onnxruntime gives them;
or `refused`, the operator that the refusal must name.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T, helper as h, numpy_helper

HERE = Path(__file__).parent / "graphs"
rng = np.random.default_rng(11)
X = rng.normal(size=(12, 4)).astype(np.float32)
X[3:5] = 0  # the hidden layer gives 0 then, and the answer lies in the middle
made = {}

weights = {
    "W": rng.normal(size=(4, 6)), "b": np.zeros(6),
    "W1": rng.normal(size=(6, 1)), "b1": np.zeros(1),
    "W3": rng.normal(size=(6, 3)), "b3": rng.normal(size=3),
    "W2": rng.normal(size=(6, 2)), "b2": np.zeros(2),
}
constants = {
    "half": np.float32(0.5), "third": np.float32(0.3), "zero": np.float32(0), "one": np.float32(1),
    "two": np.float32(2), "one_i": np.int64(1), "zero_i": np.int64(0), "list": np.int64([-1]),
    "k1": np.int64([1]), "cat": np.array(["cat"], object), "dog": np.array(["dog"], object),
    "abc": np.array(["a", "b", "c"], object), "order": np.int64([2, 0, 1]),
    "tens": np.int64([10, 20, 30]), "column": np.int64([-1, 1]), "train": np.bool_(True),
    "byte": np.float32(255), "half_r": np.float32(0.5), "flip": np.float32([1, -1, 1]), "axes": np.int64([1]),
}
N = h.make_node


def net(outputs, end=None):
    """x to a hidden layer "a", logits "z" and, with an end, "p"."""
    nodes = [N("Gemm", ["x", "W", "b"], ["h"], name="first"), N("Relu", ["h"], ["a"]),
             N("Gemm", ["a", f"W{outputs}", f"b{outputs}"], ["z"], name="last")]
    return nodes + ([N(end, ["z"], ["p"], name="end")] if end else [])


def model(nodes, outputs, inputs=None, more=()):
    used = {name for node in nodes for name in node.input}
    tensors = {**{k: v.astype(np.float32) for k, v in weights.items()}, **constants, **dict(more)}
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in tensors.items() if k in used]
    inputs = inputs or [h.make_tensor_value_info("x", T.FLOAT, ["N", 4])]
    outs = [h.make_empty_tensor_value_info(name) for name in outputs]
    graph = h.make_graph(nodes, "g", inputs, outs, initializers)
    made = h.make_model(graph, opset_imports=[h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 3)])
    made.ir_version = 9
    return made


def session(made):
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def text(value):
    return str(int(value)) if not isinstance(value, str) and float(value) == int(value) else str(value)


def label(name, nodes, outputs=("y",), **more):
    """What is decided, the first output, is taken over: texts, a row a sample."""
    made_model = model(nodes, outputs)
    y = session(made_model).run([outputs[0]], {"x": X})[0]
    write(name, made_model, labels=[[text(v) for v in row] for row in y.reshape(len(X), -1)], **more)


def numbers(name, nodes, outputs=("y",), which=0, **more):
    made_model = model(nodes, outputs)
    y = session(made_model).run([outputs[which]], {"x": X})[0]
    write(name, made_model, outputs=y.reshape(len(X), -1).tolist(), **more)


def refused(name, nodes, names, outputs=("y",), check=True, inputs=None):
    made_model = model(nodes, outputs, inputs)
    if check:
        session(made_model)
    write(name, made_model, refused=names)


def write(name, made_model, **what):
    (HERE / f"{name}.onnx").write_bytes(made_model.SerializeToString())
    rows = {} if "refused" in what or "inputs" in what else {"inputs": X.tolist()}
    made[f"{name}.onnx"] = {**rows, **what}


def decisions():
    yes_no = net(1, "Sigmoid")
    for op in ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"]:
        label(f"sigmoid_{op}", [*yes_no, N(op, ["p", "half"], ["y"])])
        label(f"half_{op}_sigmoid", [*yes_no, N(op, ["half", "p"], ["y"])])
        label(f"logit_{op}", [*net(1), N(op, ["z", "zero"], ["y"])])
    label("tanh_greater", [*net(1, "Tanh"), N("Greater", ["p", "zero"], ["y"])])
    label("complement_greater", [*yes_no, N("Sub", ["one", "p"], ["q"]), N("Greater", ["q", "half"], ["y"])])
    label("doubled_less", [*yes_no, N("Mul", ["p", "two"], ["q"]), N("Less", ["q", "one"], ["y"])])
    label("negated_logit_greater", [*net(1), N("Neg", ["z"], ["q"]), N("Greater", ["q", "zero"], ["y"])])
    label("round_end", [*yes_no, N("Round", ["p"], ["r"]), N("Cast", ["r"], ["y"], to=T.INT64)])
    label("binarizer", [*yes_no, N("Binarizer", ["p"], ["y"], threshold=0.5, domain="ai.onnx.ml")])
    label("not", [*yes_no, N("Greater", ["p", "half"], ["g"]), N("Not", ["g"], ["y"])])
    label("not_less", [*yes_no, N("Less", ["p", "half"], ["g"]), N("Not", ["g"], ["y"])])
    label("one_minus", [*yes_no, N("Greater", ["p", "half"], ["g"]), N("Cast", ["g"], ["i"], to=T.INT64),
                        N("Sub", ["one_i", "i"], ["y"])])
    label("plus_one", [*yes_no, N("Greater", ["p", "half"], ["g"]), N("Cast", ["g"], ["i"], to=T.INT64),
                       N("Add", ["i", "one_i"], ["y"])])
    label("where", [*yes_no, N("Greater", ["p", "half"], ["g"]), N("Where", ["g", "cat", "dog"], ["y"])])
    label("where_less", [*yes_no, N("Less", ["p", "half"], ["g"]), N("Where", ["g", "cat", "dog"], ["y"])])
    label("several_less", [*net(3, "Sigmoid"), N("Less", ["p", "half"], ["y"])])
    label("less_and_p", [*yes_no, N("Less", ["p", "half"], ["y"])], ["y", "p"])
    label("argmax_of_two", [*net(2, "Softmax"), N("ArgMax", ["p"], ["i"], axis=1, keepdims=0),
                            N("Sub", ["one_i", "i"], ["y"])])
    label("equal_one", [*net(2, "Softmax"), N("ArgMax", ["p"], ["i"], axis=1, keepdims=0),
                        N("Equal", ["i", "zero_i"], ["y"])])
    classes = [*net(3, "Softmax"), N("ArgMax", ["p"], ["i"], axis=1, keepdims=0, name="argmax")]
    label("argmax_plus_one", [*classes, N("Add", ["i", "one_i"], ["y"])])
    label("argmax_negative", [*classes, N("Neg", ["i"], ["y"])])
    label("argmax_gather", [*classes, N("Gather", ["abc", "i"], ["y"])])
    label("argmax_gather_twice", [*classes, N("Gather", ["order", "i"], ["j"]), N("Gather", ["abc", "j"], ["y"])])
    label("argmax_tens", [*classes, N("Gather", ["tens", "i"], ["y"])])
    label("argmax_string", [*classes, N("Cast", ["i"], ["y"], to=T.STRING)])
    label("label_encoder", [*classes, N("LabelEncoder", ["i"], ["y"], domain="ai.onnx.ml",
                                        keys_int64s=[2, 0, 1], values_strings=["two", "zero", "one"])])
    label("topk", [*net(3), N("TopK", ["z", "k1"], ["best", "y"])])
    label("argmax_logits", [*net(3), N("ArgMax", ["z"], ["y"], axis=-1)])
    label("argmax_and_softmax", [*net(3, "Softmax"), N("ArgMax", ["z"], ["y"], axis=1)], ["y", "p"])
    label("argmax_log_softmax", [*net(3, "LogSoftmax"), N("ArgMax", ["p"], ["y"], axis=1)])
    label("percent_argmax", [*net(3, "Softmax"), N("Mul", ["p", "two"], ["q"]), N("ArgMax", ["q"], ["y"], axis=1)])
    label("label_and_hidden", [*classes], ["i", "a"])
    label("hidden_and_label_and_p", [*classes], ["i", "a", "p"])
    label("scaled_logits", [*net(3), N("Mul", ["z", "flip"], ["q"]), N("ArgMax", ["q"], ["y"], axis=1)])
    label("zipmap_words", [*classes, N("ZipMap", ["p"], ["m"], domain="ai.onnx.ml", classlabels_strings=["a", "b", "c"]),
                           N("ArrayFeatureExtractor", ["abc", "i"], ["y"], domain="ai.onnx.ml")], ["y", "m"])
    numbers("hidden_first", net(3), ["a", "z"], which=1)
    numbers("table_by_255", [N("Div", ["x", "byte"], ["x1"]), N("Gemm", ["x1", "W", "b"], ["h"]), *net(3)[1:]], ["z"])
    numbers("complement_probability", [*yes_no, N("Sub", ["one", "p"], ["y"])])
    numbers("dropout", [*net(3)[:2], N("Dropout", ["a", "half_r"], ["d", "mask"]), N("Gemm", ["d", "W3", "b3"], ["y"])])
    numbers("answer_p", [*yes_no, N("Greater", ["p", "third"], ["g"])], ["g", "p"], which=1, answer="p")
    numbers("answer_head", [*net(1), N("Gemm", ["a", "W3", "b3"], ["v"])], ["z", "v"], which=1, answer="v")


def refusals():
    yes_no, classes = net(1, "Sigmoid"), net(3, "Softmax")
    argmax = N("ArgMax", ["p"], ["i"], axis=1, keepdims=0, name="argmax")
    greater = N("Greater", ["p", "half"], ["g"], name="compare")
    for op in ["Round", "Floor", "Ceil", "Sign", "Abs"]:
        refused(f"{op}_mid", [*net(3)[:1], N(op, ["h"], ["a"], name="here"), N("Gemm", ["a", "W3", "b3"], ["y"])], op)
        refused(f"{op}_behind", [*net(3), N(op, ["z"], ["y"], name="here")], op)
    refused("threshold", [*yes_no, N("Greater", ["p", "third"], ["y"])], "Greater")
    refused("threshold_binarizer", [*yes_no, N("Binarizer", ["p"], ["y"], threshold=0.25, domain="ai.onnx.ml")], "Binarizer")
    refused("threshold_logit", [*net(1), N("Greater", ["z", "half"], ["y"])], "Greater")
    refused("softmax_greater", [*classes, N("Greater", ["p", "half"], ["y"])], "Greater")
    refused("relu_greater", [*net(1, "Relu"), N("Greater", ["p", "zero"], ["y"])], "Greater")
    refused("equal_half", [*yes_no, N("Equal", ["p", "half"], ["y"])], "Equal")
    refused("cast_bool", [*yes_no, N("Cast", ["p"], ["y"], to=T.BOOL)], "Cast")
    refused("cast_int", [*yes_no, N("Cast", ["p"], ["y"], to=T.INT64)], "Cast")
    refused("argmin", [*classes, N("ArgMin", ["p"], ["y"], axis=1)], "ArgMin")
    refused("argmax_of_negative", [*classes, N("Neg", ["p"], ["q"]), N("ArgMax", ["q"], ["y"], axis=1)], "ArgMax")
    refused("argmax_axis_0", [*classes, N("ArgMax", ["p"], ["y"], axis=0)], "ArgMax")
    refused("argmax_no_axis", [*classes, N("ArgMax", ["p"], ["y"])], "ArgMax")
    refused("argmax_last", [*classes, N("ArgMax", ["p"], ["y"], axis=1, select_last_index=1)], "ArgMax")
    refused("argmax_sigmoid", [*net(3, "Sigmoid"), N("ArgMax", ["p"], ["y"], axis=1)], "ArgMax")
    refused("argmax_of_one", [*yes_no, N("ArgMax", ["p"], ["y"], axis=1)], "ArgMax")
    refused("topk_smallest", [*net(3), N("TopK", ["z", "k1"], ["v", "y"], largest=0)], "TopK")
    refused("topk_values", [*net(3), N("TopK", ["z", "k1"], ["y", "i"])], "TopK")
    refused("equal_of_three", [*classes, argmax, N("Equal", ["i", "one_i"], ["y"])], "ArgMax")
    refused("label_into_network", [*classes, argmax, N("Cast", ["i"], ["f"], to=T.FLOAT), N("Mul", ["p", "f"], ["y"])], "Mul", check=False)
    refused("label_onwards", [*net(3), N("Greater", ["a", "zero"], ["g"]), N("Cast", ["g"], ["f"], to=T.FLOAT),
                              N("Gemm", ["f", "W3", "b3"], ["y"])], "Greater")
    refused("division", [*classes, argmax, N("Div", ["i", "one_i"], ["y"])], "Div")
    refused("cast_wraps", [*classes, argmax, N("Sub", ["i", "one_i"], ["m"]), N("Cast", ["m"], ["y"], to=T.UINT8)], "Cast")
    refused("two_networks", [*net(1), N("Gemm", ["a", "W3", "b3"], ["v"])], "Gemm", ["z", "v"])
    refused("two_decisions", [*yes_no, greater, N("Not", ["g"], ["n"])], "decisions", ["g", "n"])
    refused("answer_unknown", [*net(3), N("ReduceMax", ["z"], ["y"], axes=[1])], "ReduceMax", ["z", "y"])
    refused("dropout_trains", [*net(3)[:2], N("Dropout", ["a", "half_r", "train"], ["d"]), N("Gemm", ["d", "W3", "b3"], ["y"])], "Dropout")
    refused("clip_mid", [*net(3)[:1], N("Clip", ["h", "zero", "one"], ["a"]), N("Gemm", ["a", "W3", "b3"], ["y"])], "Clip")
    refused("transpose_mid", [*net(3)[:2], N("Transpose", ["a"], ["t"], perm=[1, 0]), N("Transpose", ["t"], ["u"], perm=[1, 0]),
                              N("Gemm", ["u", "W3", "b3"], ["y"])], "Transpose")
    refused("zipmap_order", [*classes, argmax, N("Gather", ["abc", "i"], ["y"]),
                             N("ZipMap", ["p"], ["m"], domain="ai.onnx.ml", classlabels_strings=["c", "b", "a"])], "ZipMap", ["y", "m"])
    refused("foreign_relu", [*net(3), N("Relu", ["z"], ["y"], domain="my.own")], "my.own", check=False)
    second = [h.make_tensor_value_info("x", T.FLOAT, ["N", 4]), h.make_tensor_value_info("u", T.FLOAT, ["N", 3])]
    refused("second_input", [*net(3), N("Add", ["z", "u"], ["y"])], "2 inputs", inputs=second)


def pictures():
    """Inputs are bytes; a model gets them as x / 255."""
    wide = {"Wp": rng.normal(size=(48, 3)) / 10, "bp": rng.normal(size=3)}
    planes = rng.integers(0, 256, (5, 48)).astype(np.float32)
    mean = np.float32([123.675, 116.28, 103.53])
    std = np.float32([58.395, 57.12, 57.375])
    flat = [N("Reshape", ["z", "flat"], ["f"]), N("Gemm", ["f", "Wp", "bp"], ["y"])]
    flat_i = np.int64([-1, 48])

    def picture(name, shape, before, tensors, kind=T.FLOAT, scale=255.0, **more):
        inputs = [h.make_tensor_value_info("x", kind, ["N", *shape])]
        tensors = {"flat": flat_i, **wide, **tensors}
        tensors = {k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in tensors.items()}
        made_model = model([*before, *flat], ["y"], inputs, tensors)
        given = (planes if scale == 255 else planes / 255).reshape(5, *shape)
        y = session(made_model).run(None, {"x": given.astype(h.tensor_dtype_to_np_dtype(kind))})[0]
        write(f"picture_{name}", made_model, inputs=(planes / 255).tolist(), outputs=y.tolist(), **more)

    f = np.float32
    nchw, nhwc = [3, 4, 4], [4, 4, 3]
    picture("127", nhwc, [N("Mul", ["x", "k"], ["m"]), N("Add", ["m", "o"], ["z"])], {"k": f(2 / 255), "o": f(-1)}, bytes=True)
    picture("127_sub_div", nchw, [N("Sub", ["x", "k"], ["m"]), N("Div", ["m", "k"], ["z"])], {"k": f(127.5)}, bytes=True)
    picture("grey_127", [1, 6, 8], [N("Sub", ["x", "k"], ["m"]), N("Div", ["m", "k"], ["z"])], {"k": f(127.5)}, bytes=True)
    picture("255", nchw, [N("Div", ["x", "k"], ["z"])], {"k": f(255)}, bytes=True)
    picture("0.00392", nchw, [N("Mul", ["x", "k"], ["z"])], {"k": f(0.00392)}, bytes=True)
    picture("mean_std", nchw, [N("Sub", ["x", "m"], ["c"]), N("Div", ["c", "s"], ["z"])],
            {"m": mean.reshape(3, 1, 1), "s": std.reshape(1, 3, 1, 1)}, bytes=True)
    picture("mean_std_nhwc", nhwc, [N("Sub", ["x", "m"], ["c"]), N("Div", ["c", "s"], ["z"])], {"m": mean, "s": std}, bytes=True)
    picture("255_mean_std", nchw, [N("Div", ["x", "k"], ["d"]), N("Sub", ["d", "m"], ["c"]), N("Div", ["c", "s"], ["z"])],
            {"k": f(255), "m": (mean / 255).reshape(3, 1, 1), "s": (std / 255).reshape(3, 1, 1)}, bytes=True)
    picture("uint8", nchw, [N("Cast", ["x"], ["c"], to=T.FLOAT), N("Div", ["c", "k"], ["z"])], {"k": f(255)}, T.UINT8, bytes=True)
    picture("uint8_raw", nchw, [N("Cast", ["x"], ["z"], to=T.FLOAT)], {}, T.UINT8, bytes=True)
    picture("nhwc_to_nchw", nhwc, [N("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), N("Sub", ["t", "m"], ["c"]), N("Div", ["c", "s"], ["z"])],
            {"m": mean.reshape(3, 1, 1), "s": std.reshape(3, 1, 1)}, bytes=True)
    picture("scaled_then_nhwc_to_nchw", nhwc, [N("Sub", ["x", "m"], ["c"]), N("Div", ["c", "s"], ["d"]), N("Transpose", ["d"], ["z"], perm=[0, 3, 1, 2])],
            {"m": mean, "s": std}, bytes=True)
    picture("batch_norm", nchw, [N("BatchNormalization", ["x", "g", "b0", "m", "v"], ["z"])],
            {"g": np.ones(3, f), "b0": np.zeros(3, f), "m": mean, "v": std**2}, bytes=True)
    picture("one_half", nchw, [N("Sub", ["x", "k"], ["m"]), N("Div", ["m", "k"], ["z"])], {"k": f(0.5)}, scale=1.0, bytes=False)
    picture("plain", nchw, [N("Identity", ["x"], ["z"])], {}, scale=1.0, bytes=False)
    picture("white_255", nchw, [N("Identity", ["x"], ["z"])], {}, bytes=True, white=255)
    inputs = [h.make_tensor_value_info("x", T.FLOAT, ["N", *nchw])]
    tensors = {"flat": flat_i, "k": f(0.12), **{k: v.astype(f) for k, v in wide.items()}}
    write("picture_unclear", model([N("Mul", ["x", "k"], ["z"]), *flat], ["y"], inputs, tensors), refused="0…255")


HERE.mkdir(exist_ok=True)
for old in HERE.glob("*.onnx"):
    old.unlink()
decisions()
refusals()
pictures()
lines = [f"{json.dumps(name)}: {json.dumps(made[name])}" for name in sorted(made)]
versions = f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"
(HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(f"{len(made)} graphs, {versions}")
