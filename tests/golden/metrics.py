"""Prints the numbers that crates/reshet/tests/metrics.rs expects.

Made with scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6.
"""

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics as M


def lcg(n, x):
    """Whole numbers below 65536, the same ones as `lcg` in the test."""
    out = []
    for _ in range(n):
        x = (x * 25173 + 13849) % 65536
        out.append(x)
    return np.array(out)


def binary(y, s, threshold=0.5):
    said = s > threshold
    f1 = {float(t): M.f1_score(y, s >= t) for t in np.unique(s)}
    best = max(f1, key=f1.get)
    print("precision, recall, f1:", [float(f(y, said)) for f in (M.precision_score, M.recall_score, M.f1_score)])
    print("confusion:", M.confusion_matrix(y, said).tolist())
    print("auroc:", M.roc_auc_score(y, s), "ap:", M.average_precision_score(y, s))
    print("best F1 at scores from", best, "on:", f1[best])


for k, n in [(0, 10), (10, 10), (7, 10), (9882, 10000), (1, 3)]:
    interval = binomtest(k, n).proportion_ci(0.95, "wilson")
    print("wilson", k, n, float(interval.low), float(interval.high))

y = np.array([0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1], bool)
s = np.array([0.125, 0.5, 0.5, 0.875, 0.25, 0.75, 0.75, 0.25, 1.0, 0.0, 0.5, 0.5], np.float32)
print("twelve samples")
binary(y, s)
print("threshold 0.25")
binary(y, s, 0.25)
print("roc:", [x.tolist() for x in M.roc_curve(y, s, drop_intermediate=False)[:2]])
print("precision, recall:", [x.tolist() for x in M.precision_recall_curve(y, s)[:2]])

print("300 samples, 32 scores")
a = lcg(600, 1)
s = (a[:300] // 64 % 32).astype(np.float32) / 32
y = (a[300:] >> 8) % 64 < s * 64 * 0.8
binary(y, s)

print("200 samples, 4 classes")
n, c = 200, 4
a = lcg(n * c + n, 7)
p = (a[: n * c] / 65536).reshape(n, c).astype(np.float32)
label = (a[n * c :] >> 9) % 8
label = np.where(label > 3, p.argmax(1), label)
said = p.argmax(1)
print("confusion:", M.confusion_matrix(label, said).tolist())
rows = [x.tolist() for x in M.precision_recall_fscore_support(label, said)]
rows.append([float(M.roc_auc_score(label == k, p[:, k])) for k in range(c)])
rows.append([float(M.average_precision_score(label == k, p[:, k])) for k in range(c)])
for name, row in zip(("precision", "recall", "f1", "samples", "auroc", "ap"), rows):
    print(name, row, "mean:", float(np.mean(row)))
print("top 2, 3:", [M.top_k_accuracy_score(label, p, k=k) for k in (2, 3)])

print("30 samples, 2 numbers")
a = lcg(120, 3)
target = (a[:60] / 256).astype(np.float32).reshape(30, 2)
answer = (target + ((a[60:] - 32768) / 2048).astype(np.float32).reshape(30, 2)).astype(np.float64)
target = target.astype(np.float64)
for t, x in zip(target.T, answer.T):
    measures = (M.root_mean_squared_error, M.mean_absolute_error, M.r2_score, M.max_error)
    print("rmse, mae, r2, max:", [float(f(t, x)) for f in measures])
    print("bias, baseline:", float((x - t).mean()), float(t.std()))
