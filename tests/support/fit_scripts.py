"""What scripts of workers that are killed in `fit` begin with: a network with dropout and statistics, and its seeds."""

#: die_at, who: when a worker is killed, as its script understands it, and which one.
BEGINNING = """
import hashlib, os, signal
die_at, who = {die_at}, {who}
again = os.environ.get("MXTRAIN_TEST_LIFE", "1") != "1"
kv = mx.kv.create("dist_sync")
mx.random.seed(5 + kv.rank)
np.random.seed(7 + kv.rank)
x = mx.sym.Variable("data")
x = mx.sym.FullyConnected(x, num_hidden=16, name="fc1")
x = mx.sym.BatchNorm(x, name="bn", fix_gamma=False)
x = mx.sym.Dropout(mx.sym.Activation(x, act_type="relu"), p=0.5)
x = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="fc2"), name="softmax")
rng = np.random.RandomState(3)
"""
