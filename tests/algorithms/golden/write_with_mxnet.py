"""Writes the archives beside this file with MXNet 1.9.1, as SageMaker's own algorithms write theirs.

    pip install mxnet==1.9.1 'numpy<1.24'
    python tests/algorithms/golden/write_with_mxnet.py

It prints what MXNet predicts for ROWS; the tests hold those numbers. MXNet is no dependency of the tests.
"""

import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import mxnet as mx
import numpy as np

FOLDER = Path(__file__).parent
ROWS = np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 2.5], [0, 0, 1, 1, -1], [0, 0, 0, 0, 0]], np.float32)


def pack(name, content):
    with tarfile.open(FOLDER / name, "w:gz") as archive:
        member = tarfile.TarInfo("model_algo-1")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def zip_of(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def factorization_machine(operator):
    x, v = mx.sym.Variable("data"), mx.sym.Variable("v", shape=(5, 3))
    w = mx.sym.Variable("w1_weight", shape=(5, 1))
    bias = mx.sym.Variable("w0_weight", shape=(1,))
    squares = mx.sym.dot(mx.sym.square(x), mx.sym.square(v))
    pairs = 0.5 * mx.sym.sum(mx.sym.square(mx.sym.dot(x, v)) - squares, axis=1, keepdims=True)
    score = mx.sym.broadcast_add(mx.sym.dot(x, w) + pairs, bias)
    return operator(data=score, label=mx.sym.Variable("out_label"), name="out")


def trained(symbol, shape, label_shape):
    module = mx.mod.Module(symbol, data_names=["data"], label_names=["out_label"])
    module.bind([("data", shape)], [("out_label", label_shape)], for_training=False)
    random = np.random.RandomState(7)
    shapes, _, _ = symbol.infer_shape(data=shape)
    parameters = {
        name: mx.nd.array(random.normal(0, 0.7, of).astype(np.float32))
        for name, of in zip(symbol.list_arguments(), shapes, strict=True)
        if name not in ("data", "out_label")
    }
    module.set_params(parameters, {})
    return module


def predicted(module, label_shape):
    module.forward(mx.io.DataBatch([mx.nd.array(ROWS)], [mx.nd.zeros(label_shape)]), is_train=False)
    return module.get_outputs()[0].asnumpy().ravel().tolist()


def saved(module, folder):
    module.save_checkpoint(str(Path(folder) / "model"), 0)
    return (Path(folder) / "model-symbol.json").read_text(), (Path(folder) / "model-0000.params").read_bytes()


def array_list(arrays):
    with tempfile.NamedTemporaryFile() as file:
        mx.nd.save(file.name, arrays)
        return Path(file.name).read_bytes()


def linear(operator, n_outputs):
    score = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=n_outputs, name="fc0")
    return operator(data=score, label=mx.sym.Variable("out_label"), name="out")


def main():
    centres = np.array([[0, 0, 0, 0, 0], [1, 0, 0, 1, 0], [0, 0, 1, 0, 3]], np.float32)
    pack("kmeans.tar.gz", array_list([mx.nd.array(centres)]))
    random = np.random.RandomState(7)
    components, _ = np.linalg.qr(random.normal(size=(5, 2)))
    pca = {"s": [1.5, 4.0], "v": components, "mean": [[0.1, 0.2, 0.3, 0.4, 0.5]]}
    pack("pca.tar.gz", array_list({name: mx.nd.array(array) for name, array in pca.items()}))
    for name, operator, n_outputs in (
        ("regressor", mx.sym.LinearRegressionOutput, 1),
        ("binary", mx.sym.LogisticRegressionOutput, 1),
        ("multiclass", mx.sym.SoftmaxOutput, 3),
    ):
        label_shape = (4,) if name == "multiclass" else (4, 1)
        with tempfile.TemporaryDirectory() as folder:
            module = trained(linear(operator, n_outputs), ROWS.shape, label_shape)
            symbol, params = saved(module, folder)
        files = {"additional-params.json": "{}", "manifest.json": "{}", "mx-mod-symbol.json": symbol}
        pack(f"linear-learner-{name}.tar.gz", zip_of(files | {"mx-mod-0000.params": params}))
        print("linear-learner", name, json.dumps(predicted(module, label_shape)))
    for name, operator in (
        ("regressor", mx.sym.LinearRegressionOutput),
        ("classifier", mx.sym.LogisticRegressionOutput),
    ):
        with tempfile.TemporaryDirectory() as folder:
            module = trained(factorization_machine(operator), ROWS.shape, (4, 1))
            symbol, params = saved(module, folder)
        pack(f"factorization-machines-{name}.tar.gz", zip_of({"symbol.json": symbol, "params": params}))
        print("factorization-machines", name, json.dumps(predicted(module, (4, 1))))


if __name__ == "__main__":
    main()
