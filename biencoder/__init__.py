"""Training and evaluation of a bi-encoder that retrieves the best counter-argument.

Data flows one way: corpus → triplets → model → loss → mining → evaluation → run log.
"""
