"""Evaluation of representations: pure functions on arrays and callables.

`embed` turns images into features, each image exactly once. `knn`, `soft_nn`
and `linear` classify features, `finetune` trains the whole network, `accuracy`
counts, and `rank` needs no labels. None of them depends on configs, models or
data sources.
"""
