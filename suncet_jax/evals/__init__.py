"""Evaluation of representations: pure functions on arrays and callables.

`embed` turns images into features, each example exactly once. `knn`,
`soft_nn` and `linear` classify features, `finetune` trains the whole network;
`accuracy` counts. `rank` needs no labels. Nothing here knows of configs, models
or data sources.
"""
