"""Writes the files that the tests import, by the programs that users have them from.

    python make.py torch      PyTorch: state_dicts, safetensors, ONNX by both exporters
    python make.py sklearn    scikit-learn, by skl2onnx
    python make.py keras      Keras, by its own export and by tf2onnx

Each part can run in an environment of its own. What each network answers to a few inputs goes
into `expected.json`, with the versions of the programs.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
HERE = Path(__file__).parent
EXPECTED = HERE / "expected.json"
EXPECTED_BEFORE = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
made = {}


def note(name, how, inputs, outputs, **more):
    rows = lambda a: [[float(x) for x in row] for row in np.asarray(a, np.float32).reshape(len(a), -1)]
    made[name] = {"made_with": how, **more, "inputs": rows(inputs), "outputs": rows(outputs)}


def samples(width, n=6, low=-2.0, high=2.0):
    return np.random.default_rng(width).uniform(low, high, (n, width)).astype(np.float32)


def torch_files():
    import safetensors.torch
    import torch
    from torch import nn

    how = f"PyTorch {torch.__version__}"
    torch.manual_seed(7)

    def shaken(net):
        """Running statistics and affine parts that are not 0 and 1."""
        for m in net.modules():
            if isinstance(m, nn.BatchNorm1d):
                nn.init.uniform_(m.weight, 0.5, 2.0)
                nn.init.uniform_(m.bias, -1.0, 1.0)
                nn.init.uniform_(m.running_mean, -1.0, 1.0)
                nn.init.uniform_(m.running_var, 0.5, 2.0)
        return net.eval()

    def run(net, x):
        with torch.no_grad():
            return net(torch.from_numpy(x)).numpy()

    net = shaken(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), nn.Softmax(dim=1)))
    x = samples(4)
    state, y = net.state_dict(), run(net, x)
    text = "4-5:relu-3:softmax"
    torch.save(state, HERE / "sequential.pt")
    note("sequential.pt", how, x, y, net=text)
    torch.save(state, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
    note("legacy.pt", how, x, y, net=text)
    torch.save(state, HERE / "protocol4.pt", pickle_protocol=4)
    note("protocol4.pt", how, x, y, net=text)
    safetensors.torch.save_file(state, HERE / "sequential.safetensors")
    note("sequential.safetensors", how + ", safetensors", x, y, net=text)
    torch.save(net, HERE / "whole_module.pt")
    # Saved as nn.Parameter, the first weight a view with strides of its own.
    strided = dict(net.named_parameters())
    strided["0.weight"] = nn.Parameter(strided["0.weight"].detach().t().contiguous().t())
    torch.save(strided, HERE / "parameters.pt")
    note("parameters.pt", how, x, y, net=text)

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(3, 6)
            self.bn1 = nn.BatchNorm1d(6)
            self.fc2 = nn.Linear(6, 4, bias=False)
            self.head = nn.Linear(4, 1)

        def forward(self, x):
            x = torch.tanh(self.bn1(self.fc1(x)))
            return torch.sigmoid(self.head(nn.functional.gelu(self.fc2(x))))

    named = shaken(Named())
    x = samples(3)
    wrapped = {
        "epoch": 3,
        "state_dict": nn.DataParallel(named).state_dict(),
        "optimizer": torch.optim.Adam(named.parameters()).state_dict(),
        "best": np.float64(0.5),
    }
    torch.save(wrapped, HERE / "named_wrapped.pt")
    note("named_wrapped.pt", how, x, run(named, x), net="3-6:tanh-4:gelu-1:sigmoid")
    for kind in ["float64", "float16", "bfloat16"]:
        rough = {k: v.to(getattr(torch, kind)) for k, v in named.state_dict().items()}
        torch.save(rough, HERE / f"{kind}.pt")
        named.load_state_dict(rough)
        note(f"{kind}.pt", how, x, run(named, x), net="3-6:tanh-4:gelu-1:sigmoid")

    late = shaken(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4),
                                nn.Dropout(0.5), nn.Linear(4, 2)))
    torch.save(late.state_dict(), HERE / "batchnorm.pt")
    note("batchnorm.pt", how, x, run(late, x), net="3-4:relu-2")

    conv = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    torch.save(conv.state_dict(), HERE / "convolution.pt")

    nets = {
        "sequential": net,
        "named": shaken(Named()),
        "batchnorm": late,
        "activations": shaken(nn.Sequential(
            nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4),
            nn.LeakyReLU(0.2), nn.Linear(4, 4), nn.ELU(1.5), nn.Linear(4, 4), nn.Tanh(),
            nn.Linear(4, 1))),
        "picture": shaken(nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 4))),
    }

    class Viewed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(12, 5), nn.Linear(5, 3)

        def forward(self, x):
            x = x.view(x.size(0), -1) / 255.0
            return nn.functional.log_softmax(self.b(torch.relu(self.a(x))), dim=1).exp()

    nets["viewed"] = shaken(Viewed())
    for name, net in nets.items():
        first = next(m for m in net.modules() if isinstance(m, nn.Linear))
        width = first.in_features
        x = samples(width) if name != "viewed" else samples(width, low=0, high=255)
        shape = {"picture": (-1, 1, 3, 4), "viewed": (-1, 3, 2, 2)}.get(name, (-1, width))
        x = np.round(x) if name == "viewed" else x
        given = torch.from_numpy(x.reshape(shape))
        with torch.no_grad():
            y = net(given).numpy()
        for exporter in ["script", "dynamo"]:
            path = HERE / f"torch_{exporter}_{name}.onnx"
            if exporter == "script":
                torch.onnx.export(net, given, path, dynamo=False, input_names=["x"],
                                  output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
            else:
                torch.onnx.export(net, (given,), path, dynamo=True, external_data=False,
                                  dynamic_shapes=({0: torch.export.Dim("n")},), verbose=False)
            note(path.name, f"{how}, {exporter}", x, y)
    torch.onnx.export(nn.Conv1d(2, 3, 1).eval(), torch.zeros(1, 2, 5),
                      HERE / "convolution.onnx", dynamo=False)


def sklearn_files():
    import skl2onnx
    import sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    how = f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}"
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(200, 3)) * [1, 5, 0.1] + [0, 10, -1]).astype(np.float32)
    score = x[:, 0] + (x[:, 1] - 10) / 5 + 0.3 * rng.normal(size=200)
    words = np.array(["low", "middle", "high"])[np.digitize(score, [-1, 1])]
    kinds = {
        "yesno": (MLPClassifier((5,), max_iter=300), (score > 0).astype(int)),
        "words": (MLPClassifier((5, 4), activation="tanh", max_iter=300), words),
        "classes": (MLPClassifier((5,), activation="logistic", max_iter=300), np.digitize(score, [-1, 1])),
        "number": (MLPRegressor(hidden_layer_sizes=(6,), max_iter=300), score * 100),
        "several": (MLPClassifier((6,), max_iter=300), np.stack([score > 0, score > 1], 1).astype(int)),
    }
    for name, (model, y) in kinds.items():
        pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
        onx = skl2onnx.to_onnx(pipeline, initial_types=[("X", FloatTensorType([None, 3]))])
        path = HERE / f"sklearn_{name}.onnx"
        path.write_bytes(onx.SerializeToString())
        answer = pipeline.predict(x[:6]) if name == "number" else pipeline.predict_proba(x[:6])
        if name == "yesno":
            answer = answer[:, 1]
        note(path.name, how, x[:6], answer, names=[str(c) for c in getattr(model, "classes_", [])])
    plain = MLPRegressor(hidden_layer_sizes=(4,), max_iter=300).fit(x, score)
    path = HERE / "sklearn_plain.onnx"
    path.write_bytes(skl2onnx.to_onnx(plain, x[:1]).SerializeToString())
    note(path.name, how, x[:6], plain.predict(x[:6]))


def keras_files():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf
    import tf2onnx
    from keras import layers

    keras.utils.set_random_seed(3)
    how = f"Keras {keras.__version__}, TensorFlow {tf.__version__}"
    nets = {
        "classes": ([layers.Input((4,)), layers.Dense(5, "relu"), layers.Dropout(0.2),
                     layers.Dense(3, "softmax")], samples(4)),
        "picture": ([layers.Input((3, 4, 1)), layers.Rescaling(1 / 255), layers.Flatten(),
                     layers.Dense(5, "gelu"), layers.Dense(2)],
                    np.round(samples(12, low=0, high=255))),
        "batchnorm": ([layers.Input((3,)), layers.Dense(6), layers.BatchNormalization(),
                       layers.Activation("silu"), layers.Dense(4, "elu"),
                       layers.BatchNormalization(), layers.Dense(1, "sigmoid")], samples(3)),
        "leaky": ([layers.Input((3,)), layers.Dense(5), layers.LeakyReLU(negative_slope=0.3),
                   layers.Dense(4, "tanh", use_bias=False), layers.Dense(1)], samples(3)),
    }
    for name, (stack, x) in nets.items():
        model = keras.Sequential(stack)
        for layer in model.layers:
            # Neither biases of 0 nor running statistics of 0 and 1.
            low = 0.5 if isinstance(layer, layers.BatchNormalization) else -0.5
            layer.set_weights([np.random.default_rng(i).uniform(low, low + 1.5, w.shape)
                               if w.ndim == 1 else w for i, w in enumerate(layer.get_weights())])
        shaped = x.reshape((len(x), *model.input_shape[1:]))
        y = model.predict(shaped, verbose=0)
        path = HERE / f"keras_export_{name}.onnx"
        try:
            model.export(path, format="onnx", verbose=False)
            note(path.name, f"{how}, model.export", x, y)
        except Exception as e:
            print(path.name, "not made:", type(e).__name__, e)
        path = HERE / f"keras_tf2onnx_{name}.onnx"
        spec = (tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="x"),)
        function = tf.function(lambda x: model(x, training=False), input_signature=spec)
        onx, _ = tf2onnx.convert.from_function(function, spec, opset=17)
        path.write_bytes(onx.SerializeToString())
        note(path.name, f"{how}, tf2onnx {tf2onnx.__version__}", x, y)


if __name__ == "__main__":
    {"torch": torch_files, "sklearn": sklearn_files, "keras": keras_files}[sys.argv[1]]()
    EXPECTED.write_text(json.dumps({**EXPECTED_BEFORE, **made}, indent=0, sort_keys=True) + "\n")
